//! The page of a server that has no samples yet.

use dioxus::prelude::*;

use super::copy::Copy;

/// How to send the first sample.
#[component]
pub(super) fn Empty() -> Element {
    let line = use_hook(curl_line);
    rsx! {
        div { class: "notice empty", "data-testid": "empty",
            h2 { "No signals in the last hour" }
            p { "Send a number from any shell. Its chart appears here at once." }
            div { class: "paste",
                pre { tabindex: "0", "aria-label": "Command that sends a sample", code { "data-testid": "curl", "{line}" } }
                Copy { text: line.clone(), what: "the command" }
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
