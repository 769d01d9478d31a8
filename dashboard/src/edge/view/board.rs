//! The board on screen: its panels, and the list of signals beside them.

use afterglow_wire::board::{Board, PanelKind};
use dioxus::core::spawn_forever;
use dioxus::prelude::*;

use super::annotations::AnnotationList;
use super::focus::focus;
use super::listing::Listing;
use super::page::{Open, Page};
use super::panel::PanelView;
use super::refused::Refused;
use super::stat::StatView;
use crate::boards::draft;
use crate::boards::route::Route;

/// All panels, or why there are none.
#[component]
pub(super) fn BoardView() -> Element {
    let page: Page = use_context();
    let board_state = page.board_state;
    let arranged = use_memo({
        let page = page.clone();
        move || page.panels()
    });
    use_effect(move || {
        let _ = arranged.read();
        if let Some(button) = board_state.take_focus() {
            focus(&button);
        }
    });
    let everything = board_state.route.read().is_everything();
    let missing = board_state.board().and_then(Result::err).filter(|_| !everything);
    let waiting = page.board.read().is_none() && missing.is_none();
    let bare = arranged.read().is_empty() && missing.is_none() && !waiting;
    let (back, editing, full) = (page.clone(), board_state.is_editing(), page.mode.is_full());
    let embedded = page.mode.is_embedded();
    rsx! {
        if editing {
            EditBar {}
        } else if let Some(board) = board_state.left_behind() {
            LeftBehind { board }
        }
        div { class: "board", "aria-busy": if waiting { "true" },
            div { class: if everything { "panels everything" } else { "panels" },
                for panel in arranged.read().iter() {
                    if panel.definition.kind == PanelKind::Stat {
                        StatView { key: "{panel.key()}", panel: panel.clone() }
                    } else {
                        PanelView { key: "{panel.key()}", panel: panel.clone() }
                    }
                }
                if let Some(reason) = missing {
                    div { class: "notice wide", role: "alert", "data-testid": "no-board",
                        h2 { "This board cannot be shown" }
                        p { "{reason}" }
                        if full {
                            button {
                                r#type: "button", class: "action",
                                onclick: move |_| back.visit(Route::everything()),
                                "Show everything"
                            }
                        }
                    }
                }
                if bare && embedded {
                    div { class: "notice wide", role: "alert", "data-testid": "no-panel",
                        h2 { "This panel is not on the board any more" }
                    }
                } else if bare {
                    div { class: "notice wide", "data-testid": "bare-board",
                        h2 { "No panels yet" }
                        p { "Edit the board to add panels and choose their signals." }
                        if !editing && full {
                            button { r#type: "button", class: "action", onclick: move |_| board_state.edit(), "Edit panels" }
                        }
                    }
                }
            }
            if full {
                div { class: "side",
                    Listing {}
                    AnnotationList {}
                }
            }
        }
    }
}

/// What is done with the changes of the whole board.
#[component]
fn EditBar() -> Element {
    let page: Page = use_context();
    let board_state = page.board_state;
    let mut sure = use_signal(|| false);
    let changed = board_state.is_changed();
    let discard = move |_| {
        if changed && !sure() {
            sure.set(true);
        } else {
            board_state.discard();
        }
    };
    let add = move |_| {
        let mut id = String::new();
        board_state.arrange(|board| id = draft::add(board));
        // The focus brings the new panel into view, and comes back to it from the form.
        board_state.focus_later(format!("edit-{id}"));
        page.toggle_open(Open::Panel(id));
    };
    rsx! {
        div { class: "edit-bar", role: "toolbar", "aria-label": "Changes of the board", "data-testid": "edit-bar",
            span { class: "edit-title", "Editing" }
            button { r#type: "button", class: "action", "data-testid": "add-panel", onclick: add, "Add panel" }
            button {
                r#type: "button", class: "action", "data-testid": "undo-change", disabled: !board_state.can_undo(),
                onclick: move |_| board_state.undo(),
                "Undo"
            }
            span { class: "spring" }
            if sure() {
                button { r#type: "button", class: "action danger", "data-testid": "discard-sure", onclick: move |_| board_state.discard(), "Discard all changes" }
                button { r#type: "button", class: "action", onclick: move |_| sure.set(false), "Cancel" }
            } else {
                button { r#type: "button", class: "action", "data-testid": "discard", onclick: discard, "Discard" }
            }
            button {
                r#type: "button", class: "action primary", "data-testid": "save-board",
                onclick: move |_| { spawn_forever(board_state.save(None)); },
                "Save"
            }
            Refused {}
        }
    }
}

/// The way back to a board with unsaved changes.
#[component]
fn LeftBehind(
    /// The board.
    board: Board,
) -> Element {
    let page: Page = use_context();
    rsx! {
        div { class: "edit-bar", role: "status", "data-testid": "left-behind",
            span { "Unsaved changes in “{board.title}”" }
            button {
                r#type: "button", class: "action",
                onclick: move |_| page.visit(Route::Board(board.id.clone())),
                "Back to it"
            }
        }
    }
}
