//! The page's head: its name and how it stands with the server.

use dioxus::prelude::*;

use crate::status::Link;

/// The title and the state of the live connection.
#[component]
pub(super) fn Header(
    /// The live connection.
    link: Link,
) -> Element {
    rsx! {
        header { class: "top",
            div { class: "brand",
                svg {
                    class: "mark", view_box: "0 0 24 24", width: "26", height: "26", "aria-hidden": "true",
                    path { class: "mark-glow", d: "M2 14h4l3-9 5 15 3-8h5" }
                    path { class: "mark-line", d: "M2 14h4l3-9 5 15 3-8h5" }
                }
                h1 { "Afterglow" }
                span { class: "tagline", "Real-time telemetry" }
            }
            div {
                class: "link link-{link.key()}",
                role: "status",
                "aria-live": "polite",
                "data-testid": "link",
                "data-state": link.key(),
                span { class: "dot", "aria-hidden": "true" }
                span { "{link.label()}" }
            }
        }
    }
}
