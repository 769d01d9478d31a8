//! A panel's legend: names the lines, shows their values, switches them.

use dioxus::prelude::*;

use super::Page;
use crate::palette;
use crate::panels::Panel;
use crate::summary::Summary;

/// A button for each line.
#[component]
pub(super) fn Legend(
    /// The signals.
    panel: Panel,
    /// Which of them are drawn.
    shown: Vec<bool>,
    /// The newest state.
    summary: Signal<Summary>,
) -> Element {
    let page: Page = use_context();
    let summary = summary.read();
    rsx! {
        div { class: "legend", role: "group", "aria-label": "Lines of {panel.title}",
            for (place, (name, shown)) in panel.signals.iter().zip(shown).enumerate() {
                button {
                    key: "{name}",
                    r#type: "button",
                    class: "line-switch",
                    title: "{name}",
                    "aria-pressed": if shown { "true" } else { "false" },
                    "data-testid": "switch",
                    "data-signal": "{name}",
                    onclick: {
                        let (page, name) = (page.clone(), name.clone());
                        move |_| page.toggle(&name, place)
                    },
                    span { class: key_class(place), "aria-hidden": "true" }
                    span { class: "line-name", "{panel.short(name)}" }
                    span { class: "line-value",
                        {summary.row(name).map(|row| row.value.clone()).unwrap_or_default()}
                    }
                }
            }
        }
    }
}

/// The classes of a colour key that looks like the line in this place.
fn key_class(place: usize) -> String {
    let (hue, dashed) = palette::look(place);
    format!("key hue-{hue}{}", if dashed { " dashed" } else { "" })
}
