//! Whom a rule notifies: at once, and while nobody acknowledges the alert.

use afterglow_wire::limits::{LONGEST_RULE_SECONDS, RULE_ESCALATIONS};
use afterglow_wire::rule::{Escalation, Rule};
use dioxus::prelude::*;
use serde_json::Value;

use super::super::form::{Field, Number};
use super::super::refused::Failure;
use super::channels::{self, Test};
use super::use_documents;
use crate::alerts::draft;

/// The channels that are notified.
#[component]
pub(super) fn Whom(
    /// The rule as it is being changed.
    rule: Signal<Rule>,
    /// Why it was not saved.
    failure: Failure,
) -> Element {
    let all = use_documents("/api/channels", |revision| revision.channels);
    let is_empty = channels::list(&all.read()).is_empty();
    rsx! {
        fieldset { class: "levels", "aria-describedby": "rule-to-note rule-to-error",
            legend { class: "note", "Notify" }
            for channel in channels::list(&all.read()) {
                div { key: "{channels::name(channel)}", class: "check-row",
                    Chosen {
                        channel: channel.clone(), is_chosen: rule.peek().to.iter().any(|id| id == channels::name(channel)),
                        on_change: move |(id, is_chosen)| choose(&mut rule.write().to, id, is_chosen),
                    }
                    Test { id: channels::name(channel).to_owned() }
                }
            }
            p { id: "rule-to-note", class: "note",
                if is_empty {
                    "There are no channels yet: nobody is notified. The page of alerts has them."
                } else if rule.read().to.is_empty() {
                    "None chosen: the channels that take such alerts are notified, or else the default."
                }
            }
            p { id: "rule-to-error", class: "field-error", role: "status", {failure.at("to").unwrap_or_default()} }
        }
        if !is_empty {
            Escalations { rule, all: channels::list(&all.read()).to_vec(), failure }
        }
    }
}

/// A row for each escalation, and a button for one more.
#[component]
fn Escalations(
    /// The rule as it is being changed.
    rule: Signal<Rule>,
    /// All channels.
    all: Vec<Value>,
    /// Why it was not saved.
    failure: Failure,
) -> Element {
    // Fields keep what was typed: after a removal the rows are other ones.
    let mut removals = use_signal(|| 0);
    let count = rule.read().escalate.len();
    rsx! {
        fieldset { class: "levels",
            legend { class: "note", "If nobody acknowledges it" }
            for place in 0..count {
                div { key: "{removals} {place}", class: "level", "data-testid": "escalation",
                    Field { id: "escalation-{place}-after", label: "After (s)", wrong: failure.at(&format!("escalate[{place}].after")),
                        Number {
                            id: "escalation-{place}-after", label: None, initial: rule.peek().escalate.get(place).map(|next| f64::from(next.after)),
                            placeholder: "", whole: (1, LONGEST_RULE_SECONDS),
                            on_number: move |typed| change(rule, place, |next| next.after = draft::whole(typed)),
                        }
                    }
                    div { class: "check-row", role: "group", "aria-label": "Notify as well", "aria-describedby": "escalation-{place}-to-error",
                        for channel in all.iter() {
                            Chosen {
                                key: "{channels::name(channel)}", channel: channel.clone(),
                                is_chosen: rule.peek().escalate.get(place).is_some_and(|next| next.to.iter().any(|id| id == channels::name(channel))),
                                on_change: move |(id, is_chosen)| change(rule, place, |next| choose(&mut next.to, id, is_chosen)),
                            }
                        }
                    }
                    button {
                        r#type: "button", class: "icon small", "aria-label": "Remove escalation {place + 1}",
                        onclick: move |_| {
                            rule.write().escalate.remove(place);
                            removals += 1;
                        },
                        "×"
                    }
                    p { id: "escalation-{place}-to-error", class: "field-error", role: "status", {failure.at(&format!("escalate[{place}].to")).unwrap_or_default()} }
                }
            }
            if count < RULE_ESCALATIONS {
                div {
                    button {
                        r#type: "button", class: "action", "data-testid": "add-escalation",
                        onclick: move |_| {
                            let next = draft::next_escalation(&rule.peek().escalate);
                            rule.write().escalate.push(next);
                        },
                        "Notify others as well"
                    }
                }
            }
        }
    }
}

/// A channel that can be chosen.
#[component]
fn Chosen(
    /// The channel.
    channel: Value,
    /// Whether it is chosen at first.
    is_chosen: bool,
    /// Called with its id, and whether it is chosen now.
    on_change: EventHandler<(String, bool)>,
) -> Element {
    let id = channels::name(&channel).to_owned();
    rsx! {
        label { class: "check-row",
            input {
                r#type: "checkbox", "data-channel": channels::name(&channel), initial_checked: is_chosen,
                onchange: move |event: FormEvent| on_change.call((id.clone(), event.checked())),
            }
            bdi { {channels::title(&channel)} }
        }
    }
}

fn choose(chosen: &mut Vec<String>, id: String, is_chosen: bool) {
    chosen.retain(|known| *known != id);
    if is_chosen {
        chosen.push(id);
    }
}

fn change(mut rule: Signal<Rule>, place: usize, change: impl FnOnce(&mut Escalation)) {
    if let Some(next) = rule.write().escalate.get_mut(place) {
        change(next);
    }
}
