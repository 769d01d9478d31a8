//! The one way in. [`judge`] sees every request, the page's included, before anything of its body is read; [`Allowed`] is the
//! proof that a handler's permission was checked, and its only way to the [`Context`].
//!
//! In this order: the authority that is asked for (421), the proxy that it came through (403), the site that asks (403), the
//! principal, and, once the route is known, its permission (401 without a valid key, 403 with one), whether the server stops
//! (503), and the query parameters' names (400).

pub(super) mod access;
mod allowed;
mod authority;
pub(super) mod cookie;
mod cors;
mod credential;
mod proxy;
mod request_id;
mod site;

use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HOST, HeaderMap, HeaderName, HeaderValue, REFERRER_POLICY,
    STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::http::{ConnectionType, Method, StatusCode, Version};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, HttpRequest, ResponseError, web};
use afterglow_wire::access::Kind;
use afterglow_wire::{Code, tenant};

use super::address::{Client, INBOX, shown_path};
use super::connection::{Answer, Body, Turn};
use super::permission::Permission;
use super::problem::Problem;
use super::{Context, Tenancy, unread};
use crate::access::{Denial, Principal};
use crate::authority::Authority;
pub(super) use allowed::Allowed;
use authority::Authorities;
use credential::Credential;
use proxy::{Proxies, Sender};
pub(super) use request_id::RequestId;
use site::Site;

/// What browsers are told in TLS: for a year, nothing without it.
const STAY_IN_TLS: &str = "max-age=31536000";

/// What requests are judged by, and what lies behind.
pub(super) struct Gate {
    /// The default tenant's.
    context: Context,
    tenancy: Tenancy,
    authorities: Authorities,
    /// The origin of `public_url`.
    public_origin: Option<String>,
    /// The other origins whose pages may use the API.
    cors_origins: Vec<String>,
    /// Whether connections are in TLS.
    is_tls: bool,
    proxies: Proxies,
}

/// What is known of a request before its route is.
#[derive(Clone)]
struct Visit {
    principal: Principal,
    /// What there is for the tenant of the principal; the default one's when absent.
    tenant: Option<Arc<Context>>,
    site: Site,
    id: RequestId,
    is_secure: bool,
}

impl Gate {
    /// The gate before `context` and those of further tenants, of a server that listens at `listen`, in TLS or not.
    pub(super) fn new(context: Context, tenancy: Tenancy, listen: SocketAddr, is_tls: bool) -> Self {
        let public_origin = context.config.server.public_url.clone();
        let public = public_origin.as_deref().and_then(|url| Some(url.split_once("://")?.1.to_owned()));
        let named = context.config.server.allowed_hosts.0.iter().cloned().chain(public);
        let authorities = Authorities::new(listen, is_tls, named);
        let server = &context.config.server;
        let proxies = Proxies::new(server.trusted_proxies.clone(), server.proxy_header);
        let cors_origins = context.config.access.cors_origins.0.clone();
        Self { authorities, public_origin, cors_origins, is_tls, proxies, context, tenancy }
    }

    /// Whether everyone who reaches this server may change everything, and nobody said that this is meant.
    fn is_open(&self) -> bool {
        self.needs_nothing() && !self.context.config.server.insecure
    }

    /// Whether nobody needs a key or a session: the server was started so, nobody has a password, and there is one tenant.
    fn needs_nothing(&self) -> bool {
        self.context.access.is_open() && !self.context.people.is_anybody() && !self.tenancy.exist()
    }

    /// Whether the client's own connection is in TLS.
    fn is_secure(&self, sender: &Sender) -> bool {
        sender.is_secure.unwrap_or(self.is_tls)
    }

    /// Where a request comes from.
    fn sender(&self, request: &HttpRequest) -> Sender {
        let peer = request.peer_addr().unwrap_or_else(|| SocketAddr::from(([0, 0, 0, 0], 0)));
        self.proxies.sender(peer, request.headers())
    }

    /// Waits until it can be said who asks with a token.
    async fn wait_for_issuer(&self, request: &HttpRequest, from: IpAddr) -> Result<(), Problem> {
        if !self.context.access.has_issuers() || self.needs_nothing() {
            return Ok(());
        }
        let Credential::Key(text) = Credential::of(request.headers()) else { return Ok(()) };
        self.context.access.wait_for(&text, from).await.map_err(|Denial(code, why)| Problem::new(code, why))
    }

    /// Waits until this server has what others know of the sender's key or session, when it knows none such.
    async fn wait_for_others(&self, request: &HttpRequest, is_secure: bool) {
        let Some(others) = self.context.others.as_ref().filter(|_| !self.needs_nothing()) else { return };
        let is_new = match Credential::of(request.headers()) {
            Credential::Key(text) => self.context.access.may_be_new(&text),
            Credential::None => cookie::value(request.headers(), is_secure)
                .is_some_and(|cookie| self.context.people.session(cookie).is_none()),
            Credential::Malformed(_) => false,
        };
        if is_new {
            others.wait().await;
        }
    }

    fn visit(&self, request: &HttpRequest, sender: &Sender, id: &RequestId) -> Result<Visit, Problem> {
        // Not every database can be asked for such a name.
        if request.uri().path().contains("%00") {
            return Err(Problem::new(Code::NotFound, "nothing here has U+0000 in its name"));
        }
        for asked in named_hosts(request, sender) {
            if !Authority::parse(asked).is_some_and(|authority| self.authorities.contains(&authority)) {
                let asked: String = asked.chars().take(100).collect();
                let message = format!(
                    "this server is not known as {asked}; ask for the address that it listens on, or start it with \
                     --allowed-hosts or --public-url"
                );
                return Err(Problem::new(Code::UnknownHost, message));
            }
        }
        if self.is_open()
            && !self.proxies.trusts(request.peer_addr())
            && let Some(header) = proxy::mark(request.headers())
        {
            let message = format!(
                "the request came through a proxy (it has the header {header}), and everyone who reaches this server may \
                 change everything; name the proxy with --trusted-proxies, or start with --insecure"
            );
            return Err(Problem::new(Code::ProxyNotTrusted, message));
        }
        match site::of(
            request.headers(),
            request.method(),
            named_hosts(request, sender).next(),
            self.public_origin.as_deref(),
            &self.cors_origins,
        ) {
            Site::Foreign(origin) => Err(foreign(&origin, request)),
            site => {
                let is_secure = self.is_secure(sender);
                let has_cookies = !matches!(site, Site::Allowed(_));
                let (principal, tenant) =
                    self.principal(request, sender.address.ip(), is_secure, has_cookies)?;
                Ok(Visit { principal, tenant, site, id: id.clone(), is_secure })
            }
        }
    }

    /// Who asks, and of which tenant, the default one when absent. No header is looked at where everyone may do everything; a key in the
    /// address counts there, too. Cookies count for our own page alone.
    fn principal(
        &self,
        request: &HttpRequest,
        address: IpAddr,
        is_secure: bool,
        has_cookies: bool,
    ) -> Result<Known, Problem> {
        if let Some(text) = request.path().strip_prefix(INBOX) {
            return Ok(self.by_key(text, Kind::In, address));
        }
        if self.needs_nothing() {
            return Ok((self.context.access.local(), None));
        }
        Ok(match Credential::of(request.headers()) {
            Credential::None => {
                if let Some((ticket, used)) = credential::ticket(request) {
                    let tenant = self.of_secret(ticket);
                    let access = &tenant.as_deref().unwrap_or(&self.context).access;
                    return Ok((access.by_ticket(ticket, used, self.context.clock.now()), tenant));
                }
                let cookies = request.headers();
                let session = cookie::value(cookies, is_secure).filter(|_| has_cookies);
                let share = cookie::share(cookies, is_secure).filter(|_| has_cookies);
                match (session.map(|cookie| self.member(request, cookie)).transpose()?, share) {
                    (Some(member @ (Principal::Granted(_), _)), _) | (Some(member), None) => member,
                    (_, Some(link)) => self.by_key(link, Kind::Share, address),
                    (None, None) => nobody(
                        "this needs a key, sent as `Authorization: Bearer KEY`, or a member who is logged in",
                    ),
                }
            }
            Credential::Malformed(why) => nobody(why),
            Credential::Key(text) => self.by_key(&text, Kind::Key, address),
        })
    }

    /// Who sends the key `text`, as `kind`, from `address`.
    fn by_key(&self, text: &str, kind: Kind, address: IpAddr) -> Known {
        let tenant = self.of_key(text);
        let access = &tenant.as_deref().unwrap_or(&self.context).access;
        (access.principal(text, kind, self.context.clock.now(), address), tenant)
    }

    /// The tenant that has the key `text`, as far as the key's id goes. The default tenant's keys come first, whatever is in the
    /// databases of the others.
    fn of_key(&self, text: &str) -> Option<Arc<Context>> {
        if self.context.access.has_key(text) { None } else { self.tenancy.with_key(text) }
    }

    /// The tenant that a cookie or a ticket names.
    fn of_secret(&self, text: &str) -> Option<Arc<Context>> {
        tenant::of_secret(text).and_then(|name| self.tenancy.named(name))
    }

    /// Whose session this is. A browser adds the cookie to every request, so one that changes something must say whose page it
    /// comes from.
    fn member(&self, request: &HttpRequest, cookie: &str) -> Result<Known, Problem> {
        let tenant = self.of_secret(cookie);
        let Some(granted) = tenant.as_deref().unwrap_or(&self.context).people.session(cookie) else {
            return Ok(nobody("the session is over; log in again"));
        };
        if !request.method().is_safe() && !site::is_named(request.headers()) {
            return Err(foreign("an unknown site", request));
        }
        Ok((Principal::Granted(granted), tenant))
    }
}

impl Gate {
    /// What is answered instead of `problem`, which says that a permission is lacking: the audit log counts it.
    fn refuse<P: Permission>(&self, visit: &Visit, address: IpAddr, problem: Problem) -> Problem {
        let code = problem.refusal().code;
        let access = &visit.tenant.as_deref().unwrap_or(&self.context).access;
        if !access.refuse(visit.principal.who(), address, P::NAME, code) {
            return problem;
        }
        Problem::new(Code::RateLimited, "requests from this address are refused too often; try again later")
    }
}

/// A principal, and what there is for its tenant; the default one's when absent.
type Known = (Principal, Option<Arc<Context>>);

fn nobody(why: &'static str) -> Known {
    (Principal::Nobody(Denial(Code::Unauthenticated, why)), None)
}

/// Every authority that a request names, the one that counts first: a trusted proxy's word, a request in absolute form, the
/// header, which a browser always sends.
fn named_hosts<'r>(request: &'r HttpRequest, sender: &'r Sender) -> impl Iterator<Item = &'r str> {
    let target = request.uri().authority().map(actix_web::http::uri::Authority::as_str);
    let header = request.headers().get(HOST).map(|host| host.to_str().unwrap_or("not plain text"));
    [sender.host.as_deref(), target, header].into_iter().flatten()
}

fn foreign(origin: &str, request: &HttpRequest) -> Problem {
    let message =
        format!("a page of {origin} may not use {}; only this server's own page may", shown_path(request));
    Problem::new(Code::ForeignOrigin, message)
}

/// The middleware: refuses what is not for this server or comes from another site, and adds the headers of every answer.
pub(super) async fn judge(
    gate: web::Data<Gate>,
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<Answer>, Error> {
    let turn = request.request().conn_data::<Rc<Turn>>().cloned();
    let answering = match turn {
        Some(turn) => Some(turn.begin(Body::of(&request)).await),
        None => None,
    };
    let is_head = request.method() == Method::HEAD;
    let has_chunks = request.version() >= Version::HTTP_11;
    let id = RequestId::of(request.headers());
    let sender = gate.sender(request.request());
    let is_secure = gate.is_secure(&sender);
    // Browsers take a promise of localhost for one of every program on their machine.
    let stays_in_tls = is_secure
        && named_hosts(request.request(), &sender)
            .next()
            .and_then(Authority::parse)
            .is_none_or(|host| !host.host.eq_ignore_ascii_case("localhost"));
    let mut page = None;
    let waited = gate.wait_for_issuer(request.request(), sender.address.ip()).await;
    gate.wait_for_others(request.request(), is_secure).await;
    let mut response = match waited.and_then(|()| gate.visit(request.request(), &sender, &id)) {
        Ok(visit) => {
            if let Site::Allowed(origin) = &visit.site {
                page = Some(origin.clone());
            }
            request.extensions_mut().insert(Client(sender.address));
            request.extensions_mut().insert(visit);
            next.call(request).await?
        }
        Err(problem) => {
            let mut refusal = problem.error_response();
            // Its body is not read, so nothing can follow it.
            refusal.head_mut().set_connection_type(ConnectionType::Close);
            request.into_response(refusal)
        }
    };
    response = unread::hand_on(response, sender.address.ip());
    add_headers(response.headers_mut());
    if !gate.cors_origins.is_empty() {
        cors::add_headers(response.headers_mut(), page.as_deref());
    }
    if stays_in_tls {
        response.headers_mut().insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(STAY_IN_TLS));
    }
    note(&id, &mut response);
    if response.response().body().size() == BodySize::Stream {
        if !has_chunks {
            // The end of the connection is the answer's.
            response.response_mut().head_mut().no_chunking(true);
            response.response_mut().head_mut().set_connection_type(ConnectionType::Close);
        }
        // A stream would be read to its end, which it may not have.
        if is_head {
            response = response.map_body(|_, _| BoxBody::new(()));
        }
    }
    Ok(response.map_body(|_, body| Answer::new(body, answering)))
}

/// Logs how a request was answered: faults of this server always, the rest for who looks for something. An answer names its
/// request where somebody may look for it in the log.
fn note(id: &RequestId, response: &mut ServiceResponse) {
    let (request, status) = (response.request(), response.status());
    let level = match status {
        StatusCode::SERVICE_UNAVAILABLE => log::Level::Debug,
        _ if status.is_server_error() => log::Level::Error,
        _ => log::Level::Debug,
    };
    log::log!(level, "request {id}: {} {}: {status}", request.method(), shown_path(request));
    if (id.is_given() || status.is_client_error() || status.is_server_error())
        && let Some(value) = id.value()
    {
        response.headers_mut().insert(request_id::HEADER, value);
    }
}

/// What every answer has: browsers show and share nothing of it elsewhere, and keep it only where the answer says so.
fn add_headers(headers: &mut HeaderMap) {
    let fixed = |text| HeaderValue::from_static(text);
    headers.insert(X_CONTENT_TYPE_OPTIONS, fixed("nosniff"));
    headers.insert(REFERRER_POLICY, fixed("same-origin"));
    headers.insert(HeaderName::from_static("cross-origin-resource-policy"), fixed("same-origin"));
    headers.insert(HeaderName::from_static("cross-origin-opener-policy"), fixed("same-origin"));
    if !headers.contains_key(CACHE_CONTROL) {
        headers.insert(CACHE_CONTROL, fixed("no-store, private"));
    }
    // The page's own policy stands in dashboard.rs.
    if !headers.contains_key(CONTENT_SECURITY_POLICY) {
        headers.insert(CONTENT_SECURITY_POLICY, fixed("default-src 'none'; frame-ancestors 'none'"));
    }
}
