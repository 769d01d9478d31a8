//! What the page says when it has nothing to show yet, or could not get it.

use dioxus::prelude::*;

/// The history is on its way.
#[component]
pub(super) fn Loading() -> Element {
    rsx! {
        div { class: "notice", role: "status", "data-testid": "loading",
            div { class: "pulse", "aria-hidden": "true" }
            p { "Loading the last hour…" }
        }
    }
}

/// The history could not be loaded.
#[component]
pub(super) fn Failure(
    /// Why.
    reason: String,
    /// Whether there is nothing else on the page.
    bare: bool,
    /// Tries again at once.
    on_retry: EventHandler<()>,
) -> Element {
    rsx! {
        div { class: if bare { "notice failure" } else { "strip failure" }, role: "alert", "data-testid": "failure",
            div {
                p { class: "failure-title", "The history could not be loaded" }
                p { class: "failure-reason", "{reason}" }
                p { class: "failure-note", "Trying again by itself." }
            }
            button { r#type: "button", class: "action", onclick: move |_| on_retry.call(()), "Try now" }
        }
    }
}

/// The link by which a board was shown is over.
#[component]
pub(super) fn Over() -> Element {
    rsx! {
        div { class: "notice", role: "alert", "data-testid": "over",
            h2 { "This board is shown here no longer" }
            p { "The link has expired or was revoked." }
        }
    }
}

/// There is nothing at the address.
#[component]
pub(super) fn Nothing(
    /// Its path.
    path: String,
    /// Goes to the view of everything.
    on_back: EventHandler<()>,
) -> Element {
    rsx! {
        div { class: "notice", role: "alert", "data-testid": "nothing",
            h2 { "There is no such page" }
            p { "Nothing is at " code { "{path}" } "." }
            button { r#type: "button", class: "action", onclick: move |_| on_back.call(()), "Show everything" }
        }
    }
}
