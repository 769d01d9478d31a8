//! The form of a silence that holds in hours of the week.

use dioxus::prelude::*;
use serde_json::{Value, json};

use super::super::form::Field;
use super::super::refused::use_failure;
use crate::alerts::draft;
use crate::edge::{rest, zones};

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// The form, closed at first.
#[component]
pub(super) fn SilenceForm() -> Element {
    let zone = use_hook(|| zones::local_name().unwrap_or_else(|| "UTC".to_owned()));
    let begin = || json!({ "windows": [{ "from": "22:00", "to": "06:00", "zone": zone }] });
    let mut silence = use_signal(begin);
    let mut failure = use_failure();
    let mut saved = use_signal(|| 0);
    let submit = move |event: FormEvent| {
        event.prevent_default();
        async move {
            let body = silence.peek().clone();
            match rest::tell("POST", "/api/silences", &body).await {
                Ok(()) => saved += 1,
                Err(refusal) => failure.set(refusal),
            }
        }
    };
    let mut list = move |member: &str, listed: Vec<String>| silence.write()[member] = listed.into();
    let mut window = move |member: &str, event: &FormEvent| {
        silence.write()["windows"][0][member] = event.value().trim().into();
    };
    rsx! {
        // After one was saved it is another form, closed and as it was.
        for times in [saved()] {
            details { key: "{times}", "data-testid": "silence-form",
                summary { "Silence in hours of the week …" }
                form { class: "form", onsubmit: submit,
                    Field { id: "silence-signals", label: "Signals, or patterns", wrong: failure.at("signals"),
                        input { id: "silence-signals", r#type: "text", autocomplete: "off", spellcheck: "false", "aria-describedby": "silence-signals-error", oninput: move |event| list("signals", draft::signals(&event.value())) }
                    }
                    Field { id: "silence-rules", label: "Rules, by their ids", wrong: failure.at("rules"),
                        input { id: "silence-rules", r#type: "text", autocomplete: "off", spellcheck: "false", "aria-describedby": "silence-rules-error", oninput: move |event| list("rules", draft::listed(&event.value())) }
                    }
                    fieldset { class: "levels",
                        legend { class: "note", "On days (none: every day)" }
                        div { class: "form-row",
                            for day in DAYS {
                                label { key: "{day}", class: "check-row",
                                    input {
                                        r#type: "checkbox", "data-day": day,
                                        onchange: move |event| {
                                            let mut silence = silence.write();
                                            let days = &mut silence["windows"][0]["days"];
                                            let mut all: Vec<Value> = days.as_array().cloned().unwrap_or_default();
                                            all.retain(|known| known != day);
                                            if event.checked() {
                                                all.push(day.into());
                                            }
                                            *days = all.into();
                                        },
                                    }
                                    "{day}"
                                }
                            }
                        }
                    }
                    div { class: "form-row",
                        Field { id: "silence-from", label: "From", wrong: failure.at("windows[0].from"),
                            input { id: "silence-from", r#type: "time", required: true, "aria-describedby": "silence-from-error", initial_value: "22:00", oninput: move |event| window("from", &event) }
                        }
                        Field { id: "silence-to", label: "To", wrong: failure.at("windows[0].to"),
                            input { id: "silence-to", r#type: "time", required: true, "aria-describedby": "silence-to-error", initial_value: "06:00", oninput: move |event| window("to", &event) }
                        }
                        Field { id: "silence-zone", label: "On the clock of", wrong: failure.at("windows[0].zone"),
                            input { id: "silence-zone", r#type: "text", autocomplete: "off", spellcheck: "false", required: true, "aria-describedby": "silence-zone-error", initial_value: "{zone}", oninput: move |event| window("zone", &event) }
                        }
                    }
                    if let Some(message) = failure.message() {
                        p { class: "field-error", role: "alert", "Not saved: {message}" }
                    }
                    div { class: "form-end",
                        span { class: "spring" }
                        button { r#type: "submit", class: "action primary", "data-testid": "silence-save", "Save" }
                    }
                }
            }
        }
    }
}
