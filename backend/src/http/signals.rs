//! `/api/signals`: which signals there are, and their metadata.

use actix_web::{HttpRequest, HttpResponse, web};
use afterglow_wire::metadata::{Metadata, MetadataPatch};
use afterglow_wire::telemetry::SignalDetails;
use serde::{Deserialize, Serialize};

use super::answer;
use super::documents::read_json;
use super::gate::Allowed;
use super::parameters::flag;
use super::permission::{ReadSignals, WriteMetadata};
use super::problem::Problem;
use super::schemas::SignalList;
use crate::encode::Output;
use crate::store::{Details, StoreError};

/// Whether details are wanted.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Parameters {
    /// `1` for first, last, count, rate, last value and metadata of each signal
    #[param(pattern = "^(0|1|true|false)$")]
    details: Option<String>,
    /// `1` for an object: the metadata of each signal that has some, by name
    #[param(pattern = "^(0|1|true|false)$")]
    metadata: Option<String>,
}

/// List signals
///
/// The names of all signals that have a sample, in order; with `details=1` an object for each, with `metadata=1` only
/// their metadata.
#[utoipa::path(
    get, path = "/api/signals", tag = "telemetry", params(Parameters),
    responses(
        (status = 200, description = "Names; `SignalDetails` objects with `details=1`", body = SignalList),
        (status = 400, description = "A parameter is not allowed"),
        (status = 503, description = "Ask again after `Retry-After` seconds"),
    )
)]
pub(super) async fn list(
    allowed: Allowed<ReadSignals>,
    request: HttpRequest,
    parameters: web::Query<Parameters>,
) -> Result<HttpResponse, Problem> {
    let with_details = flag("details", parameters.details.as_deref())?;
    let only_metadata = flag("metadata", parameters.metadata.as_deref())?;
    answer::stream(&allowed, &request, "application/json", move |store, mut output| {
        if with_details {
            let (all, metadata) = (store.details()?, store.metadata());
            answer::list(["[", "]"], described(all, metadata), &mut output)?;
        } else if only_metadata {
            json_object(store.metadata(), &mut output)?;
        } else {
            answer::list(["[", "]"], store.signal_names()?.into_iter().map(Ok), &mut output)?;
        }
        Ok(output)
    })
    .await
}

/// Puts signals and their metadata together; both are in the order of the names.
fn described(
    signals: Vec<Details>,
    metadata: impl Iterator<Item = Result<(String, Metadata), StoreError>>,
) -> impl Iterator<Item = Result<SignalDetails, StoreError>> {
    let mut metadata = metadata.peekable();
    signals.into_iter().map(move |signal| {
        while let Some(found) =
            metadata.next_if(|found| found.as_ref().map_or(true, |(name, _)| *name <= signal.name))
        {
            let (name, metadata) = found?;
            if name == signal.name {
                return Ok(details(&signal, metadata));
            }
        }
        Ok(details(&signal, Metadata::default()))
    })
}

/// Writes an object as JSON.
fn json_object<T: Serialize>(
    members: impl Iterator<Item = Result<(String, T), StoreError>>,
    output: &mut impl Output,
) -> Result<(), StoreError> {
    let write = |piece: &mut Vec<u8>, (name, value): (String, T)| {
        serde_json::to_writer(&mut *piece, &name)?;
        piece.push(b':');
        serde_json::to_writer(piece, &value)
    };
    answer::items(["{", "}"], members, write, output)
}

fn details(signal: &Details, metadata: Metadata) -> SignalDetails {
    let seconds = signal.last.micros().saturating_sub(signal.first.micros()) as f64 / 1e6;
    let rate = if seconds > 0.0 { (signal.count.saturating_sub(1)) as f64 / seconds } else { 0.0 };
    SignalDetails {
        name: signal.name.clone(),
        first: signal.first,
        last: signal.last,
        count: signal.count,
        rate,
        last_value: signal.last_value,
        metadata,
    }
}

/// Describe a signal
///
/// A field that is absent is unchanged; one that is null or empty is removed.
#[utoipa::path(
    patch, path = "/api/signals/{name}", tag = "documents",
    params(("name" = String, Path, description = "The signal's name, percent-encoded, slashes included")),
    request_body = afterglow_wire::metadata::Metadata,
    responses(
        (status = 200, description = "Its metadata after the change", body = afterglow_wire::metadata::Metadata),
        (status = 404, description = "There is no such signal"),
        (status = 422, description = "Not allowed; `details.field` says where"),
    )
)]
pub(super) async fn patch(
    allowed: Allowed<WriteMetadata>,
    request: HttpRequest,
    name: web::Path<String>,
    payload: web::Payload,
) -> Result<web::Json<Metadata>, Problem> {
    let patch: MetadataPatch = read_json(&allowed, &request, payload).await?;
    let metadata = allowed.change(move |store| store.patch_metadata(&name, patch)).await?;
    Ok(web::Json(metadata))
}
