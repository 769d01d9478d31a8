//! The metadata of signals: units, descriptions, limits.

use std::collections::BTreeMap;

use afterglow_wire::metadata::{Metadata, MetadataPatch};

use super::Engine;
use crate::StoreError;
use crate::audit::{Author, Event};
use crate::batch::SignalId;
use crate::documents::{SaveError, json};

impl Engine {
    pub(crate) fn metadata(&self) -> Result<BTreeMap<String, Metadata>, StoreError> {
        let rows = self.tables.in_documents(|reader| reader.all_metadata())?;
        let parsed = rows.into_iter().filter_map(|(id, name, document)| {
            let damaged = |error| self.damaged.report("metadata", id.into(), &error);
            Some((name, serde_json::from_str(&document).map_err(damaged).ok()?))
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
