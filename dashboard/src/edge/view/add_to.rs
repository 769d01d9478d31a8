//! A panel, or a signal, is added to a board.

use afterglow_wire::board::{Board, Panel};
use dioxus::core::spawn_forever;
use dioxus::prelude::*;

use super::board_list::BoardList;
use super::dialog::Dialog;
use super::page::{Open, Page};
use crate::boards::draft;
use crate::boards::route::Route;

/// The choice of a board, when it is open.
#[component]
pub(super) fn AddTo() -> Element {
    let page: Page = use_context();
    let Some(Open::AddTo(panel)) = page.open.read().clone() else { return rsx! {} };
    rsx! {
        Choice { panel: *panel }
    }
}

/// What became of it: the board's address and title, or why it was not added.
type Outcome = Option<Result<(String, String), String>>;

#[component]
fn Choice(
    /// What is added.
    panel: Panel,
) -> Element {
    let page: Page = use_context();
    let board_state = page.board_state;
    let mut outcome = use_signal(|| Outcome::None);
    let mut title = use_signal(String::new);
    let subject = if panel.title.is_empty() { panel.signals.join(", ") } else { panel.title.clone() };
    let new = panel.clone();
    let create = move |event: Event<FormData>| {
        event.prevent_default();
        let mut board = Board { title: title.peek().trim().to_owned(), ..Board::default() };
        draft::append(&mut board, new.clone());
        spawn_forever(async move {
            match board_state.create(board).await {
                Some(board) => outcome.set(Some(Ok((board.id, board.title)))),
                None => outcome.set(board_state.take_refusal().map(Err)),
            }
        });
    };
    let done = outcome.read().clone();
    rsx! {
        Dialog { title: "Add to a board", test: "add-to", class: "narrow",
            p { class: "sheet-subject", bdi { "{subject}" } }
            div { role: "status", "data-testid": "added",
                match done {
                    Some(Ok((id, title))) => rsx! {
                        p { class: "added",
                            span { "Added to “{title}”." }
                            button { r#type: "button", class: "action", onclick: move |_| page.visit(Route::Board(id.clone())), "Open it" }
                        }
                    },
                    Some(Err(reason)) => rsx! { p { class: "field-error", "Not added: {reason}" } },
                    None => rsx! {},
                }
            }
            BoardList {
                everything: false,
                on_choose: move |id: String| {
                    let panel = panel.clone();
                    spawn_forever(async move {
                        let added = board_state.append(&id, panel).await;
                        outcome.set(Some(added.map(|title| (id, title))));
                    });
                },
            }
            form { class: "menu-row new-board", onsubmit: create,
                label { r#for: "add-to-new", "New board" }
                div { class: "field",
                    input { id: "add-to-new", r#type: "text", autocomplete: "off", maxlength: "256", oninput: move |event| title.set(event.value()) }
                    button { r#type: "submit", class: "action", "data-testid": "add-to-new-submit", "Create" }
                }
            }
        }
    }
}
