//! The rules, and whether they fire.

use afterglow_wire::rule::Rule;
use dioxus::prelude::*;

use super::super::page::{Open, Page};
use super::Search;
use crate::alerts::{draft, words};
use crate::boards::search::finds;
use crate::connection::refusal::Refusal;
use crate::edge::rest;

/// Rows that are shown at most.
const ROWS: usize = 200;

/// All rules.
#[component]
pub(super) fn Rules() -> Element {
    let page: Page = use_context();
    let typed = use_signal(String::new);
    let alerts = page.state.alerts.follow();
    let is_found = |rule: &&Rule| finds(&typed.read(), &rule.signals.join(" "), &rule.title);
    let found: Vec<&Rule> = alerts.rules.iter().filter(is_found).collect();
    let left_out = found.len().saturating_sub(ROWS);
    let new = page.clone();
    rsx! {
        section { class: "card-table", "aria-labelledby": "rules-title", "data-testid": "rules",
            div { class: "card-head",
                h2 { id: "rules-title", "Rules" }
                Search { label: "Search rules", typed }
                button {
                    r#type: "button", class: "action", "data-testid": "new-rule",
                    onclick: move |_| new.toggle_open(Open::Rule(Box::new(draft::rule("", Vec::new(), &[], None)))),
                    "New rule"
                }
            }
            if alerts.rules.is_empty() {
                p { class: "note", "There are no rules yet. The bell of a panel makes one." }
            }
            ul { class: "rows",
                for rule in found.into_iter().take(ROWS) {
                    RuleRow { key: "{rule.id}", rule: rule.clone(), firing: alerts.firing.iter().filter(|episode| episode.rule == rule.id).count() }
                }
            }
            if left_out > 0 {
                p { class: "more", "{left_out} more; search to see them." }
            }
        }
    }
}

#[component]
fn RuleRow(
    /// The rule.
    rule: Rule,
    /// How many of its alerts fire.
    firing: usize,
) -> Element {
    let page: Page = use_context();
    let mut refusal = use_signal(|| None::<Refusal>);
    let pause = {
        let rule = rule.clone();
        move |_| {
            let changed = Rule { enabled: !rule.enabled, ..rule.clone() };
            let address = format!("/api/rules/{}", changed.id);
            async move { refusal.set(rest::tell("PUT", &address, &changed).await.err()) }
        }
    };
    let (title, enabled, signals) = (rule.title.clone(), rule.enabled, rule.signals.join(", "));
    rsx! {
        li { "data-testid": "rule", "data-rule": "{rule.id}",
            span { class: "row-text",
                strong { bdi { "{title}" } }
                span { class: "note", bdi { "{signals}" } ": {words::rule(&rule)}" }
                if !enabled {
                    span { class: "note", "Paused" }
                } else if firing > 0 {
                    span { class: "note", "{firing} firing" }
                }
                if let Some(refusal) = refusal() {
                    span { class: "field-error", role: "alert", "Not done: {refusal.message}" }
                }
            }
            button {
                r#type: "button", class: "action", "data-testid": "edit-rule", "aria-label": "Edit {title}",
                onclick: move |_| page.toggle_open(Open::Rule(Box::new(rule.clone()))),
                "Edit"
            }
            button {
                r#type: "button", class: "action", "data-testid": "pause-rule", "aria-label": if enabled { "Pause {title}" } else { "Resume {title}" },
                onclick: pause,
                if enabled { "Pause" } else { "Resume" }
            }
        }
    }
}
