//! Documents: each row is read as the server reads it and checked by the rules under which it was accepted.

use afterglow_wire::Timestamp;
use afterglow_wire::alert::Episode;
use afterglow_wire::annotation::NewAnnotation;
use afterglow_wire::board::Board;
use afterglow_wire::channel::Channel;
use afterglow_wire::document::Document;
use afterglow_wire::metadata::Metadata;
use afterglow_wire::rule::Rule;
use afterglow_wire::silence::Silence;
use diesel::prelude::*;

use super::{Damage, Examiner, instant, load_until_error, named};
use crate::Span;
use crate::statements::schema::{alert_document, alert_episode, annotation, board, metadata};

/// Address, version, title, document.
type BoardRow = (String, i32, String, String);

/// Number, first and last instant, text, tags, signals.
type AnnotationRow = (i64, i64, i64, String, String, String);

impl Examiner {
    /// Verifies all boards, all annotations and all metadata.
    pub(super) fn documents(&mut self) {
        let query = board::table.select((board::id, board::version, board::title, board::document));
        let boards: Vec<BoardRow> = self.list("board", |connection| load_until_error(query, connection));
        for row in boards {
            if let Err(reason) = check_board(&row) {
                self.damaged(Damage { place: "board", id: Some(row.0), signal: None, span: None, reason });
            }
        }
        let query = annotation::table.select(annotation::all_columns);
        let annotations: Vec<AnnotationRow> =
            self.list("annotation", |connection| load_until_error(query, connection));
        for row in annotations {
            let (id, span) = (row.0.to_string(), Span { from: instant(row.1), to: instant(row.2) });
            if let Err(reason) = check_annotation(row) {
                let (id, span) = (Some(id), Some(span));
                self.damaged(Damage { place: "annotation", id, signal: None, span, reason });
            }
        }
        let query = metadata::table.select(metadata::all_columns);
        let stored: Vec<(i32, String)> =
            self.list("metadata", |connection| load_until_error(query, connection));
        for (signal, document) in stored {
            let known = self.names.contains_key(&signal);
            if let Err(reason) = check_metadata(&document).and_then(|()| named(known)) {
                let (id, signal) = (Some(signal.to_string()), Some(self.name(signal)));
                self.damaged(Damage { place: "metadata", id, signal, span: None, reason });
            }
        }
    }
}

/// Kind, name, version, document.
type AlertDocument = (String, String, i32, String);

impl Examiner {
    /// Verifies rules, channels, silences and episodes.
    pub(super) fn alerts(&mut self) {
        let query = alert_document::table.select((
            alert_document::kind,
            alert_document::id,
            alert_document::version,
            alert_document::document,
        ));
        let documents: Vec<AlertDocument> =
            self.list("alert_document", |connection| load_until_error(query, connection));
        for row in documents {
            let checked = match &*row.0 {
                Rule::KIND => check_document::<Rule>(&row),
                Channel::KIND => check_document::<Channel>(&row),
                Silence::KIND => check_document::<Silence>(&row),
                other => Err(format!("there is no such kind: {other:?}")),
            };
            if let Err(reason) = checked {
                let id = Some(row.1);
                self.damaged(Damage { place: "alert_document", id, signal: None, span: None, reason });
            }
        }
        let query =
            alert_episode::table.select((alert_episode::id, alert_episode::scope, alert_episode::document));
        let episodes: Vec<(String, String, String)> =
            self.list("alert_episode", |connection| load_until_error(query, connection));
        for (id, scope, document) in episodes {
            let read: Result<Episode, _> = serde_json::from_str(&document);
            let reason = match read {
                Ok(episode) if (&episode.id, &episode.scope) == (&id, &scope) => continue,
                Ok(_) => "its number or scope is not that of its document".into(),
                Err(error) => unreadable(error),
            };
            let id = Some(id);
            self.damaged(Damage { place: "alert_episode", id, signal: Some(scope), span: None, reason });
        }
    }
}

fn check_document<D: Document>((_, id, version, document): &AlertDocument) -> Result<(), String> {
    let document: D = serde_json::from_str(document).map_err(unreadable)?;
    document.check().map_err(|error| error.to_string())?;
    if (document.id(), document.version()) != (id, *version) {
        return Err("its name or version is not that of its document".into());
    }
    Ok(())
}

fn check_board((id, version, title, document): &BoardRow) -> Result<(), String> {
    let board: Board = serde_json::from_str(document).map_err(unreadable)?;
    board.check().map_err(|error| error.to_string())?;
    if (&board.id, &board.version, &board.title) != (id, version, title) {
        return Err("its address, version or title is not that of its document".into());
    }
    Ok(())
}

fn check_annotation((id, first, last, text, tags, signals): AnnotationRow) -> Result<(), String> {
    let list = |text: &str| serde_json::from_str(text).map_err(unreadable);
    let (from, to) = (Some(instant(first)), Some(instant(last)));
    let saved = NewAnnotation { from, to, text, tags: list(&tags)?, signals: list(&signals)? };
    saved.accept(id, Timestamp::default()).map(|_| ()).map_err(|error| error.to_string())
}

fn check_metadata(document: &str) -> Result<(), String> {
    let stored: Metadata = serde_json::from_str(document).map_err(unreadable)?;
    stored.check().map_err(|error| error.to_string())
}

fn unreadable(error: serde_json::Error) -> String {
    format!("its document cannot be read: {error}")
}
