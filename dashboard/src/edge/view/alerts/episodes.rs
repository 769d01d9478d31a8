//! What fires, and what has fired.

use afterglow_wire::Timestamp;
use afterglow_wire::rule::{Of, Operation};
use dioxus::prelude::*;
use serde_json::json;

use super::super::page::Page;
use super::{Search, SeverityMark, use_documents};
use crate::alerts::episode::{Episode, Seen};
use crate::alerts::words;
use crate::boards::route::Route;
use crate::boards::search::finds;
use crate::connection::refusal::Refusal;
use crate::edge::rest;
use crate::time::{DAY, HOUR, MINUTE, Range, SECOND, Span, text};
use crate::values::unit::Unit;

/// Rows of each list that are shown at most.
const ROWS: usize = 200;
/// For how long one can silence an alert from its row.
const SILENCES: [(&str, i64); 4] =
    [("1 hour", HOUR), ("8 hours", 8 * HOUR), ("a day", DAY), ("a week", 7 * DAY)];

/// What fires, the longest first.
#[component]
pub(super) fn Firing() -> Element {
    let page: Page = use_context();
    let typed = use_signal(String::new);
    let alerts = page.state.alerts.follow();
    let found: Vec<&Episode> =
        alerts.firing.iter().filter(|episode| is_found(&typed.read(), episode)).collect();
    let left_out = alerts.count.saturating_sub(alerts.firing.len()) + found.len().saturating_sub(ROWS);
    rsx! {
        section { class: "card-table", "aria-labelledby": "firing-title", "data-testid": "firing",
            div { class: "card-head",
                h2 { id: "firing-title", "Firing" }
                span { class: "note", "{alerts.count}" }
                Search { id: "search", label: "Search alerts", typed }
            }
            if alerts.count == 0 {
                p { class: "note", role: "status", "Nothing fires." }
            } else if found.is_empty() {
                p { class: "note", role: "status", "No alert has this in its name." }
            }
            ul { class: "rows",
                for episode in found.into_iter().take(ROWS) {
                    FiringRow { key: "{episode.id}", episode: episode.clone() }
                }
            }
            if left_out > 0 {
                p { class: "more", "{left_out} more; search to see them." }
            }
        }
    }
}

#[component]
fn FiringRow(
    /// What fires.
    episode: Episode,
) -> Element {
    let page: Page = use_context();
    let mut refusal = use_signal(|| None::<Refusal>);
    let zone = page.state.zone.follow();
    let since = text::instant(episode.fired_at, SECOND, &*zone);
    let address = format!("/api/alerts/{}/ack", rest::escaped(&episode.id));
    let is_seen = episode.seen.is_some();
    let see = move |_| {
        let address = address.clone();
        async move {
            let done = if is_seen {
                rest::delete(&address).await
            } else {
                rest::tell("POST", &address, &json!({})).await
            };
            refusal.set(done.err());
        }
    };
    let silence = {
        let (page, rule, scope) = (page.clone(), episode.rule.clone(), episode.scope.clone());
        move |event: FormEvent| {
            let length = event.value().parse::<i64>().ok();
            let to = Timestamp::from_micros(page.state.clock.now() + length.unwrap_or(HOUR));
            let body =
                json!({ "title": format!("{rule} {scope}"), "rules": [rule], "signals": [scope], "to": to });
            async move {
                refusal.set(rest::tell("POST", "/api/silences", &body).await.err());
            }
        }
    };
    let (title, scope) = (&episode.title, &episode.scope);
    rsx! {
        li { "data-testid": "alert", "data-rule": "{episode.rule}", "data-scope": "{scope}",
            SeverityMark { severity: episode.severity }
            span { class: "row-text",
                strong { bdi { "{title}" } }
                Scope { episode: episode.clone() }
                span { class: "note", {firing(&page, &episode, &since)} }
                if let Some(by) = episode.seen.as_ref() {
                    span { class: "note", "data-testid": "seen", {seen(by, &*zone)} }
                }
                if !episode.held_by.is_empty() {
                    span { class: "note", "Nobody is notified, because of " bdi { "{episode.held_by}" } "." }
                }
                if let Some(refusal) = refusal() {
                    span { class: "field-error", role: "alert", "Not done: {refusal.message}" }
                }
            }
            button {
                r#type: "button", class: "action", "data-testid": "ack",
                "aria-label": if is_seen { "Take back that {title}, {scope}, was seen" } else { "Acknowledge {title}, {scope}" },
                onclick: see,
                if is_seen { "Not seen" } else { "Acknowledge" }
            }
            select { "aria-label": "Silence {title}, {scope}", "data-testid": "silence", value: "", onchange: silence,
                option { value: "", selected: true, disabled: true, hidden: true, "Silence …" }
                for (name, length) in SILENCES {
                    option { value: "{length}", "for {name}" }
                }
            }
        }
    }
}

/// What has ended, the latest first.
#[component]
pub(super) fn Recent() -> Element {
    let page: Page = use_context();
    let history = use_documents("/api/alerts/history?limit=200", |revision| revision.alerts);
    let typed = use_signal(String::new);
    let zone = page.state.zone.follow();
    let ended = Episode::all(&history.read()["episodes"]);
    let ended: Vec<&Episode> = ended
        .iter()
        .filter(|episode| episode.resolved_at.is_some() && is_found(&typed.read(), episode))
        .collect();
    rsx! {
        section { class: "card-table", "aria-labelledby": "recent-title", "data-testid": "recent",
            div { class: "card-head",
                h2 { id: "recent-title", "Recent" }
                Search { label: "Search recent alerts", typed }
            }
            if ended.is_empty() {
                p { class: "note", "No alert has ended." }
            }
            ul { class: "rows",
                for episode in ended {
                    li { key: "{episode.id}", "data-testid": "ended", "data-scope": "{episode.scope}",
                        SeverityMark { severity: episode.severity }
                        span { class: "row-text",
                            strong { bdi { "{episode.title}" } }
                            Scope { episode: episode.clone() }
                            span { class: "note",
                                {ended_with(&page, episode)}
                                ", {text::instant(episode.fired_at, SECOND, &*zone)}, for {text::length(length(episode))}"
                            }
                            if !episode.reason.is_empty() {
                                span { class: "note", "Ended: {episode.reason}" }
                            }
                            if let Some(by) = episode.seen.as_ref() {
                                span { class: "note", {seen(by, &*zone)} }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// What an episode is about, and the way to its chart.
#[component]
fn Scope(
    /// The episode.
    episode: Episode,
) -> Element {
    let page: Page = use_context();
    let metadata = page.state.metadata.follow();
    let name = metadata.name(&episode.scope).to_owned();
    let show = move |_| {
        let from = episode.pending_at;
        let to = episode.resolved_at.unwrap_or_else(|| page.state.clock.now());
        let around = (to - from).max(MINUTE);
        let mut search = page.search;
        search.set(episode.scope.clone());
        page.visit(Route::everything());
        page.go(Range::Fixed(Span { from, to }.widened(around).usable()));
    };
    rsx! {
        button { r#type: "button", class: "link-button", title: "Show it on its chart", "data-testid": "alert-show", onclick: show, bdi { "{name}" } }
    }
}

/// The value now, its limit, and since when: `83.5 °C, limit 80 °C, since 12:00:00`. What the value of a window is now only the server
/// knows: then it is that of when the alert fired or changed its severity.
fn firing(page: &Page, episode: &Episode, since: &str) -> String {
    let Compared { of, unit, is_own } = compared(page, episode);
    let limit = words::value(of, episode.limit, &unit);
    let summary = page.summary.read();
    match summary.row(&episode.scope).filter(|row| is_own && row.last.is_some()) {
        Some(row) => format!("{}, limit {limit}, since {since}", row.value),
        None => format!("limit {limit}, since {since}, {} then", words::value(of, episode.last, &unit)),
    }
}

/// The worst value of an alert that has ended, and its limit.
fn ended_with(page: &Page, episode: &Episode) -> String {
    let Compared { of, unit, .. } = compared(page, episode);
    let text = |number| words::value(of, number, &unit);
    format!("at worst {}, limit {}", text(episode.peak), text(episode.limit))
}

/// What a rule compares.
struct Compared {
    of: Of,
    /// Of the number.
    unit: Unit,
    /// Whether it is the signal's own last value.
    is_own: bool,
}

fn compared(page: &Page, episode: &Episode) -> Compared {
    let alerts = page.state.alerts.get();
    let rule = alerts.rule(&episode.rule);
    let of = rule.map_or(Of::Last, |rule| rule.value.of);
    let operation = rule.and_then(|rule| rule.against.as_ref()).map(|against| against.operation);
    let unit = match operation {
        Some(Operation::Ratio) => Unit::none(),
        _ => page.state.metadata.get().unit(&episode.scope),
    };
    Compared { of, unit, is_own: of == Of::Last && operation.is_none() }
}

fn seen(seen: &Seen, zone: &dyn crate::time::Zone) -> String {
    let by = if seen.by.is_empty() { String::new() } else { format!(" by {}", seen.by) };
    let note = if seen.note.is_empty() { String::new() } else { format!(": {}", seen.note) };
    format!("Acknowledged{by}, {}{note}", text::instant(seen.at, SECOND, zone))
}

/// How long an episode that has ended fired, to the second.
fn length(episode: &Episode) -> i64 {
    let length = episode.resolved_at.map_or(0, |at| at - episode.fired_at);
    (length / SECOND).max(1) * SECOND
}

fn is_found(typed: &str, episode: &Episode) -> bool {
    finds(typed, &episode.scope, &format!("{} {}", episode.title, episode.severity.name()))
}
