//! `PATCH /api/signals/{name}`: what people say about a signal.

use actix_web::{HttpRequest, web};
use afterglow_wire::metadata::{Metadata, MetadataPatch};

use super::Context;
use super::problem::Problem;
use super::saved::receive;
use crate::saved::Kind;

/// Describe a signal
///
/// A field that is absent stays as it is, one that is null or empty is taken away.
#[utoipa::path(
    patch, path = "/api/signals/{name}", tag = "saved",
    params(("name" = String, Path, description = "The signal's name, percent-encoded, slashes included")),
    request_body = super::openapi::saved::Metadata,
    responses(
        (status = 200, description = "All that is said about it now", body = super::openapi::saved::Metadata),
        (status = 404, description = "There is no such signal", body = super::openapi::ErrorBody),
        (status = 422, description = "Not allowed; `details.field` says where", body = super::openapi::ErrorBody),
    )
)]
pub(super) async fn patch(
    context: web::Data<Context>,
    request: HttpRequest,
    name: web::Path<String>,
    payload: web::Payload,
) -> Result<web::Json<Metadata>, Problem> {
    let patch: MetadataPatch = receive(&context, &request, payload).await?;
    let said = context.saved.change(Kind::Metadata, move |store| store.patch_metadata(&name, patch)).await?;
    Ok(web::Json(said))
}
