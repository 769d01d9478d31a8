//! A panel: a chart, its legend, and the table behind it.

use dioxus::prelude::*;
use dioxus::web::WebEventExt as _;

use super::data_table::DataTable;
use super::icon::Icon;
use super::legend::Legend;
use super::page::Page;
use super::panel_frame::PanelFrame;
use super::panel_tools::PanelButtons;
use super::turns::{use_seen, use_summary};
use crate::boards::panels::{Panel, SHOWN_AT_FIRST};
use crate::connection::status::Link;
use crate::time::{Range, SECOND, Span, text};

/// A heading, a chart that the frame loop paints, and the legend.
#[component]
pub(super) fn PanelView(
    /// Its signals.
    panel: Panel,
) -> Element {
    let page: Page = use_context();
    let table = use_signal(|| false);
    let shown: Vec<bool> =
        panel.signals.iter().enumerate().map(|(place, name)| page.shows(name, place)).collect();
    use_effect({
        let paint_loop = page.paint_loop.clone();
        use_reactive!(|panel, shown| paint_loop.configure(&panel, &shown))
    });
    use_drop({
        let (paint_loop, key) = (page.paint_loop.clone(), panel.key().to_owned());
        move || paint_loop.unmount(&key)
    });
    let mount = {
        let (page, panel, shown) = (page.clone(), panel.clone(), shown.clone());
        move |event: Event<MountedData>| {
            if let Some(element) = event.data().try_as_web_event() {
                page.paint_loop.mount(&panel, &shown, element);
            }
        }
    };
    let (points, last, is_known) = {
        let summary = use_summary(&page, panel.key());
        let rows = panel.signals.iter().filter_map(|name| summary.row(name));
        rows.fold((0, None, true), |(points, last, is_known), row| {
            let samples = row.window.map_or(0, |window| window.samples);
            (points + samples, row.last.max(last), is_known && row.is_known)
        })
    };
    let seen = use_seen(&page, panel.key());
    let newest = last;
    let last = last.map(|last| afterglow_wire::Timestamp::from_micros(last).to_string()).unwrap_or_default();
    let span = use_memo({
        let page = page.clone();
        move || page.time.read().as_ref().map(|time| time.span).unwrap_or_default()
    });
    let folded = page.is_folded(panel.key());
    let arrow = if folded { "M8 5l5 5-5 5" } else { "M5 8l5 5 5-5" };
    let (title, unit, label) = (panel.title(), panel.unit.symbol(), panel.label());
    rsx! {
        PanelFrame { panel: panel.clone(),
            div { class: "panel-head",
                if page.board_state.route.read().is_everything() && page.mode.is_full() {
                    button {
                        r#type: "button", class: "icon small fold", "data-testid": "fold",
                        "aria-expanded": if folded { "false" } else { "true" },
                        "aria-label": "Lines of {label}", title: if folded { "Expand" } else { "Collapse" },
                        onclick: {
                            let (page, key) = (page.clone(), panel.key().to_owned());
                            move |_| page.fold([key.as_str()], !folded)
                        },
                        Icon { d: arrow }
                    }
                }
                h2 { bdi { "{title}" } }
                if !unit.is_empty() {
                    span { class: "unit", "{unit}" }
                }
                span { class: "spring" }
                Drawn { panel: panel.clone(), drawn: shown.iter().filter(|shown| **shown).count() }
                PanelButtons { panel: panel.clone(), table }
            }
            if !folded {
            div {
                class: "chart height-{panel.definition.height}",
                role: "figure",
                tabindex: "0",
                "aria-label": "{label}: line chart of {panel.signals.len()} signals. Arrow keys read values; the table button has them all.",
                "data-testid": "chart",
                "data-points": "{points}",
                "data-last": "{last}",
                onmounted: mount,
                if points == 0 {
                    NoSamples { newest, is_known }
                }
            }
            if seen {
                Legend { panel: panel.clone(), shown: shown.clone() }
            }
            if table() {
                DataTable { panel: panel.clone(), shown, span: span() }
            }
            }
        }
    }
}

/// How many of a panel's lines are drawn, when it is not all of them.
#[component]
fn Drawn(
    /// The panel.
    panel: Panel,
    /// How many lines are drawn.
    drawn: usize,
) -> Element {
    let page: Page = use_context();
    let total = panel.signals.len();
    let signals = panel.signals.clone();
    if drawn < total {
        rsx! {
            button {
                r#type: "button", class: "drawn", "data-testid": "drawn",
                "aria-label": "Show all {total} lines of {panel.label()}; {drawn} are drawn",
                onclick: move |_| page.select(|lines| lines.show_all(&signals, true)),
                "{drawn} of {total} lines · Show all"
            }
        }
    } else if total > SHOWN_AT_FIRST {
        rsx! {
            button {
                r#type: "button", class: "drawn", "data-testid": "drawn",
                "aria-label": "Show only the first {SHOWN_AT_FIRST} lines of {panel.label()}",
                onclick: move |_| page.select(|lines| lines.show_all(&signals, false)),
                "{total} lines · Show {SHOWN_AT_FIRST}"
            }
        }
    } else {
        rsx! {}
    }
}

/// Why a chart is empty, and the way to the newest sample of its signals.
#[component]
fn NoSamples(
    /// When that was taken, in microseconds.
    newest: Option<i64>,
    /// Whether there can be no others that have not been asked for, or are on their way.
    is_known: bool,
) -> Element {
    let page: Page = use_context();
    let time = page.time.read();
    if !is_known || matches!(page.state.status().link, Link::Connecting | Link::CatchingUp) {
        return rsx! { p { class: "no-samples", "data-testid": "loading-samples", "Loading …" } };
    }
    let span = time.as_ref().map(|time| time.span).unwrap_or_default();
    let newest = newest.filter(|newest| !span.contains(*newest));
    let zone = page.state.zone.follow();
    rsx! {
        div { class: "no-samples",
            p { "data-testid": "no-samples", "No samples in this range" }
            if let Some(newest) = newest {
                p {
                    "Last sample {text::instant(newest, SECOND, &*zone)}. "
                    button {
                        r#type: "button", class: "more", "data-testid": "show-newest",
                        onclick: {
                            let page = page.clone();
                            move |_| page.go(Range::Fixed(Span::up_to(newest + span.width() / 20, span.width())))
                        },
                        "Show it"
                    }
                }
            }
        }
    }
}
