//! What is on screen, for others: links, a frame, files.

mod people;

use afterglow_wire::Timestamp;
use afterglow_wire::board::EVERYTHING;
use dioxus::core::spawn_forever;
use dioxus::prelude::*;

use super::copy::Copy;
use super::dialog::Dialog;
use super::page::{Open, Page};
use crate::boards::mode::{KIOSK, PANEL};
use crate::boards::panels::Panel;
use crate::edge::rest;
use crate::samples::archive::ADDRESS;
use crate::time::{Range, Span};

/// The formats in which samples are saved, and what the server calls them.
const FORMATS: [(&str, &str); 2] = [("CSV", "csv"), ("NDJSON", "ndjson")];

/// The sheet, when it is open.
#[component]
pub(super) fn Share() -> Element {
    let page: Page = use_context();
    if page.open.read().as_ref() != Some(&Open::Share) {
        return rsx! {};
    }
    let saved = page.board_state.route.read().board().filter(|id| *id != EVERYTHING).map(str::to_owned);
    rsx! {
        Dialog { title: "Share", test: "share", class: "medium",
            Links {}
            if let Some(board) = saved {
                people::People { board }
            }
            Frame {}
            Files {}
            section { class: "share-part",
                h3 { "Paper" }
                div { class: "menu-actions",
                    button {
                        r#type: "button", class: "action", "data-testid": "print",
                        onclick: move |_| {
                            page.close();
                            spawn_forever(page.clone().print());
                        },
                        "Print, or save as PDF"
                    }
                }
                p { class: "note", "All panels, also those that are not on screen." }
            }
        }
    }
}

#[component]
fn Links() -> Element {
    let page: Page = use_context();
    // As it was when the sheet was opened: a link does not change while it is copied.
    let (range, span) = use_hook(|| (page.state.timeline.borrow().range(), page.state.span()));
    let link =
        |range, extra: &[(&str, &str)]| page.address.link(&page.board_state.route.read(), range, extra);
    let live = matches!(range, Range::Live(_));
    rsx! {
        section { class: "share-part",
            h3 { "Links" }
            Text { id: "share-exact", label: "Exactly what is shown now", text: link(Range::Fixed(span), &[]) }
            if live {
                Text { id: "share-live", label: "Live, as it goes on", text: link(range, &[]) }
            }
            Text { id: "share-kiosk", label: "Kiosk (read-only, full screen)", text: link(range, &[(KIOSK, "")]) }
        }
    }
}

#[component]
fn Frame() -> Element {
    let page: Page = use_context();
    let panels = use_memo({
        let page = page.clone();
        move || page.panels()
    });
    let first = panels.peek().first().map(|panel| panel.key().to_owned()).unwrap_or_default();
    let mut chosen = use_signal(|| first);
    let range = use_hook(|| page.state.timeline.borrow().range());
    let link = page.address.link(&page.board_state.route.read(), range, &[(PANEL, &chosen.read())]);
    let title = panels
        .read()
        .iter()
        .find(|panel| panel.key() == *chosen.read())
        .map(|panel| panel.title().to_owned());
    let frame = format!(
        "<iframe src=\"{}\" title=\"{}\" width=\"600\" height=\"360\" loading=\"lazy\"></iframe>",
        attribute(&link),
        attribute(&title.unwrap_or_default())
    );
    rsx! {
        section { class: "share-part",
            h3 { "A panel within another page" }
            div { class: "menu-row",
                label { r#for: "share-panel", "Panel" }
                select { id: "share-panel", onchange: move |event| chosen.set(event.value()),
                    for panel in panels.read().iter() {
                        option { key: "{panel.key()}", value: "{panel.key()}", selected: panel.key() == *chosen.read(), "{panel.label()}" }
                    }
                }
            }
            Text { id: "share-frame", label: "Embed code", text: frame }
            p { class: "note", "Other sites must be listed in the server setting " code { "embed_from" } "." }
        }
    }
}

#[component]
fn Files() -> Element {
    let page: Page = use_context();
    let span = use_hook(|| page.state.span());
    let names = shown(&page, &page.panels());
    let lines = names.len();
    let addresses = FORMATS.map(|(name, format)| (name, format, samples(&names, span, format)));
    let fits = addresses.iter().all(|(.., address)| address.len() <= ADDRESS);
    rsx! {
        section { class: "share-part",
            h3 { "Download data ({lines} visible lines)" }
            if fits {
                div { class: "menu-actions",
                    for (name, format, address) in addresses {
                        a {
                            key: "{format}", class: "action", "data-testid": "save-{format}",
                            href: address, download: "{file(span)}.{format}",
                            "{name}"
                        }
                    }
                }
                p { class: "note", "Every sample of the range, as it is stored." }
            } else {
                p { class: "note", "data-testid": "too-many", "These are too many names for one file: switch some lines off." }
            }
        }
    }
}

/// A text that is copied as a whole.
#[component]
fn Text(
    /// The field's id.
    id: &'static str,
    /// What the text is.
    label: &'static str,
    /// The text.
    text: String,
) -> Element {
    rsx! {
        div { class: "menu-row",
            label { r#for: id, "{label}" }
            div { class: "field",
                input { id, r#type: "text", readonly: true, value: "{text}" }
                Copy { text: text.clone(), what: label }
            }
        }
    }
}

/// The signals whose lines are shown, each once.
fn shown(page: &Page, panels: &[Panel]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for panel in panels {
        let shown = panel.signals.iter().enumerate().filter(|(place, name)| page.shows(name, *place));
        names.extend(shown.map(|(_, name)| name.clone()));
    }
    names.sort_unstable();
    names.dedup();
    names
}

/// Where the samples are; a sample at the very end is drawn, and counted.
fn samples(names: &[String], span: Span, format: &str) -> String {
    let [from, to] = [span.from, span.to].map(Timestamp::from_micros);
    format!("/api/telemetry?from={from}&to={to}&format={format}&signals={}", rest::names(names))
}

/// A file's name without what some systems do not allow.
fn file(span: Span) -> String {
    let from = Timestamp::from_micros(span.from).to_string();
    format!("afterglow-{}", from.split('.').next().unwrap_or_default().replace(':', ""))
}

/// A text within quotes of HTML.
fn attribute(text: &str) -> String {
    text.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;")
}
