//! What was committed since some commit, from the journal: how clients that were away catch up.

use diesel::prelude::*;

use super::super::{Since, StoreError, journal};
use super::write::{self, Journal};
use super::{Sqlite, connection};

/// At most `limit` rows after the one numbered `sequence`.
pub(super) fn committed_since(engine: &Sqlite, sequence: u64, limit: u32) -> Result<Since, StoreError> {
    // A commit is in the head only once it is in the journal.
    if sequence >= engine.sequence() {
        return Ok(Since::Nothing);
    }
    let after = sequence.cast_signed();
    let mut reader = connection(&engine.readers)?;
    let mut rows = reader.transaction(|reader| {
        let mut rows = write::read_journal_after(reader, Journal::A, after, limit)?;
        rows.extend(write::read_journal_after(reader, Journal::B, after, limit)?);
        QueryResult::Ok(rows)
    })?;
    rows.sort_by_key(|row| row.sequence);
    // Each table gives its first rows: between the last of a full table and the other's there may be a hole.
    rows.truncate(limit as usize);
    if rows.first().is_none_or(|row| row.sequence != after + 1) {
        return Ok(Since::Sealed);
    }
    let last = rows.last().map_or(after, |row| row.sequence);
    let mut samples = Vec::new();
    for row in rows {
        samples.extend(journal::decode(&row.samples).map_err(StoreError::Down)?);
    }
    Ok(Since::Samples(last.cast_unsigned(), samples))
}
