//! The list of signals with their current values.

use dioxus::prelude::*;

use crate::summary::Summary;

/// A row for each signal: its name, its newest value, how old that is.
#[component]
pub(super) fn Listing(
    /// The newest state.
    summary: Signal<Summary>,
) -> Element {
    let summary = summary.read();
    rsx! {
        section { class: "listing", "aria-labelledby": "listing-title",
            h2 { id: "listing-title", "Current values" }
            div { class: "listing-scroll", tabindex: "0", role: "region", "aria-labelledby": "listing-title",
                table {
                    thead {
                        tr {
                            th { scope: "col", "Signal" }
                            th { scope: "col", class: "number", "Value" }
                            th { scope: "col", class: "number", "Age" }
                        }
                    }
                    tbody {
                        for row in summary.rows.iter() {
                            tr {
                                key: "{row.name}",
                                class: if row.stale { "stale" } else { "" },
                                "data-testid": "row",
                                "data-signal": "{row.name}",
                                th { scope: "row", title: "{row.name}", "{row.name}" }
                                td { class: "number value", "{row.value}" }
                                td { class: "number age", "{row.age}" }
                            }
                        }
                    }
                }
            }
        }
    }
}
