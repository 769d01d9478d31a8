//! The metadata of signals: units, descriptions, limits.

use afterglow_wire::metadata::{Metadata, MetadataPatch};

use super::Engine;
use crate::StoreError;
use crate::audit::{Author, Event};
use crate::batch::SignalId;
use crate::documents::{SaveError, json};

/// Rows that are read at once: of 100,000 signals with long descriptions all together have 250 MB.
const PAGE: usize = if cfg!(test) { 3 } else { 500 };

impl Engine {
    /// The metadata of the next signals behind `name`, in the order of their names; nothing of those where it is damaged, and no
    /// signal when there are no more.
    pub(crate) fn metadata_behind(&self, name: &str) -> Result<Vec<(String, Option<Metadata>)>, StoreError> {
        let rows = self.tables.in_lists(|reader| reader.metadata_behind(name, PAGE))?;
        let parsed = rows.into_iter().map(|(id, name, document)| {
            let damaged = |error| self.damaged.report("metadata", id.into(), &error);
            (name, serde_json::from_str(&document).map_err(damaged).ok())
        });
        Ok(parsed.collect())
    }

    pub(crate) fn delete_metadata(&self, signals: &[SignalId]) -> Result<(), StoreError> {
        self.tables.writing(|writer| {
            signals.iter().try_for_each(|signal| writer.put_metadata(signal.0.cast_signed(), None))
        })
    }

    pub(crate) fn patch_metadata(
        &self,
        by: Option<&Author>,
        name: &str,
        patch: MetadataPatch,
    ) -> Result<Metadata, SaveError> {
        self.tables.writing(|writer| {
            let Some(id) = writer.signal_id(name)? else {
                return Err(SaveError::no_signal(name));
            };
            // What is damaged is replaced.
            let document = writer.metadata(id)?;
            let mut metadata: Metadata =
                document.and_then(|document| serde_json::from_str(&document).ok()).unwrap_or_default();
            metadata.apply(patch)?;
            let document = if metadata.is_empty() { None } else { Some(json(&metadata)?) };
            writer.put_metadata(id, document.as_deref())?;
            self.note(writer, by, Event::done("metadata.change", name))?;
            Ok(metadata)
        })
    }
}
