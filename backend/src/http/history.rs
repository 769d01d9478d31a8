//! `GET /api/telemetry`: samples out.

use actix_web::{HttpRequest, HttpResponse, web};
use afterglow_wire::Timestamp;
use serde::Deserialize;

use super::answer;
use super::gate::Allowed;
use super::parameters::{flag, max_points, patterns, span};
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
    fn query(self, now: Timestamp) -> Result<Query, Problem> {
        Ok(Query {
            span: span(self.hours.as_deref(), self.from.as_deref(), self.to.as_deref(), now)?,
            signals: Selector::or_everything(&patterns(self.signals.as_deref().unwrap_or_default())?),
            detail: Detail::at_most(self.max_points.as_deref().map(max_points).transpose()?),
        })
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
    get, path = "/api/telemetry", tag = "telemetry", params(Parameters),
    responses(
        (status = 200, description = "Signal name to its points; `Series` objects with `slice=1`", body = std::collections::BTreeMap<String, Vec<afterglow_wire::telemetry::Point>>),
        (status = 400, description = "A parameter is not allowed", body = afterglow_wire::ErrorBody),
        (status = 503, description = "Ask again after `Retry-After` seconds", body = afterglow_wire::ErrorBody),
    )
)]
pub(super) async fn get(
    allowed: Allowed<ReadSamples>,
    request: HttpRequest,
    parameters: web::Query<Parameters>,
) -> Result<HttpResponse, Problem> {
    let parameters = parameters.into_inner();
    let format = parameters.format()?;
    let query = parameters.query(allowed.clock().now())?;
    answer::samples(&allowed, &request, query, format).await
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

    fn parameters(query: &str) -> Result<Query, Problem> {
        web::Query::<Parameters>::from_query(query).unwrap().into_inner().query(NOW)
    }

    #[test]
    fn a_span_is_made_of_hours_or_of_its_ends() {
        let check = |query, from: i64, to: i64| {
            let span = parameters(query).unwrap().span;
            let expected = (NOW.micros() + from * 1_000_000, NOW.micros() + to * 1_000_000);
            assert_eq!((span.from.micros(), span.to.micros()), expected, "{query}");
        };
        check("", -3_600, 300);
        check("hours=0.5", -1_800, 300);
        check("from=1699999990", -10, 0);
        check("from=2023-11-14T22:13:10Z&to=1700000005000", -10, 5);
        assert_eq!(parameters("to=1700000000").unwrap().span.from, Timestamp::MIN);
        assert_eq!(parameters("hours=1e300").unwrap().span.from, Timestamp::MIN);
    }

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
    fn bad_parameters_are_refused_by_name() {
        for (query, name) in [
            ("hours=0", "hours"),
            ("hours=NaN", "hours"),
            ("hours=-1", "hours"),
            ("hours=1&from=5", "hours"),
            ("from=yesterday", "from"),
            ("from=10&to=5", "from"),
            ("to=", "to"),
            ("max_points=0", "max_points"),
            ("max_points=1000000000", "max_points"),
            ("max_points=many", "max_points"),
            ("signals=%00", "signals"),
            ("signals=*a*b*c*d*", "signals"),
        ] {
            let problem = parameters(query).unwrap_err().to_string();
            assert!(problem.starts_with(&format!("bad_parameter: {name}=")), "{query}: {problem}");
        }
    }
}
