//! Links to the board for people without an account: made, shown once, revoked.

use afterglow_wire::Timestamp;
use dioxus::prelude::*;
use serde::Deserialize;
use serde_json::json;

use super::super::sure::Sure;
use super::Text;
use crate::connection::refusal::Refusal;
use crate::edge::clock::Clock;
use crate::edge::rest;

/// What is shown of a link.
#[derive(Clone, Deserialize, PartialEq)]
struct Share {
    id: String,
    board: String,
    created: String,
    expires: Option<String>,
    last_used: Option<String>,
    since: Option<String>,
    #[serde(default)]
    embed_from: Vec<String>,
}

/// A link that was just made.
#[derive(Clone, Deserialize, PartialEq)]
struct Made {
    link: String,
    frame: Option<String>,
}

/// How long a link is valid, in days.
const DAYS: [(i64, &str); 4] = [(1, "a day"), (7, "a week"), (30, "30 days"), (365, "a year")];

/// How far back a link shows samples: what the server is sent, and what that is called.
const SINCE: [(&str, &str); 5] = [
    ("", "everything"),
    ("1h", "the last hour"),
    ("1d", "the last day"),
    ("7d", "the last week"),
    ("30d", "the last 30 days"),
];

/// The links to one board; nothing for those who may not make any.
#[component]
pub(super) fn People(
    /// The board's address.
    board: String,
) -> Element {
    let (mut shares, mut made) = (use_signal(|| None::<Vec<Share>>), use_signal(|| None::<Made>));
    let (mut days, mut refusal) = (use_signal(|| 30), use_signal(|| None::<Refusal>));
    let (mut since, mut sites) = (use_signal(String::new), use_signal(String::new));
    let mut asked = use_signal(|| 0_u32);
    use_effect(move || {
        let _ = asked();
        spawn(async move {
            // Who is refused is shown nothing of it.
            shares.set(rest::get("/api/shares", None).await.ok());
        });
    });
    let Some(known) = shares() else { return rsx! {} };
    let origin = web_sys::window().and_then(|window| window.location().origin().ok()).unwrap_or_default();
    let make = {
        let board = board.clone();
        move |_| {
            let micros = Clock::default().now() + *days.peek() * 86_400_000_000;
            let expires = Timestamp::from_micros(micros).to_string();
            let since = Some(since.peek().clone()).filter(|since| !since.is_empty());
            let sites: Vec<_> = sites.peek().split_whitespace().map(str::to_owned).collect();
            let body = json!({ "board": board, "expires": expires, "since": since, "embed_from": sites });
            refusal.set(None);
            async move {
                match rest::send("POST", "/api/shares", &body).await {
                    Ok(link) => made.set(Some(link)),
                    Err(refused) => refusal.set(Some(refused)),
                }
                asked += 1;
            }
        }
    };
    rsx! {
        section { class: "share-part", "data-testid": "share-people",
            h3 { "For people without an account" }
            div { class: "menu-row",
                label { r#for: "share-days", "Valid" }
                select { id: "share-days", onchange: move |event| days.set(event.value().parse().unwrap_or(30)),
                    for (count, text) in DAYS {
                        option { value: "{count}", selected: count == days(), "{text}" }
                    }
                }
                label { r#for: "share-since", "Shows" }
                select { id: "share-since", onchange: move |event| since.set(event.value()),
                    for (value, text) in SINCE {
                        option { value: "{value}", selected: value == since(), "{text}" }
                    }
                }
            }
            div { class: "menu-row",
                label { r#for: "share-sites", "In a frame on" }
                input {
                    id: "share-sites", r#type: "text", placeholder: "no other site", spellcheck: "false", autocomplete: "off",
                    "aria-describedby": "share-sites-note", oninput: move |event| sites.set(event.value()),
                }
                button { r#type: "button", class: "action", onclick: make, "Make a link" }
            }
            p { id: "share-sites-note", class: "note", "Sites such as https://intranet.example, with blanks between them." }
            if let Some(made) = made() {
                Text { id: "share-link", label: "The link, shown only now", text: "{origin}{made.link}" }
                if let Some(frame) = made.frame {
                    Text { id: "share-board-frame", label: "Embed code, shown only now", text: frame_of(&format!("{origin}{frame}")) }
                }
            }
            ul { class: "rows",
                for share in known.into_iter().filter(|share| share.board == board) {
                    li { key: "{share.id}", "data-testid": "share-row",
                        span { class: "row-text note", {about(&share)} }
                        Sure {
                            action: "Revoke", of: format!("the link of {}", share.created),
                            on_sure: move |()| {
                                let address = format!("/api/shares/{}", share.id);
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
            p { class: "field-error", role: "alert", {refusal().map(|refusal| refusal.message)} }
            p { class: "note", "Everyone who has a link sees this board and its signals, and nothing else." }
        }
    }
}

/// What shows a board within another page.
fn frame_of(address: &str) -> String {
    format!(
        "<iframe src=\"{}\" title=\"Afterglow\" width=\"100%\" height=\"720\" loading=\"lazy\"></iframe>",
        super::attribute(address)
    )
}

fn about(share: &Share) -> String {
    let instant = |at: &Option<String>| at.clone().unwrap_or_else(|| "never".to_owned());
    let named =
        |since: &String| SINCE.iter().find(|(value, _)| value == since).map(|(_, text)| (*text).to_owned());
    let shown =
        share.since.as_ref().map(|since| named(since).unwrap_or_else(|| format!("as far back as {since}")));
    let shown = shown.map(|shown| format!(", shows {shown}")).unwrap_or_default();
    let framed = match &*share.embed_from {
        [] => String::new(),
        origins => format!(", in frames on {}", origins.join(" and ")),
    };
    format!("until {}, last used {}{shown}{framed}", instant(&share.expires), instant(&share.last_used))
}
