//! `DELETE /api/telemetry` and `DELETE /api/signals/{name}`: data that must go.

use actix_web::web;
use afterglow_wire::telemetry::Deletion;
use afterglow_wire::{Code, Timestamp};
use serde::Deserialize;

use super::gate::Allowed;
use super::parameters::{between, flag, patterns};
use super::permission::DeleteSamples;
use super::problem::Problem;
use crate::signals::Selector;
use crate::store::{Event, Query, Span};

/// Which samples go. As texts, so that a bad one is refused by its name.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Parameters {
    /// Names separated by commas; `*` stands for any characters. Before a comma, a blank or a backslash that belongs to a name
    /// stands a backslash
    #[param(required = true, min_length = 1)]
    signals: Option<String>,
    /// First instant, ISO 8601 or an integer epoch; the earliest sample when absent
    #[param(min_length = 1)]
    from: Option<String>,
    /// Last instant, inclusive; the latest sample when absent
    #[param(min_length = 1)]
    to: Option<String>,
    /// `1` to be answered what would be deleted, and delete nothing
    #[param(pattern = "^(0|1|true|false)$")]
    dry_run: Option<String>,
}

impl Parameters {
    fn wanted(&self) -> Result<(Selector, Span), Problem> {
        let signals = patterns(self.signals.as_deref().unwrap_or_default())?;
        if signals.is_empty() {
            let message = "the parameter signals is missing or empty; it names what is deleted, and * is all";
            return Err(Problem::new(Code::BadParameter, message));
        }
        let span = between(self.from.as_deref(), self.to.as_deref(), Timestamp::MAX)?;
        Ok((Selector::new(&signals), span))
    }
}

/// Delete samples
///
/// Those of a span, or all, of the signals that are named, also where they have expired and minutes or hours stand for them. Samples
/// that are committed later, also with the same times, count. The answer comes when the deletion is durable; one that was begun
/// is completed in any case. Live clients begin again. With `dry_run=1` nothing is deleted.
#[utoipa::path(
    delete, path = "/api/telemetry", tag = "telemetry", params(Parameters),
    responses(
        (status = 200, description = "Deleted", body = Deletion, example = json!({
            "signals": 1, "samples": 4711, "expired": 0, "damaged": 0, "dry_run": false, "names_kept": true
        })),
        (status = 400, description = "A parameter is not allowed, or `signals` is missing"),
        (status = 503, description = "Send it again after `Retry-After` seconds"),
    )
)]
pub(super) async fn samples(
    allowed: Allowed<DeleteSamples>,
    parameters: web::Query<Parameters>,
) -> Result<web::Json<Deletion>, Problem> {
    let (signals, span) = parameters.wanted()?;
    let dry_run = flag("dry_run", parameters.dry_run.as_deref())?;
    if !dry_run {
        let named = parameters.signals.as_deref().unwrap_or_default();
        let event = Event::begun("samples.delete", named).with(format!("{} to {}", span.from, span.to));
        allowed.record(event).await?;
    }
    Ok(web::Json(allowed.deletions().delete(allowed.address(), signals, span, dry_run).await?))
}

/// Whether anything is done.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct DryRun {
    /// `1` to be answered what would be deleted, and delete nothing
    #[param(pattern = "^(0|1|true|false)$")]
    dry_run: Option<String>,
}

/// Delete a signal
///
/// All of its samples and its metadata. It is listed again when a sample of it is stored. Its name keeps its number, and its place
/// among the signals that `signal_limit` allows.
#[utoipa::path(
    delete, path = "/api/signals/{name}", tag = "telemetry",
    params(("name" = String, Path, description = "The signal's name, percent-encoded, slashes included"), DryRun),
    responses(
        (status = 200, description = "Deleted", body = Deletion, example = json!({
            "signals": 1, "samples": 4711, "expired": 0, "damaged": 0, "dry_run": false, "names_kept": true
        })),
        (status = 400, description = "A parameter is not allowed"),
        (status = 404, description = "There is no such signal"),
        (status = 503, description = "Send it again after `Retry-After` seconds"),
    )
)]
pub(super) async fn signal(
    allowed: Allowed<DeleteSamples>,
    name: web::Path<String>,
    parameters: web::Query<DryRun>,
) -> Result<web::Json<Deletion>, Problem> {
    let dry_run = flag("dry_run", parameters.dry_run.as_deref())?;
    if !allowed.has_signal(&name) {
        return Err(Problem::new(Code::NotFound, format!("there is no signal {:?}", name.as_str())));
    }
    let signal = Selector::of(&name);
    if !dry_run {
        allowed.record(Event::begun("signal.delete", name.as_str())).await?;
        let signal = signal.clone();
        allowed.change(move |store| Ok(store.delete_metadata(&signal)?)).await?;
    }
    Ok(web::Json(
        allowed.deletions().delete(allowed.address(), signal, Query::everything().span, dry_run).await?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(query: &str) -> Result<(Selector, Span), Problem> {
        web::Query::<Parameters>::from_query(query).unwrap().wanted()
    }

    #[test]
    fn nothing_is_deleted_by_an_oversight() {
        for (query, expected) in [
            ("", "bad_parameter: the parameter signals is missing"),
            ("signals=", "bad_parameter: the parameter signals is missing"),
            ("signals=,", "bad_parameter: the parameter signals is missing"),
            ("from=1&to=2", "bad_parameter: the parameter signals is missing"),
            ("signals=a&from=yesterday", "bad_parameter: from=yesterday"),
            ("signals=a&to=", "bad_parameter: to="),
            ("signals=a&from=10&to=5", "bad_parameter: from="),
        ] {
            let problem = wanted(query).unwrap_err().to_string();
            assert!(problem.starts_with(expected), "{query}: {problem}");
        }
    }

    #[test]
    fn a_span_is_everything_or_what_is_named() {
        let span = |query: &str| {
            let span = wanted(query).unwrap().1;
            (span.from, span.to)
        };
        let second = |second: i64| Timestamp::from_micros(second * 1_000_000);
        assert_eq!(span("signals=*"), (Timestamp::MIN, Timestamp::MAX));
        assert_eq!(span("signals=a&from=1600000000"), (second(1_600_000_000), Timestamp::MAX));
        assert_eq!(span("signals=a&to=1600000000"), (Timestamp::MIN, second(1_600_000_000)));
        assert_eq!(
            span("signals=a&from=1600000000&to=1600000000"),
            (second(1_600_000_000), second(1_600_000_000))
        );
    }
}
