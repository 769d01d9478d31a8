//! The keys, on request.

use dioxus::prelude::*;

use super::dialog::Dialog;
use super::keys::{KEYS, POINTER};
use super::page::{Open, Page};

/// A sheet with all keys and gestures.
#[component]
pub(super) fn Help() -> Element {
    let page: Page = use_context();
    if page.open.read().as_ref() != Some(&Open::Help) {
        return rsx! {};
    }
    rsx! {
        Dialog { title: "Keys and gestures", test: "help",
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
                        for (hand, meaning) in POINTER {
                            div { dt { "{hand}" } dd { "{meaning}" } }
                        }
                    }
                }
            }
        }
    }
}
