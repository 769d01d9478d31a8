//! The limits of a rule: a row for each level.

use afterglow_wire::limits::LONGEST_RULE_SECONDS;
use afterglow_wire::rule::{Found, Is, Level, Limit, Of, Rule};
use dioxus::prelude::*;

use super::super::form::{Field, Number};
use super::super::refused::Failure;
use crate::alerts::draft::{self, Dragged};
use crate::alerts::episode::SEVERITIES;

/// Most levels of a rule.
const LEVELS: usize = 3;

/// A row for each level, and a button for one more.
#[component]
pub(super) fn Levels(
    /// The rule as it is being changed.
    rule: Signal<Rule>,
    /// Why it was not saved.
    failure: Failure,
    /// The limit that was dragged on the chart, until its row has taken it.
    dragged: Signal<Option<Dragged>>,
) -> Element {
    // Fields keep what was typed: after a removal the rows are other ones.
    let mut removals = use_signal(|| 0);
    let (is, of, is_usual, count) = {
        let rule = rule.read();
        (rule.is, rule.value.of, rule.is_usual(), rule.levels.len())
    };
    rsx! {
        fieldset { class: "levels",
            legend { class: "visually-hidden", "Limits" }
            for place in 0..count {
                Row { key: "{removals} {place} {is:?} {is_usual} {of:?}", rule, place, failure, dragged, on_remove: move |()| removals += 1 }
            }
            if count < LEVELS {
                div {
                    button {
                        r#type: "button", class: "action", "data-testid": "add-level",
                        onclick: move |_| {
                            let next = draft::next_level(&rule.peek().levels);
                            rule.write().levels.push(next);
                        },
                        "Add a level"
                    }
                }
            }
        }
    }
}

#[component]
fn Row(
    /// The rule.
    rule: Signal<Rule>,
    /// The level's place in it.
    place: usize,
    /// Why it was not saved.
    failure: Failure,
    /// The limit that was dragged.
    dragged: Signal<Option<Dragged>>,
    /// Called when it was removed.
    on_remove: EventHandler<()>,
) -> Element {
    let level = use_hook(|| rule.peek().levels.get(place).copied().unwrap_or_default());
    // Where it is over moves with the limit until somebody types it; its field is then another one. With two limits it is a
    // distance from them, which does not move.
    let is_distance = matches!(rule.peek().is, Is::Inside | Is::Outside);
    let mut margin = use_signal(|| Some(level.recover? - level.limit.number()?).filter(|_| !is_distance));
    let mut moved = use_signal(|| 0);
    let mut change = move |change: &dyn Fn(&mut Level)| {
        if let Some(level) = rule.write().levels.get_mut(place) {
            change(level);
        }
    };
    let mut set_limit = move |limit: Limit| {
        change(&|level| {
            level.limit = limit;
            level.recover = match (*margin.peek(), limit.number()) {
                (Some(margin), Some(limit)) if limit.is_finite() => Some(draft::shifted(limit, margin)),
                _ => level.recover,
            };
        });
        moved += 1;
    };
    // Of the fields of limits there are others after each drag: what is typed into them is the reader's.
    let mut drags = use_signal(|| 0);
    use_effect(move || {
        let Some(to) = dragged().filter(|dragged| dragged.level == place) else { return };
        if to.is_upper {
            change(&|level| level.upper = Some(to.value));
        } else {
            set_limit(Limit::Number(to.value));
        }
        drags += 1;
        dragged.set(None);
    });
    let (is, of, now) = {
        let rule = rule.read();
        (rule.is, rule.value.of, rule.levels.get(place).copied().unwrap_or_default())
    };
    let (severity, recover) = (now.severity, now.recover);
    let (is_silence, is_usual) = (of == Of::Silence, now.limit == Limit::Found(Found::Usual));
    let has_two = matches!(is, Is::Inside | Is::Outside) && !is_usual;
    let limit = match (is_silence, has_two) {
        (true, _) => "Seconds",
        (false, true) => "From",
        (false, false) => "Limit",
    };
    let ends = match (is_usual, has_two) {
        (true, _) => "Ends at deviations",
        (false, true) => "Ends beyond them by",
        (false, false) => "Ends at",
    };
    let hint = if is_silence { "learned" } else { "" };
    let wrong = move |field: &str| failure.at(&format!("levels[{place}].{field}"));
    rsx! {
        div { class: "level", "data-testid": "level",
            Field { id: "level-{place}-severity", label: "Severity", wrong: wrong("severity"),
                select {
                    id: "level-{place}-severity", "aria-describedby": "level-{place}-severity-error",
                    onchange: move |event| {
                        let chosen = SEVERITIES.into_iter().find(|severity| severity.name() == event.value());
                        change(&|level| level.severity = chosen.unwrap_or_default());
                    },
                    for known in SEVERITIES {
                        option { value: known.name(), selected: known == severity, {known.name()} }
                    }
                }
            }
            if is_usual {
                Field { id: "level-{place}-k", label: "Deviations from the middle", wrong: wrong("k").or_else(|| wrong("limit")),
                    Number { id: "level-{place}-k", label: None, initial: now.k, placeholder: "5", on_number: move |typed| change(&|level| level.k = typed) }
                }
            } else {
                Field { id: "level-{place}-limit", label: "{limit}", wrong: wrong("limit"),
                    for times in [drags()] {
                        Number {
                            key: "{times}", id: "level-{place}-limit", label: None, initial: now.limit.number().filter(|limit| limit.is_finite()), placeholder: hint,
                            whole: is_silence.then_some((1, LONGEST_RULE_SECONDS)),
                            on_number: move |typed: Option<f64>| set_limit(match typed {
                                None if is_silence => Limit::Found(Found::Learned),
                                // Without a number the server says what is missing.
                                typed => Limit::Number(typed.unwrap_or(f64::NAN)),
                            }),
                        }
                    }
                }
            }
            if has_two {
                Field { id: "level-{place}-upper", label: "To", wrong: wrong("upper"),
                    for times in [drags()] {
                        Number { key: "{times}", id: "level-{place}-upper", label: None, initial: now.upper, placeholder: "", on_number: move |typed| change(&|level| level.upper = typed) }
                    }
                }
            }
            if !is_silence {
                Field { id: "level-{place}-recover", label: ends, wrong: wrong("recover"),
                    for times in [moved()] {
                        Number {
                            key: "{times}", id: "level-{place}-recover", label: None, initial: recover, placeholder: "the limit",
                            on_number: move |typed| {
                                margin.set(None);
                                change(&|level| level.recover = typed);
                            },
                        }
                    }
                }
            }
            if place > 0 {
                button {
                    r#type: "button", class: "icon small", "aria-label": "Remove level {place + 1}",
                    onclick: move |_| {
                        rule.write().levels.remove(place);
                        on_remove.call(());
                    },
                    "×"
                }
            }
        }
    }
}
