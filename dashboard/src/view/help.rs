//! The keys, on request.

use dioxus::prelude::*;

use super::keys::{HANDS, KEYS};
use super::page::{Open, Page};

/// A sheet with all keys and gestures.
#[component]
pub(super) fn Help() -> Element {
    let page: Page = use_context();
    if page.open.read().as_ref() != Some(&Open::Help) {
        return rsx! {};
    }
    let (close, outside) = (page.clone(), page);
    rsx! {
        div { class: "veil", onclick: move |_| { outside.close(); } }
        div { class: "sheet", role: "dialog", "aria-modal": "true", "aria-labelledby": "help-title", "data-testid": "help",
            div { class: "sheet-head",
                h2 { id: "help-title", "Keys and gestures" }
                button {
                    r#type: "button",
                    class: "icon",
                    "aria-label": "Close",
                    autofocus: true,
                    onmounted: move |event: Event<MountedData>| async move {
                        // Fails only when the sheet is gone again.
                        let _ = event.set_focus(true).await;
                    },
                    onclick: move |_| { close.close(); },
                    "×"
                }
            }
            div { class: "sheet-columns",
                for (heading, keys) in KEYS {
                    section {
                        h3 { "{heading}" }
                        dl {
                            for (key, meaning) in keys {
                                div { dt { kbd { "{key}" } } dd { "{meaning}" } }
                            }
                        }
                    }
                }
                section {
                    h3 { "Mouse and touch" }
                    dl {
                        for (hand, meaning) in HANDS {
                            div { dt { "{hand}" } dd { "{meaning}" } }
                        }
                    }
                }
            }
        }
    }
}
