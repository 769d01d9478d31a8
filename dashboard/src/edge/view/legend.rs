//! A panel's legend: names the lines, switches them, and says what they do over the range on screen.

use std::cmp::Ordering;

use dioxus::prelude::*;

use super::alerts::AlertMark;
use super::focus::move_in_rows;
use super::icon::Icon;
use super::page::{Open, Page};
use super::turns::use_summary;
use crate::boards::panels::Panel;
use crate::chart::palette;
use crate::order;
use crate::samples::summary::{Row, Window};
use crate::values::format::Digits;
use crate::values::unit::Unit;

/// Rows that are shown before the reader asks for all: the rest would not be read, and costs time.
const ROWS: usize = 24;

/// What the table can be sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    Name,
    Last,
    Min,
    Max,
    Mean,
}

type Figure = fn(&Window) -> f64;

const FIGURES: [(Column, &str, Figure); 4] = [
    (Column::Last, "last", |window| window.last),
    (Column::Min, "min", |window| window.min),
    (Column::Max, "max", |window| window.max),
    (Column::Mean, "mean", |window| window.mean),
];

/// A row for each line, sortable by each column.
#[component]
pub(super) fn Legend(
    /// The signals.
    panel: Panel,
    /// Which of them are drawn.
    shown: Vec<bool>,
) -> Element {
    let page: Page = use_context();
    let mut sorted = use_signal(|| (Column::Name, false));
    let mut all = use_signal(|| false);
    let summary = use_summary(&page, panel.key());
    let mut lines: Vec<(usize, &String, bool, Option<&Row>)> = panel
        .signals
        .iter()
        .zip(shown)
        .enumerate()
        .map(|(place, (name, shown))| (place, name, shown, summary.row(name)))
        .collect();
    // What the heading has is not repeated in each cell.
    let units: Vec<Unit> = panel
        .entries
        .iter()
        .map(|entry| if panel.unit.symbol().is_empty() { entry.unit.clone() } else { entry.unit.bare() })
        .collect();
    if page.is_searching() {
        lines.retain(|(_, _, is_found, _)| *is_found);
    }
    let (column, down) = sorted();
    if let Some((.., figure)) = FIGURES.iter().find(|(candidate, ..)| *candidate == column) {
        let key = |row: Option<&Row>| row.and_then(|row| row.window.as_ref()).map(figure);
        order::sort_by(&mut lines, |a, b| compare(key(a.3), key(b.3)));
    }
    if down {
        lines.reverse();
    }
    let hidden = if all() { 0 } else { lines.len().saturating_sub(ROWS) };
    let mut sort = move |by: Column| {
        let (column, down) = sorted();
        // Figures begin with the largest, names with the first.
        sorted.set(if column == by { (by, !down) } else { (by, by != Column::Name) });
    };
    let direction = move |by: Column| match (by == column, down) {
        (false, _) => "none",
        (true, false) => "ascending",
        (true, true) => "descending",
    };
    // What lies between A and B is only worth a column when they are set.
    let measured = page.time.read().as_ref().and_then(|time| Some((time.cursors.a?, time.cursors.b?)));
    rsx! {
        div { class: "legend", role: "region", "aria-label": "Lines of {panel.label()}",
            table {
                onkeydown: move |event: Event<KeyboardData>| {
                    if move_in_rows(&event.key().to_string()) {
                        event.prevent_default();
                    }
                },
                // Reached from the first row with the arrow key upwards.
                thead {
                    tr {
                        th { scope: "col", "aria-sort": direction(Column::Name),
                            button { r#type: "button", tabindex: "-1", onclick: move |_| sort(Column::Name), "name" }
                        }
                        for (by, name, _) in FIGURES {
                            th { key: "{name}", scope: "col", class: "number", "aria-sort": direction(by),
                                button { r#type: "button", tabindex: "-1", "data-testid": "sort-{name}", onclick: move |_| sort(by), "{name}" }
                            }
                        }
                        if measured.is_some() {
                            th { scope: "col", class: "number", "B−A" }
                        }
                    }
                }
                tbody {
                    for (at, (place, name, shown, row)) in lines.iter().take(lines.len() - hidden).copied().enumerate() {
                        tr { key: "{name}", class: row_class(shown, row), "data-testid": "legend-row", "data-signal": "{name}",
                            th { scope: "row",
                                div { class: "line",
                                    button {
                                        r#type: "button",
                                        class: "line-switch",
                                        tabindex: if at == 0 { "0" } else { "-1" },
                                        title: "{name}",
                                        "aria-pressed": if shown { "true" } else { "false" },
                                        "data-testid": "switch",
                                        "data-signal": "{name}",
                                        onclick: {
                                            let (page, name, signals) = (page.clone(), name.clone(), panel.signals.clone());
                                            move |event: Event<MouseData>| {
                                                let modifiers = event.modifiers();
                                                if modifiers.ctrl() || modifiers.meta() || modifiers.shift() {
                                                    page.select(|lines| lines.solo(&name, &signals));
                                                } else {
                                                    page.select(|lines| lines.toggle(&name, place));
                                                }
                                            }
                                        },
                                        Key { look: panel.entries[place].look, colour: panel.entries[place].colour.clone() }
                                        bdi { class: "line-name", "{panel.entries[place].name}" }
                                    }
                                    span { class: "row-tools",
                                    if panel.signals.len() > 1 {
                                        button {
                                            r#type: "button",
                                            class: "row-tool",
                                            tabindex: "-1",
                                            "data-testid": "solo",
                                            "aria-label": "Isolate {panel.entries[place].name}, or show all",
                                            title: "Isolate line / show all",
                                            onclick: {
                                                let (page, name, signals) = (page.clone(), name.clone(), panel.signals.clone());
                                                move |_| page.select(|lines| lines.solo(&name, &signals))
                                            },
                                            Icon { d: "M10 6.5a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7zM10 2v2.5M10 15.5V18M2 10h2.5M15.5 10H18" }
                                        }
                                    }
                                    if page.mode.is_full() {
                                        button {
                                            r#type: "button",
                                            class: "row-tool settings",
                                            tabindex: "-1",
                                            "data-testid": "settings",
                                            "aria-label": "Settings of {panel.entries[place].name}",
                                            title: "Name, unit, colour …",
                                            onclick: {
                                                let (page, name) = (page.clone(), name.clone());
                                                move |_| page.toggle_open(Open::Signal(name.clone()))
                                            },
                                            Icon { d: "M4 14.5V16h1.5L14.8 6.7l-1.5-1.5zM11.8 6.7l1.5 1.5" }
                                        }
                                    }
                                    }
                                    AlertMark { signal: name.clone() }
                                    if let Some(row) = row.filter(|row| row.stale) {
                                        span { class: "stale-mark", "data-testid": "stale", title: "No sample for {row.age}", "{row.age}" }
                                    }
                                }
                            }
                            for (column, heading, figure) in FIGURES {
                                td { key: "{heading}", class: "number", "data-testid": "{heading}",
                                    {figure_text(row, column, figure, &units[place])}
                                }
                            }
                            if let Some(ends) = measured {
                                td { class: "number", "data-testid": "difference", {difference(&page, name, ends, &units[place])} }
                            }
                        }
                    }
                }
            }
            if hidden > 0 {
                button { r#type: "button", class: "more", onclick: move |_| all.set(true), "Show {hidden} more" }
            }
        }
    }
}

/// A line's colour and dashes.
#[component]
pub(super) fn Key(
    /// The number of the line's look.
    look: usize,
    /// The colour that somebody chose for it.
    colour: Option<String>,
) -> Element {
    let (hue, own) = palette::tint(look, colour.as_deref());
    let dashes = palette::dash_class(look);
    rsx! {
        span { class: "key {dashes} {hue}", color: own, "aria-hidden": "true" }
    }
}

fn row_class(shown: bool, row: Option<&Row>) -> &'static str {
    match (shown, row.is_none_or(|row| row.stale)) {
        (false, _) => "off",
        (true, true) => "stale",
        (true, false) => "",
    }
}

fn figure_text(row: Option<&Row>, column: Column, figure: Figure, unit: &Unit) -> String {
    let Some(window) = row.and_then(|row| row.window) else { return "–".into() };
    match column {
        Column::Last => window.last_text(unit),
        Column::Mean => window.mean_text(unit),
        Column::Name | Column::Min | Column::Max => window.extreme_text(figure(&window), unit),
    }
}

/// The value at B less that at A; after a sign while one of them is not known exactly.
fn difference(page: &Page, name: &str, (a, b): (i64, i64), unit: &Unit) -> String {
    let Some((b, a)) = page.state.held(name, b).zip(page.state.held(name, a)) else { return "–".into() };
    let about = if a.is_exact() && b.is_exact() { "" } else { "≈ " };
    let digits = Digits { resolution: page.state.decimals(name), spread: a.value.abs().max(b.value.abs()) };
    format!("{about}{}", digits.text(b.value - a.value, unit))
}

/// Lines without samples come first, so that they are last when the largest come first.
fn compare(a: Option<f64>, b: Option<f64>) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) => a.total_cmp(&b),
        (a, b) => a.is_some().cmp(&b.is_some()),
    }
}
