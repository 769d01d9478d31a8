//! `/api/annotations`: marks on the time axis.

use std::collections::BTreeSet;

use actix_web::{HttpRequest, HttpResponse, web};
use afterglow_wire::annotation::NewAnnotation;
use afterglow_wire::limits::TAGS;
use afterglow_wire::{Code, Timestamp};
use serde::Deserialize;

use super::documents::{delete_document, get_document, read_json};
use super::gate::Allowed;
use super::parameters::between;
use super::permission::{ReadAnnotations, WriteAnnotations};
use super::problem::Problem;
use crate::documents::Extent;
use crate::store::Span;

/// The parameters as texts, so that a bad one is refused by its name.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Parameters {
    /// First instant, ISO 8601 or an integer epoch; the earliest annotation when absent
    #[param(min_length = 1)]
    from: Option<String>,
    /// Last instant, inclusive; the latest annotation when absent
    #[param(min_length = 1)]
    to: Option<String>,
    /// Tags separated by commas; an annotation must have all of them
    tags: Option<String>,
}

impl Parameters {
    fn span(&self) -> Result<Span, Problem> {
        between(self.from.as_deref(), self.to.as_deref(), Timestamp::MAX)
    }

    /// Each once: an annotation that has a tag has it however often it is asked for.
    fn tags(&self) -> Result<Vec<String>, Problem> {
        let given = self.tags.as_deref().unwrap_or_default();
        let mut tags = BTreeSet::new();
        for tag in given.split(',').map(str::trim).filter(|tag| !tag.is_empty()) {
            tags.insert(tag.to_owned());
            if tags.len() > TAGS {
                let most = format!(
                    "at most {TAGS} different tags are looked for, as many as an annotation may have"
                );
                return Err(Problem::parameter("tags", given, most));
            }
        }
        Ok(tags.into_iter().collect())
    }
}

/// Query annotations
///
/// Those that touch a span of time, in the order of their beginnings; when there are more than 1000, the newest of them.
/// `total` says how many there are.
#[utoipa::path(
    get, path = "/api/annotations", tag = "documents", params(Parameters),
    responses(
        (status = 200, description = "The annotations", body = afterglow_wire::annotation::Annotations),
        (status = 304, description = "None was changed since the answer that `If-None-Match` names"),
        (status = 400, description = "A parameter is not allowed"),
        (status = 503, description = "Ask again after `Retry-After` seconds"),
    )
)]
pub(super) async fn list(
    allowed: Allowed<ReadAnnotations>,
    request: HttpRequest,
    parameters: web::Query<Parameters>,
) -> Result<HttpResponse, Problem> {
    let (span, tags) = (parameters.span()?, parameters.tags()?);
    get_document(&allowed, &request, Extent::List, move |store| store.annotations(span, &tags)).await
}

/// Annotate
///
/// An instant, or a range when it has `to`; now when it has no `from`.
#[utoipa::path(
    post, path = "/api/annotations", tag = "documents",
    request_body = afterglow_wire::annotation::NewAnnotation,
    responses(
        (status = 201, description = "The annotation with its number", body = afterglow_wire::annotation::Annotation),
        (status = 422, description = "Not allowed; `details.field` says where"),
    )
)]
pub(super) async fn post(
    allowed: Allowed<WriteAnnotations>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let new: NewAnnotation = read_json(&allowed, &request, payload).await?;
    let annotation = new.accept(0, allowed.clock().now())?;
    let saved = allowed.change(move |store| store.add_annotation(annotation)).await?;
    Ok(HttpResponse::Created().json(saved))
}

/// Delete an annotation
#[utoipa::path(
    delete, path = "/api/annotations/{id}", tag = "documents",
    params(("id" = i64, Path, description = "Its number")),
    responses(
        (status = 204, description = "Deleted"),
        (status = 404, description = "There is none"),
    )
)]
pub(super) async fn delete(
    allowed: Allowed<WriteAnnotations>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = id.into_inner();
    let number: i64 =
        id.parse().map_err(|_| Problem::new(Code::NotFound, format!("there is no annotation {id:?}")))?;
    delete_document(&allowed, move |store| store.delete_annotation(number)).await
}
