//! A button that asks once more before it does what cannot be undone.

use dioxus::prelude::*;

/// The button, and when it was pressed, one that does it beside one that does not.
#[component]
pub(super) fn Sure(
    /// What it does, such as `Remove`.
    action: &'static str,
    /// To what.
    of: String,
    /// Called when the reader is sure.
    on_sure: EventHandler<()>,
) -> Element {
    let mut sure = use_signal(|| false);
    if !sure() {
        return rsx! {
            button {
                r#type: "button", class: "action", "aria-label": "{action} {of}", onclick: move |_| sure.set(true),
                "{action}"
            }
        };
    }
    rsx! {
        button {
            r#type: "button", class: "action danger", "aria-label": "{action} now: {of}",
            // The button that had the focus is gone.
            onmounted: move |event: Event<MountedData>| async move { drop(event.set_focus(true).await) },
            onclick: move |_| {
                sure.set(false);
                on_sure.call(());
            },
            "{action} now"
        }
        // Where the first button was: a second click of a double click changes nothing.
        button { r#type: "button", class: "action", onclick: move |_| sure.set(false), "Cancel" }
    }
}
