//! The metadata of a signal: kept up to date, and changed in a form.

mod colour;

use std::collections::BTreeMap;
use std::rc::Rc;

use afterglow_wire::metadata::{Metadata, MetadataPatch};
use dioxus::core::spawn_forever;
use dioxus::prelude::*;

use super::dialog::Dialog;
use super::form::{Field, Number};
use super::page::{Open, Page};
use super::refused::use_failure;
use crate::boards::metadata::SignalMetadata;
use crate::edge::rest;
use crate::values::unit::Unit;
use colour::Colours;

/// Requests the metadata of signals at first, and when the server says that it has changed.
pub(super) fn use_metadata(page: &Page) {
    let (page, state) = (page.clone(), Rc::clone(&page.state));
    let metadata = use_memo(move || state.revision.follow().metadata);
    use_effect(move || {
        let _ = metadata();
        let page = page.clone();
        spawn_forever(async move {
            // Without an answer the old names stay; the next change of the revision asks again.
            if let Ok(all) = rest::get::<BTreeMap<String, Metadata>>("/api/signals?metadata=1", None).await {
                page.set_metadata(SignalMetadata::new(all));
            }
        });
    });
}

impl Page {
    /// Shows the metadata of signals everywhere.
    fn set_metadata(&self, new: SignalMetadata) {
        if *self.state.metadata.get() == new {
            return;
        }
        self.state.set_metadata(Rc::new(new));
        self.paint_loop.repaint();
    }
}

/// The form, when it is open.
#[component]
pub(super) fn SignalSettings() -> Element {
    let page: Page = use_context();
    let Some(Open::Signal(name)) = page.open.read().clone() else { return rsx! {} };
    rsx! {
        Form { key: "{name}", name }
    }
}

#[component]
fn Form(
    /// The signal.
    name: String,
) -> Element {
    let page: Page = use_context();
    // As it was when the form was opened: what is typed stays, whatever others save meanwhile.
    let said = use_hook(|| page.state.metadata.get().of(&name).clone());
    let mut failure = use_failure();
    let mut patch = use_signal(MetadataPatch::default);
    let guessed = match Unit::of(&name).symbol() {
        "" => "none".to_owned(),
        symbol => format!("{symbol}, as the name says"),
    };
    let submit = {
        let name = name.clone();
        move |event: Event<FormData>| {
            event.prevent_default();
            let (page, name) = (page.clone(), name.clone());
            async move {
                let address = format!("/api/signals/{}", rest::escaped(&name));
                let saved = rest::send::<Metadata>("PATCH", &address, &*patch.peek()).await;
                match saved {
                    Ok(said) => {
                        let mut all = (*page.state.metadata.get()).clone();
                        all.set(&name, said);
                        page.set_metadata(all);
                        page.close();
                    }
                    Err(refusal) => failure.set(refusal),
                }
            }
        }
    };
    rsx! {
        Dialog { title: "Signal", test: "signal-settings", class: "narrow clear",
            p { class: "sheet-subject", bdi { "{name}" } }
            form { class: "form", onsubmit: submit,
                Field { id: "signal-name", label: "Display name", wrong: failure.at("display_name"),
                    input {
                        id: "signal-name", r#type: "text", autocomplete: "off", autofocus: true, dir: "auto",
                        "aria-describedby": "signal-name-error",
                        initial_value: said.display_name.clone().unwrap_or_default(), placeholder: "{name}",
                        oninput: move |event| patch.write().display_name = Some(filled(event.value())),
                    }
                }
                Field { id: "signal-description", label: "Description", wrong: failure.at("description"),
                    textarea {
                        id: "signal-description", rows: "2", dir: "auto", "aria-describedby": "signal-description-error",
                        initial_value: said.description.clone().unwrap_or_default(),
                        oninput: move |event| patch.write().description = Some(filled(event.value())),
                    }
                }
                div { class: "form-row",
                    Field { id: "signal-unit", label: "Unit", wrong: failure.at("unit"),
                        input {
                            id: "signal-unit", r#type: "text", autocomplete: "off", "aria-describedby": "signal-unit-error",
                            initial_value: said.unit.clone().unwrap_or_default(), placeholder: "{guessed}",
                            oninput: move |event| patch.write().unit = Some(filled(event.value())),
                        }
                    }
                    Field { id: "signal-period", label: "Expected interval (s)", wrong: failure.at("expected_period"),
                        Number {
                            id: "signal-period", label: None, initial: said.expected_period, placeholder: "automatic",
                            on_number: move |number| patch.write().expected_period = Some(number),
                        }
                    }
                }
                Colours { initial: said.colour.clone(), wrong: failure.at("colour"), on_colour: move |colour| patch.write().colour = Some(colour) }
                if let Some(message) = failure.general() {
                    p { class: "field-error", role: "alert", "Not saved: {message}" }
                }
                div { class: "form-end",
                    button { r#type: "submit", class: "action primary", "data-testid": "signal-save", "Save" }
                }
            }
        }
    }
}

fn filled(text: String) -> Option<String> {
    Some(text).filter(|text| !text.trim().is_empty())
}
