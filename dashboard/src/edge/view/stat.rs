//! A panel of figures: each signal's newest value, large, with its shape over the range.

use dioxus::prelude::*;

use super::page::Page;
use super::panel_frame::PanelFrame;
use super::panel_tools::PanelButtons;
use crate::boards::panels::Panel;
use crate::chart::palette;
use crate::chart::sparkline;
use crate::samples::archive::Sight;
use crate::samples::summary::Window;
use crate::time::Range;
use crate::values::format::Digits;

/// A tile for each signal.
#[component]
pub(super) fn StatView(
    /// The signals.
    panel: Panel,
) -> Element {
    let page: Page = use_context();
    use_effect({
        let paint_loop = page.paint_loop.clone();
        let (key, signals) = (panel.key().to_owned(), panel.signals.clone());
        use_reactive!(|key, signals| paint_loop.show_tiles(&key, signals))
    });
    use_drop({
        let (paint_loop, key) = (page.paint_loop.clone(), panel.key().to_owned());
        move || paint_loop.hide_tiles(&key)
    });
    let (title, label) = (panel.title(), panel.label());
    rsx! {
        PanelFrame { panel: panel.clone(),
            div { class: "panel-head",
                h2 { bdi { "{title}" } }
                span { class: "spring" }
                PanelButtons { panel: panel.clone(), table: None }
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
    let window = row.and_then(|row| row.window);
    let live = page.time.read().as_ref().is_none_or(|time| matches!(time.range, Range::Live(_)));
    let stale = row.filter(|row| row.stale && live).map(|row| row.age.clone());
    let (value, path) = {
        let (history, archive) = (page.state.history.borrow(), page.state.archive.borrow());
        let span = page.state.span();
        let series = history.get(name);
        let trace = archive.trace(&history, name, Sight::new(span, sparkline::WIDTH));
        let value = if live {
            // Also when it is older than the range: the mark beside it says so.
            series.and_then(|series| Some((series.decimals(), series.latest()?.1))).map(
                |(decimals, value)| {
                    let text = |window: Window| window.short_text(value, &entry.unit);
                    let alone = || Digits { resolution: decimals, spread: 0.0 }.text(value, &entry.unit);
                    window.map_or_else(alone, text)
                },
            )
        } else {
            window.map(|window| window.last_text(&entry.unit))
        };
        (value.unwrap_or_else(|| "–".into()), sparkline::path(&trace, span))
    };
    let (hue, own) = palette::tint(entry.look, entry.colour.as_deref());
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
