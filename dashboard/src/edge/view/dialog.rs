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
    /// Whether what is typed in it is lost when it is closed: then that is asked.
    #[props(default)]
    guards: bool,
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
    let (mut typed, mut asking) = (page.typed, page.asking);
    use_hook(move || {
        typed.set(false);
        asking.set(false);
    });
    let [outside, close, discard] = std::array::from_fn(|_| page.clone());
    rsx! {
        dialog { class: "sheet {class}", "aria-labelledby": "sheet-title", "data-testid": test, onmounted: open,
            // What does not come from within was a click beside the sheet.
            onclick: move |_| { outside.dismiss(); },
            div {
                class: "sheet-body",
                onclick: move |event| event.stop_propagation(),
                oninput: move |_| {
                    if guards && !*typed.peek() {
                        typed.set(true);
                    }
                },
                div { class: "sheet-head",
                    h2 { id: "sheet-title", "{title}" }
                    button { r#type: "button", class: "icon", "aria-label": "Close", onclick: move |_| { close.dismiss(); }, "×" }
                }
                if asking() {
                    div { class: "sheet-ask", role: "alert", "data-testid": "sheet-ask",
                        span { "What you typed is not saved." }
                        button { r#type: "button", class: "action danger", onclick: move |_| { discard.close(); }, "Discard it" }
                        button {
                            r#type: "button", class: "action",
                            onmounted: move |event: Event<MountedData>| async move { drop(event.set_focus(true).await) },
                            onclick: move |_| asking.set(false),
                            "Keep editing"
                        }
                    }
                }
                {children}
            }
        }
    }
}
