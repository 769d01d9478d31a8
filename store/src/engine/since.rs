//! What was committed since some commit, from the journal: how clients that were away catch up.

use super::Engine;
use crate::{Since, StoreError, journal};

impl Engine {
    /// What the first `limit` rows after the one numbered `sequence` hold.
    pub(crate) fn committed_since(&self, sequence: u64, limit: u32) -> Result<Since, StoreError> {
        self.sync()?;
        // A commit is in the head only once it is in the journal.
        let known = self.sequence();
        if sequence >= known {
            return Ok(Since::Nothing);
        }
        let after = sequence.cast_signed();
        let mut rows = self.tables.in_snapshot(|reader| reader.journal_after(after, limit))?;
        // The names of a commit that ends just now may not be learned yet.
        rows.retain(|row| row.sequence <= known.cast_signed());
        if rows.first().is_none_or(|row| row.sequence != after + 1) {
            return Ok(Since::Sealed);
        }
        // A number without a row is a deletion's: nobody passes it without beginning again.
        let in_order =
            rows.iter().zip(after + 1..).take_while(|(row, number)| row.sequence == *number).count();
        rows.truncate(in_order);
        let last = rows.last().map_or(after, |row| row.sequence);
        let mut samples = Vec::new();
        for row in rows {
            samples.extend(journal::decode(&row.samples).map_err(StoreError::Down)?);
        }
        Ok(Since::Samples(last.cast_unsigned(), samples))
    }
}
