//! A link to one board: opened, it leads there.

use dioxus::prelude::*;
use serde::Deserialize;
use serde_json::json;

use super::{Outcome, leave_for};
use crate::edge::rest;

/// Where the link leads.
#[derive(Deserialize)]
struct Opened {
    board: String,
}

/// The page while a link is being opened, or after it has expired.
#[component]
pub(super) fn Shared() -> Element {
    let mut refusal = use_signal(|| None);
    use_future(move || async move {
        let hash = web_sys::window().and_then(|window| window.location().hash().ok()).unwrap_or_default();
        let body = json!({ "token": hash.trim_start_matches('#') });
        match rest::send::<Opened>("POST", "/api/shares/open", &body).await {
            Ok(opened) => leave_for(&format!("/boards/{}", rest::escaped(&opened.board))),
            Err(refused) => refusal.set(Some(refused)),
        }
    });
    rsx! { Outcome { refusal: refusal() } }
}
