//! Annotations: how many there may be, and what is listed of them.

use std::collections::BTreeSet;

use afterglow_wire::Timestamp;
use afterglow_wire::annotation::{Annotation, Annotations};
use afterglow_wire::limits::{ANNOTATIONS, ANNOTATIONS_LISTED};

use super::Engine;
use crate::audit::{Author, Event};
use crate::documents::{SaveError, json};
use crate::signals::Selector;
use crate::tables::AnnotationRow;
use crate::{Span, StoreError};

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
        let limit = if within.is_some() { ANNOTATIONS } else { ANNOTATIONS_LISTED };
        let (mut total, rows) = self.tables.in_lists(|reader| reader.annotations(span, &tags, limit))?;
        let mut annotations: Vec<_> = rows.into_iter().filter_map(|row| self.annotation(row)).collect();
        if let Some(within) = within {
            annotations.retain_mut(|annotation| shows(annotation, within));
            total = annotations.len();
            annotations.truncate(ANNOTATIONS_LISTED);
        }
        annotations.reverse();
        Ok(Annotations { annotations, total })
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
