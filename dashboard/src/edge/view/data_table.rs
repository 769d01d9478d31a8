//! The table behind a chart: what its lines say, for those who read rather than look.

use dioxus::prelude::*;

use super::page::Page;
use crate::boards::panels::{Entry, Panel};
use crate::time::{Span, text};
use crate::values::format::Digits;
use crate::values::unit::Unit;

/// Most rows: evenly over the range.
const ROWS: i64 = 60;
/// Most columns.
const COLUMNS: usize = 12;

/// Values that hold at evenly spaced instants, the newest first.
#[component]
pub(super) fn DataTable(
    /// The panel.
    panel: Panel,
    /// Which of its signals are drawn.
    shown: Vec<bool>,
    /// The range on screen.
    span: Span,
) -> Element {
    let page: Page = use_context();
    let zone = page.state.zone.get();
    // Reads the newest values when there are some.
    let _ = page.summary.read();
    let lines = panel.signals.iter().zip(&panel.entries).zip(&shown);
    let lines: Vec<(&String, &Entry)> = lines.filter(|(_, shown)| **shown).map(|(line, _)| line).collect();
    let left_out = lines.len().saturating_sub(COLUMNS);
    let step = (span.width() / ROWS).max(1);
    // On round instants: rows stay while the range moves on.
    let newest = span.to.div_euclid(step) * step;
    let rows = (0..ROWS).map(|row| newest - row * step);
    rsx! {
        div { class: "data-table", tabindex: "0", role: "region", "aria-label": "Values of {panel.label()}", "data-testid": "data-table",
            table {
                caption { class: "visually-hidden", "Values of {panel.label()} at evenly spaced instants" }
                thead {
                    tr {
                        th { scope: "col", "Time" }
                        for (name, entry) in lines.iter().take(COLUMNS) {
                            th { key: "{name}", scope: "col", class: "number", bdi { "{entry.name}" } }
                        }
                    }
                }
                tbody {
                    for at in rows {
                        tr { key: "{at}",
                            th { scope: "row", {text::instant(at, step, &*zone)} }
                            for (name, entry) in lines.iter().take(COLUMNS) {
                                td { key: "{name}", class: "number",
                                    {cell(&page, name, at, &entry.unit)}
                                }
                            }
                        }
                    }
                }
            }
            if left_out > 0 {
                p { class: "more", "{left_out} more lines are not listed; switch others off to see them." }
            }
        }
    }
}

/// The value that holds at an instant, in full; after a sign where only an outline is known.
fn cell(page: &Page, name: &str, at: i64, unit: &Unit) -> String {
    let Some(held) = page.state.held(name, at) else { return "–".into() };
    let about = if held.is_exact() { "" } else { "≈ " };
    format!("{about}{}", Digits { resolution: page.state.decimals(name), spread: 0.0 }.text(held.value, unit))
}
