//! Which signals a panel has: names, or patterns, each with the number of signals that it stands for.

use afterglow_wire::limits::PANEL_SIGNALS;
use afterglow_wire::name;
use dioxus::prelude::*;

use super::Target;
use crate::boards::search::suggested;
use crate::edge::view::form::Field;

/// Most signals that are listed to choose from.
const LISTED: usize = 50;

/// A list of names and patterns, and a field for one more.
#[component]
pub(super) fn Patterns(
    /// The panel.
    target: Target,
    /// Its names and patterns.
    signals: Vec<String>,
    /// What is in the field for one more.
    typed: Signal<String>,
) -> Element {
    let mut typed = typed;
    let names = target.page.names.read();
    let count = |pattern: &str| names.iter().filter(|name| name::matches(pattern, name)).count();
    let matches = match (typed.read().trim().is_empty(), count(typed.read().trim())) {
        (true, _) => String::new(),
        (false, number) => counted(number),
    };
    let mut add = {
        let target = target.clone();
        move || target.add(&typed.take())
    };
    let mut enter = add.clone();
    rsx! {
        ul { class: "patterns", "data-testid": "patterns", "aria-label": "Signals",
            for (place, pattern) in signals.iter().enumerate() {
                li { key: "{place} {pattern}",
                    bdi { class: "pattern", "{pattern}" }
                    span { class: "note", {counted(count(pattern))} }
                    button {
                        r#type: "button", class: "icon small", "aria-label": "Remove {pattern}",
                        onclick: {
                            let target = target.clone();
                            move |_| target.change(|panel| { panel.signals.remove(place); })
                        },
                        "×"
                    }
                    if let Some(wrong) = target.wrong(&format!("signals[{place}]")) {
                        span { class: "field-error", role: "status", "{wrong}" }
                    }
                }
            }
        }
        Field { id: "panel-signals", label: "Add a signal, or a pattern such as host.*", wrong: target.wrong("signals"),
            div { class: "field",
                input {
                    id: "panel-signals", r#type: "text", autocomplete: "off", spellcheck: "false",
                    "aria-describedby": "panel-signals-count",
                    value: "{typed}",
                    oninput: move |event| typed.set(event.value()),
                    onkeydown: move |event| {
                        // Enter adds the name; it does not close the form.
                        if event.key() == Key::Enter {
                            event.prevent_default();
                            enter();
                        }
                    },
                }
                button { r#type: "button", class: "action", "data-testid": "add-signal", onclick: move |_| add(), "Add" }
            }
            p { id: "panel-signals-count", class: "note", role: "status", "data-testid": "matches", "{matches}" }
        }
        Suggestions { target: target.clone(), signals, typed: typed.read().clone() }
    }
}

/// The signals that what is typed is about, each to be ticked.
#[component]
fn Suggestions(
    /// The panel.
    target: Target,
    /// Its names and patterns.
    signals: Vec<String>,
    /// What is typed.
    typed: String,
) -> Element {
    let names = target.page.names.read();
    let found = suggested(&names, &typed);
    let is_in = |name: &str| signals.iter().any(|pattern| name::matches(pattern, name));
    let room = PANEL_SIGNALS.saturating_sub(signals.len());
    let missing = found.iter().filter(|name| !is_in(name)).take(room);
    let missing: Vec<String> = missing.map(|name| (*name).to_owned()).collect();
    let all = target.clone();
    rsx! {
        div { class: "suggested",
            div { class: "suggested-list", tabindex: "0", role: "group", "aria-label": "Signals to choose from", "data-testid": "suggested",
                for name in found.iter().take(LISTED).map(|name| (*name).to_owned()) {
                        label { key: "{name}",
                            input {
                                r#type: "checkbox", checked: is_in(&name),
                                // By a pattern, which is taken away as a whole.
                                disabled: is_in(&name) && !signals.contains(&name),
                                onchange: {
                                    let target = target.clone();
                                    let exact = name.clone();
                                    move |event: Event<FormData>| {
                                        let chosen = event.checked();
                                        target.change(|panel| {
                                            panel.signals.retain(|known| *known != exact);
                                            if chosen {
                                                panel.signals.push(exact.clone());
                                            }
                                        });
                                    }
                                },
                            }
                            bdi { "{name}" }
                        }
                }
            }
            if found.len() > LISTED {
                p { class: "note", "{found.len() - LISTED} more; type to find them." }
            }
            if missing.len() > 1 {
                button {
                    r#type: "button", class: "action", "data-testid": "add-all",
                    onclick: move |_| all.change(|panel| panel.signals.extend(missing.iter().cloned())),
                    "Add these {missing.len()}"
                }
            }
        }
    }
}

fn counted(number: usize) -> String {
    match number {
        0 => "no signal yet".into(),
        1 => "1 signal".into(),
        _ => format!("{number} signals"),
    }
}
