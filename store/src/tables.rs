//! What the engine asks of a database. A second database is a folder beside `sqlite/` that implements these traits; it
//! decides nothing about samples.
//!
//! Rows travel as they are stored. Payloads are opaque to a database, and what is read back is verified by the engine.

mod access;
mod alerts;
mod blocks;
mod bundles;
mod deletions;
mod documents;
mod journal;
mod outbox;
mod people;
mod rollups;
mod tenants;
mod transfer;

use crate::batch::SignalId;
use crate::{StoreError, budget};

pub(crate) use access::{AccessRows, EntryRow, KeyRow};
pub(crate) use alerts::{AlertRows, EpisodeRow, SavedRow, SecretRow};
pub(crate) use blocks::{BlockPlace, BlockRow, BlockRows, BlockSummary, BlockTotals, NewBlock};
pub(crate) use bundles::{BundlePlace, BundleRow, BundleRows, NewBundle};
pub(crate) use deletions::DeletionRows;
pub(crate) use documents::{AnnotationRow, DocumentRows};
pub(crate) use journal::{JournalRow, JournalRows, Shared};
pub(crate) use outbox::{MessageRow, NoticeRow, OutboxRows, TopicRow};
pub(crate) use people::PeopleRows;
pub(crate) use rollups::{NewRollup, RollupRow, RollupRows};
pub(crate) use tenants::{TenantRow, TenantRows};
pub(crate) use transfer::{Origin, Row, Table, TransferRows, Value};

/// A database.
pub(crate) trait Tables: Send + Sync {
    /// Does `work` on a connection that only reads. Each statement sees the newest commits: what takes long does not keep
    /// the database from reclaiming what others have replaced.
    ///
    /// # Errors
    /// [`StoreError::Busy`] when all readers are taken.
    fn read(&self, work: Work<'_>) -> Result<(), StoreError>;

    /// As [`Tables::read`], in one transaction: all statements see the same state, that of the first one.
    ///
    /// # Errors
    /// As [`Tables::read`].
    fn snapshot(&self, work: Work<'_>) -> Result<(), StoreError>;

    /// As [`Tables::snapshot`], for one document, or few short rows: on connections that no query for samples takes.
    ///
    /// # Errors
    /// As [`Tables::read`].
    fn documents(&self, work: Work<'_>) -> Result<(), StoreError>;

    /// As [`Tables::documents`], for what can be long: on connections that no single document waits for.
    ///
    /// # Errors
    /// As [`Tables::read`].
    fn lists(&self, work: Work<'_>) -> Result<(), StoreError>;

    /// Does `work` in one transaction, which is durable when this returns; it is undone when `work` wants that. One at a time.
    ///
    /// # Errors
    /// When the disk is full or the database does not answer; everything is undone then.
    fn write(&self, work: Work<'_>) -> Result<(), StoreError>;

    /// As [`Tables::write`], for what only the process does that leads.
    ///
    /// # Errors
    /// As there, and when another process leads by now.
    fn maintain(&self, work: Work<'_>) -> Result<(), StoreError> {
        self.write(work)
    }

    /// Deletes the copies that other programs read of what has expired: of each signal, what is before an instant in microseconds.
    ///
    /// # Errors
    /// As [`Tables::maintain`].
    fn expire_copies(&self, _: &mut dyn Iterator<Item = (SignalId, i64)>) -> Result<(), StoreError> {
        Ok(())
    }

    /// Whether other processes may write the same database. Then this one must [follow](crate::engine) them.
    fn is_shared(&self) -> bool {
        false
    }

    /// As [`Tables::snapshot`], on connections that neither queries nor documents take.
    ///
    /// # Errors
    /// When the database does not answer.
    fn beside(&self, work: Work<'_>) -> Result<(), StoreError> {
        self.snapshot(work)
    }

    /// Takes the lead where no process has it, or keeps it; whether this process leads. It loses it after ten seconds in which it has
    /// neither asked nor written.
    ///
    /// # Errors
    /// When the database does not answer.
    fn lead(&self) -> Result<bool, StoreError> {
        Ok(true)
    }

    /// The true reason of an error of one of its statements, where the statement alone could not tell.
    fn explain(&self, error: StoreError) -> StoreError;

    /// Bytes that hold something.
    ///
    /// # Errors
    /// When the database does not answer.
    fn used_bytes(&self) -> Result<u64, StoreError>;

    /// Gives free space back to the system, all of it or all but what the next commits need.
    ///
    /// # Errors
    /// When the database does not answer.
    fn release_space(&self, all: bool) -> Result<(), StoreError>;

    /// Prepares room for commits, where that makes them faster.
    ///
    /// # Errors
    /// When the system refuses.
    fn reserve_log(&self) -> Result<(), StoreError>;

    /// Folds everything that is beside the tables into them, for a database that is about to be closed.
    ///
    /// # Errors
    /// When the disk is full or the database does not answer.
    fn checkpoint(&self) -> Result<(), StoreError>;

    /// Whether the database has what this process does not know of, so that it must open the database again.
    fn is_lost(&self) -> bool {
        false
    }
}

/// What is done on a connection.
pub(crate) type Work<'w> = &'w mut dyn FnMut(&mut dyn Rows) -> Outcome;

/// What becomes of a transaction after its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It is kept.
    Commit,
    /// It is undone.
    Undo,
}

/// Why work on a connection ended: the database's reason, or one of its own.
pub(crate) trait WorkError: From<StoreError> {
    /// Replaces the database's reason.
    fn map_store(self, change: impl FnOnce(StoreError) -> StoreError) -> Self;
}

impl WorkError for StoreError {
    fn map_store(self, change: impl FnOnce(StoreError) -> StoreError) -> Self {
        change(self)
    }
}

impl dyn Tables {
    /// [`Tables::read`] for work that has a result.
    pub(crate) fn reading<T, E: WorkError>(
        &self,
        work: impl FnOnce(&mut dyn Rows) -> Result<T, E>,
    ) -> Result<T, E> {
        let meter = budget::meter();
        self.run(|rows| budget::timed(meter.as_ref(), || work(rows)), |work| self.read(work))
    }

    /// [`Tables::snapshot`] for work that has a result.
    pub(crate) fn in_snapshot<T, E: WorkError>(
        &self,
        work: impl FnOnce(&mut dyn Rows) -> Result<T, E>,
    ) -> Result<T, E> {
        let meter = budget::meter();
        self.run(|rows| budget::timed(meter.as_ref(), || work(rows)), |work| self.snapshot(work))
    }

    /// [`Tables::documents`] for work that has a result.
    pub(crate) fn in_documents<T, E: WorkError>(
        &self,
        work: impl FnOnce(&mut dyn Rows) -> Result<T, E>,
    ) -> Result<T, E> {
        self.run(work, |work| self.documents(work))
    }

    /// [`Tables::lists`] for work that has a result.
    pub(crate) fn in_lists<T, E: WorkError>(
        &self,
        work: impl FnOnce(&mut dyn Rows) -> Result<T, E>,
    ) -> Result<T, E> {
        self.run(work, |work| self.lists(work))
    }

    /// [`Tables::write`] for work that has a result; an error undoes it.
    pub(crate) fn writing<T, E: WorkError>(
        &self,
        work: impl FnOnce(&mut dyn Rows) -> Result<T, E>,
    ) -> Result<T, E> {
        self.run(work, |work| self.write(work))
    }

    /// [`Tables::maintain`] for work that has a result; an error undoes it.
    pub(crate) fn maintaining<T, E: WorkError>(
        &self,
        work: impl FnOnce(&mut dyn Rows) -> Result<T, E>,
    ) -> Result<T, E> {
        self.run(work, |work| self.maintain(work))
    }

    /// [`Tables::beside`] for work that has a result.
    pub(crate) fn reading_beside<T, E: WorkError>(
        &self,
        work: impl FnOnce(&mut dyn Rows) -> Result<T, E>,
    ) -> Result<T, E> {
        self.run(work, |work| self.beside(work))
    }

    fn run<T, E: WorkError>(
        &self,
        work: impl FnOnce(&mut dyn Rows) -> Result<T, E>,
        run: impl FnOnce(Work<'_>) -> Result<(), StoreError>,
    ) -> Result<T, E> {
        let (mut work, mut result) = (Some(work), None);
        let done = run(&mut |rows| {
            result = work.take().map(|work| work(rows));
            if matches!(result, Some(Ok(_))) { Outcome::Commit } else { Outcome::Undo }
        });
        match (done, result) {
            (_, Some(Err(error))) => Err(error.map_store(|error| self.explain(error))),
            (Ok(()), Some(done)) => done,
            (Err(error), _) => Err(self.explain(error).into()),
            (Ok(()), None) => Err(StoreError::Down("the work was not done".into()).into()),
        }
    }
}

/// A connection to a database.
pub(crate) trait Rows:
    JournalRows
    + BundleRows
    + BlockRows
    + RollupRows
    + DeletionRows
    + DocumentRows
    + PeopleRows
    + AccessRows
    + TenantRows
    + AlertRows
    + OutboxRows
    + TransferRows
{
}

impl<T> Rows for T where
    T: JournalRows
        + BundleRows
        + BlockRows
        + RollupRows
        + DeletionRows
        + DocumentRows
        + PeopleRows
        + AccessRows
        + TenantRows
        + AlertRows
        + OutboxRows
        + TransferRows
{
}
