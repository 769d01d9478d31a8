//! What the engine asks of a database. A second database is a folder beside `sqlite/` that implements these traits; it
//! decides nothing about samples.
//!
//! Rows travel as they are stored. Payloads are opaque to a database, and what is read back is verified by the engine.

use std::sync::Arc;

use afterglow_wire::annotation::Annotation;
use afterglow_wire::board::{Board, BoardSummary};

use crate::batch::SignalId;
use crate::block::{self, Summary};
use crate::columns::Columns;
use crate::rollup::{self, Bucket, Resolution};
use crate::{Span, StoreError, journal};

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

    /// As [`Tables::snapshot`], for boards, annotations and metadata: on connections that no query for samples takes.
    ///
    /// # Errors
    /// As [`Tables::read`].
    fn documents(&self, work: Work<'_>) -> Result<(), StoreError>;

    /// Does `work` in one transaction, which is durable when this returns; it is undone when `work` wants that. One at a time.
    ///
    /// # Errors
    /// When the disk is full or the database does not answer; everything is undone then.
    fn write(&self, work: Work<'_>) -> Result<(), StoreError>;

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
        self.run(work, |work| self.read(work))
    }

    /// [`Tables::snapshot`] for work that has a result.
    pub(crate) fn in_snapshot<T, E: WorkError>(
        &self,
        work: impl FnOnce(&mut dyn Rows) -> Result<T, E>,
    ) -> Result<T, E> {
        self.run(work, |work| self.snapshot(work))
    }

    /// [`Tables::documents`] for work that has a result.
    pub(crate) fn in_documents<T, E: WorkError>(
        &self,
        work: impl FnOnce(&mut dyn Rows) -> Result<T, E>,
    ) -> Result<T, E> {
        self.run(work, |work| self.documents(work))
    }

    /// [`Tables::write`] for work that has a result; an error undoes it.
    pub(crate) fn writing<T, E: WorkError>(
        &self,
        work: impl FnOnce(&mut dyn Rows) -> Result<T, E>,
    ) -> Result<T, E> {
        self.run(work, |work| self.write(work))
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
pub(crate) trait Rows: JournalRows + BlockRows + RollupRows + DocumentRows {}

impl<T: JournalRows + BlockRows + RollupRows + DocumentRows> Rows for T {}

/// The journal: what is committed and in no block yet, and the signals that it names.
pub(crate) trait JournalRows {
    /// Adds the signals called `names`, which are numbered from `first` on.
    fn insert_signals(&mut self, first: u32, names: &[Arc<str>], now: i64) -> Result<(), StoreError>;

    /// Adds rows to a part of the journal, numbered from `first` on.
    fn append(
        &mut self,
        part: journal::Part,
        first: i64,
        rows: &[journal::Row],
        now: i64,
    ) -> Result<(), StoreError>;

    /// The first `limit` rows after the one numbered `after`, in order, of both parts.
    fn journal_after(&mut self, after: i64, limit: u32) -> Result<Vec<JournalRow>, StoreError>;

    /// Empties a part of the journal whose rows, up to the one numbered `sealed_sequence`, are in blocks.
    fn empty(&mut self, part: journal::Part, sealed_sequence: i64) -> Result<(), StoreError>;

    /// When the newest sample arrived, in any tier; 0 in an empty database.
    fn newest_arrival(&mut self) -> Result<i64, StoreError>;
}

/// A row of the journal as it is stored.
#[derive(Clone, Debug)]
pub(crate) struct JournalRow {
    pub(crate) sequence: i64,
    pub(crate) samples: String,
    pub(crate) checksum: i64,
}

/// Compressed samples. The blocks of a signal do not overlap and are ordered by their last instant.
pub(crate) trait BlockRows {
    /// The next `limit` blocks of `signal` that have a part in `span` and end after `after`.
    fn blocks(
        &mut self,
        signal: SignalId,
        span: Span,
        after: i64,
        limit: usize,
    ) -> Result<Vec<BlockSummary>, StoreError>;

    /// The first instant of the first block and the last of the last that have a part in `span`.
    fn extent(&mut self, signal: SignalId, span: Span) -> Result<(Option<i64>, Option<i64>), StoreError>;

    /// The last block that ends before `first`, then all that have a part in `first..=last`.
    fn neighbours(&mut self, signal: SignalId, first: i64, last: i64) -> Result<Vec<BlockPlace>, StoreError>;

    /// One block.
    fn block(&mut self, id: i64) -> Result<Option<BlockRow>, StoreError>;

    /// The extremes of one block; `None` when it has none.
    fn extremes(&mut self, id: i64) -> Result<Option<Vec<u8>>, StoreError>;

    /// The first `limit` blocks of `signal` that end before `before` and were sealed before it.
    fn old_blocks(&mut self, signal: SignalId, before: i64, limit: usize) -> Result<Vec<i64>, StoreError>;

    /// The first `limit` blocks of all signals, by their last instant.
    fn oldest_blocks(&mut self, limit: usize) -> Result<Vec<(i64, SignalId)>, StoreError>;

    /// Adds blocks.
    fn insert_blocks(&mut self, blocks: &[NewBlock]) -> Result<(), StoreError>;

    /// Removes blocks.
    fn delete_blocks(&mut self, ids: &[i64]) -> Result<(), StoreError>;

    /// What the blocks of `signal` amount to.
    fn block_totals(&mut self, signal: SignalId) -> Result<BlockTotals, StoreError>;

    /// The last instant of every signal that has blocks.
    fn latest_in_blocks(&mut self) -> Result<Vec<(SignalId, i64)>, StoreError>;
}

/// Where a block lies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BlockPlace {
    pub(crate) id: i64,
    pub(crate) first_time: i64,
    pub(crate) last_time: i64,
    pub(crate) count: i32,
}

/// What is known of a block's samples without decompressing them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BlockSummary {
    pub(crate) id: i64,
    pub(crate) first_time: i64,
    pub(crate) last_time: i64,
    pub(crate) count: i32,
    pub(crate) min: (i64, f64),
    pub(crate) max: (i64, f64),
}

/// A block as it is stored.
#[derive(Clone, Debug)]
pub(crate) struct BlockRow {
    pub(crate) place: BlockPlace,
    pub(crate) signal: SignalId,
    pub(crate) sealed_at: i64,
    pub(crate) payload: Vec<u8>,
    pub(crate) checksum: i64,
}

/// What the blocks of a signal amount to.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct BlockTotals {
    /// The first instant of all.
    pub(crate) first: Option<i64>,
    /// The last sample.
    pub(crate) last: Option<(i64, f64)>,
    /// How many samples there are.
    pub(crate) count: i64,
}

/// A block that is to be stored.
#[derive(Clone, Debug)]
pub(crate) struct NewBlock {
    pub(crate) signal: SignalId,
    pub(crate) summary: Summary,
    pub(crate) sealed_at: i64,
    pub(crate) extremes: Option<Vec<u8>>,
    pub(crate) payload: Vec<u8>,
    pub(crate) checksum: i64,
}

impl NewBlock {
    /// A block of `columns`.
    pub(crate) fn new(signal: SignalId, columns: &Columns, sealed_at: i64) -> Result<Self, StoreError> {
        let failed = |why: String| StoreError::Down(format!("a block cannot be made: {why}"));
        let summary = Summary::of(columns).ok_or_else(|| failed("it has no samples".into()))?;
        let payload = block::encode(columns).map_err(|error| failed(error.to_string()))?;
        let extremes = block::encode_extremes(columns).map_err(|error| failed(error.to_string()))?;
        let checksum = block::checksum(&payload);
        Ok(Self { signal, summary, sealed_at, extremes, payload, checksum })
    }
}

/// What remains of expired samples: rows of buckets of one resolution.
pub(crate) trait RollupRows {
    /// The rows of `signal` that have a bucket in `first..=last`, by their last bucket; of one resolution, or of all.
    fn rollups(
        &mut self,
        signal: SignalId,
        resolution: Option<Resolution>,
        first: i64,
        last: i64,
    ) -> Result<Vec<RollupRow>, StoreError>;

    /// One row.
    fn rollup(&mut self, id: i64) -> Result<Option<RollupRow>, StoreError>;

    /// The first `limit` rows of a tier whose last bucket begins before `last` and whose newest sample arrived before
    /// `arrived_before`.
    fn old_rollups(
        &mut self,
        signal: SignalId,
        resolution: Resolution,
        last: i64,
        arrived_before: i64,
        limit: usize,
    ) -> Result<Vec<i64>, StoreError>;

    /// The first `limit` rows of all signals, by resolution and last bucket.
    fn oldest_rollups(&mut self, limit: usize) -> Result<Vec<(i64, SignalId, Resolution)>, StoreError>;

    /// The row of `signal` with the last bucket of all.
    fn newest_rollup(&mut self, signal: SignalId) -> Result<Option<RollupRow>, StoreError>;

    /// Adds a row.
    fn insert_rollup(&mut self, row: &NewRollup) -> Result<(), StoreError>;

    /// Removes rows.
    fn delete_rollups(&mut self, ids: &[i64]) -> Result<(), StoreError>;

    /// The first bucket of `signal`, and how many samples each of its rows stands for.
    fn rollup_totals(&mut self, signal: SignalId) -> Result<(Option<i64>, Vec<i64>), StoreError>;

    /// The last bucket of every signal that has any.
    fn latest_in_rollups(&mut self) -> Result<Vec<(SignalId, i64)>, StoreError>;
}

/// A row of buckets as it is stored.
#[derive(Clone, Debug)]
pub(crate) struct RollupRow {
    pub(crate) id: i64,
    /// Seconds of a bucket.
    pub(crate) resolution: i32,
    pub(crate) arrived_at: i64,
    pub(crate) payload: Vec<u8>,
    pub(crate) checksum: i64,
}

/// A row of buckets that is to be stored.
#[derive(Clone, Debug)]
pub(crate) struct NewRollup {
    pub(crate) signal: SignalId,
    pub(crate) resolution: Resolution,
    pub(crate) first_bucket: i64,
    pub(crate) last_bucket: i64,
    pub(crate) count: i64,
    pub(crate) arrived_at: i64,
    pub(crate) payload: Vec<u8>,
    pub(crate) checksum: i64,
}

impl NewRollup {
    /// A row of `buckets`; `None` when there are none.
    pub(crate) fn new(
        signal: SignalId,
        resolution: Resolution,
        buckets: &[Bucket],
        arrived_at: i64,
    ) -> Result<Option<Self>, StoreError> {
        let (Some(first), Some(last)) = (buckets.first(), buckets.last()) else { return Ok(None) };
        let payload = rollup::encode(buckets).map_err(|error| StoreError::Down(error.to_string()))?;
        Ok(Some(Self {
            signal,
            resolution,
            first_bucket: first.start,
            last_bucket: last.start,
            count: buckets.iter().map(|bucket| bucket.count).sum::<i64>(),
            arrived_at,
            checksum: block::checksum(&payload),
            payload,
        }))
    }
}

/// Boards, annotations and the metadata of signals. Documents are the JSON of `wire`; limits and rules are the engine's.
pub(crate) trait DocumentRows {
    /// All boards without their panels, by title.
    fn boards(&mut self) -> Result<Vec<BoardSummary>, StoreError>;

    /// The addresses of all boards.
    fn board_ids(&mut self) -> Result<Vec<String>, StoreError>;

    /// The document of a board.
    fn board(&mut self, id: &str) -> Result<Option<String>, StoreError>;

    /// Adds a board, or replaces the one at its address.
    fn put_board(&mut self, board: &Board, document: &str, now: i64) -> Result<(), StoreError>;

    /// Removes a board; whether there was one.
    fn delete_board(&mut self, id: &str) -> Result<bool, StoreError>;

    /// How many annotations touch `span` and have all of `tags`, and the newest `limit` of them, the newest first.
    fn annotations(
        &mut self,
        span: Span,
        tags: &[String],
        limit: usize,
    ) -> Result<(usize, Vec<AnnotationRow>), StoreError>;

    /// How many annotations there are.
    fn count_annotations(&mut self) -> Result<usize, StoreError>;

    /// Adds an annotation; its number, which never comes back.
    fn insert_annotation(
        &mut self,
        annotation: &Annotation,
        tags: &str,
        signals: &str,
    ) -> Result<i64, StoreError>;

    /// Removes an annotation; whether there was one.
    fn delete_annotation(&mut self, id: i64) -> Result<bool, StoreError>;

    /// The metadata of all signals that have some: number, name, document.
    fn all_metadata(&mut self) -> Result<Vec<(i32, String, String)>, StoreError>;

    /// The number of a stored signal.
    fn signal_id(&mut self, name: &str) -> Result<Option<i32>, StoreError>;

    /// The metadata of one signal.
    fn metadata(&mut self, signal: i32) -> Result<Option<String>, StoreError>;

    /// Replaces the metadata of one signal; `None` removes it.
    fn put_metadata(&mut self, signal: i32, document: Option<&str>) -> Result<(), StoreError>;
}

/// An annotation as it is stored.
#[derive(Clone, Debug)]
pub(crate) struct AnnotationRow {
    pub(crate) id: i64,
    pub(crate) first: i64,
    pub(crate) last: i64,
    pub(crate) text: String,
    /// A JSON array.
    pub(crate) tags: String,
    /// A JSON array.
    pub(crate) signals: String,
}
