//! Lines and bands behind a panel's values.

use afterglow_wire::board::Threshold;
use dioxus::prelude::*;

use super::Target;
use crate::edge::view::form::Number;

/// The colour that a new threshold's field shows: the light theme's warning colour.
const USUAL: &str = "#8a5100";

/// A row for each, and a button for one more.
#[component]
pub(super) fn Thresholds(
    /// The panel.
    target: Target,
    /// Its thresholds.
    thresholds: Vec<Threshold>,
) -> Element {
    // Fields keep what was typed: after a removal the rows are other ones.
    let mut removals = use_signal(|| 0);
    let [line, band] = std::array::from_fn(|_| target.clone());
    rsx! {
        fieldset { class: "thresholds",
            legend { "Thresholds" }
            for (place, threshold) in thresholds.into_iter().enumerate() {
                Row { key: "{removals} {place}", target: target.clone(), place, threshold, on_remove: move |()| removals += 1 }
            }
            div { class: "menu-actions",
                button {
                    r#type: "button", class: "action", "data-testid": "add-line",
                    onclick: move |_| line.change(|panel| panel.thresholds.push(Threshold { value: Some(0.0), ..Threshold::default() })),
                    "Add line"
                }
                button {
                    r#type: "button", class: "action", "data-testid": "add-band",
                    onclick: move |_| band.change(|panel| panel.thresholds.push(Threshold { from: Some(0.0), ..Threshold::default() })),
                    "Add band"
                }
            }
        }
    }
}

#[component]
fn Row(
    /// The panel.
    target: Target,
    /// The threshold's place in it.
    place: usize,
    /// The threshold.
    threshold: Threshold,
    /// Called when it was removed.
    on_remove: EventHandler<()>,
) -> Element {
    let is_line = use_hook(|| threshold.value.is_some());
    let number = place + 1;
    let change = |change: fn(&mut Threshold, Option<f64>)| {
        let target = target.clone();
        move |typed: Option<f64>| {
            target.change(|panel| {
                if let Some(threshold) = panel.thresholds.get_mut(place) {
                    change(threshold, typed);
                }
            });
        }
    };
    let [coloured, labelled, removed] = std::array::from_fn(|_| target.clone());
    let wrong = target.wrong(&format!("thresholds[{place}]"));
    rsx! {
        div { class: "threshold", "data-testid": "threshold",
            if is_line {
                span { class: "note", "Line at" }
                Number { id: "threshold-{place}-value", label: format!("Line {number}"), initial: threshold.value, on_number: change(|threshold, typed| threshold.value = typed) }
            } else {
                span { class: "note", "Band" }
                Number { id: "threshold-{place}-from", label: format!("Band {number} from"), initial: threshold.from, on_number: change(|threshold, typed| threshold.from = typed) }
                span { class: "note", "to" }
                Number { id: "threshold-{place}-to", label: format!("Band {number} to"), initial: threshold.to, on_number: change(|threshold, typed| threshold.to = typed) }
            }
            input {
                r#type: "color", "aria-label": "Colour of threshold {number}",
                value: threshold.colour.clone().unwrap_or_else(|| USUAL.into()),
                oninput: move |event| coloured.change(|panel| panel.thresholds[place].colour = Some(event.value())),
            }
            input {
                r#type: "text", class: "threshold-label", "aria-label": "Label of threshold {number}", placeholder: "label", autocomplete: "off",
                initial_value: "{threshold.label}",
                oninput: move |event| labelled.change(|panel| panel.thresholds[place].label = event.value()),
            }
            button {
                r#type: "button", class: "icon small", "aria-label": "Remove threshold {number}",
                onclick: move |_| {
                    removed.change(|panel| { panel.thresholds.remove(place); });
                    on_remove.call(());
                },
                "×"
            }
            p { id: "threshold-{place}-error", class: "field-error", role: "status", {wrong.unwrap_or_default()} }
        }
    }
}
