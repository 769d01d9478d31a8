//! `GET /api/telemetry`: samples out.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;

use super::answer;
use super::gate::Allowed;
use super::parameters::{flag, max_points};
use super::permission::ReadSamples;
use super::problem::Problem;
use super::schemas::Samples;
use super::selection::Selection;
use crate::encode::Format;
use crate::store::{Detail, Query};

/// The parameters as texts, so that a bad one is refused by its name.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Parameters {
    /// The most points of one signal, 1 to 100000; each stretch keeps its lowest and highest
    #[param(pattern = "^([1-9][0-9]{0,4}|100000)$")]
    max_points: Option<String>,
    /// json, csv or ndjson; json when absent. In csv, names that spreadsheets take for formulas begin with an apostrophe
    #[param(pattern = "^(json|csv|ndjson)$")]
    format: Option<String>,
    /// `1` for an object of each signal: its `points`, and `slice`, absent when every sample is among them; otherwise only the
    /// lowest and highest of each `slice` microseconds are. With json only
    #[param(pattern = "^(0|1|true|false)$")]
    slice: Option<String>,
}

impl Parameters {
    fn detail(&self) -> Result<Detail, Problem> {
        Ok(Detail::at_most(self.max_points.as_deref().map(max_points).transpose()?))
    }

    fn format(&self) -> Result<Format, Problem> {
        let parse =
            |text: &String| text.parse().map_err(|allowed| Problem::parameter("format", text, allowed));
        let format = self.format.as_ref().map_or(Ok(Format::default()), parse)?;
        match (flag("slice", self.slice.as_deref())?, format) {
            (false, format) => Ok(format),
            (true, Format::Json) => Ok(Format::Series),
            (true, _) => Err(Problem::parameter("slice", "1", "it goes together with format=json only")),
        }
    }
}

/// Query samples
///
/// The samples of a span by signal, oldest first; of more than `max_points` a signal, the lowest and highest of each
/// stretch of time, so that no spike vanishes. A committed sample is visible in the very next query. Where samples have
/// expired, each minute's or hour's lowest and highest stand for them. With `slice=1` the answer says which signals that
/// concerns.
#[utoipa::path(
    get, path = "/api/telemetry", tag = "telemetry", params(Selection, Parameters),
    responses(
        (status = 200, description = "Signal name to its points; `Series` objects with `slice=1`", content(
            (Samples = "application/json"), (String = "text/csv"), (String = "application/x-ndjson")
        )),
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
    let format = parameters.format()?;
    let (span, signals) = (selection.span(allowed.clock().now())?, selection.signals()?);
    let query = Query { span, signals, detail: parameters.detail()? };
    answer::samples(&allowed, &request, query, format).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_json_says_what_points_are() {
        let format = |query: &str| web::Query::<Parameters>::from_query(query).unwrap().format();
        assert_eq!(format("slice=1").unwrap(), Format::Series);
        assert_eq!(format("slice=0&format=json").unwrap(), Format::Json);
        for bad in ["slice=2", "slice=1&format=csv", "slice=1&format=ndjson"] {
            assert!(format(bad).unwrap_err().to_string().starts_with("bad_parameter: slice="), "{bad}");
        }
    }

    #[test]
    fn the_number_of_points_has_a_range() {
        for bad in ["max_points=0", "max_points=1000000000", "max_points=many"] {
            let problem =
                web::Query::<Parameters>::from_query(bad).unwrap().detail().unwrap_err().to_string();
            assert!(problem.starts_with("bad_parameter: max_points="), "{bad}: {problem}");
        }
    }
}
