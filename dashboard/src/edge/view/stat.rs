//! A panel of figures: each signal's newest value, large, with its shape over the range.

use dioxus::prelude::*;

use super::page::Page;
use super::panel_tools::PanelTools;
use crate::boards::panels::Panel;
use crate::chart::palette;
use crate::chart::sparkline;
use crate::samples::archive::Sight;
use crate::samples::history::Series;
use crate::values::format;

/// A tile for each signal.
#[component]
pub(super) fn StatView(
    /// The signals.
    panel: Panel,
) -> Element {
    let page: Page = use_context();
    let (title, label, width) = (panel.title(), panel.label(), panel.definition.width);
    rsx! {
        section { class: "panel wide-{width}", "data-testid": "panel", "data-panel": "{panel.key()}", "aria-label": "{label}",
            if page.board_state.is_editing() {
                PanelTools { panel: panel.clone() }
            }
            div { class: "panel-head",
                h2 { bdi { "{title}" } }
            }
            div { class: "tiles height-{panel.definition.height}", tabindex: "0", role: "region", "aria-label": "Figures of {label}",
                for (place, name) in panel.signals.iter().enumerate() {
                    Tile { key: "{name}", panel: panel.clone(), place }
                }
                if panel.signals.is_empty() {
                    p { class: "note", "No signal matches yet." }
                }
            }
        }
    }
}

#[component]
fn Tile(
    /// The panel.
    panel: Panel,
    /// The signal's place in it.
    place: usize,
) -> Element {
    let page: Page = use_context();
    let (name, entry) = (&panel.signals[place], &panel.entries[place]);
    let summary = page.summary.read();
    let row = summary.row(name);
    let stale = row.filter(|row| row.stale).map(|row| row.age.clone());
    let window = row.and_then(|row| row.window);
    let text = |value| match &window {
        Some(window) => window.text(value, &entry.unit),
        None => format::value(value, &entry.unit),
    };
    let (value, path) = {
        let (history, archive) = (page.state.history.borrow(), page.state.archive.borrow());
        let span = page.state.span();
        let latest = history.get(name).and_then(Series::latest);
        let trace = archive.trace(&history, name, Sight::new(span, sparkline::WIDTH));
        (latest.map_or_else(|| "–".into(), |(_, value)| text(value)), sparkline::path(&trace, span))
    };
    let (hue, own) = palette::tint(place, entry.colour.as_deref());
    rsx! {
        div { class: "tile", "data-testid": "tile", "data-signal": "{name}",
            p { class: "tile-name", title: "{name}", bdi { "{entry.name}" } }
            p { class: "tile-value", "data-testid": "tile-value", title: "{value}", "{value}" }
            if let Some(age) = stale {
                span { class: "stale-mark", title: "No sample for {age}", "{age}" }
            }
            svg {
                class: "sparkline {hue}", color: own, "data-testid": "sparkline", "aria-hidden": "true",
                view_box: "-1 -2 {sparkline::WIDTH + 1} {sparkline::HEIGHT + 4.0}", preserve_aspect_ratio: "none",
                path { d: "{path}", vector_effect: "non-scaling-stroke" }
            }
        }
    }
}
