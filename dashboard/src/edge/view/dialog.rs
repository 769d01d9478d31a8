//! A sheet over the page: what is under it waits until it is closed.

use dioxus::prelude::*;
use dioxus::web::WebEventExt as _;
use wasm_bindgen::JsCast as _;
use web_sys::HtmlDialogElement;

use super::page::Page;

/// The browser's own dialog: it keeps the focus within, and gives it back to where it was.
#[component]
pub(super) fn Dialog(
    /// Its heading.
    title: String,
    /// A name for tests.
    test: &'static str,
    /// `narrow`, `clear` (what is under it stays bright), or nothing.
    #[props(default)]
    class: &'static str,
    /// What it has.
    children: Element,
) -> Element {
    let page: Page = use_context();
    let mut dialog = use_signal(|| None::<HtmlDialogElement>);
    use_drop(move || {
        if let Some(dialog) = dialog.peek().as_ref() {
            dialog.close();
        }
    });
    let open = move |event: Event<MountedData>| {
        let element = event.data().try_as_web_event().and_then(|element| element.dyn_into().ok());
        if let Some(element) = element {
            let element: HtmlDialogElement = element;
            // Fails only for a dialog that is open or not in the document.
            let _ = element.show_modal();
            dialog.set(Some(element));
        }
    };
    let (outside, close) = (page.clone(), page);
    rsx! {
        dialog { class: "sheet {class}", "aria-labelledby": "sheet-title", "data-testid": test, onmounted: open,
            // What does not come from within was a click beside the sheet.
            onclick: move |_| { outside.close(); },
            div { class: "sheet-body", onclick: move |event| event.stop_propagation(),
                div { class: "sheet-head",
                    h2 { id: "sheet-title", "{title}" }
                    button { r#type: "button", class: "icon", "aria-label": "Close", onclick: move |_| { close.close(); }, "×" }
                }
                {children}
            }
        }
    }
}
