//! What was not done, and why: said over a board, or in a form.

use dioxus::core::spawn_forever;
use dioxus::prelude::*;

use super::page::Page;
use crate::connection::refusal::Refusal;

/// Why a form was not saved when it last was to be.
#[derive(Clone, Copy, PartialEq)]
pub(super) struct Failure(Signal<Option<Refusal>>);

/// Nothing was refused yet.
pub(super) fn use_failure() -> Failure {
    Failure(use_signal(|| None))
}

impl Failure {
    /// Takes over why it was not saved.
    pub(super) fn set(&mut self, refusal: Refusal) {
        self.0.set(Some(refusal));
    }

    /// The version that another has saved meanwhile.
    pub(super) fn version(self) -> Option<i64> {
        self.0.read().as_ref().and_then(|refusal| refusal.version)
    }

    /// What is wrong with a field.
    pub(super) fn at(self, field: &str) -> Option<String> {
        self.0.read().as_ref().and_then(|refusal| refusal.at(field)).map(str::to_owned)
    }

    /// What is wrong, with the path of its field.
    pub(super) fn message(self) -> Option<String> {
        self.0.read().as_ref().map(|refusal| refusal.message.clone())
    }

    /// What is wrong with none of the fields.
    pub(super) fn general(self) -> Option<String> {
        self.0.read().as_ref().and_then(Refusal::general).map(str::to_owned)
    }
}

/// That somebody saved another version, and the choice between the two.
#[component]
pub(super) fn Conflict(
    /// What was not saved.
    what: &'static str,
    /// The version of the other.
    version: i64,
    /// Called to show theirs.
    on_theirs: EventHandler<()>,
    /// Called to save over it.
    on_mine: EventHandler<()>,
) -> Element {
    rsx! {
        div { class: "refused", role: "alert", "data-testid": "{what}-conflict",
            p { "Somebody saved version {version} of this {what} meanwhile." }
            button { r#type: "button", class: "action", "data-testid": "take-theirs", onclick: move |_| on_theirs.call(()), "Show theirs, drop my changes" }
            button { r#type: "button", class: "action", "data-testid": "keep-mine", onclick: move |_| on_mine.call(()), "Overwrite with my version" }
        }
    }
}

/// A line with the reason; what belongs to a field stands there, too.
#[component]
pub(super) fn Refused() -> Element {
    let page: Page = use_context();
    let board_state = page.board_state;
    let Some(refusal) = board_state.refusal.read().clone() else { return rsx! {} };
    let words =
        refusal.in_words(&page.board.read().as_ref().map(|board| board.panels.clone()).unwrap_or_default());
    let current = refusal.current.clone().filter(|_| board_state.is_editing());
    rsx! {
        div { class: "refused", role: "alert", "data-testid": "refused",
            if let Some(current) = current {
                p { "Somebody saved version {current.version} of this board meanwhile." }
                button {
                    r#type: "button", class: "action", "data-testid": "take-theirs",
                    onclick: move |_| {
                        board_state.discard();
                        spawn_forever(board_state.load());
                    },
                    "Show theirs, drop my changes"
                }
                button {
                    r#type: "button", class: "action", "data-testid": "keep-mine",
                    onclick: move |_| { spawn_forever(board_state.save(Some(current.version))); },
                    "Overwrite with my version"
                }
            } else {
                p { "Not saved. {words}" }
            }
        }
    }
}
