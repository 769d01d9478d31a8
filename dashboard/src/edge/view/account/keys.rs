//! Keys of programs: made, shown once, revoked.

use afterglow_wire::Timestamp;
use afterglow_wire::access::Scope;
use afterglow_wire::name;
use dioxus::prelude::*;
use serde::Deserialize;
use serde_json::json;

use super::super::copy::Copy;
use super::super::form::Field;
use super::super::sure::Sure;
use super::{Outcome, wrong};
use crate::connection::refusal::Refusal;
use crate::edge::clock::Clock;
use crate::edge::rest;

/// What is shown of a key: a part of what the server says, so that the page need not carry the rest.
#[derive(Clone, Deserialize, PartialEq)]
struct Key {
    id: String,
    label: String,
    scopes: Vec<String>,
    #[serde(default)]
    signals: Vec<String>,
    expires: Option<String>,
    last_used: Option<String>,
    last_used_from: Option<String>,
}

/// A key that was just made.
#[derive(Clone, Deserialize, PartialEq)]
struct Made {
    key: String,
    label: String,
}

/// How long a key is valid, in days; 0 for ever.
const DAYS: [(i64, &str); 4] = [(30, "30 days"), (90, "90 days"), (365, "a year"), (0, "for ever")];

/// What each scope allows.
const fn meaning(scope: Scope) -> &'static str {
    match scope {
        Scope::Write => "send samples",
        Scope::Read => "see everything",
        Scope::Edit => "change boards and rules",
        Scope::Admin => "manage keys and members",
        Scope::Operator => "read metrics",
    }
}

/// The keys, and a form for one more.
#[component]
pub(super) fn Keys() -> Element {
    let mut keys = use_signal(|| None::<Vec<Key>>);
    let (mut refusal, mut made) = (use_signal(|| None::<Refusal>), use_signal(|| None::<Made>));
    let mut asked = use_signal(|| 0_u32);
    use_effect(move || {
        let _ = asked();
        spawn(async move {
            match rest::get("/api/keys", None).await {
                Ok(all) => keys.set(Some(all)),
                Err(reason) => refusal.set(Some(Refusal::because(reason))),
            }
        });
    });
    let Some(known) = keys() else {
        return rsx! { Outcome { refusal: refusal() } };
    };
    rsx! {
        section { class: "card-table", "aria-labelledby": "keys-title",
            h3 { id: "keys-title", "Keys of programs" }
            if known.is_empty() {
                p { class: "note", "None yet. Where this server asks for a password, programs send a key." }
            }
            ul { class: "rows",
                for key in known {
                    li { key: "{key.id}", "data-testid": "key",
                        span { class: "row-text",
                            strong { "{key.label}" }
                            span { class: "note", {about(&key)} }
                            span { class: "note", "data-testid": "key-used", {used(&key)} }
                        }
                        Sure {
                            action: "Revoke", of: key.label.clone(),
                            on_sure: move |()| {
                                let address = format!("/api/keys/{}", key.id);
                                async move {
                                    refusal.set(rest::delete(&address).await.err());
                                    made.set(None);
                                    asked += 1;
                                }
                            },
                        }
                    }
                }
            }
            Outcome { refusal: refusal() }
        }
        if let Some(made) = made() {
            section { class: "card-table", role: "status",
                h3 { "The key {made.label}" }
                p { class: "note", "It is shown only now." }
                p { class: "secret", "data-testid": "new-key", "{made.key}" }
                Copy { text: made.key, what: "the key" }
            }
        }
        Make {
            on_made: move |key| {
                made.set(Some(key));
                refusal.set(None);
                asked += 1;
            },
        }
    }
}

/// What a key may do, and until when.
fn about(key: &Key) -> String {
    let of = if key.signals.is_empty() { "" } else { " of " };
    let until = key.expires.as_ref().map_or_else(|| "for ever".to_owned(), |at| format!("until {at}"));
    format!("{}{of}{}, {until}", key.scopes.join(", "), key.signals.join(", "))
}

fn used(key: &Key) -> String {
    match (&key.last_used, &key.last_used_from) {
        (Some(at), Some(from)) => format!("last used {at} from {from}"),
        _ => "not used yet, or within the last minute only".to_owned(),
    }
}

#[component]
fn Make(
    /// Called with the key.
    on_made: EventHandler<Made>,
) -> Element {
    let (mut label, mut signals, mut days) =
        (use_signal(String::new), use_signal(String::new), use_signal(|| 90));
    let mut scopes = use_signal(|| vec![Scope::Write]);
    let mut refusal = use_signal(|| None);
    let submit = move |event: FormEvent| {
        event.prevent_default();
        async move {
            let mut patterns = name::split(&signals.peek());
            // An empty text has one empty name.
            patterns.retain(|pattern| !pattern.is_empty());
            let micros = Clock::default().now() + *days.peek() * 86_400_000_000;
            let scopes: Vec<_> = scopes.peek().iter().map(|scope| scope.name()).collect();
            let mut body = json!({ "label": label.peek().trim(), "scopes": scopes });
            if !patterns.is_empty() {
                body["signals"] = json!(patterns);
            }
            if *days.peek() > 0 {
                body["expires"] = Timestamp::from_micros(micros).to_string().into();
            }
            match rest::send("POST", "/api/keys", &body).await {
                Ok(made) => {
                    refusal.set(None);
                    label.set(String::new());
                    on_made.call(made);
                }
                Err(refused) => refusal.set(Some(refused)),
            }
        }
    };
    rsx! {
        section { class: "card-table", "aria-labelledby": "make-title",
            h3 { id: "make-title", "Make a key" }
            form { class: "form", "data-testid": "make-key", onsubmit: submit,
                Field { id: "key-label", label: "What it is for", wrong: wrong(&refusal, "label"),
                    input {
                        id: "key-label", autocomplete: "off", required: true, "aria-describedby": "key-label-error",
                        value: "{label}", oninput: move |event| label.set(event.value()),
                    }
                }
                fieldset { class: "choices",
                    legend { "It may" }
                    for scope in Scope::ALL {
                        label {
                            input {
                                r#type: "checkbox", checked: scopes.read().contains(&scope),
                                onchange: move |event| {
                                    let mut scopes = scopes.write();
                                    scopes.retain(|other| *other != scope);
                                    if event.checked() {
                                        scopes.push(scope);
                                    }
                                },
                            }
                            {meaning(scope)} " ({scope})"
                        }
                    }
                    p { class: "field-error", role: "status", {wrong(&refusal, "scopes")} }
                }
                Field { id: "key-signals", label: "Only these signals", wrong: wrong(&refusal, "signals"),
                    input {
                        id: "key-signals", autocomplete: "off", autocapitalize: "none", spellcheck: "false",
                        placeholder: "all; or names and patterns, such as oven.*, with commas",
                        "aria-describedby": "key-signals-error", value: "{signals}", oninput: move |event| signals.set(event.value()),
                    }
                }
                Field { id: "key-days", label: "Valid", wrong: wrong(&refusal, "expires"),
                    select {
                        id: "key-days", "aria-describedby": "key-days-error",
                        onchange: move |event| days.set(event.value().parse().unwrap_or(90)),
                        for (count, text) in DAYS {
                            option { value: "{count}", selected: count == days(), "{text}" }
                        }
                    }
                }
                Outcome { refusal: refusal() }
                div { class: "form-end",
                    button { r#type: "submit", class: "action", "Make the key" }
                }
            }
        }
    }
}
