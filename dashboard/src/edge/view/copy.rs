//! A text to take along.

use dioxus::prelude::*;
use wasm_bindgen_futures::JsFuture;

/// A button that copies `text`.
#[component]
pub(super) fn Copy(
    /// The text.
    text: String,
    /// What it is, for those who hear the button only.
    what: String,
) -> Element {
    let mut copied = use_signal(|| None::<String>);
    let is_copied = copied.read().as_ref() == Some(&text);
    let copy = move |_| {
        let text = text.clone();
        async move {
            if copy_text(&text).await {
                copied.set(Some(text));
            }
        }
    };
    rsx! {
        button { r#type: "button", class: "action", "aria-label": "Copy {what}", onclick: copy,
            if is_copied { "Copied" } else { "Copy" }
        }
        span { class: "visually-hidden", role: "status", if is_copied { "Copied" } }
    }
}

/// Copies `text`; a page that did not come over a secure connection may not.
async fn copy_text(text: &str) -> bool {
    let Some(window) = web_sys::window().filter(web_sys::Window::is_secure_context) else { return false };
    JsFuture::from(window.navigator().clipboard().write_text(text)).await.is_ok()
}
