//! Commits: rows of the journal, then the same samples in the head.

use afterglow_wire::Timestamp;

use super::Engine;
use crate::batch::Batch;
use crate::head::Head;
use crate::journal::{self, Part};
use crate::signals::Learned;
use crate::{Sequences, StoreError};

/// What commits keep between them.
#[derive(Debug)]
pub(crate) struct Commits {
    /// The part of the journal that takes rows.
    pub(super) active: Part,
    /// The number of the next row.
    pub(super) next_sequence: i64,
    /// When the last commit was made: the next one is made at another instant, by which their rows are told apart.
    pub(super) last_at: i64,
}

impl Engine {
    /// Makes `batches`, whose samples have the numbers of their signals, durable, and the rows of the signals that are `new`
    /// among them.
    pub(crate) fn commit(&self, batches: &[Batch], new: Learned<'_>) -> Result<Sequences, StoreError> {
        if batches.iter().all(Batch::is_empty) {
            return Ok(Sequences::default());
        }
        if !self.room.wait(|| self.read_head(Head::samples) < self.head_limit) {
            return Err(StoreError::Full);
        }
        let rows = journal::encode(batches);
        let mut commits = self.lock_commits();
        let first = commits.next_sequence;
        let now = self.clock.now().micros();
        let now = if now == commits.last_at { now + 1 } else { now };
        self.tables.writing(|writer| {
            writer.insert_signals(new.first(), new.names(), now)?;
            writer.append(commits.active, first, &rows, now)
        })?;
        commits.next_sequence += rows.len() as i64;
        commits.last_at = now;
        let last = commits.next_sequence - 1;
        // Names first: where there are samples of a commit, all of its signals are known.
        new.keep();
        // Before the next commit may begin, and before any caller hears of it: the very next query sees these samples.
        self.change_head(|head| head.add(batches, last));
        let (before, last) = ((first - 1).cast_unsigned(), last.cast_unsigned());
        Ok(Sequences { before, last, at: Timestamp::from_micros(now) })
    }
}
