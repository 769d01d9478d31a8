//! The silences that hold or will hold.

use dioxus::prelude::*;
use serde_json::{Value, json};

use super::super::page::Page;
use super::silence_form::SilenceForm;
use super::use_documents;
use crate::alerts::episode::{instant, text as text_of};
use crate::connection::refusal::Refusal;
use crate::edge::rest;
use crate::time::{SECOND, text};

/// What ends this soon, in microseconds, has ended: the page's idea of the server's time is not exact.
const NEARLY: i64 = 5 * SECOND;

/// The silences that have not ended.
#[component]
pub(super) fn Silences() -> Element {
    let page: Page = use_context();
    let all = use_documents("/api/silences", |revision| revision.silences);
    let mut refusal = use_signal(|| None::<Refusal>);
    // Again as time goes by: silences end without a word.
    let _ = page.time.read();
    let now = page.state.clock.now() + NEARLY;
    let all = all.read();
    let is_open = |silence: &&Value| instant(silence, "to").is_none_or(|to| to > now);
    let open: Vec<&Value> = all.as_array().into_iter().flatten().filter(is_open).collect();
    rsx! {
        section { class: "card-table", "aria-labelledby": "silences-title", "data-testid": "silences",
            div { class: "card-head",
                h2 { id: "silences-title", "Silences" }
            }
            ul { class: "rows",
                for (id, silence) in open.into_iter().map(|silence| (text_of(silence, "id"), silence)) {
                    SilenceRow { key: "{id}", silence: silence.clone(), on_refusal: move |reason| refusal.set(reason) }
                }
            }
            SilenceForm {}
            if let Some(refusal) = refusal() {
                p { class: "field-error", role: "alert", "Not done: {refusal.message}" }
            }
        }
    }
}

#[component]
fn SilenceRow(
    /// The silence.
    silence: Value,
    /// Called with why it was not ended, or with nothing.
    on_refusal: EventHandler<Option<Refusal>>,
) -> Element {
    let page: Page = use_context();
    let zone = page.state.zone.follow();
    let meant: Vec<&str> = ["rules", "signals", "severities"]
        .iter()
        .flat_map(|member| silence[*member].as_array().into_iter().flatten())
        .filter_map(Value::as_str)
        .collect();
    let meant = meant.join(", ");
    let until = instant(&silence, "to").map(|to| text::instant(to, SECOND, &*zone));
    let (by, has_windows) = (text_of(&silence, "by"), silence["windows"].is_array());
    let address = format!("/api/silences/{}/end", text_of(&silence, "id"));
    let end = move |_| {
        let address = address.clone();
        async move { on_refusal.call(rest::tell("POST", &address, &json!({})).await.err()) }
    };
    rsx! {
        li { "data-testid": "silence-row",
            span { class: "row-text",
                strong { bdi { "{meant}" } }
                span { class: "note",
                    if has_windows { "in hours of the week " }
                    if let Some(until) = until { "until {until}" }
                    if !by.is_empty() { " by {by}" }
                }
            }
            button { r#type: "button", class: "action", "data-testid": "end-silence", "aria-label": "End the silence of {meant}", onclick: end, "End" }
        }
    }
}
