//! Annotations: how many there may be, and what is listed of them.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use afterglow_wire::Timestamp;
use afterglow_wire::annotation::{Annotation, Annotations};
use afterglow_wire::limits::{ANNOTATIONS, ANNOTATIONS_LISTED};

use super::Engine;
use crate::audit::{Author, Event};
use crate::documents::{SaveError, json};
use crate::signals::Selector;
use crate::tables::{AnnotationRow, Rows};
use crate::{Span, StoreError};

/// Annotations that are read at once where only some are shown.
const PIECE: usize = 200;

impl Engine {
    /// Of those that are about some signals, only what they say of `within`, and those that say something of it.
    pub(crate) fn annotations(
        &self,
        span: Span,
        tags: &[String],
        within: Option<&Selector>,
    ) -> Result<Annotations, StoreError> {
        let tags: Vec<String> = tags.iter().collect::<BTreeSet<_>>().into_iter().cloned().collect();
        // In one transaction: the number must be that of the list.
        let (total, mut annotations) = self.tables.in_lists(|reader| match within {
            None => {
                let (total, rows) = reader.annotations(span, &tags, ANNOTATIONS_LISTED)?;
                Ok::<_, StoreError>((
                    total,
                    rows.into_iter().filter_map(|row| self.annotation(row)).collect(),
                ))
            }
            Some(within) => self.annotations_within(reader, span, &tags, within),
        })?;
        annotations.reverse();
        Ok(Annotations { annotations, total })
    }

    /// How many say something of `within`, and the newest of them, the newest first. Read in pieces: all of them may be larger than memory.
    fn annotations_within(
        &self,
        reader: &mut dyn Rows,
        span: Span,
        tags: &[String],
        within: &Selector,
    ) -> Result<(usize, Vec<Annotation>), StoreError> {
        let (mut total, mut newest) = (0, Vec::new());
        let mut before = i64::MAX;
        loop {
            let rows = reader.annotations_before(before, span, tags, PIECE)?;
            let is_last = rows.len() < PIECE;
            before = rows.last().map_or(before, |row| row.id);
            for mut annotation in rows.into_iter().filter_map(|row| self.annotation(row)) {
                if shows(&mut annotation, within) {
                    total += 1;
                    newest.push(annotation);
                }
            }
            newest.sort_by_key(|one: &Annotation| Reverse((one.from, one.id)));
            newest.truncate(ANNOTATIONS_LISTED);
            if is_last {
                return Ok((total, newest));
            }
        }
    }

    pub(crate) fn add_annotation(
        &self,
        by: Option<&Author>,
        mut new: Annotation,
    ) -> Result<Annotation, SaveError> {
        let (tags, signals) = (json(&new.tags)?, json(&new.signals)?);
        self.tables.writing(|writer| {
            if writer.count_annotations()? >= ANNOTATIONS {
                return Err(SaveError::LimitReached { kind: "annotations", limit: ANNOTATIONS });
            }
            new.id = writer.insert_annotation(&new, &tags, &signals)?;
            self.note(writer, by, Event::done("annotation.create", new.id.to_string()))?;
            Ok(new)
        })
    }

    /// Only one that is about signals of `within` and no others.
    pub(crate) fn delete_annotation(
        &self,
        by: Option<&Author>,
        id: i64,
        within: Option<&Selector>,
    ) -> Result<(), SaveError> {
        let none = || SaveError::NotFound(format!("there is no annotation {id}"));
        self.tables.writing(|writer| {
            if let Some(within) = within {
                let row = writer.annotation(id)?.ok_or_else(none)?;
                let annotation = self.annotation(row).ok_or_else(none)?;
                let (mut shown, signals) = (annotation.clone(), &annotation.signals);
                if !shows(&mut shown, within) {
                    return Err(none());
                }
                if signals.is_empty() || shown.signals != *signals {
                    let message = format!("the annotation {id} is about other signals, too");
                    return Err(SaveError::Forbidden(message));
                }
            }
            if !writer.delete_annotation(id)? {
                return Err(none());
            }
            Ok(self.note(writer, by, Event::done("annotation.delete", id.to_string()))?)
        })
    }

    /// Leaves out a damaged one.
    fn annotation(&self, row: AnnotationRow) -> Option<Annotation> {
        let lists =
            serde_json::from_str(&row.tags).and_then(|tags| Ok((tags, serde_json::from_str(&row.signals)?)));
        let (tags, signals) =
            lists.map_err(|error| self.damaged.report("annotation", row.id, &error)).ok()?;
        let to = (row.last > row.first).then(|| Timestamp::from_micros(row.last));
        let from = Timestamp::from_micros(row.first);
        Some(Annotation { id: row.id, from, to, text: row.text, tags, signals })
    }
}

/// Leaves of an annotation what it says of `within`; whether that is anything. Names and patterns in it are compared alike: one
/// pattern that matches the text of another has all of its names.
fn shows(annotation: &mut Annotation, within: &Selector) -> bool {
    let is_about_all = annotation.signals.is_empty();
    annotation.signals.retain(|signal| within.has(signal));
    is_about_all || !annotation.signals.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::{Store, StoreConfig};

    /// Their times are in another order than their numbers.
    #[test]
    fn annotations_of_some_signals_are_read_in_pieces() {
        let folder = tempfile::tempdir().unwrap();
        let config = StoreConfig {
            database: folder.path().join("a.db").into(),
            readers: 2,
            signal_limit: 10,
            read_limit: None,
            head_samples: crate::HEAD_SAMPLES,
        };
        let store = Store::open(&config, Clock::manual(Timestamp::from_micros(1))).unwrap();
        let many = i64::try_from(3 * PIECE).unwrap();
        for number in 0..many {
            let signals = vec![if number % 2 == 0 { "a.x" } else { "b.y" }.to_owned()];
            let from = Timestamp::from_micros(number * 7 % many);
            store
                .add_annotation(Annotation {
                    id: 0,
                    from,
                    to: None,
                    text: String::new(),
                    tags: Vec::new(),
                    signals,
                })
                .unwrap();
        }
        let span = Span { from: Timestamp::MIN, to: Timestamp::MAX };
        let within = Selector::new(&["a.*".to_owned()]);
        let shown = store.engine.annotations(span, &[], Some(&within)).unwrap();
        let all = store.engine.annotations(span, &[], None).unwrap();
        assert_eq!((shown.total, all.total), (3 * PIECE / 2, 3 * PIECE));
        let expected: Vec<_> = all.annotations.into_iter().filter(|one| one.signals == ["a.x"]).collect();
        assert_eq!(shown.annotations, expected);
    }
}
