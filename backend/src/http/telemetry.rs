//! `POST /api/telemetry`: samples in.

use actix_web::{HttpRequest, web};
use afterglow_wire::telemetry::Receipt;

use super::body;
use super::gate::Allowed;
use super::permission::WriteSamples;
use super::problem::Problem;
use crate::decode::json;
use crate::intake::Source;

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
    let mut source = Source { address: request.peer_addr(), bytes: 0 };
    let read = async {
        let format = body::format(request.headers())?;
        let body = body::read(request.headers(), payload, allowed.body_timeout()).await?;
        Ok((format, body))
    };
    let (format, body) =
        read.await.inspect_err(|problem: &Problem| allowed.intake().refuse(source, problem.refusal()))?;
    source.bytes = body.len();
    let receipt = allowed.intake().take(source, |collector| json::decode(&body, format, collector)).await?;
    Ok(web::Json(receipt))
}
