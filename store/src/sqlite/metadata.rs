//! The table of what is said about signals.

use std::collections::BTreeMap;

use afterglow_wire::metadata::{Metadata, MetadataPatch};
use diesel::prelude::*;

use super::super::StoreError;
use super::super::saved::SaveError;
use super::super::schema::{metadata, signal};
use super::saved::json;
use super::{Sqlite, connection};

impl Sqlite {
    pub(crate) fn metadata(&self) -> Result<BTreeMap<String, Metadata>, StoreError> {
        let rows: Vec<(i32, String, String)> = metadata::table
            .inner_join(signal::table.on(signal::id.eq(metadata::signal_id)))
            .select((metadata::signal_id, signal::name, metadata::document))
            .load(&mut *connection(&self.readers)?)?;
        let parsed = rows.into_iter().filter_map(|(id, name, document)| {
            let damaged = |error| self.report_damage("metadata", id.into(), &error);
            Some((name, serde_json::from_str(&document).map_err(damaged).ok()?))
        });
        Ok(parsed.collect())
    }

    pub(crate) fn patch_metadata(&self, name: &str, patch: MetadataPatch) -> Result<Metadata, SaveError> {
        self.save(|writer| {
            let id: Option<i32> =
                signal::table.filter(signal::name.eq(name)).select(signal::id).first(writer).optional()?;
            let Some(id) = id else {
                return Err(SaveError::NotFound(format!("there is no signal {name:?}")));
            };
            let document: Option<String> =
                metadata::table.find(id).select(metadata::document).first(writer).optional()?;
            // What is damaged is written anew.
            let mut said: Metadata =
                document.and_then(|document| serde_json::from_str(&document).ok()).unwrap_or_default();
            said.apply(patch)?;
            put(writer, id, &said)?;
            Ok(said)
        })
    }
}

fn put(writer: &mut SqliteConnection, id: i32, said: &Metadata) -> Result<(), StoreError> {
    if said.is_empty() {
        diesel::delete(metadata::table.find(id)).execute(writer)?;
        return Ok(());
    }
    diesel::replace_into(metadata::table)
        .values((metadata::signal_id.eq(id), metadata::document.eq(json(said)?)))
        .execute(writer)?;
    Ok(())
}
