//! Query parameters that say which samples a question is about: a span of time, and signals.

use afterglow_wire::Timestamp;
use afterglow_wire::limits::AHEAD_MICROS;
use serde::Deserialize;

use super::parameters::{between, patterns};
use super::problem::Problem;
use crate::signals::Selector;
use crate::store::Span;

/// The span of a question that names none, in hours.
const DEFAULT_HOURS: f64 = 1.0;

/// The parameters as texts, so that a bad one is refused by its name.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Selection {
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
}

impl Selection {
    /// The span of the last `hours`, or between `from` and `to`, as of `now`; [`DEFAULT_HOURS`] when there is none of them.
    ///
    /// # Errors
    /// A parameter that cannot be read, or one that does not go together with another, by its name.
    pub(super) fn span(&self, now: Timestamp) -> Result<Span, Problem> {
        match (self.from.as_deref(), self.to.as_deref(), self.hours.as_deref()) {
            (None, None, hours) => last_hours(hours, now),
            (_, _, Some(hours)) => {
                Err(Problem::parameter("hours", hours, "it does not go together with from or to"))
            }
            (from, to, None) => between(from, to, now),
        }
    }

    /// The signals that are named, or all.
    ///
    /// # Errors
    /// A name or pattern that is not allowed.
    pub(super) fn signals(&self) -> Result<Selector, Problem> {
        Ok(Selector::or_everything(&patterns(self.signals.as_deref().unwrap_or_default())?))
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
    let to = now.micros().saturating_add(AHEAD_MICROS);
    let from = now.micros().saturating_sub(micros);
    Ok(Span { from: Timestamp::from_micros(from), to: Timestamp::from_micros(to) })
}

#[cfg(test)]
mod tests {
    use actix_web::web;

    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

    fn selection(query: &str) -> Selection {
        web::Query::<Selection>::from_query(query).unwrap().into_inner()
    }

    #[test]
    fn a_span_is_made_of_hours_or_of_its_ends() {
        let check = |query, from: i64, to: i64| {
            let span = selection(query).span(NOW).unwrap();
            let expected = (NOW.micros() + from * 1_000_000, NOW.micros() + to * 1_000_000);
            assert_eq!((span.from.micros(), span.to.micros()), expected, "{query}");
        };
        check("", -3_600, 300);
        check("hours=0.5", -1_800, 300);
        check("from=1699999990", -10, 0);
        check("from=2023-11-14T22:13:10Z&to=1700000005000", -10, 5);
        assert_eq!(selection("to=1700000000").span(NOW).unwrap().from, Timestamp::MIN);
        assert_eq!(selection("hours=1e300").span(NOW).unwrap().from, Timestamp::MIN);
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
            ("signals=%00", "signals"),
            ("signals=*a*b*c*d*", "signals"),
        ] {
            let selection = selection(query);
            let problem =
                selection.span(NOW).err().or_else(|| selection.signals().err()).unwrap().to_string();
            assert!(problem.starts_with(&format!("bad_parameter: {name}=")), "{query}: {problem}");
        }
    }
}
