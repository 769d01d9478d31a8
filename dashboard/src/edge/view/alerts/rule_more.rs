//! What few rules need: another signal, what must hold as well, what explains an alert, labels.

use afterglow_wire::limits::{LONGEST_RULE_SECONDS, RULE_ANDS};
use afterglow_wire::name;
use afterglow_wire::rule::{And, Each, Is, Of, Operation, Rule};
use dioxus::prelude::*;

use super::super::form::{Field, Number};
use super::super::refused::Failure;
use crate::alerts::{draft, words};

const SIDES: [Is; 4] = [Is::Above, Is::Below, Is::Inside, Is::Outside];
/// The fields, closed until one of them has something.
#[component]
pub(super) fn More(
    /// The rule as it is being changed.
    rule: Signal<Rule>,
    /// As it was.
    known: Rule,
    /// Why it was not saved.
    failure: Failure,
) -> Element {
    let is_used = known.against.is_some()
        || !(known.and.is_empty()
            && known.unless.is_empty()
            && known.labels.is_empty()
            && known.except.is_empty())
        || known.each != Each::Signal;
    let unless = known.unless.clone();
    let is_silence = rule.read().value.of == Of::Silence;
    let against = rule.read().against.clone();
    let within = known.against.as_ref().map(|against| f64::from(against.within));
    rsx! {
        details { open: is_used, "data-testid": "rule-more",
            summary { "Other signals, exceptions, labels" }
            Field { id: "rule-except", label: "But not these signals or patterns", wrong: failure.at("except"),
                input {
                    id: "rule-except", r#type: "text", autocomplete: "off", spellcheck: "false", "aria-describedby": "rule-except-error",
                    initial_value: name::join(&known.except), oninput: move |event| rule.write().except = draft::signals(&event.value()),
                }
            }
            if is_silence {
                Scope { rule, wrong: failure.at("each") }
            } else {
                div { class: "form-row",
                    Field { id: "rule-against-as", label: "Compared with another signal", wrong: failure.at("against"),
                        select {
                            id: "rule-against-as", "aria-describedby": "rule-against-as-error",
                            onchange: move |event| {
                                let operation = match &*event.value() {
                                    "less" => Some(Operation::Difference),
                                    "divided by" => Some(Operation::Ratio),
                                    _ => None,
                                };
                                draft::compare(&mut rule.write(), operation);
                            },
                            for (name, of) in [("no", None), ("less", Some(Operation::Difference)), ("divided by", Some(Operation::Ratio))] {
                                option { value: name, selected: of == against.as_ref().map(|against| against.operation), "{name}" }
                            }
                        }
                    }
                    if let Some(against) = against {
                        Field { id: "rule-against", label: "Its name, or a pattern", wrong: failure.at("against.signals"),
                            input {
                                id: "rule-against", r#type: "text", autocomplete: "off", spellcheck: "false", "aria-describedby": "rule-against-error",
                                initial_value: "{against.signals}",
                                oninput: move |event| {
                                    if let Some(against) = &mut rule.write().against {
                                        against.signals = event.value().trim().to_owned();
                                    }
                                },
                            }
                        }
                        Field { id: "rule-within", label: "No older than (s)", wrong: failure.at("against.within"),
                            Number {
                                id: "rule-within", label: None, initial: within, placeholder: "300", whole: (1, LONGEST_RULE_SECONDS),
                                on_number: move |typed: Option<f64>| {
                                    if let Some(against) = &mut rule.write().against {
                                        against.within = typed.map_or(draft::WITHIN, |typed| draft::whole(Some(typed)));
                                    }
                                },
                            }
                        }
                    }
                }
                Conditions { rule, failure }
            }
            Field { id: "rule-unless", label: "Not while one of these rules fires, by their ids", wrong: failure.at("unless"),
                input {
                    id: "rule-unless", r#type: "text", autocomplete: "off", spellcheck: "false", "aria-describedby": "rule-unless-error",
                    initial_value: known.unless.iter().map(|unless| &*unless.rule).collect::<Vec<_>>().join(", "),
                    oninput: move |event| {
                        let mut rule = rule.write();
                        rule.unless = draft::unless(&event.value(), &rule, &unless);
                    },
                }
            }
            Field { id: "rule-labels", label: "Labels, one on each line, such as team=ovens", wrong: failure.at("labels"),
                textarea {
                    id: "rule-labels", rows: "2", autocomplete: "off", spellcheck: "false", "aria-describedby": "rule-labels-error",
                    initial_value: known.labels.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("\n"),
                    oninput: move |event| rule.write().labels = draft::labels(&event.value()),
                }
            }
        }
    }
}

/// What has an alert of its own, of a silence.
#[component]
fn Scope(
    /// The rule as it is being changed.
    rule: Signal<Rule>,
    /// What is wrong with it.
    wrong: Option<String>,
) -> Element {
    let each = rule.read().each;
    let all = [
        (Each::Signal, "each signal"),
        (Each::Prefix(1), "signals whose names begin with the same part"),
        (Each::Prefix(2), "signals whose names begin with the same two parts"),
        (Each::Prefix(3), "signals whose names begin with the same three parts"),
        (Each::All, "all signals together"),
    ];
    rsx! {
        Field { id: "rule-each", label: "An alert for", wrong,
            select {
                id: "rule-each", "aria-describedby": "rule-each-error",
                onchange: move |event| {
                    let chosen = all.into_iter().find(|(_, name)| *name == event.value());
                    rule.write().each = chosen.map_or(Each::Signal, |(each, _)| each);
                },
                for (known, name) in all {
                    option { value: name, selected: known == each, "{name}" }
                }
                if let Each::Prefix(parts @ 4..) = each {
                    option { selected: true, "signals whose names begin with the same {parts} parts" }
                }
            }
        }
    }
}

/// What must hold as well.
#[component]
fn Conditions(
    /// The rule as it is being changed.
    rule: Signal<Rule>,
    /// Why it was not saved.
    failure: Failure,
) -> Element {
    // Fields keep what was typed: after a removal the rows are other ones.
    let mut removals = use_signal(|| 0);
    let conditions = rule.read().and.clone();
    rsx! {
        for (place, and) in conditions.iter().cloned().enumerate() {
            div { key: "{removals} {place}", class: "level", "data-testid": "condition",
                Field { id: "and-{place}", label: "And the last value of (empty: itself)", wrong: failure.at(&format!("and[{place}].signals")),
                    input {
                        id: "and-{place}", r#type: "text", autocomplete: "off", spellcheck: "false", "aria-describedby": "and-{place}-error",
                        initial_value: name::join(&and.signals),
                        oninput: move |event| change(rule, place, |and| and.signals = draft::signals(&event.value())),
                    }
                }
                Field { id: "and-{place}-is", label: "Is", wrong: None,
                    select {
                        id: "and-{place}-is",
                        onchange: move |event| {
                            let is = SIDES.into_iter().find(|is| words::side(*is) == event.value()).unwrap_or_default();
                            change(rule, place, |and| {
                                and.is = is;
                                and.upper = and.upper.filter(|_| matches!(is, Is::Inside | Is::Outside));
                            });
                        },
                        for known in SIDES {
                            option { value: words::side(known), selected: known == and.is, {words::side(known)} }
                        }
                    }
                }
                Field { id: "and-{place}-limit", label: "Limit", wrong: failure.at(&format!("and[{place}].limit")),
                    Number {
                        id: "and-{place}-limit", label: None, initial: and.limit, placeholder: "",
                        // Without a number the server says what is missing.
                        on_number: move |typed: Option<f64>| change(rule, place, |and| and.limit = typed.unwrap_or(f64::NAN)),
                    }
                }
                if matches!(and.is, Is::Inside | Is::Outside) {
                    Field { id: "and-{place}-upper", label: "To", wrong: failure.at(&format!("and[{place}].upper")),
                        Number { id: "and-{place}-upper", label: None, initial: and.upper, placeholder: "", on_number: move |typed| change(rule, place, |and| and.upper = typed) }
                    }
                }
                button {
                    r#type: "button", class: "icon small", "aria-label": "Remove condition {place + 1}",
                    onclick: move |_| {
                        rule.write().and.remove(place);
                        removals += 1;
                    },
                    "×"
                }
            }
        }
        if conditions.len() < RULE_ANDS {
            div {
                button {
                    r#type: "button", class: "action", "data-testid": "add-condition",
                    onclick: move |_| {
                        let and = And { signals: Vec::new(), is: Is::Above, limit: 0.0, upper: None, within: draft::WITHIN };
                        rule.write().and.push(and);
                    },
                    "Add a condition"
                }
            }
        }
    }
}

/// Changes a condition.
fn change(mut rule: Signal<Rule>, place: usize, change: impl FnOnce(&mut And)) {
    if let Some(and) = rule.write().and.get_mut(place) {
        change(and);
    }
}
