//! `/api/members`: who may log in, and what they may do.

use actix_web::{HttpRequest, HttpResponse, web};
use afterglow_wire::people::{Invitation, Member, MemberPatch, NewMember};

use super::documents::read_json;
use super::gate::Allowed;
use super::permission::ManageMembers;
use super::problem::Problem;

/// All members
#[utoipa::path(
    get, path = "/api/members", tag = "access",
    responses((status = 200, description = "By name", body = Vec<Member>))
)]
pub(super) async fn list(allowed: Allowed<ManageMembers>) -> web::Json<Vec<Member>> {
    web::Json(allowed.people().members())
}

/// Add a member
///
/// The answer has a link with which the member chooses a password, this once. The first member must be an admin; from then on
/// nobody uses the server without a password or a key.
#[utoipa::path(
    post, path = "/api/members", tag = "access", request_body = NewMember,
    responses(
        (status = 201, description = "The link", body = Invitation),
        (status = 422, description = "Not allowed; `details.field` says where"),
    )
)]
pub(super) async fn post(
    allowed: Allowed<ManageMembers>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let new: NewMember = read_json(&allowed, &request, payload).await?;
    let invitation = allowed.people().add(allowed.address(), allowed.author(), new).await?;
    Ok(HttpResponse::Created().json(invitation))
}

/// Make a new link for a member
///
/// For one who has lost the password, or the first link. The password stays until the link is used.
#[utoipa::path(
    post, path = "/api/members/{name}/reset", tag = "access",
    params(("name" = String, Path, description = "The member's name")),
    responses(
        (status = 201, description = "The link", body = Invitation),
        (status = 404, description = "There is no such member"),
    )
)]
pub(super) async fn reset(
    allowed: Allowed<ManageMembers>,
    name: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let invitation = allowed.people().reset(allowed.address(), allowed.author(), name.into_inner()).await?;
    Ok(HttpResponse::Created().json(invitation))
}

/// Change a member's role
///
/// The member's sessions end.
#[utoipa::path(
    patch, path = "/api/members/{name}", tag = "access", request_body = MemberPatch,
    params(("name" = String, Path, description = "The member's name")),
    responses(
        (status = 204, description = "It is changed"),
        (status = 404, description = "There is no such member"),
        (status = 422, description = "The member is the only admin"),
    )
)]
pub(super) async fn patch(
    allowed: Allowed<ManageMembers>,
    name: web::Path<String>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let patch: MemberPatch = read_json(&allowed, &request, payload).await?;
    allowed.people().set_role(allowed.address(), allowed.author(), name.into_inner(), patch.role).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Remove a member
///
/// The member's sessions end.
#[utoipa::path(
    delete, path = "/api/members/{name}", tag = "access",
    params(("name" = String, Path, description = "The member's name")),
    responses(
        (status = 204, description = "It is removed"),
        (status = 404, description = "There is no such member"),
        (status = 422, description = "The member is the only admin"),
    )
)]
pub(super) async fn delete(
    allowed: Allowed<ManageMembers>,
    name: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    allowed.people().remove(allowed.address(), allowed.author(), name.into_inner()).await?;
    Ok(HttpResponse::NoContent().finish())
}
