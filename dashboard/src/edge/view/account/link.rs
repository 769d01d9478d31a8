//! A link that lets somebody in, shown this once.

use dioxus::prelude::*;

use super::super::copy::Copy;

/// A link to give to somebody.
#[component]
pub(super) fn Link(
    /// Whose it is.
    name: String,
    /// Its address without the server's.
    path: String,
    /// What it does.
    note: String,
    /// A name for tests.
    test: &'static str,
) -> Element {
    let origin = web_sys::window().and_then(|window| window.location().origin().ok()).unwrap_or_default();
    let link = format!("{origin}{path}");
    rsx! {
        section { class: "card-table", role: "status",
            h3 { "The link for {name}" }
            p { class: "note", "{note}" }
            p { class: "secret", "data-testid": test, "{link}" }
            Copy { text: link, what: "the link" }
        }
    }
}
