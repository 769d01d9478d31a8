//! `GET /api/telemetry/summary`: what samples amount to.

use actix_web::{HttpRequest, HttpResponse, web};
use afterglow_wire::limits::SUMMARY_SLICES;
use afterglow_wire::telemetry::Summary;
use serde::Deserialize;

use super::answer;
use super::gate::Allowed;
use super::parameters::{patterns, span};
use super::permission::ReadSamples;
use super::problem::Problem;
use crate::encode::Format;
use crate::signals::Selector;
use crate::store::{Detail, Query};

/// The parameters as texts, so that a bad one is refused by its name.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Parameters {
    /// How many hours back from now, more than 0; 1 when no span is given. Not together with from or to
    #[param(min_length = 1)]
    hours: Option<String>,
    /// First instant, ISO 8601 or an integer epoch; the earliest sample when only `to` is given
    #[param(min_length = 1)]
    from: Option<String>,
    /// Last instant, inclusive; now when only `from` is given
    #[param(min_length = 1)]
    to: Option<String>,
    /// Names separated by commas; `*` stands for any characters; all signals when absent. Before a comma, a blank or a
    /// backslash that belongs to a name stands a backslash
    signals: Option<String>,
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
    get, path = "/api/telemetry/summary", tag = "telemetry", params(Parameters),
    responses(
        (status = 200, description = "Signal name to its slices that have samples", body = std::collections::BTreeMap<String, Summary>),
        (status = 400, description = "A parameter is not allowed", body = afterglow_wire::ErrorBody),
        (status = 503, description = "Ask again after `Retry-After` seconds", body = afterglow_wire::ErrorBody),
    )
)]
pub(super) async fn get(
    allowed: Allowed<ReadSamples>,
    request: HttpRequest,
    parameters: web::Query<Parameters>,
) -> Result<HttpResponse, Problem> {
    let Parameters { hours, from, to, signals, slices: count } = parameters.into_inner();
    let query = Query {
        span: span(hours.as_deref(), from.as_deref(), to.as_deref(), allowed.clock().now())?,
        signals: Selector::or_everything(&patterns(signals.as_deref().unwrap_or_default())?),
        detail: Detail::Slices(count.as_deref().map_or(Ok(1), slices)?),
    };
    answer::samples(&allowed, &request, query, Format::Slices).await
}

fn slices(text: &str) -> Result<u32, Problem> {
    text.parse()
        .ok()
        .filter(|slices| (1..=SUMMARY_SLICES).contains(slices))
        .ok_or_else(|| Problem::parameter("slices", text, format!("1 to {SUMMARY_SLICES} is expected")))
}
