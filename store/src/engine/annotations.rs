//! Annotations: how many there may be, and what is listed of them.

use std::collections::BTreeSet;

use afterglow_wire::Timestamp;
use afterglow_wire::annotation::{Annotation, Annotations};
use afterglow_wire::limits::{ANNOTATIONS, ANNOTATIONS_LISTED};

use super::Engine;
use crate::documents::{SaveError, json};
use crate::tables::AnnotationRow;
use crate::{Span, StoreError};

impl Engine {
    pub(crate) fn annotations(&self, span: Span, tags: &[String]) -> Result<Annotations, StoreError> {
        let tags: Vec<String> = tags.iter().collect::<BTreeSet<_>>().into_iter().cloned().collect();
        // In one transaction: the number must be that of the list.
        let (total, rows) =
            self.tables.in_documents(|reader| reader.annotations(span, &tags, ANNOTATIONS_LISTED))?;
        let mut annotations: Vec<_> = rows.into_iter().filter_map(|row| self.annotation(row)).collect();
        annotations.reverse();
        Ok(Annotations { annotations, total })
    }

    pub(crate) fn add_annotation(&self, mut new: Annotation) -> Result<Annotation, SaveError> {
        let (tags, signals) = (json(&new.tags)?, json(&new.signals)?);
        self.tables.writing(|writer| {
            if writer.count_annotations()? >= ANNOTATIONS {
                return Err(SaveError::LimitReached { kind: "annotations", limit: ANNOTATIONS });
            }
            new.id = writer.insert_annotation(&new, &tags, &signals)?;
            Ok(new)
        })
    }

    pub(crate) fn delete_annotation(&self, id: i64) -> Result<(), SaveError> {
        self.tables.writing(|writer| match writer.delete_annotation(id)? {
            true => Ok(()),
            false => Err(SaveError::NotFound(format!("there is no annotation {id}"))),
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
