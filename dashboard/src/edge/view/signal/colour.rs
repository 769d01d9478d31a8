//! The choice of a line's colour: by its place on the panel, a hue that suits light and dark, or one of one's own.

use dioxus::prelude::*;

use crate::chart::palette;

/// What the hues are called.
const NAMES: [&str; palette::LIGHT.len()] =
    ["Blue", "Orange", "Green", "Magenta", "Ochre", "Teal", "Red", "Violet"];

/// A row of swatches.
#[component]
pub(super) fn Colours(
    /// The colour at first.
    initial: Option<String>,
    /// What is wrong with it.
    wrong: Option<String>,
    /// Called with what was chosen; nothing for that of the place.
    on_colour: EventHandler<Option<String>>,
) -> Element {
    let mut chosen = use_signal(|| initial);
    let mut choose = move |colour: Option<String>| {
        chosen.set(colour.clone());
        on_colour.call(colour);
    };
    let current = chosen.read().clone();
    let hue = current.as_deref().and_then(palette::hue_of);
    let own = current.clone().filter(|_| hue.is_none());
    let well = current.clone().unwrap_or_else(|| palette::LIGHT[0].to_owned());
    rsx! {
        fieldset { class: "swatches",
            legend { "Colour of the line" }
            label { class: "swatch automatic",
                input { r#type: "radio", name: "colour", checked: current.is_none(), onchange: move |_| choose(None) }
                "Automatic"
            }
            for (index, name) in NAMES.into_iter().enumerate() {
                label { key: "{name}", class: "swatch hue-{index}", title: name,
                    input {
                        r#type: "radio", name: "colour", "aria-label": name, checked: hue == Some(index),
                        onchange: move |_| choose(Some(palette::LIGHT[index].to_owned())),
                    }
                }
            }
            label { class: if own.is_some() { "swatch own chosen" } else { "swatch own" },
                input { r#type: "color", "aria-label": "Another colour", value: "{well}", oninput: move |event| choose(Some(event.value())) }
            }
            p { id: "signal-colour-error", class: "field-error", role: "status", {wrong.unwrap_or_default()} }
        }
    }
}
