//! `/in/{key}`: samples in, from devices that can only be given an address.

use actix_web::http::Method;
use actix_web::http::header::Allow;
use actix_web::{HttpRequest, HttpResponse, web};
use afterglow_formats::{number, shown, time_name};
use afterglow_wire::telemetry::Receipt;
use afterglow_wire::{Code, Timestamp};

use super::address::client;
use super::gate::Allowed;
use super::permission::WriteThroughAddress;
use super::problem::{Problem, method_not_allowed};
use super::telemetry;
use crate::decode::Collector;
use crate::intake::Source;
use crate::refusal::Refusal;

/// The parameter that is no signal.
const TIMESTAMP: &str = "timestamp";

/// Store samples, with the key in the address
///
/// As `POST /api/telemetry`, for keys of the kind `in`.
#[utoipa::path(
    post, path = "/in/{key}", tag = "telemetry",
    params(("key" = String, Path, description = "A key of the kind `in`"), telemetry::Parameters),
    request_body(content = afterglow_wire::telemetry::Reading, example = json!({"signals": {"temp": 21.5}})),
    responses(
        (status = 200, description = "What was stored, and which samples were not", body = Receipt),
        (status = 400, description = "Nothing was usable"),
        (status = 403, description = "No sample is of a signal that the key may write"),
        (status = 408, description = "The body did not arrive in time"),
        (status = 413, description = "Too large a body"),
        (status = 415, description = "Another content type or encoding"),
        (status = 503, description = "Send again after `Retry-After` seconds"),
    )
)]
pub(super) async fn post(
    allowed: Allowed<WriteThroughAddress>,
    request: HttpRequest,
    parameters: web::Query<telemetry::Parameters>,
    payload: web::Payload,
) -> Result<web::Json<Receipt>, Problem> {
    telemetry::store(&allowed, &request, parameters.into_inner(), payload).await
}

/// Store samples that are in the address, too
///
/// `GET /in/KEY?temp=21.5&humidity=40` stores both, at the server's time or at `timestamp`; only where the key has `get`.
#[utoipa::path(
    get, path = "/in/{key}", tag = "telemetry",
    params(("key" = String, Path, description = "A key of the kind `in` with `get`")),
    responses(
        (status = 200, description = "What was stored, and which samples were not", body = Receipt),
        (status = 400, description = "Nothing was usable"),
        (status = 403, description = "No sample is of a signal that the key may write"),
        (status = 405, description = "The key takes only POST"),
        (status = 503, description = "Send again after `Retry-After` seconds"),
    )
)]
pub(super) async fn get(
    allowed: Allowed<WriteThroughAddress>,
    request: HttpRequest,
    key: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    // Programs that only look at a link send HEAD.
    if *request.method() == Method::HEAD || !allowed.takes_get(&key) {
        return Ok(method_not_allowed(&request, Allow(vec![Method::POST, Method::OPTIONS])));
    }
    let pairs = web::Query::<Vec<(String, String)>>::from_query(request.query_string())
        .map_err(|error| {
            Problem::new(Code::BadParameter, format!("the query string cannot be read: {error}"))
        })?
        .into_inner();
    let source = Source { address: client(&request), bytes: request.query_string().len() };
    let parse = async |mut collector: Box<Collector>| {
        collect(&mut collector, &pairs)?;
        Ok(collector)
    };
    let receipt = allowed.intake().take(source, parse).await?;
    Ok(HttpResponse::Ok().json(receipt))
}

fn collect(collector: &mut Collector, pairs: &[(String, String)]) -> Result<(), Refusal> {
    let refused = |code, why: String| Err(Refusal::new(code, format!("{TIMESTAMP}: {why}")));
    let mut stamps = pairs.iter().filter(|(name, _)| name == TIMESTAMP);
    let is_stamped = stamps.clone().next().is_some();
    let now = collector.now();
    let timestamp = match (stamps.next(), stamps.next()) {
        (None, _) => now,
        (Some((_, text)), None) => match Timestamp::in_address(text) {
            Ok(timestamp) => timestamp,
            Err(error) => return refused(Code::BadTimestamp, error.to_string()),
        },
        (Some(_), Some(_)) => {
            return refused(Code::BadParameter, "it is given twice; once is allowed".into());
        }
    };
    for (place, (name, text)) in pairs.iter().filter(|(name, _)| name != TIMESTAMP).enumerate() {
        if !is_stamped && time_name::is_misplaced(name, text, now) {
            let message =
                format!("the time of the samples must be called {TIMESTAMP}, and not {:?}", shown(name));
            return Err(Refusal::new(Code::UnknownMember, message));
        }
        let judged = number::read(text).and_then(|value| collector.sample(place, name, timestamp, value));
        if let Err(verdict) = judged {
            collector.reject(place, Some(name), verdict);
        }
    }
    Ok(())
}
