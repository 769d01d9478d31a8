//! The bar over the charts: which range they show, and the way through time.

use dioxus::prelude::*;

use super::icon::Icon;
use super::page::{Open, Page};
use super::range_picker::RangePicker;
use super::sections::Sections;
use super::zone_picker::ZonePicker;
use crate::edge::loader::Progress;
use crate::time::text::{instant, length};
use crate::time::{Range, SECOND, presets};

/// The range, pause, zoom, undo, measuring, the zone.
#[component]
pub(super) fn Toolbar() -> Element {
    let page: Page = use_context();
    let Some(now) = page.time.read().clone() else { return rsx! {} };
    // Names the range again when the zone changes.
    let _ = page.state.zone.follow();
    let (zone, measuring) = (page.state.zone.get(), page.state.measuring.follow());
    let name = presets::name(now.range, now.span, &*zone);
    let shown = crate::time::text::stretch(now.span, &*zone);
    let open = page.open.read().as_ref() == Some(&Open::Range);
    let (live, key) = match now.range {
        Range::Live(_) => (true, "live"),
        Range::Paused(_) => (false, "paused"),
        Range::Fixed(_) => (false, "fixed"),
    };
    let [toggle, pause, closer, wider, earlier, later, back, measure, share] =
        std::array::from_fn(|_| page.clone());
    rsx! {
        div { class: "toolbar", role: "toolbar", "aria-label": "Range of time", "data-testid": "range", "data-range": "{key}",
            div { class: "anchor",
                button {
                    r#type: "button",
                    class: "action range-button",
                    id: "range-button",
                    "data-testid": "range-button",
                    "aria-haspopup": "dialog",
                    "aria-expanded": if open { "true" } else { "false" },
                    title: "{shown}",
                    onclick: move |_| toggle.toggle_open(Open::Range),
                    Icon { d: "M10 5v5l3 2M10 2.5a7.5 7.5 0 1 0 0 15 7.5 7.5 0 0 0 0-15z" }
                    span { class: "range-name", "data-testid": "range-name", "{name}" }
                    span { class: "caret", "aria-hidden": "true" }
                }
                if open { RangePicker {} }
            }
            button {
                r#type: "button",
                class: if live { "action" } else { "action lit" },
                "data-testid": "pause",
                onclick: move |_| pause.state.toggle_pause(),
                if live {
                    Icon { d: "M7 4.5v11M13 4.5v11" }
                    "Pause"
                } else {
                    Icon { d: "M6 4l9 6-9 6z" }
                    "Live"
                }
            }
            if let Some(behind) = now.behind {
                span { class: "behind", role: "status", "data-testid": "behind", "Paused, {length(behind * SECOND)} behind" }
            }
            div { class: "group", role: "group", "aria-label": "Move and zoom",
                button { r#type: "button", class: "icon", title: "Earlier ([)", "aria-label": "Earlier", onclick: move |_| earlier.state.pan(-0.5), Icon { d: "M12 4l-6 6 6 6" } }
                button { r#type: "button", class: "icon", title: "Later (])", "aria-label": "Later", onclick: move |_| later.state.pan(0.5), Icon { d: "M8 4l6 6-6 6" } }
                button { r#type: "button", class: "icon", title: "Zoom in (+)", "aria-label": "Zoom in", onclick: move |_| closer.state.zoom(None, 0.5), Icon { d: "M10 4v12M4 10h12" } }
                button { r#type: "button", class: "icon", title: "Zoom out (−)", "aria-label": "Zoom out", onclick: move |_| wider.state.zoom(None, 2.0), Icon { d: "M4 10h12" } }
                button {
                    r#type: "button",
                    class: "icon",
                    title: "Undo zoom (Backspace)",
                    "aria-label": "Undo zoom",
                    "data-testid": "undo",
                    disabled: now.depth == 0,
                    onclick: move |_| back.address.undo(),
                    Icon { d: "M7 4L3.5 7.5 7 11M4 7.5h7a5 4.5 0 0 1 0 9H7" }
                }
            }
            button {
                r#type: "button",
                class: if measuring { "icon lit" } else { "icon" },
                title: "Measure (C)",
                "aria-label": "Measure between two instants",
                "aria-pressed": if measuring { "true" } else { "false" },
                "data-testid": "measure",
                onclick: move |_| measure.toggle_measuring(),
                Icon { d: "M6 3v14M14 3v14M6 10h8M8 8l-2 2 2 2M12 8l2 2-2 2" }
            }
            if now.cursors.a.is_some() {
                span { class: "measured", role: "status", "data-testid": "measured",
                    for (name, at) in [("A", now.cursors.a), ("B", now.cursors.b)] {
                        if let Some(at) = at {
                            span { b { "{name}" } " {instant(at, 1_000, &*zone)}" }
                        }
                    }
                    if let Some(distance) = now.cursors.distance() {
                        span { b { "Δt" } " {length(distance)}" }
                    }
                }
            } else if measuring {
                span { class: "measured", role: "status", "data-testid": "measured", "Tap a chart to set A, then B" }
            }
            Loading { progress: now.progress.clone() }
            span { class: "spring" }
            Sections {}
            ZonePicker {}
            button {
                r#type: "button", class: "action", "data-testid": "share", title: "Share (S)", "aria-haspopup": "dialog",
                onclick: move |_| share.toggle_open(Open::Share),
                Icon { d: "M10 12V3M6.5 6L10 2.5 13.5 6M4 10v6.5h12V10" }
                "Share"
            }
        }
    }
}

/// Whether older or finer samples are on their way.
#[component]
fn Loading(
    /// How it goes.
    progress: Progress,
) -> Element {
    match progress {
        Progress::Done => rsx! {},
        Progress::Loading => rsx! {
            span { class: "progress", role: "status", "data-testid": "range-loading", span { class: "pulse", "aria-hidden": "true" } "Loading" }
        },
        Progress::Failed(reason) => rsx! {
            span { class: "progress failed", role: "status", "data-testid": "range-failed", title: "{reason}", "Not loaded: {reason}. Trying again." }
        },
    }
}
