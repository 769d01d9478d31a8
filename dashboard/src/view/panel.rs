//! A panel: a chart and its legend.

use dioxus::prelude::*;
use dioxus::web::WebEventExt as _;

use super::Page;
use super::legend::Legend;
use crate::panels::Panel;
use crate::summary::Summary;

/// A heading, a chart that the frame loop paints, and the legend.
#[component]
pub(super) fn PanelView(
    /// Its signals.
    panel: Panel,
    /// The newest state.
    summary: Signal<Summary>,
) -> Element {
    let page: Page = use_context();
    let shown: Vec<bool> =
        panel.signals.iter().enumerate().map(|(place, name)| page.shows(name, place)).collect();
    use_effect({
        let stage = page.stage.clone();
        use_reactive!(|panel, shown| stage.configure(&panel, &shown))
    });
    use_drop({
        let (stage, key) = (page.stage.clone(), panel.key.clone());
        move || stage.unmount(&key)
    });
    let mount = {
        let (panel, shown) = (panel.clone(), shown.clone());
        move |event: Event<MountedData>| {
            if let Some(element) = event.data().try_as_web_event() {
                page.stage.mount(&panel, &shown, element);
            }
        }
    };
    let (points, last) = {
        let summary = summary.read();
        let rows = panel.signals.iter().filter_map(|name| summary.row(name));
        rows.fold((0, None), |(points, last), row| (points + row.samples, row.last.max(last)))
    };
    let last = last.map(|last| afterglow_wire::Timestamp::from_micros(last).to_string()).unwrap_or_default();
    rsx! {
        section { class: "panel", "data-testid": "panel", "data-panel": "{panel.key}", "aria-label": "{panel.title} {panel.unit.label()}",
            div { class: "panel-head",
                h2 { "{panel.title}" }
                if !panel.unit.label().is_empty() {
                    span { class: "unit", "{panel.unit.label()}" }
                }
            }
            div {
                class: "chart",
                role: "img",
                "aria-label": "Line chart of {panel.signals.len()} signals over the last hour; the list of signals has the current values",
                "data-testid": "chart",
                "data-points": "{points}",
                "data-last": "{last}",
                onmounted: mount,
            }
            Legend { panel: panel.clone(), shown, summary }
        }
    }
}
