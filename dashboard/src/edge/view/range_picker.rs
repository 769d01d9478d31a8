//! The choice of a range: by name, typed, or from a calendar.

use dioxus::prelude::*;

use super::page::Page;
use crate::time::text::Civil;
use crate::time::{Follow, Range, Zone, presets};

/// A dialog below the range's button.
#[component]
pub(super) fn RangePicker() -> Element {
    let page: Page = use_context();
    let mut typed = use_signal(String::new);
    let mut error = use_signal(|| None::<String>);
    let [first, days, go, calendar, outside] = std::array::from_fn(|_| page.clone());
    let shown = page.time.peek().as_ref().map(|time| time.range);
    rsx! {
        div { class: "veil", onclick: move |_| { outside.close(); } }
        div { class: "popover range-picker", role: "dialog", "aria-label": "Choose a range", "data-testid": "range-picker",
            form {
                class: "typed",
                onsubmit: move |event| {
                    event.prevent_default();
                    error.set(go.go_to(&typed.peek()).err());
                },
                label { r#for: "range-text", "Range" }
                div { class: "field",
                    input {
                        id: "range-text",
                        r#type: "text",
                        autocomplete: "off",
                        spellcheck: "false",
                        placeholder: "15m, now-2h/now-1h, 2026-11-25",
                        "aria-describedby": "range-error",
                        "aria-invalid": if error.read().is_some() { "true" } else { "false" },
                        value: "{typed}",
                        onmounted: move |event: Event<MountedData>| async move {
                            // Fails only when the dialog is gone again.
                            let _ = event.set_focus(true).await;
                        },
                        oninput: move |event| typed.set(event.value()),
                    }
                    button { r#type: "submit", class: "action", "Show" }
                }
                p { id: "range-error", class: "field-error", role: "status", {error.read().clone().unwrap_or_default()} }
            }
            div { class: "presets",
                for (name, width) in presets::LAST {
                    button {
                        key: "{name}",
                        r#type: "button",
                        class: if shown == Some(Range::Live(Follow::Last(width))) { "preset lit" } else { "preset" },
                        onclick: {
                            let page = first.clone();
                            move |_| page.go(Range::Live(Follow::Last(width)))
                        },
                        "{name}"
                    }
                }
                for (name, back) in [("Today", 0), ("Yesterday", -1)] {
                    button {
                        key: "{name}",
                        r#type: "button",
                        class: "preset",
                        onclick: {
                            let page = days.clone();
                            move |_| {
                                let day = presets::day(page.state.clock.now(), back, &*page.state.zone.get());
                                page.go(Range::Fixed(day));
                            }
                        },
                        "{name}"
                    }
                }
            }
            Calendar { page: calendar }
        }
    }
}

/// Two fields of the browser's own for day and time.
#[component]
fn Calendar(
    /// The page.
    page: Page,
) -> Element {
    let zone = page.state.zone.get();
    let span = page.state.span();
    let from = use_signal(|| local(span.from, &*zone));
    let to = use_signal(|| local(span.to, &*zone));
    let mut error = use_signal(|| None::<String>);
    rsx! {
        form {
            class: "calendar",
            onsubmit: move |event| {
                event.prevent_default();
                error.set(page.go_to(&format!("{}/{}", from.peek(), to.peek())).err());
            },
            for (id, label, mut value) in [("range-from", "From", from), ("range-to", "To", to)] {
                div {
                    label { r#for: "{id}", "{label}" }
                    input {
                        id: "{id}",
                        r#type: "datetime-local",
                        step: "1",
                        required: true,
                        value: "{value}",
                        oninput: move |event| value.set(event.value()),
                    }
                }
            }
            button { r#type: "submit", class: "action", "Show" }
            if let Some(error) = error.read().as_ref() {
                p { class: "field-error", role: "status", "{error}" }
            }
        }
    }
}

/// As the browser's field wants it: `2026-11-25T14:05:00`.
fn local(utc: i64, zone: &dyn Zone) -> String {
    let civil = Civil::of(zone.to_local(utc));
    format!("{:04}-{:02}-{:02}T{}", civil.year, civil.month, civil.day, civil.seconds())
}
