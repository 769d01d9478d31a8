//! `/api/codes`: one-time codes beside the password.

use actix_web::{HttpRequest, HttpResponse, web};
use afterglow_wire::people::{CodeSecret, Confirmation, FirstCode, RecoveryCodes};

use super::documents::read_json;
use super::gate::Allowed;
use super::people::member;
use super::permission::OwnAccount;
use super::problem::Problem;

/// Make a secret for one-time codes
///
/// It counts once a code of it was shown.
#[utoipa::path(
    post, path = "/api/codes", tag = "access", request_body = Confirmation,
    responses(
        (status = 200, description = "The secret, this once", body = CodeSecret),
        (status = 422, description = "The password is wrong"),
        (status = 429, description = "Too many attempts failed"),
    )
)]
pub(super) async fn post(
    allowed: Allowed<OwnAccount>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<web::Json<CodeSecret>, Problem> {
    let (name, _) = member(&allowed)?;
    let Confirmation { password } = read_json(&allowed, &request, payload).await?;
    Ok(web::Json(allowed.people().choose_codes(allowed.address(), name, password).await?))
}

/// Show the first code
///
/// From now on one is needed to log in. All other sessions end.
#[utoipa::path(
    put, path = "/api/codes", tag = "access", request_body = FirstCode,
    responses(
        (status = 200, description = "Codes that stand for a lost device, this once", body = RecoveryCodes),
        (status = 422, description = "It is not a code of the secret"),
    )
)]
pub(super) async fn put(
    allowed: Allowed<OwnAccount>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<web::Json<RecoveryCodes>, Problem> {
    let (name, grant) = member(&allowed)?;
    let FirstCode { code } = read_json(&allowed, &request, payload).await?;
    let recovery = allowed.people().begin_codes(allowed.address(), name, grant, code).await?;
    Ok(web::Json(RecoveryCodes { recovery }))
}

/// Give one-time codes up
///
/// All other sessions end.
#[utoipa::path(
    delete, path = "/api/codes", tag = "access", request_body = Confirmation,
    responses(
        (status = 204, description = "The password alone is needed from now on"),
        (status = 422, description = "The password is wrong"),
        (status = 429, description = "Too many attempts failed"),
    )
)]
pub(super) async fn delete(
    allowed: Allowed<OwnAccount>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let (name, grant) = member(&allowed)?;
    let Confirmation { password } = read_json(&allowed, &request, payload).await?;
    allowed.people().end_codes(allowed.address(), name, grant, password).await?;
    Ok(HttpResponse::NoContent().finish())
}
