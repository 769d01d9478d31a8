//! `/api/login`, `/api/logout`, `/api/setup`, `/api/me`, `/api/password` and `/api/sessions`: people and their accounts.

use actix_web::http::header::{HeaderName, HeaderValue, SET_COOKIE, USER_AGENT};
use actix_web::{HttpRequest, HttpResponse, web};
use afterglow_wire::Code;
use afterglow_wire::access::Scopes;
use afterglow_wire::people::{Login, Me, NewPassword, SessionInfo, Setup};
use afterglow_wire::tenant;

use super::documents::read_json;
use super::gate::{Allowed, cookie};
use super::permission::{Enter, KnowOneself, OwnAccount, Permission};
use super::problem::Problem;
use crate::access::people::{Entered, PeopleError, Visitor};
use crate::access::{Grant, Principal, Who};
use crate::refusal::Refusal;

impl From<PeopleError> for Problem {
    fn from(error: PeopleError) -> Self {
        Refusal::from(error).into()
    }
}

/// Log in
///
/// The answer brings the session's cookie. The name of a member of another tenant than the default one ends with `@` and the tenant; `@default` may be
/// there, too.
#[utoipa::path(
    post, path = "/api/login", tag = "access", request_body = Login,
    responses(
        (status = 200, description = "Who it is", body = Me),
        (status = 401, description = "Name, password or code are wrong; with `details.needs_code` only the code is missing"),
        (status = 422, description = "Name or password are missing; `details.field` says which"),
        (status = 429, description = "Too many attempts failed; `details.seconds` says how long to wait"),
    )
)]
pub(super) async fn login(
    allowed: Allowed<Enter>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let mut login: Login = read_json(&allowed, &request, payload).await?;
    // No member has a name with an @: where there is no such tenant, the name is as wrong as another.
    let tenant = login.name.rsplit_once('@').map(|(_, tenant)| tenant.trim().to_lowercase());
    let allowed = allowed.of(tenant.as_deref());
    let is_known = allowed.tenant().is_some() || tenant.as_deref() == Some(tenant::DEFAULT);
    if let (true, Some((name, _))) = (is_known, login.name.rsplit_once('@')) {
        login.name = name.to_owned();
    }
    let entered = allowed.people().login(login, visitor(&allowed, &request)).await;
    let entered = entered.map_err(|error| allowed.denied(error.into()))?;
    Ok(enter(&allowed, &entered))
}

/// Choose a password
///
/// With the secret of a link that an admin, or the server at its first start, has made. It counts once. All sessions of before
/// end; the answer brings the cookie of a new one, but to a member who shows one-time codes: who logs in then.
#[utoipa::path(
    post, path = "/api/setup", tag = "access", request_body = Setup,
    responses(
        (status = 200, description = "Who it is", body = Me),
        (status = 401, description = "The link was used already or is over"),
        (status = 422, description = "Name or password are not allowed; `details.field` says which"),
        (status = 429, description = "Too many passwords are being checked"),
    )
)]
pub(super) async fn setup(
    allowed: Allowed<Enter>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let setup: Setup = read_json(&allowed, &request, payload).await?;
    let allowed = allowed.of(tenant::of_secret(&setup.token));
    let entered = allowed.people().setup(setup, visitor(&allowed, &request)).await;
    let entered = entered.map_err(|error| allowed.denied(error.into()))?;
    Ok(enter(&allowed, &entered))
}

/// Log out
#[utoipa::path(
    post, path = "/api/logout", tag = "access",
    responses((status = 204, description = "The session is over; the cookie and what the browser kept go"))
)]
pub(super) async fn logout(allowed: Allowed<OwnAccount>) -> Result<HttpResponse, Problem> {
    let (name, grant) = member(&allowed)?;
    allowed.people().logout(allowed.address(), name, grant).await?;
    Ok(HttpResponse::NoContent()
        .insert_header((SET_COOKIE, cookie::set("", allowed.is_secure())))
        .insert_header((
            HeaderName::from_static("clear-site-data"),
            HeaderValue::from_static(r#""cache", "storage""#),
        ))
        .finish())
}

/// Who asks
#[utoipa::path(
    get, path = "/api/me", tag = "access",
    responses(
        (status = 200, description = "Who it is", body = Me),
        (status = 401, description = "Nobody who is known"),
    )
)]
pub(super) async fn me(allowed: Allowed<KnowOneself>) -> Result<web::Json<Me>, Problem> {
    let me = |kind: &str, name, scopes: Scopes| Me {
        kind: kind.to_owned(),
        name,
        role: None,
        scopes: scopes.iter().collect(),
        has_codes: false,
        needs_codes: false,
        tenant: allowed.tenant().map(ToString::to_string),
        providers: Vec::new(),
    };
    Ok(web::Json(match allowed.principal() {
        Principal::Local(_) | Principal::Nobody(_) => me("local", None, Scopes::all()),
        Principal::Granted(granted) => match &granted.who {
            Who::Member(name) => {
                let known = allowed.people().role_of(name);
                let (role, has_codes) = known.map_or((None, false), |(role, codes)| (Some(role), codes));
                let providers = allowed.logins().names_of(&allowed.people().providers_of(name));
                let needs_codes = allowed.people().needs_codes(name);
                Me {
                    role,
                    has_codes,
                    needs_codes,
                    providers,
                    ..me("member", Some(name.to_string()), granted.scopes)
                }
            }
            Who::Key(id) => me("key", Some(id.to_string()), granted.scopes),
            Who::Token(holder) => me("token", Some(holder.to_string()), granted.scopes),
            Who::Share(_) => me("share", granted.board.as_ref().map(ToString::to_string), granted.scopes),
            Who::Local | Who::Nobody => me("local", None, granted.scopes),
        },
    }))
}

/// Change one's password
///
/// All other sessions end.
#[utoipa::path(
    post, path = "/api/password", tag = "access", request_body = NewPassword,
    responses(
        (status = 204, description = "It is changed"),
        (status = 422, description = "The old password is wrong, or the new one is not allowed"),
        (status = 429, description = "Too many attempts failed"),
    )
)]
pub(super) async fn password(
    allowed: Allowed<OwnAccount>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let (name, grant) = member(&allowed)?;
    let new: NewPassword = read_json(&allowed, &request, payload).await?;
    allowed.people().change_password(allowed.address(), name, grant, new).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Where one is logged in
#[utoipa::path(
    get, path = "/api/sessions", tag = "access",
    responses((status = 200, description = "The sessions, the newest first", body = Vec<SessionInfo>))
)]
pub(super) async fn sessions(allowed: Allowed<OwnAccount>) -> Result<web::Json<Vec<SessionInfo>>, Problem> {
    let (name, grant) = member(&allowed)?;
    Ok(web::Json(allowed.people().sessions(&name, &grant)))
}

/// End all sessions but this one
#[utoipa::path(delete, path = "/api/sessions", tag = "access", responses((status = 204, description = "They are over")))]
pub(super) async fn end_others(allowed: Allowed<OwnAccount>) -> Result<HttpResponse, Problem> {
    let (name, grant) = member(&allowed)?;
    allowed.people().end_others(allowed.address(), name, grant).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// End a session
#[utoipa::path(
    delete, path = "/api/sessions/{id}", tag = "access",
    params(("id" = String, Path, description = "Its number")),
    responses(
        (status = 204, description = "It is over"),
        (status = 404, description = "There is none of one's own"),
    )
)]
pub(super) async fn end_session(
    allowed: Allowed<OwnAccount>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let (name, _) = member(&allowed)?;
    allowed.people().end_session(allowed.address(), name, id.into_inner()).await?;
    Ok(HttpResponse::NoContent().finish())
}

pub(super) fn visitor<P: Permission>(allowed: &Allowed<P>, request: &HttpRequest) -> Visitor {
    let agent = request.headers().get(USER_AGENT).and_then(|value| value.to_str().ok());
    Visitor { address: allowed.address(), agent: agent.unwrap_or_default().to_owned() }
}

fn enter(allowed: &Allowed<Enter>, entered: &Entered) -> HttpResponse {
    let me = Me {
        kind: "member".to_owned(),
        name: Some(entered.name.clone()),
        role: Some(entered.role),
        scopes: entered.scopes.iter().collect(),
        has_codes: entered.has_codes,
        needs_codes: entered.needs_codes,
        tenant: allowed.tenant().map(ToString::to_string),
        providers: allowed.logins().names_of(&allowed.people().providers_of(&entered.name)),
    };
    let mut answer = HttpResponse::Ok();
    if let Some(value) = &entered.cookie {
        answer.insert_header((SET_COOKIE, cookie::set(value, allowed.is_secure())));
    }
    answer.json(me)
}

/// The member that asks, and the grant of its session.
pub(super) fn member(allowed: &Allowed<OwnAccount>) -> Result<(String, Grant), Problem> {
    match allowed.principal().granted().map(|granted| (&granted.who, &granted.grant)) {
        Some((Who::Member(name), grant)) => Ok((name.to_string(), grant.clone())),
        _ => Err(Problem::new(Code::Forbidden, "only a member who is logged in has an account")),
    }
}
