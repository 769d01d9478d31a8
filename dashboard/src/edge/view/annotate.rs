//! The form of an annotation: of a new one, or of one that is changed.

use afterglow_wire::Timestamp;
use afterglow_wire::annotation::{Annotation, NewAnnotation};
use dioxus::prelude::*;

use super::dialog::Dialog;
use super::form::Field;
use super::page::{Asked, Open, Page};
use super::refused::use_failure;
use crate::connection::refusal::Refusal;
use crate::edge::rest;
use crate::time::Zone;
use crate::time::expression;
use crate::time::text::Civil;

/// The form, when it is open.
#[component]
pub(super) fn Annotate() -> Element {
    let page: Page = use_context();
    match page.open.read().clone() {
        Some(Open::Annotate(asked)) => rsx! {
            Form { asked }
        },
        Some(Open::Note(note)) => rsx! {
            Form {
                asked: Asked { from: note.from.micros(), to: note.to.map(Timestamp::micros) },
                replaced: Some(*note),
            }
        },
        _ => rsx! {},
    }
}

#[component]
fn Form(
    /// Where it is.
    asked: Asked,
    /// The annotation that is changed.
    #[props(default)]
    replaced: Option<Annotation>,
) -> Element {
    let page: Page = use_context();
    let zone = page.state.zone.get();
    let mut failure = use_failure();
    let mut from = use_signal(|| local(asked.from, &*zone));
    let mut to = use_signal(|| asked.to.map(|to| local(to, &*zone)).unwrap_or_default());
    let known = replaced.clone().unwrap_or_else(|| Annotation {
        id: 0,
        from: Timestamp::default(),
        to: None,
        text: String::new(),
        tags: Vec::new(),
        signals: Vec::new(),
    });
    let first = [known.text, known.tags.join(", "), known.signals.join("\n")];
    let [mut text, mut tags, mut signals] = std::array::from_fn(|field| use_signal(|| first[field].clone()));
    let replaced = replaced.map(|note| note.id);
    let submit = move |event: Event<FormData>| {
        event.prevent_default();
        let page = page.clone();
        async move {
            let new = NewAnnotation {
                text: text.peek().clone(),
                tags: listed(&tags.peek(), ','),
                signals: listed(&signals.peek(), '\n'),
                ..NewAnnotation::default()
            };
            let saved = match placed(new, &from.peek(), &to.peek(), &page) {
                Ok(new) => rest::send::<Annotation>("POST", "/api/annotations", &new).await,
                Err(refusal) => Err(refusal),
            };
            // The old one goes when the new one is there: nothing is lost in between.
            let saved = match (saved, replaced) {
                (Ok(_), Some(old)) => rest::delete(&format!("/api/annotations/{old}")).await,
                (saved, _) => saved.map(drop),
            };
            match saved {
                Ok(()) => {
                    page.close();
                }
                Err(refusal) => failure.set(refusal),
            }
        }
    };
    rsx! {
        Dialog { title: "Annotation", test: "annotate-form", class: "narrow clear", guards: true,
            form { class: "form", onsubmit: submit,
                Field { id: "note-text", label: "What happened", wrong: failure.at("text"),
                    textarea {
                        id: "note-text", rows: "3", "aria-describedby": "note-text-error",
                        autofocus: true, initial_value: "{first[0]}",
                        oninput: move |event| text.set(event.value()),
                    }
                }
                div { class: "form-row",
                    Field { id: "note-from", label: "Start", wrong: failure.at("from"),
                        input { id: "note-from", r#type: "text", autocomplete: "off", "aria-describedby": "note-from-error", value: "{from}", oninput: move |event| from.set(event.value()) }
                    }
                    Field { id: "note-to", label: "End (optional)", wrong: failure.at("to"),
                        input { id: "note-to", r#type: "text", autocomplete: "off", "aria-describedby": "note-to-error", value: "{to}", oninput: move |event| to.set(event.value()) }
                    }
                }
                Field { id: "note-tags", label: "Tags, separated by commas", wrong: failure.at("tags"),
                    input { id: "note-tags", r#type: "text", autocomplete: "off", "aria-describedby": "note-tags-error", initial_value: "{first[1]}", oninput: move |event| tags.set(event.value()) }
                }
                Field { id: "note-signals", label: "Applies to (one signal or pattern per line; empty = all)", wrong: failure.at("signals"),
                    textarea { id: "note-signals", rows: "2", spellcheck: "false", "aria-describedby": "note-signals-error", initial_value: "{first[2]}", oninput: move |event| signals.set(event.value()) }
                }
                if let Some(message) = failure.general() {
                    p { class: "field-error", role: "alert", "{message}" }
                }
                div { class: "form-end",
                    button { r#type: "submit", class: "action primary", "data-testid": "annotate-save", "Save" }
                }
            }
        }
    }
}

/// Where the typed ends put it.
fn placed(new: NewAnnotation, from: &str, to: &str, page: &Page) -> Result<NewAnnotation, Refusal> {
    let (now, zone) = (page.state.clock.now(), page.state.zone.get());
    let instant = |field: &str, text: &str, earlier| {
        let at = expression::moment(text, earlier, now, &*zone);
        at.map_err(|message| Refusal { field: Some(field.into()), ..Refusal::because(message) })
    };
    let start = instant("from", from, None)?;
    let end = if to.trim().is_empty() { None } else { Some(instant("to", to, Some(start))?) };
    Ok(NewAnnotation {
        from: Some(Timestamp::from_micros(start)),
        to: end.map(Timestamp::from_micros),
        ..new
    })
}

fn listed(text: &str, separator: char) -> Vec<String> {
    text.split(separator).map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

/// As it can be typed: `2026-11-25 14:05:09.250`.
fn local(utc: i64, zone: &dyn Zone) -> String {
    let civil = Civil::of(zone.to_local(utc));
    format!("{:04}-{:02}-{:02} {}", civil.year, civil.month, civil.day, civil.fraction(3))
}
