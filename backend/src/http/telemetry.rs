//! `POST /api/telemetry`: samples in.

use actix_web::{HttpRequest, web};
use afterglow_wire::Code;
use afterglow_wire::telemetry::Receipt;
use serde_json::json;

use super::body;
use super::gate::Allowed;
use super::permission::WriteSamples;
use super::problem::Problem;
use crate::clock::Stopwatch;
use crate::decode::{Decoded, decode};
use crate::ingest_report::{Request, Timing};
use crate::metrics::Stage;

/// Store samples
///
/// Answers once the usable samples are durably on the disk. Sending a sample again is always safe: its identity is
/// (signal, timestamp in microseconds) and the last write wins.
#[utoipa::path(
    post, path = "/api/telemetry", tag = "telemetry",
    request_body(
        description = "One object, an array of them, or one a line (application/x-ndjson); gzip or zstd. \
                       `timestamp` is ISO 8601 or an integer epoch in s, ms, us or ns; the server's time when absent.",
        content((afterglow_wire::telemetry::Reading = "application/json"), (String = "application/x-ndjson"))
    ),
    responses(
        (status = 200, description = "Stored; `rejected` names the samples that were not", body = afterglow_wire::telemetry::Receipt),
        (status = 400, description = "Nothing was usable", body = afterglow_wire::ErrorBody),
        (status = 408, description = "The body did not arrive in time", body = afterglow_wire::ErrorBody),
        (status = 413, description = "More than 8 MiB", body = afterglow_wire::ErrorBody),
        (status = 415, description = "Another content type or encoding", body = afterglow_wire::ErrorBody),
        (status = 503, description = "Send again after `Retry-After` seconds", body = afterglow_wire::ErrorBody),
    )
)]
pub(super) async fn post(
    allowed: Allowed<WriteSamples>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<web::Json<Receipt>, Problem> {
    let mut note = Request::from(request.peer_addr());
    let outcome = take(&allowed, &request, payload, &mut note).await;
    if let Err(problem) = &outcome {
        note.fail(problem.code(), problem.message());
    }
    note.at = allowed.clock().now();
    allowed.ingest_report().record(note);
    outcome
}

/// Stores what is usable, and notes what became of the request.
async fn take(
    allowed: &Allowed<WriteSamples>,
    request: &HttpRequest,
    payload: web::Payload,
    note: &mut Request,
) -> Result<web::Json<Receipt>, Problem> {
    let format = body::format(request.headers())?;
    let body = body::read(request.headers(), payload, allowed.body_timeout()).await?;
    note.bytes = body.len();
    let metrics = allowed.metrics();
    let (stopwatch, now) = (Stopwatch::start(), allowed.clock().now());
    let mut signals = allowed.store().signals().clone();
    let decoded = decode(&body, format, now, &mut signals)
        .map_err(|unreadable| Problem::new(unreadable.code, unreadable.message))?;
    metrics.observe(Stage::Decode, stopwatch.elapsed());
    let Decoded { batch, rejected_count, rejected } = decoded;
    let accepted = batch.len();
    metrics.received.inc_by((accepted + rejected_count) as u64);
    metrics.rejected.inc_by(rejected_count as u64);
    note.reject(rejected_count, &rejected);
    if batch.is_empty() {
        let first = rejected.first();
        let code = first.and_then(|first| Code::named(&first.code)).unwrap_or(Code::EmptySignals);
        let message = first.map_or("nothing was sent", |first| &*first.message);
        return Err(Problem::new(code, format!("nothing was usable: {message}"))
            .with_details(json!({ "rejected_count": rejected_count, "rejected": rejected })));
    }
    let timing = Timing::of(&batch, now);
    allowed.ingest().record(batch).await?;
    (note.accepted, note.timing) = (accepted, timing);
    note.took_micros = u64::try_from(stopwatch.elapsed().as_micros()).unwrap_or(u64::MAX);
    Ok(web::Json(Receipt { status: "success".into(), accepted, rejected_count, rejected }))
}
