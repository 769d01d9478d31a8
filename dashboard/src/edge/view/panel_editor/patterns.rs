//! Which signals a panel has: names, or patterns, each with the number of signals that it stands for.

use afterglow_wire::name;
use dioxus::prelude::*;

use super::Target;
use crate::boards::search::suggested;
use crate::edge::view::form::Field;

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
                    id: "panel-signals", r#type: "text", list: "signal-names", autocomplete: "off", spellcheck: "false",
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
        datalist { id: "signal-names",
            for name in suggested(&names, &typed.read()) {
                option { key: "{name}", value: "{name}" }
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
