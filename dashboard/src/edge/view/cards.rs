//! The page's key figures.

use dioxus::prelude::*;

use super::page::Page;
use crate::time::text::{length, stretch};
use crate::values::format;

/// How many signals, how many samples, over how long.
#[component]
pub(super) fn Cards() -> Element {
    let page: Page = use_context();
    let summary = page.summary.read();
    let current = summary.rows.iter().filter(|row| !row.stale).count();
    let silent = summary.rows.len() - current;
    // Says the ends in another zone when that changes.
    let _ = page.state.zone.follow();
    let span = page.time.read().as_ref().map(|time| time.span).unwrap_or_default();
    let samples = usize::try_from(summary.samples).unwrap_or(usize::MAX);
    rsx! {
        section { class: "cards", "aria-label": "Key figures",
            Card { id: "signals", label: "Signals", value: format::count(summary.rows.len()), note: "{current} live, {silent} silent" }
            Card {
                id: "samples",
                label: "Data points",
                // Of what is reduced only the extremes are here, and of what nobody has scrolled to nothing.
                value: match (summary.is_counted, samples) {
                    (true, samples) => format::count(samples),
                    (false, 0) => "…".to_owned(),
                    (false, samples) => format!("> {}", format::count(samples)),
                },
                note: "in this range",
            }
            Card { id: "range", label: "Time range", value: length(span.width()), note: stretch(span, &*page.state.zone.get()) }
        }
    }
}

/// One figure.
#[component]
fn Card(
    /// A name for tests.
    id: &'static str,
    /// What the figure is.
    label: &'static str,
    /// The figure.
    value: String,
    /// More about it.
    note: String,
) -> Element {
    rsx! {
        div { class: "card", "data-testid": "card-{id}",
            p { class: "card-label", "{label}" }
            p { class: "card-value", "{value}" }
            p { class: "card-note", "{note}" }
        }
    }
}
