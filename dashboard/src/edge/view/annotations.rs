//! Annotations: kept up to date around the range on screen, and listed.

use std::cell::Cell;
use std::rc::Rc;

use afterglow_wire::Timestamp;
use afterglow_wire::annotation::{Annotation, Annotations};
use dioxus::core::spawn_forever;
use dioxus::prelude::*;

use super::icon::Icon;
use super::page::{Asked, Open, Page};
use crate::boards::annotations::AnnotationSet;
use crate::connection::status::Link;
use crate::edge::rest;
use crate::time::{Range, Span, text};

/// Rows that are shown at most.
const ROWS: usize = 100;
/// An instant is shown with so much around it, as a share of what was shown before.
const AROUND: i64 = 4;

/// Asks for the annotations around the range on screen when they are not here.
pub(super) fn use_annotations(page: &Page) {
    let page = page.clone();
    // Which revision is here, and whether another is on its way.
    let state = use_hook(|| Rc::new((Cell::new(None::<u64>), Cell::new(false))));
    use_effect(move || {
        let revision = page.state.revision.follow().map(|revision| revision.annotations);
        // Before it is known which signals there are, the range is not that which fits them.
        let span = page.time.read().as_ref().map(|time| time.span).filter(|_| !page.names.read().is_empty());
        let (Some(revision), Some(span)) = (revision, span) else { return };
        let (known, asking) = &*state;
        let here = known.get() == Some(revision) && page.state.annotations.get().covers(span);
        let offline = matches!(page.state.status().link, Link::Offline | Link::Connecting);
        if here || offline || asking.replace(true) {
            return;
        }
        let (page, state) = (page.clone(), Rc::clone(&state));
        spawn_forever(async move {
            // Without an answer the next second asks again.
            if let Ok(notes) = ask(span.widened(span.width())).await {
                state.0.set(Some(revision));
                page.set_annotations(notes);
            }
            state.1.set(false);
        });
    });
}

async fn ask(span: Span) -> Result<AnnotationSet, String> {
    let [from, to] = [span.from, span.to].map(Timestamp::from_micros);
    let answer: Annotations = rest::get(&format!("/api/annotations?from={from}&to={to}"), None).await?;
    Ok(AnnotationSet::new(span, answer))
}

/// The annotations of the range on screen, the newest first.
#[component]
pub(super) fn AnnotationList() -> Element {
    let page: Page = use_context();
    let notes = page.state.annotations.follow();
    let span = page.time.read().as_ref().map(|time| time.span).unwrap_or_default();
    let shown: Vec<&Annotation> = notes.within(span).rev().collect();
    let left_out = shown.len().saturating_sub(ROWS);
    let add = page.clone();
    rsx! {
        section { class: "listing notes", "aria-labelledby": "notes-title", "data-testid": "notes",
            div { class: "listing-head",
                h2 { id: "notes-title", "Annotations" }
                span { class: "note", "{shown.len()} in this range" }
                span { class: "spring" }
                button {
                    r#type: "button", class: "action", "data-testid": "annotate", title: "Annotate (N)",
                    onclick: move |_| add.annotate(None),
                    "Annotate"
                }
            }
            if !shown.is_empty() {
                ul { class: "notes-scroll",
                    for note in shown.iter().take(ROWS) {
                        Row { key: "{note.id}", note: (*note).clone() }
                    }
                }
            }
            if left_out > 0 {
                p { class: "more", "{left_out} more; zoom in to see them." }
            }
        }
    }
}

#[component]
fn Row(
    /// The annotation.
    note: Annotation,
) -> Element {
    let page: Page = use_context();
    let mut sure = use_signal(|| false);
    let mut failure = use_signal(|| None::<String>);
    // Says the time in another zone when that changes.
    let _ = page.state.zone.follow();
    let zone = page.state.zone.get();
    let (from, to) = (note.from.micros(), note.end().micros());
    let when =
        if to > from { text::stretch(Span { from, to }, &*zone) } else { text::instant(from, 1_000, &*zone) };
    let (id, text, change) = (note.id, note.text.clone(), page.clone());
    let delete = move |_| async move {
        if let Err(refusal) = rest::delete(&format!("/api/annotations/{id}")).await {
            failure.set(Some(refusal.message));
        }
    };
    rsx! {
        li { class: "note-row", "data-testid": "note",
            div { class: "note-body",
                button {
                    r#type: "button", class: "note-when", title: "Show it",
                    onclick: move |_| {
                        let around = (page.state.span().width() / AROUND).max(to - from);
                        page.go(Range::Fixed(Span { from, to }.widened(around).usable()));
                    },
                    "{when}"
                }
                p { class: "note-text", dir: "auto", "data-testid": "note-text", "{note.text}" }
                for tag in note.tags.iter() {
                    span { key: "{tag}", class: "tag", bdi { "{tag}" } }
                }
                if !note.signals.is_empty() {
                    p { class: "note", bdi { {note.signals.join(", ")} } }
                }
                if let Some(reason) = failure.read().as_ref() {
                    p { class: "field-error", role: "alert", "Not deleted: {reason}" }
                }
            }
            if sure() {
                button { r#type: "button", class: "action danger", "data-testid": "note-sure", onclick: delete, "Delete" }
                button { r#type: "button", class: "action", onclick: move |_| sure.set(false), "Cancel" }
            } else {
                button {
                    r#type: "button", class: "icon small", "aria-label": "Change the annotation “{note.text}”", "data-testid": "note-change",
                    onclick: move |_| change.toggle_open(Open::Note(Box::new(note.clone()))),
                    Icon { d: "M4 14.5V16h1.5L14.8 6.7l-1.5-1.5zM11.8 6.7l1.5 1.5" }
                }
                button { r#type: "button", class: "icon small", "aria-label": "Delete the annotation “{text}”", "data-testid": "note-delete", onclick: move |_| sure.set(true), "×" }
            }
        }
    }
}

impl Page {
    /// Has what the server answered shown everywhere.
    fn set_annotations(&self, notes: AnnotationSet) {
        self.state.annotations.set(Rc::new(notes));
        self.paint_loop.repaint();
    }

    /// Opens the form of a new annotation: at `at`, or else between the two cursors, at the first, or now.
    pub(super) fn annotate(&self, at: Option<i64>) {
        let cursors = *self.state.cursors.borrow();
        let asked = match (at, cursors.a, cursors.b) {
            (Some(at), ..) => Asked { from: at, to: None },
            (None, Some(a), Some(b)) => Asked { from: a.min(b), to: Some(a.max(b)) },
            (None, Some(a), None) => Asked { from: a, to: None },
            (None, None, _) => Asked { from: self.state.clock.now(), to: None },
        };
        self.toggle_open(Open::Annotate(asked));
    }
}
