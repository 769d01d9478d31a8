//! The one way in. [`judge`] sees every request, the page's included, before anything of its body is read; [`Allowed`] is the
//! proof that a handler's permission was checked, and its only way to the [`Context`].
//!
//! In this order: the authority that is asked for (421), the site that asks (403), the principal, and, once the route is
//! get_document, its permission (403), whether the server stops (503), and the query parameters' names (400).

pub(super) mod access;
mod authority;
mod request_id;
mod site;

use std::future::{Ready, ready};
use std::marker::PhantomData;
use std::net::{IpAddr, SocketAddr};

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HOST, HeaderMap, HeaderName, HeaderValue, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use actix_web::http::{ConnectionType, Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{Error, FromRequest, HttpMessage, HttpRequest, ResponseError, web};
use afterglow_wire::Code;

use super::Context;
use super::address::address;
use super::parameters::{ListedParameters, check_count};
use super::permission::{Permission, Principal};
use super::problem::Problem;
use crate::authority::Authority;
use authority::Authorities;
pub(super) use request_id::RequestId;
use site::Site;

/// What requests are judged by, and what lies behind.
pub(super) struct Gate {
    context: Context,
    authorities: Authorities,
    /// The origin of `public_url`.
    public_origin: Option<String>,
}

/// What is known of a request before its route is.
#[derive(Clone, Debug)]
struct Visit {
    principal: Principal,
    site: Site,
    id: RequestId,
}

impl Gate {
    /// The gate before `context`, of a server that listens at `listen`.
    pub(super) fn new(context: Context, listen: SocketAddr) -> Self {
        let public_origin = context.config.server.public_url.clone();
        let public = public_origin.as_deref().and_then(|url| Some(url.split_once("://")?.1.to_owned()));
        let named = context.config.server.allowed_hosts.0.iter().cloned().chain(public);
        Self { authorities: Authorities::new(listen, named), public_origin, context }
    }

    fn visit(&self, request: &HttpRequest, id: &RequestId) -> Result<Visit, Problem> {
        // A request in absolute form names an authority of its own; a browser always names one.
        let target = request.uri().authority().map(actix_web::http::uri::Authority::as_str);
        let host = request.headers().get(HOST).map(|host| host.to_str().unwrap_or("not plain text"));
        for asked in target.into_iter().chain(host) {
            if !Authority::parse(asked).is_some_and(|authority| self.authorities.contains(&authority)) {
                let asked: String = asked.chars().take(100).collect();
                let message = format!(
                    "this server is not known as {asked}; ask for the address that it listens on, or start it with \
                     --allowed-hosts or --public-url"
                );
                return Err(Problem::new(Code::UnknownHost, message));
            }
        }
        let host = target.or(host);
        match site::of(request.headers(), request.method(), host, self.public_origin.as_deref()) {
            Site::Foreign(origin) => Err(foreign(&origin, request)),
            site => Ok(Visit { principal: Principal::Local, site, id: id.clone() }),
        }
    }
}

fn foreign(origin: &str, request: &HttpRequest) -> Problem {
    let message =
        format!("a page of {origin} may not use {}; only this server's own page may", request.path());
    Problem::new(Code::ForeignOrigin, message)
}

/// The middleware: refuses what is not for this server or comes from another site, and adds the headers of every answer.
pub(super) async fn judge(
    gate: web::Data<Gate>,
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse, Error> {
    let is_head = request.method() == Method::HEAD;
    let id = RequestId::of(request.headers());
    let mut response = match gate.visit(request.request(), &id) {
        Ok(visit) => {
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
    add_headers(response.headers_mut());
    note(&id, &mut response);
    // A stream would be read to its end, which it may not have.
    if is_head && response.response().body().size() == BodySize::Stream {
        response = response.map_body(|_, _| BoxBody::new(()));
    }
    Ok(response)
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
    log::log!(level, "request {id}: {} {}: {status}", request.method(), request.path());
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

/// The proof that a request has the permission `P`: what a handler takes first, and its only way to the context. Which
/// permission opens what stands in access.rs.
pub(super) struct Allowed<P> {
    gate: web::Data<Gate>,
    id: RequestId,
    address: IpAddr,
    permission: PhantomData<P>,
}

impl<P: Permission> Allowed<P> {
    /// What log lines call the request.
    pub(super) fn request_id(&self) -> &RequestId {
        &self.id
    }

    /// Where the client is; all of an IPv6 network is one address.
    pub(super) fn address(&self) -> IpAddr {
        self.address
    }

    fn check(request: &HttpRequest) -> Result<Self, Problem> {
        let visit = request.extensions().get::<Visit>().cloned();
        let (Some(visit), Some(gate)) = (visit, request.app_data::<web::Data<Gate>>()) else {
            return Err(Problem::new(Code::Internal, "the request did not come through the gate"));
        };
        if visit.site == Site::Link && !P::NAVIGABLE {
            return Err(foreign("another site", request));
        }
        if !visit.principal.may::<P>() {
            return Err(Problem::new(Code::Forbidden, format!("this needs the permission {}", P::NAME)));
        }
        if !P::WHILE_DRAINING && gate.context.committer.is_draining() {
            return Err(Problem::new(Code::Draining, "the server is stopping"));
        }
        check_count(request.query_string())?;
        if P::LISTED_PARAMETERS_ONLY
            && let Some(listed) = request.app_data::<ListedParameters>()
        {
            listed.check(request)?;
        }
        let address = address(request);
        Ok(Self { gate: gate.clone(), id: visit.id, address, permission: PhantomData })
    }
}

impl<P: Permission> FromRequest for Allowed<P> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::check(request))
    }
}
