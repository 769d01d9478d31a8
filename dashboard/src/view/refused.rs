//! What was not done, and why.

use dioxus::core::spawn_forever;
use dioxus::prelude::*;

use super::page::Page;

/// A line with the reason; what belongs to a field stands there, too.
#[component]
pub(super) fn Refused() -> Element {
    let page: Page = use_context();
    let desk = page.desk;
    let Some(refusal) = desk.refusal.read().clone() else { return rsx! {} };
    let current = refusal.current.clone().filter(|_| desk.is_editing());
    rsx! {
        div { class: "refused", role: "alert", "data-testid": "refused",
            if let Some(current) = current {
                p { "Somebody saved version {current.version} of this board meanwhile." }
                button {
                    r#type: "button", class: "action", "data-testid": "take-theirs",
                    onclick: move |_| {
                        desk.discard();
                        spawn_forever(desk.load());
                    },
                    "Show theirs, drop my changes"
                }
                button {
                    r#type: "button", class: "action", "data-testid": "keep-mine",
                    onclick: move |_| { spawn_forever(desk.save(Some(current.version))); },
                    "Save mine over it"
                }
            } else {
                p { "Not done: {refusal.message}" }
            }
        }
    }
}
