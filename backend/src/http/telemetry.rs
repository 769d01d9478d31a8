//! `POST /api/telemetry`: samples in.

use actix_web::{HttpRequest, web};
use afterglow_wire::Code;
use afterglow_wire::telemetry::Receipt;

use super::body;
use super::gate::Allowed;
use super::permission::WriteSamples;
use super::problem::Problem;
use crate::decode::{Collector, json};
use crate::intake::Source;
use crate::pool::Broken;
use crate::refusal::Refusal;

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
        (status = 413, description = "More than 8 MiB, or than 250,000 samples", body = afterglow_wire::ErrorBody),
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
        let body = allowed.bodies().read(&request, payload).await?;
        Ok((format, body))
    };
    let (format, body) =
        read.await.inspect_err(|problem: &Problem| allowed.intake().refuse(source, problem.refusal()))?;
    source.bytes = body.len();
    let parse = async |mut collector: Collector| {
        let decode = move |text: &[u8]| json::decode(text, format, &mut collector).map(|()| collector);
        let broken = |Broken| Refusal::new(Code::Internal, "the decoder broke; the server's log says why");
        allowed.bodies().work(body, decode).await.map_err(broken)?
    };
    let receipt = allowed.intake().take(source, parse).await?;
    Ok(web::Json(receipt))
}
