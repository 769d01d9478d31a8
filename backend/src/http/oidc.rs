//! `/api/login/oidc`: logging in with an account of an identity provider.

use actix_web::http::header::{LOCATION, SET_COOKIE};
use actix_web::{HttpRequest, HttpResponse, web};
use afterglow_wire::people::{Connect, Onward, Provider};
use afterglow_wire::{Code, printable};
use serde::Deserialize;

use super::documents::read_json;
use super::gate::{Allowed, cookie};
use super::people::{member, visitor};
use super::permission::{Enter, EnterFromElsewhere, OwnAccount};
use super::problem::Problem;
use crate::access::Who;
use crate::access::account::LoginError;
use crate::access::oidc::{Reply, SECONDS, Verified};
use crate::refusal::Refusal;

impl From<LoginError> for Problem {
    fn from(error: LoginError) -> Self {
        Refusal::from(error).into()
    }
}

/// What begins a login.
#[derive(Debug, Deserialize)]
pub(super) struct Begin {
    issuer: String,
    next: Option<String>,
}

/// With whose accounts one can log in
#[utoipa::path(
    get, path = "/api/login", tag = "access",
    responses((status = 200, description = "The identity providers", body = Vec<Provider>))
)]
pub(super) async fn providers(allowed: Allowed<Enter>) -> web::Json<Vec<Provider>> {
    web::Json(allowed.logins().providers())
}

/// Begin to log in at an identity provider
///
/// For a browser, which is led there, and from there back to `/api/login/oidc/callback`.
#[utoipa::path(
    get, path = "/api/login/oidc", tag = "access",
    params(
        ("issuer" = String, Query, description = "The provider's name", example = "company"),
        ("next" = Option<String>, Query, description = "The path at which it goes on; what is no path counts as `/`", example = "/boards/workshop"),
    ),
    responses(
        (status = 303, description = "To the provider"),
        (status = 404, description = "There is no such provider"),
        (status = 503, description = "The provider does not answer"),
    )
)]
pub(super) async fn begin(
    allowed: Allowed<Enter>,
    query: web::Query<Begin>,
) -> Result<HttpResponse, Problem> {
    let next = query.next.as_deref().unwrap_or("/");
    let start = allowed.logins().start(&query.issuer, next, None, allowed.clock().now())?;
    let cookie = cookie::set_login(&start.cookie, SECONDS, allowed.is_secure());
    Ok(HttpResponse::SeeOther()
        .insert_header((SET_COOKIE, cookie))
        .insert_header((LOCATION, start.url))
        .finish())
}

/// Begin to connect one's account at an identity provider
///
/// The answer says where the browser is to go; once it is back from there, one logs in with that account, too.
#[utoipa::path(
    post, path = "/api/login/oidc", tag = "access", request_body = Connect,
    responses(
        (status = 200, description = "Where to go on", body = Onward),
        (status = 404, description = "There is no such provider"),
        (status = 503, description = "The provider does not answer"),
    )
)]
pub(super) async fn connect(
    allowed: Allowed<OwnAccount>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let (name, _) = member(&allowed)?;
    // A way in that outlives the codes that are to be set up.
    if allowed.people().needs_codes(&name) {
        let message = "members must have one-time codes here: set yours up first, with POST /api/codes";
        return Err(Problem::new(Code::Forbidden, message));
    }
    let Connect { issuer } = read_json(&allowed, &request, payload).await?;
    let start = allowed.logins().start(&issuer, "/account", Some(&name), allowed.clock().now())?;
    let cookie = cookie::set_login(&start.cookie, SECONDS, allowed.is_secure());
    Ok(HttpResponse::Ok().insert_header((SET_COOKIE, cookie)).json(Onward { url: start.url }))
}

/// Disconnect one's account at an identity provider
///
/// One logs in with it no longer. All other sessions end.
#[utoipa::path(
    delete, path = "/api/login/oidc", tag = "access",
    params(("issuer" = String, Query, description = "The provider's name", example = "company")),
    responses(
        (status = 204, description = "It is disconnected"),
        (status = 404, description = "There is no such provider, or no account there is connected"),
        (status = 422, description = "There would be no other way to log in"),
    )
)]
pub(super) async fn disconnect(
    allowed: Allowed<OwnAccount>,
    query: web::Query<Connect>,
) -> Result<HttpResponse, Problem> {
    let (name, grant) = member(&allowed)?;
    let provider = allowed.logins().address_of(&query.issuer)?;
    allowed.people().disconnect(allowed.address(), name, grant, provider).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Hear that somebody has logged out at an identity provider
///
/// For the provider (OpenID Connect Back-Channel Logout): all sessions of the member with that account end. The body is
/// `logout_token=TOKEN`.
#[utoipa::path(
    post, path = "/api/login/oidc/logout", tag = "access",
    request_body(
        content = String, content_type = "application/x-www-form-urlencoded", description = "`logout_token` and its value",
    ),
    responses(
        (status = 200, description = "The sessions are over, if there were any"),
        (status = 400, description = "The token is not right, or was taken before"),
        (status = 413, description = "Too large a body"),
        (status = 429, description = "Too many wait"),
    )
)]
pub(super) async fn logged_out(
    allowed: Allowed<Enter>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let body = allowed.bodies().read(&request, payload).await?;
    let mut pairs = form_urlencoded::parse(&body);
    let token = pairs.find(|(name, _)| name == "logout_token").map(|(_, value)| value.into_owned());
    let logged_out =
        allowed.logins().logged_out(token.unwrap_or_default(), allowed.address(), allowed.clock().now());
    let (issuer, subject) = match logged_out.await {
        Err(LoginError::Denied(why)) => {
            let denied = allowed.denied(Problem::new(Code::Unauthenticated, why));
            // As the standard wants it; it was counted as what it is.
            return Err(Problem::new(Code::BadParameter, denied.refusal().message.clone()));
        }
        logged_out => logged_out?,
    };
    allowed.people().logged_out_elsewhere(allowed.address(), issuer, subject).await?;
    Ok(HttpResponse::Ok().finish())
}

/// End a login at an identity provider
///
/// Where the provider sends the browser back to. The page says so where it has not worked.
#[utoipa::path(
    get, path = "/api/login/oidc/callback", tag = "access",
    responses((status = 303, description = "To where it goes on, with the session's cookie, or back to the login"))
)]
pub(super) async fn callback(
    allowed: Allowed<EnterFromElsewhere>,
    request: HttpRequest,
    query: web::Query<Vec<(String, String)>>,
) -> HttpResponse {
    let mut answer = HttpResponse::SeeOther();
    // It counts once.
    answer.append_header((SET_COOKIE, cookie::set_login("", 0, allowed.is_secure())));
    match finish(&allowed, &request, query.into_inner()).await {
        Ok((session, next)) => {
            if let Some(session) = session {
                answer.append_header((SET_COOKIE, cookie::set(&session, allowed.is_secure())));
            }
            answer.append_header((LOCATION, next)).finish()
        }
        Err(problem) => {
            let problem = allowed.denied(problem);
            let Refusal { code, message, .. } = problem.refusal();
            let is_refused = *code == Code::Unauthenticated;
            // Anybody can bring wrong answers; the audit log counts them.
            let level = if is_refused { log::Level::Debug } else { log::Level::Warn };
            log::log!(level, "a login at an identity provider failed: {}", printable(message));
            let reason = if is_refused { "refused" } else { "failed" };
            answer.append_header((LOCATION, format!("/login#{reason}"))).finish()
        }
    }
}

/// The cookie of the session, if a new one begins, and where to go on.
async fn finish(
    allowed: &Allowed<EnterFromElsewhere>,
    request: &HttpRequest,
    query: Vec<(String, String)>,
) -> Result<(Option<String>, String), Problem> {
    let cookie = cookie::login(request.headers(), allowed.is_secure()).unwrap_or_default();
    let now = allowed.clock().now();
    let verified = allowed.logins().finish(cookie, reply(query)?, allowed.address(), now).await?;
    let Verified { account, connects, next } = verified;
    let Some(name) = connects else {
        let entered = allowed.people().enter_with(account, visitor(allowed, request)).await?;
        return Ok((entered.cookie, next));
    };
    // The member who is logged in now must have begun it.
    if allowed.who() != Who::Member(name.as_str().into()) {
        return Err(Problem::new(Code::Unauthenticated, "this was begun by another member"));
    }
    allowed.people().connect(account, name, allowed.address()).await?;
    Ok((None, next))
}

/// What a provider sends; it may send more. Nothing may come twice.
fn reply(query: Vec<(String, String)>) -> Result<Reply, Problem> {
    let mut reply = Reply::default();
    for (name, value) in query {
        let place = match &*name {
            "code" => &mut reply.code,
            "state" => &mut reply.state,
            "iss" => &mut reply.iss,
            "error" => &mut reply.error,
            _ => continue,
        };
        if place.replace(value).is_some() {
            return Err(Problem::new(Code::BadParameter, format!("{name} is there twice")));
        }
    }
    Ok(reply)
}
