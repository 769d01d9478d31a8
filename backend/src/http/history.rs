//! `GET /api/telemetry`: samples out.

mod answer;

use actix_web::{HttpResponse, web};
use afterglow_wire::Timestamp;
use serde::Deserialize;

use super::gate::Allowed;
use super::parameters::{max_points, patterns};
use super::permission::ReadSamples;
use super::problem::Problem;
use crate::encode::Format;
use crate::signals::Selector;
use crate::store::{Detail, Query, Span};

/// The span of a question that names none, in hours.
const DEFAULT_HOURS: f64 = 1.0;

/// The parameters as texts, so that a bad one is refused by its name.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Parameters {
    /// The last so many hours, more than 0; 1 when no span is given. Not together with from or to
    hours: Option<String>,
    /// First instant, ISO 8601 or an integer epoch; the earliest sample when only `to` is given
    from: Option<String>,
    /// Last instant, inclusive; now when only `from` is given
    to: Option<String>,
    /// Names separated by commas; `*` stands for any characters; all signals when absent. Before a comma, a blank or a
    /// backslash that belongs to a name stands a backslash
    signals: Option<String>,
    /// At most so many points a signal, 1 to 100000; each stretch keeps its lowest and highest
    max_points: Option<String>,
    /// json, csv or ndjson; json when absent. In csv, names that spreadsheets take for formulas begin with an apostrophe
    format: Option<String>,
}

impl Parameters {
    fn query(self, now: Timestamp) -> Result<Query, Problem> {
        Ok(Query {
            span: self.span(now)?,
            signals: Selector::or_everything(&patterns(self.signals.as_deref().unwrap_or_default())?),
            detail: Detail::at_most(self.max_points.as_deref().map(max_points).transpose()?),
        })
    }

    fn format(&self) -> Result<Format, Problem> {
        let parse =
            |text: &String| text.parse().map_err(|allowed| Problem::parameter("format", text, allowed));
        self.format.as_ref().map_or(Ok(Format::default()), parse)
    }

    fn span(&self, now: Timestamp) -> Result<Span, Problem> {
        let instant = |name, value: &Option<String>| match value {
            Some(text) => text.parse().map(Some).map_err(|error| Problem::parameter(name, text, error)),
            None => Ok(None),
        };
        match (instant("from", &self.from)?, instant("to", &self.to)?, &self.hours) {
            (None, None, hours) => last_hours(hours.as_deref(), now),
            (_, _, Some(hours)) => {
                Err(Problem::parameter("hours", hours, "it does not go together with from or to"))
            }
            (from, to, None) => {
                let (from, to) = (from.unwrap_or(Timestamp::MIN), to.unwrap_or(now));
                if from > to {
                    return Err(Problem::parameter(
                        "from",
                        &from.to_string(),
                        format!("it lies after to={to}"),
                    ));
                }
                Ok(Span { from, to })
            }
        }
    }
}

fn last_hours(hours: Option<&str>, now: Timestamp) -> Result<Span, Problem> {
    let hours = match hours {
        None => DEFAULT_HOURS,
        Some(text) => text
            .parse()
            .ok()
            .filter(|hours: &f64| hours.is_finite() && *hours > 0.0)
            .ok_or_else(|| Problem::parameter("hours", text, "a number above 0 is expected"))?,
    };
    // A span beyond the calendar is held within it.
    let micros = (hours * 3_600e6) as i64;
    // Senders' clocks may run ahead by the tolerance of limits.rs; what they sent belongs to the last hour.
    let to = now.micros().saturating_add(afterglow_wire::limits::AHEAD_MICROS);
    let from = now.micros().saturating_sub(micros);
    Ok(Span { from: Timestamp::from_micros(from), to: Timestamp::from_micros(to) })
}

/// Query samples
///
/// The samples of a span by signal, oldest first; of more than `max_points` a signal, the lowest and highest of each
/// stretch of time, so that no spike vanishes. A committed sample is visible in the very next query. Where samples have
/// expired, each minute's or hour's lowest and highest stand for them.
#[utoipa::path(
    get, path = "/api/telemetry", tag = "telemetry", params(Parameters),
    responses(
        (status = 200, description = "Signal name to its points", body = std::collections::BTreeMap<String, Vec<afterglow_wire::telemetry::Point>>),
        (status = 400, description = "A parameter is not allowed", body = afterglow_wire::ErrorBody),
        (status = 503, description = "Ask again after `Retry-After` seconds", body = afterglow_wire::ErrorBody),
    )
)]
pub(super) async fn get(
    allowed: Allowed<ReadSamples>,
    parameters: web::Query<Parameters>,
) -> Result<HttpResponse, Problem> {
    let parameters = parameters.into_inner();
    let format = parameters.format()?;
    let query = parameters.query(allowed.clock().now())?;
    answer::stream(&allowed, query, format).await
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

    fn parameters(query: &str) -> Result<Query, Problem> {
        web::Query::<Parameters>::from_query(query).unwrap().into_inner().query(NOW)
    }

    #[test]
    fn spans() {
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
