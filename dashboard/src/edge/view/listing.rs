//! The list of signals with their current values.

use dioxus::prelude::*;

use super::alerts::AlertMark;
use super::focus::move_in_rows;
use super::icon::Icon;
use super::page::{Open, Page};
use super::turns::{use_listed, use_rows};
use crate::boards::metadata::SignalMetadata;
use crate::boards::search::finds;
use crate::samples::summary::Row;

/// Rows that are shown before the reader asks for all: more would not be read, and cost time.
const ROWS: usize = 200;

/// A field to search in, and a row for each signal: its name, its newest value, how old that is.
#[component]
pub(super) fn Listing() -> Element {
    let page: Page = use_context();
    let mut wanted = page.search;
    let (summary, metadata) = (use_listed(&page), page.state.metadata.follow());
    let typed = wanted.read();
    let found: Vec<_> = summary.rows.iter().filter(|row| finds(&typed, &row.name, &row.label)).collect();
    let mut all = use_signal(|| false);
    let rows = use_rows(&page, ROWS);
    let left_out = if all() { 0 } else { found.len().saturating_sub(rows) };
    rsx! {
        section { class: "listing", "aria-labelledby": "listing-title",
            div { class: "listing-head",
                h2 { id: "listing-title", "Latest values" }
                input {
                    id: "search",
                    r#type: "search",
                    placeholder: "Search (/)",
                    "aria-label": "Search signals",
                    autocomplete: "off",
                    spellcheck: "false",
                    value: "{wanted}",
                    oninput: move |event| wanted.set(event.value()),
                }
            }
            div { class: "listing-scroll", role: "region", "aria-label": "Latest values, scrollable",
                table {
                    thead {
                        tr {
                            th { scope: "col", "Signal" }
                            th { scope: "col", class: "number", "Value" }
                            th { scope: "col", class: "number", "Updated" }
                        }
                    }
                    tbody {
                        onkeydown: move |event: Event<KeyboardData>| {
                            if move_in_rows(&event.key().to_string()) {
                                event.prevent_default();
                            }
                        },
                        for (at, row) in found.iter().take(found.len() - left_out).enumerate() {
                            tr {
                                key: "{row.name}",
                                class: if row.stale { "stale" } else { "" },
                                "data-testid": "row",
                                "data-signal": "{row.name}",
                                th { scope: "row",
                                    div { class: "signal-line",
                                        button {
                                            r#type: "button", class: "signal-name", title: title(row, &metadata),
                                            tabindex: if at == 0 { "0" } else { "-1" },
                                            "data-testid": "row-show", "aria-label": "{row.label}: show its line",
                                            onclick: {
                                                let (page, name) = (page.clone(), row.name.clone());
                                                move |_| page.show_line(&name)
                                            },
                                            bdi { "{row.label}" }
                                        }
                                        AlertMark { signal: row.name.clone() }
                                        button {
                                            r#type: "button", class: "row-tool signal-settings", tabindex: "-1",
                                            "data-testid": "row-settings", "aria-label": "{row.label}: settings",
                                            title: "Name, unit, colour …",
                                            onclick: {
                                                let (page, name) = (page.clone(), row.name.clone());
                                                move |_| page.toggle_open(Open::Signal(name.clone()))
                                            },
                                            Icon { d: "M4 14.5V16h1.5L14.8 6.7l-1.5-1.5zM11.8 6.7l1.5 1.5" }
                                        }
                                    }
                                }
                                td { class: "number value", "{row.value}" }
                                td { class: "number age", "{row.age}" }
                            }
                        }
                    }
                }
                if found.is_empty() {
                    p { class: "more", "No signal has this in its name." }
                }
                if left_out > 0 {
                    button { r#type: "button", class: "more", "data-testid": "all-rows", onclick: move |_| all.set(true), "Show {left_out} more" }
                }
            }
        }
    }
}

/// What does not fit into the row: the name by which it is sent, and what it measures.
fn title(row: &Row, metadata: &SignalMetadata) -> String {
    let description = metadata.of(&row.name).description.as_deref().unwrap_or_default();
    format!("{}\n{description}", row.name).trim_end().to_owned()
}
