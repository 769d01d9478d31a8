//! The form of a rule: of a new one, or of one that is changed.

use afterglow_wire::limits::{LONGEST_RULE_SECONDS, WINDOW_SECONDS};
use afterglow_wire::name;
use afterglow_wire::rule::{Of, Per, Rule};
use dioxus::prelude::*;
use serde_json::Value;

use super::super::dialog::Dialog;
use super::super::form::{Field, Number};
use super::super::page::{Open, Page};
use super::super::refused::{Conflict, use_failure};
use super::backtest::Backtest;
use super::levels::Levels;
use super::preview::Preview;
use super::rule_more::More;
use super::whom::Whom;
use crate::alerts::{draft, words};
use crate::edge::rest;

/// What can be computed, and how the form calls it; a rule with another keeps it.
const VALUES: [(Of, &str); 9] = [
    (Of::Last, "the value"),
    (Of::Mean, "the mean"),
    (Of::Min, "the lowest"),
    (Of::Max, "the highest"),
    (Of::Range, "highest less lowest"),
    (Of::Rate, "the growth"),
    (Of::Change, "the step to the next value"),
    (Of::Count, "the number of samples"),
    (Of::Silence, "the time without a sample"),
];
/// The form.
#[component]
pub(super) fn RuleForm(
    /// The rule; without a version it is new.
    rule: Rule,
) -> Element {
    let page: Page = use_context();
    let known = use_hook(|| rule.clone());
    let mut rule = use_signal(|| rule);
    let mut failure = use_failure();
    let (mut sure, dragged) = (use_signal(|| false), use_signal(|| None));
    let [saving, deleting, theirs] = std::array::from_fn(|_| page.clone());
    let (is_new, id) = (known.version == 0, known.id.clone());
    let address = format!("/api/rules/{id}");
    let save = {
        let address = address.clone();
        move || {
            let (page, address) = (saving.clone(), address.clone());
            async move {
                let body = rule.peek().clone();
                let (method, address) = if is_new { ("POST", "/api/rules") } else { ("PUT", &*address) };
                match rest::tell(method, address, &body).await {
                    Ok(()) => drop(page.close()),
                    Err(refusal) => failure.set(refusal),
                }
            }
        }
    };
    let overwrite = save.clone();
    let delete = {
        let address = address.clone();
        move |_| {
            let (page, address) = (deleting.clone(), address.clone());
            async move {
                match rest::delete(&address).await {
                    Ok(()) => drop(page.close()),
                    Err(refusal) => failure.set(refusal),
                }
            }
        }
    };
    let take_theirs = move |()| {
        let (page, address) = (theirs.clone(), address.clone());
        spawn(async move {
            match rest::get::<Value>(&address, None).await {
                Ok(rule) => {
                    let mut open = page.open;
                    page.forget_typed();
                    open.set(serde_json::from_value(rule).ok().map(Open::Rule));
                }
                Err(reason) => failure.set(crate::connection::refusal::Refusal::because(reason)),
            }
        });
    };
    let newer = failure.version().filter(|_| !is_new);
    rsx! {
        Dialog { title: if is_new { "Alert me when …" } else { "Rule" }, test: "rule-form", class: "medium clear", guards: true,
            form { class: "form",
                onsubmit: move |event| {
                    event.prevent_default();
                    save()
                },
                Field { id: "rule-title", label: "Name", wrong: failure.at("title").or_else(|| failure.at("id")),
                    input {
                        id: "rule-title", r#type: "text", autocomplete: "off", autofocus: true, dir: "auto", "aria-describedby": "rule-title-error",
                        initial_value: "{known.title}", oninput: move |event| rule.write().title = event.value(),
                    }
                }
                Signals { rule, initial: name::join(&known.signals), wrong: failure.at("signals") }
                Compared { rule, known: known.clone(), wrong: failure.at("value").or_else(|| failure.at("is")) }
                Preview { rule, dragged }
                Levels { rule, failure, dragged }
                div { class: "form-row",
                    Field { id: "rule-for", label: "For at least (s)", wrong: failure.at("for"),
                        Number { id: "rule-for", label: None, initial: some(known.for_seconds), placeholder: "0", whole: (0, LONGEST_RULE_SECONDS), on_number: move |typed| rule.write().for_seconds = draft::whole(typed) }
                    }
                    Field { id: "rule-keep", label: "Back to normal for (s)", wrong: failure.at("keep"),
                        Number { id: "rule-keep", label: None, initial: some(known.keep), placeholder: "0", whole: (0, LONGEST_RULE_SECONDS), on_number: move |typed| rule.write().keep = draft::whole(typed) }
                    }
                    Field { id: "rule-repeat", label: "Remind every (s)", wrong: failure.at("repeat"),
                        Number { id: "rule-repeat", label: None, initial: some(known.repeat), placeholder: "never", whole: (0, LONGEST_RULE_SECONDS), on_number: move |typed| rule.write().repeat = draft::whole(typed) }
                    }
                }
                More { rule, known: known.clone(), failure }
                Backtest { rule }
                Whom { rule, failure }
                Field { id: "rule-text", label: "Message (optional), with places such as {{name}} and {{value}}", wrong: failure.at("text"),
                    input {
                        id: "rule-text", r#type: "text", autocomplete: "off", dir: "auto", "aria-describedby": "rule-text-error",
                        initial_value: "{known.text}", oninput: move |event| rule.write().text = event.value(),
                    }
                }
                Field { id: "rule-link", label: "Link to what to do (optional)", wrong: failure.at("link"),
                    input {
                        id: "rule-link", r#type: "url", autocomplete: "off", "aria-describedby": "rule-link-error",
                        initial_value: "{known.link}", oninput: move |event| rule.write().link = event.value().trim().to_owned(),
                    }
                }
                if let Some(version) = newer {
                    Conflict {
                        what: "rule", version, on_theirs: take_theirs,
                        on_mine: move |()| {
                            rule.write().version = i32::try_from(version).unwrap_or_default();
                            spawn(overwrite());
                        },
                    }
                } else if let Some(message) = failure.message() {
                    p { class: "field-error", role: "alert", "Not saved: {message}" }
                }
                div { class: "form-end",
                    if !is_new && sure() {
                        button { r#type: "button", class: "action danger", "data-testid": "rule-sure", onclick: delete, "Delete" }
                        button { r#type: "button", class: "action", onclick: move |_| sure.set(false), "Cancel" }
                    } else if !is_new {
                        button { r#type: "button", class: "action", "data-testid": "rule-delete", onclick: move |_| sure.set(true), "Delete …" }
                    }
                    span { class: "spring" }
                    button { r#type: "submit", class: "action primary", "data-testid": "rule-save", "Save" }
                }
            }
        }
    }
}

/// Which signals are meant, and how many these are.
#[component]
fn Signals(
    /// The rule as it is being changed.
    rule: Signal<Rule>,
    /// What the field has at first.
    initial: String,
    /// What is wrong with it.
    wrong: Option<String>,
) -> Element {
    let page: Page = use_context();
    let meant = use_memo(move || {
        let rule = rule.read();
        let is_meant = |name: &&String| rule.signals.iter().any(|pattern| name::matches(pattern, name));
        page.names.read().iter().filter(is_meant).count()
    });
    rsx! {
        Field { id: "rule-signals", label: "Signals, or patterns such as boiler.*, separated by commas", wrong,
            input {
                id: "rule-signals", r#type: "text", autocomplete: "off", autocapitalize: "none", spellcheck: "false",
                "aria-describedby": "rule-signals-count rule-signals-error", initial_value: "{initial}",
                oninput: move |event| rule.write().signals = draft::signals(&event.value()),
            }
            p { id: "rule-signals-count", class: "note", role: "status",
                match meant() {
                    1 => "1 signal".to_owned(),
                    many => format!("{many} signals that there are now"),
                }
            }
        }
    }
}

/// What is computed, and on which side of the limits it is wrong.
#[component]
fn Compared(
    /// The rule as it is being changed.
    rule: Signal<Rule>,
    /// As it was.
    known: Rule,
    /// What is wrong with it.
    wrong: Option<String>,
) -> Element {
    let (value, is, is_usual, sides) = {
        let rule = rule.read();
        (rule.value, rule.is, rule.is_usual(), draft::sides(&rule))
    };
    let other = VALUES.iter().all(|(of, _)| *of != known.value.of).then_some(known.value.of);
    rsx! {
        div { class: "form-row",
            Field { id: "rule-of", label: "When", wrong,
                select {
                    id: "rule-of", "aria-describedby": "rule-of-error",
                    onchange: move |event| {
                        draft::take_value(&mut rule.write(), Of::try_from(event.value()).unwrap_or_default());
                    },
                    for (of, name) in VALUES {
                        option { value: String::from(of), selected: of == value.of, "{name}" }
                    }
                    if let Some(of) = other {
                        option { value: String::from(of), selected: of == value.of, {String::from(of)} }
                    }
                }
            }
            if let Some(window) = value.window {
                Field { id: "rule-window", label: "Of the last (s)", wrong: None,
                    Number { id: "rule-window", label: None, initial: Some(f64::from(window)), placeholder: "300", whole: (1, WINDOW_SECONDS), on_number: move |typed| rule.write().value.window = Some(draft::whole(typed)) }
                }
            }
            if value.of == Of::Rate {
                Field { id: "rule-per", label: "Per", wrong: None,
                    select {
                        id: "rule-per",
                        onchange: move |event| rule.write().value.per = Some(match &*event.value() {
                            "second" => Per::Second,
                            "hour" => Per::Hour,
                            _ => Per::Minute,
                        }),
                        for (per, name) in [(Per::Second, "second"), (Per::Minute, "minute"), (Per::Hour, "hour")] {
                            option { value: name, selected: value.per == Some(per), "{name}" }
                        }
                    }
                }
            }
            if value.of != Of::Silence {
                Field { id: "rule-is", label: "Is", wrong: None,
                    select {
                        id: "rule-is",
                        onchange: move |event| {
                            let mut rule = rule.write();
                            let chosen = draft::sides(&rule).into_iter().find(|(is, usual)| words::compared(*is, *usual) == event.value());
                            let (is, is_usual) = chosen.unwrap_or_default();
                            draft::take_side(&mut rule, is, is_usual);
                        },
                        for (known, usual) in sides {
                            option { value: words::compared(known, usual), selected: (known, usual) == (is, is_usual), {words::compared(known, usual)} }
                        }
                    }
                }
            }
        }
    }
}

/// A number of seconds for its field; nothing for none.
fn some(seconds: u32) -> Option<f64> {
    (seconds > 0).then_some(f64::from(seconds))
}
