//! The boards, to find one among many.

use std::rc::Rc;

use afterglow_wire::board::{BoardSummary, EVERYTHING};
use dioxus::prelude::*;

use super::page::Page;
use super::recent;
use crate::boards::route::Route;
use crate::boards::search;

/// A field to search in, the order, and a row for each board that is found. Enter takes the first.
#[component]
pub(super) fn BoardList(
    /// Whether the view of everything is listed, too.
    everything: bool,
    /// Called with the address of a board that was chosen.
    on_choose: EventHandler<String>,
) -> Element {
    let page: Page = use_context();
    let mut typed = use_signal(String::new);
    let mut recently = use_signal(recent::is_sorted);
    let recent = use_hook(|| Rc::new(recent::boards()));
    let boards = page.board_state.boards.read();
    let found = search::boards(&boards, &typed.read(), if recently() { &recent } else { &[] });
    let all = BoardSummary { id: EVERYTHING.into(), version: 0, title: "Everything".into() };
    let all = everything && search::finds(&typed.read(), &all.id, &all.title);
    let first = if all { Some(EVERYTHING.to_owned()) } else { found.first().map(|board| board.id.clone()) };
    let here = page.board_state.route.read().board().unwrap_or_default().to_owned();
    rsx! {
        form {
            class: "board-find",
            onsubmit: move |event| {
                event.prevent_default();
                if let Some(id) = first.clone() {
                    on_choose.call(id);
                }
            },
            input {
                id: "board-search", r#type: "search", placeholder: "Search boards", "aria-label": "Search boards",
                autocomplete: "off", spellcheck: "false", autofocus: true,
                onmounted: move |event| async move {
                    // Fails only when it is gone already.
                    let _ = event.set_focus(true).await;
                },
                oninput: move |event| typed.set(event.value()),
            }
            select {
                "aria-label": "Order", "data-testid": "board-order",
                onchange: move |event| {
                    recently.set(event.value() == "recent");
                    recent::set_sorted(event.value() == "recent");
                },
                option { value: "title", selected: !recently(), "By title" }
                option { value: "recent", selected: recently(), "Recently opened" }
            }
        }
        ul { class: "board-list", "data-testid": "board-list",
            if all {
                Row { id: EVERYTHING.to_owned(), title: "Everything", here: here == EVERYTHING, on_choose }
            }
            for board in found.iter() {
                Row { key: "{board.id}", id: board.id.clone(), title: board.title.clone(), here: board.id == here, on_choose }
            }
        }
        if found.is_empty() && !all {
            p { class: "note", role: "status", if boards.is_empty() { "There are no boards yet." } else { "No board has this in its title." } }
        }
    }
}

#[component]
fn Row(
    /// The board's address.
    id: String,
    /// Its title.
    title: String,
    /// Whether it is on screen.
    here: bool,
    /// Called with the address when it is chosen.
    on_choose: EventHandler<String>,
) -> Element {
    let route = Route::Board(id.clone());
    rsx! {
        li {
            a {
                href: route.path(), "data-testid": "board-link", "data-board": "{id}", "aria-current": if here { "page" },
                onclick: move |event: Event<MouseData>| {
                    // A new tab is the browser's affair.
                    if event.modifiers().is_empty() {
                        event.prevent_default();
                        on_choose.call(id.clone());
                    }
                },
                bdi { "{title}" }
            }
        }
    }
}
