//! The page's key figures.

use dioxus::prelude::*;

use crate::clock::time_of_day;
use crate::format;
use crate::summary::Summary;

/// How many signals, how many samples, from when to when.
#[component]
pub(super) fn Cards(
    /// The newest state.
    summary: Signal<Summary>,
) -> Element {
    let summary = summary.read();
    let current = summary.rows.iter().filter(|row| !row.stale).count();
    let (range, ends) = match summary.span {
        Some((from, to)) => (
            format::duration((to - from) / 1_000_000),
            format!("{} – {}", time_of_day(from), time_of_day(to)),
        ),
        None => ("–".to_owned(), "no samples in the last hour".to_owned()),
    };
    rsx! {
        section { class: "cards", "aria-label": "Key figures",
            Card { id: "signals", label: "Signals", value: format::count(summary.rows.len()), note: "{current} reporting" }
            Card { id: "samples", label: "Data points", value: format::count(summary.samples), note: "in the last hour" }
            Card { id: "range", label: "Time range", value: range, note: ends }
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
