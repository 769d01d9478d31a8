//! Commits: rows of the journal, then the same samples in the head.

use afterglow_wire::Timestamp;

use super::Engine;
use crate::batch::Batch;
use crate::head::Head;
use crate::journal::{self, Part};
use crate::signals::Signals;
use crate::{Sequences, StoreError};

/// What commits keep between them.
#[derive(Debug)]
pub(crate) struct Commits {
    /// The part of the journal that takes rows.
    pub(super) active: Part,
    /// The number of the next row.
    pub(super) next_sequence: i64,
    /// How many signals have a row; they are numbered without holes, so one number tells which are missing.
    pub(super) stored_signals: u32,
}

impl Engine {
    /// Makes `batches` durable.
    pub(crate) fn commit(&self, batches: &[Batch], signals: &Signals) -> Result<Sequences, StoreError> {
        let needed = batches.iter().flat_map(Batch::samples).map(|sample| sample.signal.0 + 1).max();
        let Some(needed) = needed else { return Ok(Sequences::default()) };
        if self.read_head(Head::samples) >= self.head_limit {
            return Err(StoreError::Full);
        }
        let rows = journal::encode(batches);
        let mut commits = self.lock_commits();
        let stored = commits.stored_signals;
        let new_signals = signals.range(stored, needed.max(stored));
        let (now, first) = (self.clock.now().micros(), commits.next_sequence);
        self.tables.writing(|writer| {
            writer.insert_signals(stored, &new_signals, now)?;
            writer.append(commits.active, first, &rows, now)
        })?;
        commits.next_sequence += rows.len() as i64;
        let last = commits.next_sequence - 1;
        commits.stored_signals = needed.max(stored);
        // Before the next commit may begin, and before any caller hears of it: the very next query sees these samples.
        self.change_head(|head| head.add(batches, last));
        let (before, last) = ((first - 1).cast_unsigned(), last.cast_unsigned());
        Ok(Sequences { before, last, at: Timestamp::from_micros(now) })
    }
}
