//! The way between boards and other views.

use afterglow_wire::board::EVERYTHING;
use dioxus::prelude::*;

use super::board_list::BoardList;
use super::later::{Later, Part};
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
    let title = match (&route, boards.iter().find(|board| board.id == here)) {
        (Route::Board(_), Some(board)) => board.title.clone(),
        (Route::Board(id), None) if id != EVERYTHING => id.clone(),
        (Route::Board(_), None) => "Everything".to_owned(),
        (Route::Alerts | Route::Ingest | Route::Nothing(_), _) => "Boards".to_owned(),
    };
    let [list, outside, go, menu] = std::array::from_fn(|_| page.clone());
    let listed = page.open.read().as_ref() == Some(&Open::Boards);
    let open = page.open.read().as_ref() == Some(&Open::Board);
    rsx! {
        nav { class: "switcher", "aria-label": "Views",
            div { class: "anchor group",
                button {
                    r#type: "button", class: "board-select", id: "board-select", "data-testid": "board-select", "data-board": "{here}",
                    title: "Boards (G)", "aria-label": "Board: {title}", "aria-haspopup": "dialog",
                    "aria-expanded": if listed { "true" } else { "false" },
                    onclick: move |_| list.toggle_open(Open::Boards),
                    bdi { class: "board-title", "{title}" }
                    span { class: "caret", "aria-hidden": "true" }
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
                        Later { part: Part::BoardMenu }
                    }
                }
                if listed {
                    div { class: "veil", onclick: move |_| { outside.close(); } }
                    div { class: "popover boards", role: "dialog", "aria-label": "Boards", "data-testid": "boards",
                        BoardList { everything: true, on_choose: move |id| go.visit(Route::Board(id)) }
                    }
                }
            }
            To { here: route == Route::Alerts, route: Route::Alerts, test: "to-alerts",
                "Alerts"
                super::alerts::Badge {}
            }
            To { here: route == Route::Ingest, route: Route::Ingest, test: "to-ingest", "Ingest" }
        }
    }
}

/// A link to another view.
#[component]
fn To(
    /// Whether it is on screen.
    here: bool,
    /// The view.
    route: Route,
    /// A name for tests.
    test: &'static str,
    /// What it is called.
    children: Element,
) -> Element {
    let page: Page = use_context();
    rsx! {
        a {
            class: if here { "action lit" } else { "action" },
            href: route.path(), "aria-current": if here { "page" }, "data-testid": test,
            onclick: move |event: Event<MouseData>| {
                // A new tab is the browser's affair.
                if event.modifiers().is_empty() {
                    event.prevent_default();
                    page.visit(route.clone());
                }
            },
            {children}
        }
    }
}
