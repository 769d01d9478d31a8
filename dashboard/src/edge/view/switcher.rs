//! The way between boards and other views.

use afterglow_wire::board::EVERYTHING;
use dioxus::prelude::*;

use super::page::{Open, Page};
use crate::boards::route::Route;

/// A list of the boards, what can be done with the one on screen, and the other views.
#[component]
pub(super) fn Switcher() -> Element {
    let page: Page = use_context();
    let board_state = page.board_state;
    let route = board_state.route.read().clone();
    let boards = board_state.boards.read();
    let here = route.board().unwrap_or_default().to_owned();
    let listed = here == EVERYTHING || here.is_empty() || boards.iter().any(|board| board.id == here);
    let (go, menu, ingest) = (page.clone(), page.clone(), page.clone());
    let open = page.open.read().as_ref() == Some(&Open::Board);
    rsx! {
        nav { class: "switcher", "aria-label": "Views",
            div { class: "anchor group",
                select {
                    class: "board-select",
                    "aria-label": "Board",
                    "data-testid": "board-select",
                    onchange: move |event| go.visit(Route::Board(event.value())),
                    if route == Route::Ingest {
                        option { value: "", selected: true, disabled: true, "Boards" }
                    }
                    option { value: EVERYTHING, selected: here == EVERYTHING, "Everything" }
                    if !listed {
                        option { value: "{here}", selected: true, "{here}" }
                    }
                    for board in boards.iter() {
                        option { key: "{board.id}", value: "{board.id}", selected: board.id == here, "{board.title}" }
                    }
                }
                if route.board().is_some() {
                    button {
                        r#type: "button",
                        class: "icon",
                        title: "Board (B)",
                        "aria-label": "What can be done with this board",
                        "aria-haspopup": "dialog",
                        "aria-expanded": if open { "true" } else { "false" },
                        id: "board-menu",
                        "data-testid": "board-menu",
                        onclick: move |_| menu.toggle_open(Open::Board),
                        "⋯"
                    }
                    if open {
                        super::board_menu::BoardMenu {}
                    }
                }
            }
            a {
                class: if route == Route::Ingest { "action lit" } else { "action" },
                href: "/ingest",
                "aria-current": if route == Route::Ingest { "page" },
                "data-testid": "to-ingest",
                onclick: move |event: Event<MouseData>| {
                    // A new tab is the browser's affair.
                    if event.modifiers().is_empty() {
                        event.prevent_default();
                        ingest.visit(Route::Ingest);
                    }
                },
                "Ingest"
            }
        }
    }
}
