//! What can be done with the board on screen.

use afterglow_wire::board::Board;
use dioxus::core::spawn_forever;
use dioxus::prelude::*;

use super::page::Page;
use crate::boards::draft;
use crate::boards::route::Route;
use crate::edge::download::download;

/// Edit, rename, export, delete; a new board from what is shown or from a file.
#[component]
pub(super) fn BoardMenu() -> Element {
    let page: Page = use_context();
    let board_state = page.board_state;
    let mut sure = use_signal(|| false);
    let saved = !board_state.route.read().is_everything();
    let Some(board) = page.board.read().clone() else { return rsx! {} };
    let [outside, edit, delete, create, empty, import] = std::array::from_fn(|_| page.clone());
    let exported = board.clone();
    rsx! {
        div { class: "veil", onclick: move |_| { outside.close(); } }
        div { class: "popover menu", role: "dialog", "aria-label": "Board", "data-testid": "board-dialog",
            if saved {
                Naming {
                    id: "rename",
                    label: "Title",
                    action: "Rename",
                    initial: board.title.clone(),
                    on_name: move |title| { spawn_forever(board_state.rename(title)); },
                }
                div { class: "menu-actions",
                    button {
                        r#type: "button", class: "action", "data-testid": "edit-board",
                        onclick: move |_| { board_state.edit(); edit.close(); },
                        "Edit panels"
                    }
                    button {
                        r#type: "button", class: "action", "data-testid": "export-board",
                        onclick: move |_| download(&format!("{}.json", exported.id), "application/json", &draft::export(&exported)),
                        "Export"
                    }
                    if sure() {
                        button {
                            r#type: "button", class: "action danger", "data-testid": "delete-sure",
                            onclick: move |_| {
                                let page = delete.clone();
                                spawn_forever(async move {
                                    if board_state.delete().await {
                                        page.visit(Route::everything());
                                    }
                                });
                            },
                            "Delete for everyone"
                        }
                        button { r#type: "button", class: "action", onclick: move |_| sure.set(false), "Cancel" }
                    } else {
                        button { r#type: "button", class: "action", "data-testid": "delete-board", onclick: move |_| sure.set(true), "Delete" }
                    }
                }
            }
            Naming {
                id: "new-board",
                label: "Copy this view to a new board",
                action: "Create",
                initial: String::new(),
                on_name: move |title: String| {
                    let (page, new) = (create.clone(), draft::copy(&board, &title));
                    spawn_forever(async move {
                        if let Some(board) = board_state.create(new).await {
                            page.visit_new(board);
                            board_state.edit();
                        }
                    });
                },
            }
            Naming {
                id: "empty-board",
                label: "New empty board",
                action: "Create",
                initial: String::new(),
                on_name: move |title: String| {
                    let page = empty.clone();
                    let new = Board { title: title.trim().to_owned(), ..Board::default() };
                    spawn_forever(async move {
                        if let Some(board) = board_state.create(new).await {
                            page.visit_new(board);
                            board_state.edit();
                        }
                    });
                },
            }
            div { class: "menu-row",
                label { r#for: "import-board", "New board from an exported file" }
                input {
                    id: "import-board",
                    r#type: "file",
                    accept: ".json,application/json",
                    onchange: move |event| {
                        let page = import.clone();
                        async move {
                            let Some(file) = event.files().into_iter().next() else { return };
                            // A file that is no text is no board either.
                            let text = file.read_string().await.unwrap_or_default();
                            if let Some(board) = board_state.import(&text).await {
                                page.visit_new(board);
                            }
                        }
                    },
                }
            }
            // What is wrong with a title stands at its field.
            if board_state.refusal.read().as_ref().is_none_or(|refusal| refusal.at("title").is_none()) {
                super::refused::Refused {}
            }
        }
    }
}

/// A title and a button that does something with it.
#[component]
fn Naming(
    /// The field's id.
    id: &'static str,
    /// What the title is for.
    label: &'static str,
    /// What the button does.
    action: &'static str,
    /// What the field has at first.
    initial: String,
    /// Called with the title.
    on_name: EventHandler<String>,
) -> Element {
    let page: Page = use_context();
    let mut title = use_signal(|| initial.clone());
    let wrong = {
        let refusal = page.board_state.refusal.read();
        let reason = refusal.as_ref().and_then(|refusal| refusal.at("title"));
        reason.map(|reason| if title.read().trim().is_empty() { "Enter a title" } else { reason }.to_owned())
    };
    rsx! {
        form {
            class: "menu-row",
            onsubmit: move |event| {
                event.prevent_default();
                on_name.call(title.peek().clone());
            },
            label { r#for: "{id}", "{label}" }
            div { class: "field",
                input {
                    id: "{id}",
                    r#type: "text",
                    autocomplete: "off",
                    maxlength: "256",
                    "aria-describedby": "{id}-error",
                    "aria-invalid": if wrong.is_some() { "true" } else { "false" },
                    initial_value: "{initial}",
                    oninput: move |event| title.set(event.value()),
                }
                button { r#type: "submit", class: "action", "data-testid": "{id}-submit", "{action}" }
            }
            p { id: "{id}-error", class: "field-error", role: "status", {wrong.clone().unwrap_or_default()} }
        }
    }
}
