//! `/api/alerts`: what fires, and what has fired.

use actix_web::{HttpRequest, HttpResponse, web};
use afterglow_wire::alert::{Ack, Alerts, Counts, Episode, Pending};
use afterglow_wire::limits::{EPISODES_LISTED, PROSE_BYTES, TITLE_BYTES};
use afterglow_wire::rule::Severity;
use afterglow_wire::{Invalid, Timestamp, name};
use serde::Deserialize;
use serde_json::Value;

use super::documents::{from_value, get_document, read_json};
use super::gate::Allowed;
use super::parameters::patterns;
use super::permission::{ReadAlerts, WriteAlerts};
use super::problem::Problem;
use crate::access::Who;
use crate::documents::Extent;
use crate::store::alerts::{Found, OpenAlert};
use crate::store::{Span, Store, StoreError};

/// Which alerts are wanted.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Parameters {
    /// `firing`, `pending` or `silenced`; all when absent
    state: Option<String>,
    /// The name of a rule
    rule: Option<String>,
    /// The name of a signal, or a pattern
    signal: Option<String>,
    /// `info`, `warning` or `critical`
    severity: Option<String>,
}

/// List alerts
///
/// What fires, the longest first, and what is about to. At most 1000 of each are listed.
#[utoipa::path(
    get, path = "/api/alerts", tag = "alerts", params(Parameters),
    responses(
        (status = 200, description = "The alerts", body = Alerts),
        (status = 304, description = "Nothing happened since the answer that `If-None-Match` names"),
        (status = 400, description = "A parameter is not allowed"),
        (status = 503, description = "Ask again after `Retry-After` seconds"),
    )
)]
pub(super) async fn list(
    allowed: Allowed<ReadAlerts>,
    request: HttpRequest,
    parameters: web::Query<Parameters>,
) -> Result<HttpResponse, Problem> {
    let parameters = parameters.into_inner();
    if let Some(state) = &parameters.state
        && !["firing", "pending", "silenced"].contains(&&**state)
    {
        return Err(Problem::parameter("state", state, "firing, pending or silenced is expected"));
    }
    let severity: Option<Severity> = match &parameters.severity {
        None => None,
        Some(text) => Some(
            from_value(Value::String(text.clone()))
                .map_err(|_| Problem::parameter("severity", text, "info, warning or critical is expected"))?,
        ),
    };
    if let Some(signal) = &parameters.signal {
        let refused = |message| Problem::parameter("signal", signal, message);
        // An empty name is allowed: alerts of the server itself have no signal.
        if !signal.is_empty() {
            name::check(signal).map_err(refused)?;
        }
        name::check_patterns(std::slice::from_ref(signal)).map_err(|(_, message)| refused(message))?;
    }
    get_document(&allowed, &request, Extent::List, move |store| find(store, &parameters, severity)).await
}

fn find(store: &Store, wanted: &Parameters, severity: Option<Severity>) -> Result<Alerts, StoreError> {
    let is_of = |rule: &str, scope: &str| {
        wanted.rule.as_deref().is_none_or(|wanted| wanted == rule)
            && wanted.signal.as_deref().is_none_or(|wanted| name::matches(wanted, scope))
    };
    let state = wanted.state.as_deref();
    let (mut counts, mut total) = (Counts::default(), 0);
    let (mut firing, mut pending): (Vec<OpenAlert>, Vec<Pending>) = Default::default();
    store.each_alert(|found| match found {
        Found::Firing(alert) => {
            let Some(standing) = alert.standing() else { return };
            counts.firing += 1;
            counts.silenced += usize::from(standing.is_silenced);
            let is_in_state = match state {
                Some("pending") => false,
                Some("silenced") => standing.is_silenced,
                _ => true,
            };
            if is_in_state
                && is_of(alert.rule(), alert.scope())
                && severity.is_none_or(|severity| standing.severity == severity)
            {
                total += 1;
                keep(&mut firing, alert, OpenAlert::fired_at);
            }
        }
        Found::Pending(alert) => {
            counts.pending += 1;
            if state.is_none_or(|state| state == "pending")
                && severity.is_none()
                && is_of(&alert.rule, &alert.scope)
            {
                total += 1;
                keep(&mut pending, alert, |alert| alert.since);
            }
        }
    })?;
    first(&mut firing, OpenAlert::fired_at);
    first(&mut pending, |alert| alert.since);
    // Of a storm only those are read whole that are listed.
    let firing = firing.into_iter().filter_map(OpenAlert::read).collect();
    Ok(Alerts { firing, pending, counts, total })
}

/// Adds one to those of which the first are listed.
fn keep<T>(list: &mut Vec<T>, new: T, at: impl Fn(&T) -> Timestamp) {
    list.push(new);
    if list.len() >= 2 * EPISODES_LISTED {
        first(list, at);
    }
}

/// Leaves as many as are listed, in order.
fn first<T>(list: &mut Vec<T>, at: impl Fn(&T) -> Timestamp) {
    list.sort_by_key(at);
    list.truncate(EPISODES_LISTED);
}

/// Which episodes are wanted.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct HistoryParameters {
    /// First instant, ISO 8601 or an integer epoch; the first episode when absent
    from: Option<String>,
    /// Last instant, inclusive; the last episode when absent
    to: Option<String>,
    /// Names of signals separated by commas; `*` stands for any characters; all when absent
    signals: Option<String>,
    /// How many at most, 1 to 1000; the newest are listed
    limit: Option<String>,
}

/// Query episodes
///
/// Those that touch a span of time, the newest first. For more, ask with `to` before the last one's beginning.
#[utoipa::path(
    get, path = "/api/alerts/history", tag = "alerts", params(HistoryParameters),
    responses(
        (status = 200, description = "The episodes", body = afterglow_wire::alert::History),
        (status = 304, description = "Nothing happened since the answer that `If-None-Match` names"),
        (status = 400, description = "A parameter is not allowed"),
        (status = 503, description = "Ask again after `Retry-After` seconds"),
    )
)]
pub(super) async fn history(
    allowed: Allowed<ReadAlerts>,
    request: HttpRequest,
    parameters: web::Query<HistoryParameters>,
) -> Result<HttpResponse, Problem> {
    let instant = |name, value: &Option<String>, absent| match value {
        Some(text) => Timestamp::in_address(text).map_err(|error| Problem::parameter(name, text, error)),
        None => Ok(absent),
    };
    let from = instant("from", &parameters.from, Timestamp::MIN)?;
    let to = instant("to", &parameters.to, Timestamp::MAX)?;
    let limit = match &parameters.limit {
        None => EPISODES_LISTED,
        Some(text) => {
            text.parse().ok().filter(|limit| (1..=EPISODES_LISTED).contains(limit)).ok_or_else(|| {
                Problem::parameter("limit", text, "a whole number from 1 to 1000 is expected")
            })?
        }
    };
    let wanted = patterns(parameters.signals.as_deref().unwrap_or_default())?;
    get_document(&allowed, &request, Extent::List, move |store| {
        let mut history = store.history(Span { from, to }, limit)?;
        if !wanted.is_empty() {
            let is_wanted =
                |episode: &Episode| wanted.iter().any(|pattern| name::matches(pattern, &episode.scope));
            history.episodes.retain(is_wanted);
        }
        Ok::<_, StoreError>(history)
    })
    .await
}

/// Say that an alert was seen
///
/// It is not repeated, until it becomes worse. `by` says who (the member or key that asks when it is absent), `note` what they say of it, `until` how long.
#[utoipa::path(
    post, path = "/api/alerts/{episode}/ack", tag = "alerts",
    params(("episode" = String, Path, description = "The alert's number")),
    request_body = Ack,
    responses(
        (status = 200, description = "The alert", body = Episode),
        (status = 404, description = "There is none"),
        (status = 422, description = "Not allowed; `details.field` says where"),
    )
)]
pub(super) async fn acknowledge(
    allowed: Allowed<WriteAlerts>,
    request: HttpRequest,
    episode: web::Path<String>,
    payload: web::Payload,
) -> Result<web::Json<Episode>, Problem> {
    let mut ack: Ack = read_json(&allowed, &request, payload).await?;
    check("by", &ack.by, TITLE_BYTES)?;
    check("note", &ack.note, PROSE_BYTES)?;
    ack.at = allowed.clock().now();
    if ack.by.is_empty() {
        ack.by = match allowed.principal().who() {
            Who::Local | Who::Nobody => String::new(),
            Who::Member(name) => name.to_string(),
            other => other.to_string(),
        };
    }
    let id = episode.into_inner();
    let named = id.clone();
    let acknowledged = allowed.change(move |store| store.acknowledge(&id, Some(&ack))).await?;
    allowed.alerts().seen(named);
    Ok(web::Json(acknowledged))
}

/// Take back that an alert was seen
#[utoipa::path(
    delete, path = "/api/alerts/{episode}/ack", tag = "alerts",
    params(("episode" = String, Path, description = "The alert's number")),
    responses(
        (status = 200, description = "The alert", body = Episode),
        (status = 404, description = "There is none"),
    )
)]
pub(super) async fn take_back(
    allowed: Allowed<WriteAlerts>,
    episode: web::Path<String>,
) -> Result<web::Json<Episode>, Problem> {
    let id = episode.into_inner();
    let named = id.clone();
    let episode = allowed.change(move |store| store.acknowledge(&id, None)).await?;
    allowed.alerts().seen(named);
    Ok(web::Json(episode))
}

fn check(field: &str, text: &str, most: usize) -> Result<(), Invalid> {
    if text.len() > most {
        return Err(Invalid::new(field, format!("it has {} bytes; at most {most} are allowed", text.len())));
    }
    match text.chars().find(|c| c.is_control() && !matches!(c, '\n' | '\t')) {
        Some(_) => Err(Invalid::new(field, "it has a control character; none is allowed")),
        None => Ok(()),
    }
}
