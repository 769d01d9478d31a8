//! Parts of forms.

use dioxus::prelude::*;

/// A label, a field, and what is wrong with it.
#[component]
pub(super) fn Field(
    /// The field's id.
    id: String,
    /// Its label.
    label: String,
    /// What is wrong with it.
    wrong: Option<String>,
    /// The field.
    children: Element,
) -> Element {
    rsx! {
        div { class: "form-field",
            label { r#for: "{id}", "{label}" }
            {children}
            p { id: "{id}-error", class: "field-error", role: "status", {wrong.unwrap_or_default()} }
        }
    }
}

/// A field for a number that may be absent.
#[component]
pub(super) fn Number(
    /// The field's id.
    id: String,
    /// What it is, when no label says it.
    label: Option<String>,
    /// What it has at first: later it is the reader's.
    initial: Option<f64>,
    /// What it is when it is empty.
    #[props(default = "auto")]
    placeholder: &'static str,
    /// The least and the most that is allowed, and whole numbers: the browser says so, and does not submit others.
    whole: Option<(u32, u32)>,
    /// Called with what was typed.
    on_number: EventHandler<Option<f64>>,
) -> Element {
    rsx! {
        input {
            id: "{id}", r#type: "number", step: if whole.is_some() { "1" } else { "any" }, min: whole.map(|(least, _)| least), max: whole.map(|(_, most)| most), "aria-label": label, placeholder, "aria-describedby": "{id}-error",
            initial_value: initial.map(|number| number.to_string()).unwrap_or_default(),
            oninput: move |event| on_number.call(event.value().parse().ok()),
        }
    }
}
