//! The channels, and whether they work.

use dioxus::prelude::*;
use serde_json::{Value, json};

use super::super::page::{Open, Page};
use super::use_documents;
use crate::alerts::channels;
use crate::edge::rest;

/// All channels.
#[component]
pub(super) fn Channels() -> Element {
    let page: Page = use_context();
    let all = use_documents("/api/channels", |revision| revision.channels);
    let new = page.clone();
    rsx! {
        section { class: "card-table", "aria-labelledby": "channels-title", "data-testid": "channels",
            div { class: "card-head",
                h2 { id: "channels-title", "Channels" }
                button {
                    r#type: "button", class: "action", "data-testid": "new-channel",
                    onclick: move |_| new.toggle_open(Open::Channel(Box::new(json!({ "kind": "webhook" })))),
                    "Add a channel"
                }
            }
            if list(&all.read()).is_empty() {
                p { class: "note", "There are no channels yet: nobody is notified." }
            }
            ul { class: "rows",
                for channel in list(&all.read()) {
                    ChannelRow { key: "{name(channel)}", channel: channel.clone() }
                }
            }
        }
    }
}

#[component]
fn ChannelRow(
    /// The channel.
    channel: Value,
) -> Element {
    let page: Page = use_context();
    let (id, kind) = (name(&channel).to_owned(), text(&channel, "kind").to_owned());
    let tested = id.clone();
    let host = channel.pointer("/kept/url/host").and_then(Value::as_str).unwrap_or_default().to_owned();
    let is_default = channel["default"] == true;
    rsx! {
        li { "data-testid": "channel", "data-channel": "{id}",
            span { class: "row-text",
                strong { bdi { "{title(&channel)}" } }
                span { class: "note",
                    "{channels::label(&kind)} {host}"
                    if is_default { ", for what nobody else takes" }
                }
            }
            button {
                r#type: "button", class: "action", "data-testid": "edit-channel", "aria-label": "Edit {title(&channel)}",
                onclick: move |_| page.toggle_open(Open::Channel(Box::new(channel.clone()))),
                "Edit"
            }
            Test { id: tested }
        }
    }
}

/// Sends a message that says that it is a test, and how that ended.
#[component]
pub(super) fn Test(
    /// The channel.
    id: String,
) -> Element {
    let mut said = use_signal(String::new);
    let address = format!("/api/channels/{id}/test");
    let test = move |_| {
        let address = address.clone();
        async move {
            said.set("Sending …".to_owned());
            said.set(match rest::send::<Value>("POST", &address, &json!({})).await {
                Ok(tested) => outcome(&tested["delivery"]),
                Err(refusal) => format!("Not sent: {}", refusal.message),
            });
        }
    };
    rsx! {
        button { r#type: "button", class: "action", "data-testid": "test-channel", "aria-label": "Send a test to {id}", onclick: test, "Send a test" }
        span { class: "note", role: "status", "data-testid": "tested", "{said}" }
    }
}

/// How a test ended.
fn outcome(delivery: &Value) -> String {
    if delivery["outcome"] == "delivered" {
        return format!("Delivered in {} ms", delivery["took_millis"]);
    }
    match text(delivery, "error") {
        "" => format!("Not delivered: status {}", delivery["status"]),
        error => format!("Not delivered: {error}"),
    }
}

/// The channels of an answer.
pub(super) fn list(all: &Value) -> &[Value] {
    all.as_array().map_or(&[], Vec::as_slice)
}

/// What a channel is called.
pub(super) fn title(channel: &Value) -> &str {
    match text(channel, "title") {
        "" => name(channel),
        title => title,
    }
}

/// Its id.
pub(super) fn name(channel: &Value) -> &str {
    text(channel, "id")
}

/// A text of its document.
pub(super) fn text<'a>(channel: &'a Value, field: &str) -> &'a str {
    channel[field].as_str().unwrap_or_default()
}
