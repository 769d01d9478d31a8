//! `GET /api/telemetry/summary`: what samples amount to.

use actix_web::{HttpRequest, HttpResponse, web};
use afterglow_wire::limits::SUMMARY_SLICES;
use afterglow_wire::telemetry::Summary;
use serde::Deserialize;

use super::answer;
use super::gate::Allowed;
use super::permission::ReadSamples;
use super::problem::Problem;
use super::selection::Selection;
use crate::encode::Format;
use crate::store::{Detail, Query};

/// The parameters as texts, so that a bad one is refused by its name.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Parameters {
    /// Into how many equally long slices the span is cut, 1 to 1000; 1 when absent
    #[param(pattern = "^([1-9][0-9]{0,2}|1000)$")]
    slices: Option<String>,
}

/// Summarize samples
///
/// How many samples each signal has in a span, or in each slice of it, with their lowest, highest, mean and latest value.
/// Expired samples count too: a minute or an hour of them counts where it begins, and `slice` says then how many
/// microseconds it has.
#[utoipa::path(
    get, path = "/api/telemetry/summary", tag = "telemetry", params(Selection, Parameters),
    responses(
        (status = 200, description = "Signal name to its slices that have samples", body = std::collections::BTreeMap<String, Summary>),
        (status = 400, description = "A parameter is not allowed"),
        (status = 503, description = "Ask again after `Retry-After` seconds"),
    )
)]
pub(super) async fn get(
    allowed: Allowed<ReadSamples>,
    request: HttpRequest,
    selection: web::Query<Selection>,
    parameters: web::Query<Parameters>,
) -> Result<HttpResponse, Problem> {
    let (span, signals) = (selection.span(allowed.clock().now())?, selection.signals()?);
    let detail = Detail::Slices(parameters.slices.as_deref().map_or(Ok(1), slices)?);
    let query = Query { span, signals, detail };
    answer::samples(&allowed, &request, query, Format::Slices).await
}

fn slices(text: &str) -> Result<u32, Problem> {
    text.parse()
        .ok()
        .filter(|slices| (1..=SUMMARY_SLICES).contains(slices))
        .ok_or_else(|| Problem::parameter("slices", text, format!("1 to {SUMMARY_SLICES} is expected")))
}
