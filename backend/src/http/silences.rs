//! `/api/silences`: which alerts nobody is notified of, and when.

use actix_web::http::header::LOCATION;
use actix_web::{HttpRequest, HttpResponse, web};
use afterglow_wire::Invalid;
use afterglow_wire::document::Document;
use afterglow_wire::silence::Silence;

use super::documents::{delete_document, get_document, list_saved, read_json};
use super::gate::Allowed;
use super::permission::{ReadSilences, WriteSilences};
use super::problem::Problem;
use crate::alerts::quiet::Quiet;
use crate::documents::Extent;
use crate::store::SaveError;

/// List silences
#[utoipa::path(
    get, path = "/api/silences", tag = "alerts",
    responses(
        (status = 200, description = "The silences, by name", body = Vec<Silence>),
        (status = 304, description = "None was changed since the answer that `If-None-Match` names"),
        (status = 503, description = "Ask again after `Retry-After` seconds"),
    )
)]
pub(super) async fn list(
    allowed: Allowed<ReadSilences>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    list_saved::<Silence, _>(&allowed, &request, String::new(), Silence::MOST, ["[", "]"]).await
}

/// Silence alerts
///
/// Until an instant, or in hours of the week. What fires meanwhile is in the history, and notified of when the silence ends and it
/// still fires. Those who heard of its beginning hear of its end all the same.
#[utoipa::path(
    post, path = "/api/silences", tag = "alerts",
    request_body = Silence,
    responses(
        (status = 201, description = "The silence as it was saved", body = Silence),
        (status = 409, description = "The name is taken; `details.current` is the silence that has it"),
        (status = 422, description = "Not allowed; `details.field` says where"),
    )
)]
pub(super) async fn post(
    allowed: Allowed<WriteSilences>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let silence: Silence = read_json(&allowed, &request, payload).await?;
    let saved = allowed
        .change(move |store| {
            let saved = check(silence)?;
            store.add_saved(saved)
        })
        .await?;
    allowed.alerts().changed();
    Ok(HttpResponse::Created().insert_header((LOCATION, format!("/api/silences/{}", saved.id))).json(saved))
}

/// Get a silence
#[utoipa::path(
    get, path = "/api/silences/{id}", tag = "alerts",
    params(("id" = String, Path, description = "Its name")),
    responses(
        (status = 200, description = "The silence", body = Silence),
        (status = 304, description = "It was not changed since the answer that `If-None-Match` names"),
        (status = 404, description = "There is none"),
    )
)]
pub(super) async fn get(
    allowed: Allowed<ReadSilences>,
    request: HttpRequest,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    get_document(&allowed, &request, Extent::One, move |store| {
        Ok::<_, SaveError>(store.saved_one::<Silence>(&id)?.document)
    })
    .await
}

/// Replace a silence
///
/// It must bring the version that it replaces.
#[utoipa::path(
    put, path = "/api/silences/{id}", tag = "alerts",
    params(("id" = String, Path, description = "Its name")),
    request_body = Silence,
    responses(
        (status = 200, description = "The silence as it was saved", body = Silence),
        (status = 404, description = "There is none"),
        (status = 409, description = "It has another version; `details.current` is the silence as it is"),
        (status = 422, description = "Not allowed; `details.field` says where"),
    )
)]
pub(super) async fn put(
    allowed: Allowed<WriteSilences>,
    request: HttpRequest,
    id: web::Path<String>,
    payload: web::Payload,
) -> Result<web::Json<Silence>, Problem> {
    let mut silence: Silence = read_json(&allowed, &request, payload).await?;
    let id = id.into_inner();
    if !silence.id.is_empty() && silence.id != id {
        let message = format!(
            "it differs from {id:?}, under which the silence is; leave it out, or save a new silence"
        );
        return Err(Invalid::new("id", message).into());
    }
    silence.id = id;
    let saved = allowed.change(move |store| store.replace_saved(check(silence)?)).await?;
    allowed.alerts().changed();
    Ok(web::Json(saved))
}

/// End a silence now
#[utoipa::path(
    post, path = "/api/silences/{id}/end", tag = "alerts",
    params(("id" = String, Path, description = "Its name")),
    responses(
        (status = 200, description = "The silence as it is now", body = Silence),
        (status = 404, description = "There is none"),
    )
)]
pub(super) async fn end(
    allowed: Allowed<WriteSilences>,
    id: web::Path<String>,
) -> Result<web::Json<Silence>, Problem> {
    let now = allowed.clock().now();
    let saved = allowed
        .change(move |store| {
            let mut silence = store.saved_one::<Silence>(&id)?.document;
            if silence.to.is_some_and(|to| to <= now) {
                return Ok(silence);
            }
            silence.to = Some(now);
            // One that has not begun never will.
            silence.from = silence.from.filter(|from| *from < now);
            store.replace_saved(silence)
        })
        .await?;
    allowed.alerts().changed();
    Ok(web::Json(saved))
}

/// Delete a silence
#[utoipa::path(
    delete, path = "/api/silences/{id}", tag = "alerts",
    params(("id" = String, Path, description = "Its name")),
    responses(
        (status = 204, description = "Deleted"),
        (status = 404, description = "There is none"),
    )
)]
pub(super) async fn delete(
    allowed: Allowed<WriteSilences>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let deleted = delete_document(&allowed, move |store| store.delete_saved::<Silence>(&id)).await?;
    allowed.alerts().changed();
    Ok(deleted)
}

/// Also its zones, which the store does not know.
fn check(silence: Silence) -> Result<Silence, SaveError> {
    afterglow_wire::document::Document::check(&silence)?;
    Quiet::new(&silence)?;
    Ok(silence)
}
