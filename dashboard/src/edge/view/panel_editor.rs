//! What a panel shows and how, as a form. Changes are seen at once and saved with the board.

mod patterns;
mod thresholds;

use afterglow_wire::board::{self, PanelKind};
use dioxus::prelude::*;

use super::dialog::Dialog;
use super::form::{Field, Number};
use super::page::{Open, Page};
use patterns::Patterns;
use thresholds::Thresholds;

/// The form for the panel that is open, if one is.
#[component]
pub(super) fn PanelEditor() -> Element {
    let page: Page = use_context();
    let Some(Open::Panel(id)) = page.open.read().clone() else { return rsx! {} };
    let Some(draft) = page.board_state.draft_here() else { return rsx! {} };
    let Some(place) = draft.panels.iter().position(|panel| panel.id == id) else { return rsx! {} };
    rsx! {
        Form { key: "{id}", place, panel: draft.panels[place].clone() }
    }
}

/// Where a form writes: the panel at a place of the draft.
#[derive(Clone, PartialEq)]
pub(super) struct Target {
    page: Page,
    place: usize,
}

impl Target {
    fn change(&self, change: impl FnOnce(&mut board::Panel)) {
        let place = self.place;
        self.page.board_state.change(|board| {
            if let Some(panel) = board.panels.get_mut(place) {
                change(panel);
            }
        });
    }

    /// Adds what was typed as a name or a pattern, if it is any.
    fn add(&self, typed: &str) {
        let pattern = typed.trim();
        if !pattern.is_empty() {
            self.change(|panel| panel.signals.push(pattern.to_owned()));
        }
    }

    /// What the server does not allow about a field of the panel.
    fn wrong(&self, field: &str) -> Option<String> {
        let refusal = self.page.board_state.refusal.read();
        refusal.as_ref()?.at(&format!("panels[{}].{field}", self.place)).map(str::to_owned)
    }
}

#[component]
fn Form(
    /// The panel's place on the board.
    place: usize,
    /// The panel.
    panel: board::Panel,
) -> Element {
    let page: Page = use_context();
    let target = Target { page: page.clone(), place };
    let mut typed = use_signal(String::new);
    let last = target.clone();
    let [title, kind, unit, min, max] = std::array::from_fn(|_| target.clone());
    rsx! {
        Dialog { title: "Panel", test: "panel-editor", class: "clear",
            form {
                class: "form",
                onsubmit: move |event| {
                    event.prevent_default();
                    // A name that was typed and not added is meant.
                    last.add(&typed.take());
                    page.close();
                },
                Field { id: "panel-title", label: "Title", wrong: target.wrong("title"),
                    input {
                        id: "panel-title", r#type: "text", autocomplete: "off", "aria-describedby": "panel-title-error",
                        initial_value: "{panel.title}",
                        placeholder: "the first signal's name",
                        autofocus: true,
                        oninput: move |event| title.change(|panel| panel.title = event.value()),
                    }
                }
                Field { id: "panel-kind", label: "Panel type", wrong: target.wrong("kind"),
                    select {
                        id: "panel-kind",
                        onchange: move |event| {
                            let chosen = if event.value() == "stat" { PanelKind::Stat } else { PanelKind::Line };
                            kind.change(|panel| panel.kind = chosen);
                        },
                        option { value: "line", selected: panel.kind == PanelKind::Line, "Lines" }
                        option { value: "stat", selected: panel.kind == PanelKind::Stat, "Stat tiles" }
                    }
                }
                Patterns { target: target.clone(), signals: panel.signals.clone(), typed }
                div { class: "form-row",
                    Field { id: "panel-unit", label: "Unit", wrong: target.wrong("unit"),
                        input {
                            id: "panel-unit", r#type: "text", autocomplete: "off", "aria-describedby": "panel-unit-error",
                            initial_value: panel.unit.clone().unwrap_or_default(),
                            placeholder: "as the signal",
                            oninput: move |event| unit.change(|panel| panel.unit = Some(event.value()).filter(|unit| !unit.is_empty())),
                        }
                    }
                    Field { id: "panel-min", label: "Axis minimum", wrong: target.wrong("min"),
                        Number { id: "panel-min", label: None, initial: panel.min, on_number: move |number| min.change(|panel| panel.min = number) }
                    }
                    Field { id: "panel-max", label: "Axis maximum", wrong: target.wrong("max"),
                        Number { id: "panel-max", label: None, initial: panel.max, on_number: move |number| max.change(|panel| panel.max = number) }
                    }
                }
                if panel.kind == PanelKind::Line {
                    Thresholds { target, thresholds: panel.thresholds.clone() }
                }
                div { class: "form-end",
                    button { r#type: "submit", class: "action primary", "data-testid": "panel-done", "Done" }
                }
            }
        }
    }
}
