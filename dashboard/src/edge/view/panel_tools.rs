//! What stands over a panel while its board is being changed.

use dioxus::prelude::*;

use super::focus::{move_in_tools, toggle_full_screen};
use super::icon::Icon;
use super::page::{Open, Page};
use super::panel_drag::Handle;
use crate::boards::draft;
use crate::boards::panels::Panel;

/// Move, resize, edit, remove.
#[component]
pub(super) fn PanelTools(
    /// The panel.
    panel: Panel,
) -> Element {
    let page: Page = use_context();
    let board_state = page.board_state;
    let (id, title) = (panel.key().to_owned(), panel.title().to_owned());
    let wrong = {
        let (refusal, board) = (board_state.refusal.read(), page.board.read());
        let place = board.as_ref().and_then(|board| board.panels.iter().position(|panel| panel.id == id));
        refusal.as_ref().is_some_and(|refusal| place.is_some() && refusal.panel() == place)
    };
    let moved = |places: isize, button: &'static str| {
        let id = id.clone();
        move |_| {
            board_state.arrange(|board| draft::shift(board, &id, places));
            board_state.focus_later(format!("{button}-{id}"));
        }
    };
    let resized = |columns: i8, rows: i8| {
        let id = id.clone();
        move |_| {
            board_state.arrange(|board| {
                if let Some(panel) = board.panels.iter_mut().find(|panel| panel.id == id) {
                    draft::resize(panel, columns, rows);
                }
            });
        }
    };
    let [edited, copied, removed] = std::array::from_fn(|_| id.clone());
    rsx! {
        div { class: "panel-tools", role: "toolbar", "aria-label": "Change {title}",
            Handle { id: panel.key().to_owned() }
            div { class: "group",
                Tool { name: "Move {title} earlier", d: "M12 4l-6 6 6 6", test: "forward", id: "forward-{id}", on_use: moved(-1, "forward") }
                Tool { name: "Move {title} later", d: "M8 4l6 6-6 6", test: "back", id: "back-{id}", on_use: moved(1, "back") }
            }
            div { class: "group",
                Tool { name: "Make {title} narrower", d: "M3 10h5M6 7l3 3-3 3M17 10h-5M14 7l-3 3 3 3", test: "narrower", on_use: resized(-1, 0) }
                Tool { name: "Make {title} wider", d: "M8 10H3M5 7l-3 3 3 3M12 10h5M15 7l3 3-3 3", test: "wider", on_use: resized(1, 0) }
                Tool { name: "Make {title} shorter", d: "M10 3v5M7 6l3 3 3-3M10 17v-5M7 14l3-3 3 3", test: "lower", on_use: resized(0, -1) }
                Tool { name: "Make {title} taller", d: "M10 8V3M7 5l3-3 3 3M10 12v5M7 15l3 3 3-3", test: "higher", on_use: resized(0, 1) }
            }
            button {
                r#type: "button",
                class: if wrong { "action danger" } else { "action" },
                id: "edit-{id}",
                "data-testid": "edit-panel",
                "aria-label": "Edit {title}",
                onclick: move |_| page.toggle_open(Open::Panel(edited.clone())),
                "Edit"
            }
            button {
                r#type: "button", class: "action", "data-testid": "duplicate-panel", "aria-label": "Duplicate {title}",
                onclick: move |_| board_state.arrange(|board| { draft::duplicate(board, &copied); }),
                "Duplicate"
            }
            button {
                r#type: "button", class: "action", "data-testid": "remove-panel", "aria-label": "Remove {title}",
                onclick: move |_| board_state.arrange(|board| draft::remove(board, &removed)),
                "Remove"
            }
        }
    }
}

/// What can be done with a panel of any board: one tab stop.
#[component]
pub(super) fn PanelButtons(
    /// The panel.
    panel: Panel,
    /// Whether its table is shown; none for a panel that has no lines.
    table: Option<Signal<bool>>,
) -> Element {
    let page: Page = use_context();
    let (key, label) = (panel.key().to_owned(), panel.label());
    let (full, embedded) = (page.mode.is_full(), page.mode.is_embedded());
    rsx! {
        div {
            class: "panel-buttons", role: "toolbar", "aria-label": "Tools of {label}",
            onkeydown: move |event: Event<KeyboardData>| {
                if move_in_tools(&event.key().to_string()) {
                    event.prevent_default();
                }
            },
            if let Some(mut table) = table.filter(|_| full) {
                button {
                    r#type: "button",
                    class: "icon small",
                    title: "Save as an image",
                    "aria-label": "Save {label} as an image",
                    "data-testid": "save-picture",
                    onclick: {
                        let (paint_loop, key) = (page.paint_loop.clone(), panel.key().to_owned());
                        move |_| paint_loop.save_picture(&key)
                    },
                    Icon { d: "M10 3.5v9M6.5 9.5l3.5 3.5 3.5-3.5M4 16.5h12" }
                }
                button {
                    r#type: "button",
                    class: "icon small",
                    tabindex: "-1",
                    title: "Table",
                    "aria-label": "Table of {label}",
                    "aria-pressed": if table() { "true" } else { "false" },
                    "data-testid": "table-switch",
                    onclick: move |_| table.set(!table()),
                    Icon { d: "M3.5 4.5h13v11h-13zM3.5 8h13M3.5 11.7h13M8.5 8v7.5" }
                }
            }
            if full {
                button {
                    r#type: "button", class: "icon small", tabindex: if table.is_some() { "-1" } else { "0" }, title: "Alert me when …", "aria-label": "Alert me about {label}", "data-testid": "alert-me",
                    onclick: {
                        let (page, panel) = (page.clone(), panel.clone());
                        move |_| page.ask_for_alert(panel.title(), &panel.definition, &panel.signals)
                    },
                    Icon { d: "M5.5 14V9a4.5 4.5 0 0 1 9 0v5l1.5 1H4zM8.5 17h3" }
                }
                button {
                    r#type: "button", class: "icon small", tabindex: "-1", title: "Add to a board", "aria-label": "Add {label} to a board", "data-testid": "add-to-board",
                    onclick: move |_| page.toggle_open(Open::AddTo(Box::new(panel.definition.clone()))),
                    Icon { d: "M10 4v12M4 10h12" }
                }
            }
            if !embedded {
                button {
                    r#type: "button", class: "icon small", tabindex: if full { "-1" } else { "0" }, title: "Full screen (F)", "aria-label": "{label} on the full screen", "data-testid": "full-screen",
                    onclick: move |_| toggle_full_screen(&key),
                    Icon { d: "M3.5 7.5v-4h4M12.5 3.5h4v4M16.5 12.5v4h-4M7.5 16.5h-4v-4" }
                }
            }
        }
    }
}

/// A button with a drawing.
#[component]
fn Tool(
    /// What it does.
    name: String,
    /// The drawing.
    d: &'static str,
    /// A name for tests.
    test: &'static str,
    /// The button's id, when it needs one.
    id: Option<String>,
    /// Called when it is pressed.
    on_use: EventHandler<MouseEvent>,
) -> Element {
    rsx! {
        button { id, r#type: "button", class: "icon", title: "{name}", "aria-label": "{name}", "data-testid": test, onclick: move |event| on_use.call(event), Icon { d } }
    }
}
