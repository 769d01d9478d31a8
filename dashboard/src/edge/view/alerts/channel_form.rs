//! The form of a channel. It changes the fields of the channel's kind; the others stay as they are.

use dioxus::prelude::*;
use serde_json::Value;

use super::super::copy::Copy;
use super::super::dialog::Dialog;
use super::super::form::Field;
use super::super::page::{Open, Page};
use super::super::refused::{Conflict, use_failure};
use super::channels::{Test, name, text};
use crate::alerts::{channels, draft};
use crate::connection::refusal::Refusal;
use crate::edge::rest;

/// The form.
#[component]
pub(super) fn ChannelForm(
    /// The channel; without a version it is new.
    channel: Value,
) -> Element {
    let page: Page = use_context();
    let known = use_hook(|| channel.clone());
    let mut channel = use_signal(|| channel);
    // What a new channel is like now that it is saved, with the key that was made for it.
    let mut made = use_signal(|| None::<Value>);
    let mut failure = use_failure();
    let mut sure = use_signal(|| false);
    let (is_new, id) = (known.get("version").is_none(), name(&known).to_owned());
    let address = format!("/api/channels/{id}");
    let [saving, deleting] = std::array::from_fn(|_| page.clone());
    let save = {
        let address = address.clone();
        move || {
            let (page, address) = (saving.clone(), address.clone());
            async move {
                let body = channel.peek().clone();
                if !is_new {
                    return match rest::tell("PUT", &address, &body).await {
                        Ok(()) => drop(page.close()),
                        Err(refusal) => failure.set(refusal),
                    };
                }
                match rest::send::<Value>("POST", "/api/channels", &body).await {
                    Ok(saved) => {
                        page.forget_typed();
                        made.set(Some(saved));
                    }
                    Err(refusal) => failure.set(refusal),
                }
            }
        }
    };
    let overwrite = save.clone();
    let take_theirs = {
        let (page, address) = (page.clone(), address.clone());
        move |()| {
            let (page, address) = (page.clone(), address.clone());
            spawn(async move {
                match rest::get::<Value>(&address, None).await {
                    Ok(theirs) => {
                        let mut open = page.open;
                        page.forget_typed();
                        open.set(Some(Open::Channel(Box::new(theirs))));
                    }
                    Err(reason) => failure.set(Refusal::because(reason)),
                }
            });
        }
    };
    let delete = move |_| {
        let (page, address) = (deleting.clone(), address.clone());
        async move {
            match rest::delete(&address).await {
                Ok(()) => drop(page.close()),
                Err(refusal) => failure.set(refusal),
            }
        }
    };
    if let Some(made) = made() {
        let (id, secret) = (name(&made).to_owned(), text(&made, "secret").to_owned());
        return rsx! {
            Dialog { title: "Channel saved", test: "channel-saved", class: "narrow clear",
                div { class: "form",
                    if !secret.is_empty() {
                        p { class: "note", "With this secret the receiver checks that a message is from here. It is shown only now." }
                        p { class: "secret", "data-testid": "channel-secret", "{secret}" }
                        div { Copy { text: secret, what: "the secret" } }
                    }
                    div { class: "check-row", Test { id } }
                }
            }
        };
    }
    let kind = text(&channel.read(), "kind").to_owned();
    rsx! {
        Dialog { title: if is_new { "Add a channel" } else { "Channel" }, test: "channel-form", class: "narrow clear", guards: true,
            form { class: "form",
                onsubmit: move |event| {
                    event.prevent_default();
                    save()
                },
                Field { id: "channel-title", label: "Name", wrong: failure.at("title").or_else(|| failure.at("id")),
                    input {
                        id: "channel-title", r#type: "text", autocomplete: "off", autofocus: true, dir: "auto", required: is_new, "aria-describedby": "channel-title-error",
                        initial_value: super::channels::title(&known), oninput: move |event| channel.write()["title"] = event.value().into(),
                    }
                }
                if is_new {
                    Field { id: "channel-kind", label: "Kind", wrong: failure.at("kind"),
                        select {
                            id: "channel-kind", "aria-describedby": "channel-kind-error",
                            onchange: move |event| {
                                // The fields of another kind are not its own.
                                let mut channel = channel.write();
                                *channel = serde_json::json!({ "title": channel["title"], "kind": event.value(), "default": channel["default"] == true });
                            },
                            for (name, label, _) in channels::KINDS {
                                option { value: name, selected: name == kind, "{label}" }
                            }
                        }
                    }
                }
                for field in channels::fields(&kind).iter().copied() {
                    Own { key: "{kind} {field.name}", channel, field, wrong: failure.at(field.name) }
                }
                label { class: "check-row",
                    input {
                        r#type: "checkbox", initial_checked: known["default"] == true,
                        onchange: move |event| channel.write()["default"] = event.checked().into(),
                    }
                    "Gets what no rule and no other channel asks for"
                }
                if let Some(version) = failure.version().filter(|_| !is_new) {
                    Conflict {
                        what: "channel", version, on_theirs: take_theirs,
                        on_mine: move |()| {
                            channel.write()["version"] = version.into();
                            spawn(overwrite());
                        },
                    }
                } else if let Some(message) = failure.message() {
                    p { class: "field-error", role: "alert", "Not saved: {message}" }
                }
                div { class: "form-end",
                    if !is_new && sure() {
                        button { r#type: "button", class: "action danger", "data-testid": "channel-sure", onclick: delete, "Delete" }
                        button { r#type: "button", class: "action", onclick: move |_| sure.set(false), "Cancel" }
                    } else if !is_new {
                        button { r#type: "button", class: "action", "data-testid": "channel-delete", onclick: move |_| sure.set(true), "Delete …" }
                    }
                    span { class: "spring" }
                    button { r#type: "submit", class: "action primary", "data-testid": "channel-save", "Save" }
                }
            }
        }
    }
}

/// A field of the channel's kind. What is secret is written and never shown: empty, it stays as it is.
#[component]
fn Own(
    /// The channel as it is being changed.
    channel: Signal<Value>,
    /// The field.
    field: channels::Field,
    /// What is wrong with it.
    wrong: Option<String>,
) -> Element {
    let initial = use_hook(|| match &channel.peek()[field.name] {
        Value::Array(all) => all.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", "),
        value => value.as_str().unwrap_or_default().to_owned(),
    });
    let is_kept = !channel.read()["kept"][field.name].is_null();
    let optional = if field.is_optional { " (optional)" } else { "" };
    let id = format!("channel-{}", field.name);
    rsx! {
        Field { id: "{id}", label: "{field.label}{optional}", wrong,
            input {
                id: "{id}", r#type: if field.is_secret && field.name != "url" { "password" } else { "text" },
                autocomplete: if field.is_secret { "new-password" } else { "off" }, spellcheck: "false", autocapitalize: "none",
                "aria-describedby": "{id}-error", initial_value: "{initial}", placeholder: if is_kept { "kept; type to replace it" } else { "" },
                oninput: move |event| {
                    let typed = event.value().trim().to_owned();
                    let mut channel = channel.write();
                    if typed.is_empty() {
                        if let Some(document) = channel.as_object_mut() {
                            document.remove(field.name);
                        }
                    } else if field.name == "to" {
                        channel["to"] = draft::listed(&typed).into();
                    } else {
                        channel[field.name] = typed.into();
                    }
                },
            }
        }
    }
}
