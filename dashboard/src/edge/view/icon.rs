//! Line drawings on buttons.

use dioxus::prelude::*;

/// A line drawing of 20 by 20.
#[component]
pub(super) fn Icon(
    /// Its path.
    d: &'static str,
) -> Element {
    rsx! {
        svg { view_box: "0 0 20 20", width: "16", height: "16", "aria-hidden": "true", path { d } }
    }
}
