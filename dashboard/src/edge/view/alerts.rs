//! Alerts on the page: kept up to date, counted in the header, listed, and their rules and channels changed.

mod backtest;
mod channel_form;
mod channels;
mod episodes;
mod levels;
mod preview;
mod rule_form;
mod rule_more;
mod rules;
mod silence_form;
mod silences;
mod whom;

use std::cell::Cell;
use std::rc::Rc;

use afterglow_wire::Timestamp;
use afterglow_wire::board::Panel;
use afterglow_wire::revision::Revision;
use afterglow_wire::rule::{Rule, Severity};
use dioxus::core::spawn_forever;
use dioxus::prelude::*;
use serde_json::Value;

use super::page::{Open, Page};
use crate::alerts::alert_set::AlertSet;
use crate::alerts::{draft, words};
use crate::connection::status::Link;
use crate::edge::rest;
use crate::edge::timer;

/// Rules that are asked for at once.
const RULES: usize = 1_000;

/// Between an answer and the next question while much changes, in milliseconds.
const AGAIN: i32 = 250;

/// Asks for alerts and rules at first, and when the server says that they have changed; and for what fired around the range on
/// screen, when it is not here.
pub(super) fn use_alerts(page: &Page) {
    let (firing, rules) = (page.clone(), page.clone());
    use_asked(
        page,
        "/api/alerts",
        |revision| revision.alerts,
        move |alerts| {
            firing.set_alerts(firing.state.alerts.get().with_firing(&alerts));
        },
    );
    use_answered(
        page,
        |revision| revision.rules,
        all_rules,
        move |all| {
            rules.set_alerts(rules.state.alerts.get().with_rules(all));
        },
    );
    let page = page.clone();
    // Which revision is here, and whether another is on its way.
    let state = use_hook(|| Rc::new((Cell::new(None::<u64>), Cell::new(false))));
    use_effect(move || {
        let revision = page.state.revision.follow().map(|revision| revision.alerts);
        // Before it is known which signals there are, the range is not that which fits them.
        let span = page.time.read().as_ref().map(|time| time.span).filter(|_| !page.names.read().is_empty());
        let (Some(revision), Some(span)) = (revision, span) else { return };
        let (known, asking) = &*state;
        let here = known.get() == Some(revision) && page.state.alerts.get().covers(span);
        let offline = matches!(page.state.status().link, Link::Offline | Link::Connecting);
        if here || offline || asking.replace(true) {
            return;
        }
        let (page, state) = (page.clone(), Rc::clone(&state));
        spawn_forever(async move {
            let span = span.widened(span.width());
            let [from, to] = [span.from, span.to].map(Timestamp::from_micros);
            let address = format!("/api/alerts/history?from={from}&to={to}");
            // Without an answer the next second asks again.
            if let Ok(history) = rest::get::<Value>(&address, None).await {
                state.0.set(Some(revision));
                page.set_alerts(page.state.alerts.get().with_episodes(span, &history));
            }
            state.1.set(false);
        });
    });
}

/// All rules, in pages; nothing without an answer to each.
async fn all_rules() -> Option<Vec<Rule>> {
    let mut all: Vec<Rule> = Vec::new();
    loop {
        let after = all.last().map_or_else(String::new, |rule| format!("&after={}", rule.id));
        let address = format!("/api/rules?limit={RULES}{after}");
        let page: Vec<Rule> = serde_json::from_value(rest::get(&address, None).await.ok()?).ok()?;
        let is_last = page.len() < RULES;
        all.extend(page);
        if is_last {
            return Some(all);
        }
    }
}

/// Asks for `address` once the revision is known, and whenever its number changes: one question at a time.
fn use_asked(
    page: &Page,
    address: &'static str,
    number: fn(Revision) -> u64,
    on_answer: impl Fn(Value) + 'static,
) {
    use_answered(page, number, move || async move { rest::get(address, None).await.ok() }, on_answer);
}

/// Asks once the revision is known, and whenever its number changes: one question at a time.
fn use_answered<T: 'static, F: Future<Output = Option<T>> + 'static>(
    page: &Page,
    number: fn(Revision) -> u64,
    ask: impl Fn() -> F + 'static,
    on_answer: impl Fn(T) + 'static,
) {
    let state = Rc::clone(&page.state);
    let number = use_memo(move || state.revision.follow().map(number));
    // Whether a question is on its way, and whether it must be asked once more.
    let asking = use_hook(|| Rc::new((Cell::new(false), Cell::new(false))));
    let both = Rc::new((ask, on_answer));
    use_effect(move || {
        if number().is_none() {
            return;
        }
        if asking.0.replace(true) {
            return asking.1.set(true);
        }
        let (asking, both) = (Rc::clone(&asking), Rc::clone(&both));
        spawn_forever(async move {
            loop {
                // Without an answer what is known stays; the next change asks again.
                if let Some(answer) = (both.0)().await {
                    (both.1)(answer);
                }
                if !asking.1.replace(false) {
                    break asking.0.set(false);
                }
                timer::pause(AGAIN).await;
            }
        });
    });
}

/// What is at `address`, as it is now.
fn use_documents(address: &'static str, number: fn(Revision) -> u64) -> Signal<Value> {
    let page: Page = use_context();
    let all = use_signal(|| Value::Array(Vec::new()));
    use_asked(&page, address, number, move |answer| {
        let mut all = all;
        // The component may be gone before the answer comes.
        if let Ok(mut all) = all.try_write() {
            *all = answer;
        }
    });
    all
}

impl Page {
    /// Shows alerts everywhere.
    fn set_alerts(&self, new: AlertSet) {
        if *self.state.alerts.get() != new {
            self.state.alerts.set(Rc::new(new));
            self.paint_loop.repaint();
        }
    }

    /// Opens the form of a new rule about a panel, or about its signals where it names them by a pattern of every signal.
    pub(super) fn ask_for_alert(&self, title: &str, panel: &Panel, signals: &[String]) {
        let summary = self.summary.peek();
        let windows = signals.iter().filter_map(|name| summary.row(name)?.window.as_ref());
        let values = windows.fold(None, |range: Option<(f64, f64)>, window| {
            let (low, high) = range.unwrap_or((window.min, window.max));
            Some((low.min(window.min), high.max(window.max)))
        });
        let rule = draft::rule(title, panel.signals.clone(), &panel.thresholds, values);
        drop(summary);
        self.toggle_open(Open::Rule(Box::new(rule)));
    }
}

/// How many alerts fire; nothing when none does.
#[component]
pub(super) fn Badge() -> Element {
    let page: Page = use_context();
    let alerts = page.state.alerts.follow();
    let severity = alerts.worst().unwrap_or_default().name();
    let (count, many) = (alerts.count, if alerts.count == 1 { "" } else { "s" });
    rsx! {
        if count > 0 {
            span { class: "badge severity-{severity}", "aria-hidden": "true", "data-testid": "badge", span { "{count}" } }
        }
        span { class: "visually-hidden", role: "status", if count > 0 { "{count} alert{many} firing" } }
    }
}

/// How bad it is, by shape, word and colour.
#[component]
fn SeverityMark(
    /// How bad.
    severity: Severity,
) -> Element {
    let name = severity.name();
    rsx! {
        span { class: "alert-mark severity-{name}", "{words::mark(severity)} {name}" }
    }
}

/// Marks a signal for which something fires.
#[component]
pub(super) fn AlertMark(
    /// The signal.
    signal: String,
) -> Element {
    let page: Page = use_context();
    let Some(severity) = page.state.alerts.follow().severity_of(&signal) else { return rsx! {} };
    let name = severity.name();
    rsx! {
        span { class: "alert-mark severity-{name}", title: "{name}: an alert fires", "data-testid": "alert-mark",
            "aria-hidden": "true", "{words::mark(severity)}"
        }
        span { class: "visually-hidden", "{name}: an alert fires" }
    }
}

/// A field in which a list is searched.
#[component]
fn Search(
    /// What screen readers call it.
    label: &'static str,
    /// What has been typed.
    typed: Signal<String>,
    /// Its id, where the key `/` leads to it.
    id: Option<&'static str>,
) -> Element {
    rsx! {
        input {
            id, r#type: "search", placeholder: if id.is_some() { "Search (/)" } else { "Search" }, "aria-label": label, autocomplete: "off", spellcheck: "false",
            oninput: move |event| typed.set(event.value()),
        }
    }
}

/// What fires and has fired, beside the rules, silences and channels.
#[component]
pub(super) fn AlertsView() -> Element {
    rsx! {
        section { class: "alerts", "aria-label": "Alerts", "data-testid": "alerts-view",
            div {
                episodes::Firing {}
                episodes::Recent {}
            }
            div {
                rules::Rules {}
                silences::Silences {}
                channels::Channels {}
            }
        }
    }
}

/// The forms, when they are open.
#[component]
pub(super) fn AlertForms() -> Element {
    let page: Page = use_context();
    match page.open.read().clone() {
        Some(Open::Rule(rule)) => rsx! {
            // As a list: another version gets a form of its own.
            for rule in [*rule] {
                rule_form::RuleForm { key: "{rule.id} {rule.version}", rule }
            }
        },
        Some(Open::Channel(channel)) => rsx! {
            for channel in [*channel] {
                channel_form::ChannelForm { key: "{channel[\"id\"]} {channel[\"version\"]}", channel }
            }
        },
        _ => rsx! {},
    }
}
