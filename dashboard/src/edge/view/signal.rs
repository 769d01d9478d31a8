//! The metadata of a signal: kept up to date, and changed in a form.

mod colour;

use std::collections::BTreeMap;
use std::rc::Rc;

use afterglow_wire::board::Panel;
use afterglow_wire::metadata::{Metadata, MetadataPatch};
use afterglow_wire::name;
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
    let metadata = use_memo(move || Some(state.revision.follow()?.metadata));
    use_effect(move || {
        if metadata().is_none() {
            return;
        }
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
    let mut pattern = use_signal(|| name.clone());
    let [add_to, alert] = std::array::from_fn(|_| page.clone());
    let [one, alerted] = std::array::from_fn(|_| name.clone());
    let meant = use_memo({
        let (names, name) = (page.names, name.clone());
        move || meant(&names.read(), &name, &pattern.read())
    });
    let several = meant.read().len() > 1;
    let guessed = match Unit::of(&name).symbol() {
        "" => "none".to_owned(),
        symbol => format!("{symbol}, as the name says"),
    };
    let submit = move |event: Event<FormData>| {
        event.prevent_default();
        let page = page.clone();
        async move {
            let names = meant.peek().clone();
            let mut patch = patch.peek().clone();
            if names.len() > 1 {
                // Two signals of one name could not be told apart.
                patch.display_name = None;
            }
            let mut all = (*page.state.metadata.get()).clone();
            for name in &names {
                let address = format!("/api/signals/{}", rest::escaped(name));
                match rest::send::<Metadata>("PATCH", &address, &patch).await {
                    Ok(said) => all.set(name, said),
                    Err(refusal) => return failure.set(refusal),
                }
            }
            page.set_metadata(all);
            page.close();
        }
    };
    rsx! {
        Dialog { title: "Signal", test: "signal-settings", class: "narrow clear", guards: true,
            p { class: "sheet-subject", bdi { "{one}" } }
            form { class: "form", onsubmit: submit,
                Field { id: "signal-pattern", label: "Applies to (a signal, or a pattern such as boiler.*)", wrong: None,
                    input {
                        id: "signal-pattern", r#type: "text", autocomplete: "off", spellcheck: "false", "aria-describedby": "signal-count",
                        initial_value: "{one}",
                        oninput: move |event| pattern.set(event.value()),
                    }
                    p { id: "signal-count", class: "note", role: "status", "data-testid": "signal-count",
                        match meant.read().len() {
                            0 => "no signal".to_owned(),
                            1 => String::new(),
                            many => format!("{many} signals that there are now; each keeps its display name"),
                        }
                    }
                }
                Field { id: "signal-name", label: "Display name", wrong: failure.at("display_name"),
                    input {
                        id: "signal-name", r#type: "text", autocomplete: "off", autofocus: true, dir: "auto",
                        "aria-describedby": "signal-name-error",
                        initial_value: said.display_name.clone().unwrap_or_default(), placeholder: "{one}", disabled: several,
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
                    button {
                        r#type: "button", class: "action", "data-testid": "signal-add-to",
                        onclick: move |_| add_to.toggle_open(Open::AddTo(Box::new(Panel::of(vec![one.clone()])))),
                        "Add to a board"
                    }
                    button {
                        r#type: "button", class: "action", "data-testid": "signal-alert",
                        onclick: move |_| alert.ask_for_alert(&alerted, &Panel::of(vec![alerted.clone()]), std::slice::from_ref(&alerted)),
                        "Alert me when …"
                    }
                    span { class: "spring" }
                    button { r#type: "submit", class: "action primary", "data-testid": "signal-save", disabled: meant.read().is_empty(), "Save" }
                }
            }
        }
    }
}

/// The signals that the form is about: those of `pattern`, which is at first the name of one.
fn meant(names: &[String], name: &str, pattern: &str) -> Vec<String> {
    let pattern = pattern.trim();
    if pattern == name {
        return vec![name.to_owned()];
    }
    names.iter().filter(|name| name::matches(pattern, name)).cloned().collect()
}

fn filled(text: String) -> Option<String> {
    Some(text).filter(|text| !text.trim().is_empty())
}
