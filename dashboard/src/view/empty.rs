//! The page of a server that has no samples yet.

use dioxus::prelude::*;
use wasm_bindgen_futures::JsFuture;

/// How to send the first sample.
#[component]
pub(super) fn Empty() -> Element {
    let line = use_hook(curl_line);
    let mut copied = use_signal(|| false);
    let copy = {
        let line = line.clone();
        move |_| {
            let line = line.clone();
            async move {
                if copy_text(&line).await {
                    copied.set(true);
                }
            }
        }
    };
    rsx! {
        div { class: "notice empty", "data-testid": "empty",
            h2 { "No signals in the last hour" }
            p { "Send a number from any shell. Its chart appears here at once." }
            div { class: "paste",
                pre { tabindex: "0", "aria-label": "Command that sends a sample", code { "data-testid": "curl", "{line}" } }
                button { r#type: "button", class: "action", onclick: copy,
                    if copied() { "Copied" } else { "Copy" }
                }
            }
        }
    }
}

fn curl_line() -> String {
    let origin = web_sys::window().and_then(|window| window.location().origin().ok()).unwrap_or_default();
    format!(
        "curl -X POST {origin}/api/telemetry -H 'Content-Type: application/json' \
         -d '{{\"signals\":{{\"temperature\":21.5}}}}'"
    )
}

/// Copies `text`; a page that did not come over a secure connection may not.
async fn copy_text(text: &str) -> bool {
    let Some(window) = web_sys::window().filter(web_sys::Window::is_secure_context) else { return false };
    JsFuture::from(window.navigator().clipboard().write_text(text)).await.is_ok()
}
