//! The embedded engine: one SQLite file in WAL mode, one writer, a few readers.
//!
//! A commit is a row of the journal and an addition to the head, which is the journal in memory. When the head is large
//! enough it is sealed: its samples become compressed blocks and the journal's table is emptied, in one transaction.

mod annotations;
mod boards;
mod convert;
mod examine;
mod expire;
mod metadata;
mod numbering;
mod open;
mod read;
mod reserve;
mod saved;
mod seal;
mod since;
mod write;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};

use afterglow_wire::Timestamp;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::r2d2::{ConnectionManager, Pool, PooledConnection};
use diesel::result::Error as DieselError;

use super::head::Head;
use super::lock::Lock;
use super::{Details, Query, Sequences, Since, Sink, StoreError, beside, journal};
use crate::batch::Batch;
use crate::clock::Clock;
use crate::signals::Signals;
use write::Journal;

pub use examine::{Damage, Examination, SignalSize, Tier};
pub(super) use examine::{copy, examine};
pub use expire::Expired;

/// The limit of samples in memory: 64 MB at 16 bytes each. The commit that reaches it is still taken as a whole.
const HEAD_LIMIT: usize = 4_000_000;

/// SQLite's usual page.
const PAGE_BYTES: u64 = 4_096;

type Pooled = PooledConnection<ConnectionManager<SqliteConnection>>;
type Connections = Pool<ConnectionManager<SqliteConnection>>;

pub(super) struct Sqlite {
    writer: Connections,
    readers: Connections,
    head: RwLock<Head>,
    /// Samples in it at which nothing more is taken until some have been sealed.
    head_limit: usize,
    /// Held during a commit, so that commits and rotations see each other whole.
    commits: Mutex<Commits>,
    /// Held by whoever changes blocks: sealing, expiry.
    maintenance: Mutex<()>,
    /// Tables and numbers of the rows that could not be read since the start.
    damaged: Mutex<BTreeSet<(&'static str, i64)>>,
    clock: Clock,
    /// Names the numbering of commits; 0 in a database that is only read.
    epoch: u64,
    path: PathBuf,
    /// Dropped last: nobody else may open the file while a connection is open. A reader of another's database has none.
    _lock: Option<Lock>,
}

/// What commits keep between them.
struct Commits {
    /// The journal's table that takes rows.
    active: Journal,
    /// The number of the next row.
    next_sequence: i64,
    /// How many signals have a row; they are numbered without holes, so one number tells which are missing.
    stored_signals: u32,
}

impl Sqlite {
    pub(super) fn commit(&self, batches: &[Batch], signals: &Signals) -> Result<Sequences, StoreError> {
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
        self.write(|writer| {
            write::signals(writer, stored, &new_signals, now)?;
            Ok(write::journal(writer, commits.active, first, &rows, now)?)
        })?;
        commits.next_sequence += rows.len() as i64;
        let last = commits.next_sequence - 1;
        commits.stored_signals = needed.max(stored);
        // Before the next commit may begin, and before anybody is told: the very next query sees these samples.
        self.head.write().unwrap_or_else(PoisonError::into_inner).add(batches, last);
        let (before, last) = ((first - 1).cast_unsigned(), last.cast_unsigned());
        Ok(Sequences { before, last, at: Timestamp::from_micros(now) })
    }

    pub(super) fn query(
        &self,
        query: &Query,
        signals: &Signals,
        sink: &mut dyn Sink,
    ) -> Result<u64, StoreError> {
        read::query(self, query, signals, sink)
    }

    pub(super) fn query_each(
        &self,
        query: &Query,
        signals: &Signals,
        sink: &mut dyn Sink,
    ) -> Result<(), StoreError> {
        read::query_each(self, query, signals, sink)
    }

    pub(super) fn committed_since(&self, sequence: u64, rows: u32) -> Result<Since, StoreError> {
        since::committed_since(self, sequence, rows)
    }

    pub(super) fn epoch(&self) -> u64 {
        self.epoch
    }

    pub(super) fn sequence(&self) -> u64 {
        self.read_head(Head::sequence).cast_unsigned()
    }

    pub(super) fn details(&self, signals: &Signals) -> Result<Vec<Details>, StoreError> {
        read::details(self, signals)
    }

    pub(super) fn latest(&self, signals: &Signals) -> Result<Vec<Option<Timestamp>>, StoreError> {
        read::latest(self, signals)
    }

    pub(super) fn signal_names(&self, signals: &Signals) -> Result<Vec<String>, StoreError> {
        read::signal_names(self, signals)
    }

    /// How many samples are in no block yet.
    pub(super) fn unsealed(&self) -> usize {
        self.read_head(Head::samples)
    }

    pub(super) fn checkpoint(&self) -> Result<(), StoreError> {
        Ok(connection(&self.writer)?.batch_execute("PRAGMA wal_checkpoint(TRUNCATE)")?)
    }

    /// When the newest sample arrived.
    pub(super) fn newest_arrival(&self) -> Result<Option<Timestamp>, StoreError> {
        const NEWEST: &str = "SELECT max(coalesce((SELECT max(committed_at) FROM journal_a), 0), \
            coalesce((SELECT max(committed_at) FROM journal_b), 0), \
            coalesce((SELECT max(sealed_at) FROM block), 0), \
            coalesce((SELECT max(arrived_at) FROM rollup), 0)) AS value";
        let newest = number(&mut *connection(&self.readers)?, NEWEST)?;
        Ok((newest > 0).then(|| Timestamp::from_micros(newest)))
    }

    /// Blocks that could not be read since the start.
    pub(super) fn damaged(&self) -> u64 {
        self.lock_damaged().len() as u64
    }

    /// Whether a row is known to be damaged.
    fn is_damaged(&self, what: &'static str, id: i64) -> bool {
        self.lock_damaged().contains(&(what, id))
    }

    fn lock_damaged(&self) -> MutexGuard<'_, BTreeSet<(&'static str, i64)>> {
        self.damaged.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts and logs a row once, however often it is asked for.
    fn report_damage(&self, what: &'static str, id: i64, why: &impl std::fmt::Display) {
        if !self.lock_damaged().insert((what, id)) {
            return;
        }
        log::error!(
            "{what} {id} cannot be read and is left out: {why}; `afterglow doctor` lists all of them"
        );
    }

    /// Does `work` in one transaction. Not Diesel's: SQLite rolls most failures back by itself, and Diesel then reports
    /// that there was nothing to roll back instead of what had failed, and gives the connection up.
    fn write<T>(
        &self,
        work: impl FnOnce(&mut SqliteConnection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let writer = &mut *connection(&self.writer)?;
        writer.batch_execute("BEGIN IMMEDIATE").map_err(|error| self.refusal(error.into()))?;
        let outcome = work(writer).and_then(|done| {
            writer.batch_execute("COMMIT")?;
            Ok(done)
        });
        outcome.map_err(|error| {
            // Fails where SQLite has done it already.
            let _ = writer.batch_execute("ROLLBACK");
            self.refusal(error)
        })
    }

    /// Tells a full disk from a broken one: some of SQLite's calls report both alike.
    fn refusal(&self, error: StoreError) -> StoreError {
        match error {
            StoreError::Down(why) if why.contains("disk I/O error") && !has_room(&self.path) => {
                StoreError::DiskFull(why)
            }
            other => other,
        }
    }

    fn read_head<T>(&self, look: impl FnOnce(&Head) -> T) -> T {
        look(&self.head.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn lock_commits(&self) -> MutexGuard<'_, Commits> {
        self.commits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_maintenance(&self) -> MutexGuard<'_, ()> {
        self.maintenance.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the file system has a page left for `path`; yes when it cannot be asked.
fn has_room(path: &Path) -> bool {
    rustix::fs::statvfs(path).map_or(true, |system| system.f_bavail * system.f_frsize >= PAGE_BYTES)
}

/// The write-ahead log beside the database `path`.
fn log_path(path: &Path) -> PathBuf {
    beside(path, "-wal")
}

/// The logs that are there beside the database `path`: the write-ahead log, its index, and the one of other programs.
pub(super) fn logs(path: &Path) -> Vec<PathBuf> {
    let logs = [log_path(path), beside(path, "-shm"), beside(path, "-journal")];
    logs.into_iter().filter(|log| log.exists()).collect()
}

fn connection(pool: &Connections) -> Result<Pooled, StoreError> {
    pool.get().map_err(|_| StoreError::Busy)
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    value: i64,
}

/// The `value` column of a statement that gives one row.
fn number(connection: &mut SqliteConnection, sql: &str) -> QueryResult<i64> {
    diesel::sql_query(sql).get_result::<Number>(connection).map(|row| row.value)
}

/// Why a running database refused. SQLite tells what kind of failure it was only by its message.
impl From<DieselError> for StoreError {
    fn from(error: DieselError) -> Self {
        let why = error.to_string();
        if why.contains("disk is full") { Self::DiskFull(why) } else { Self::Down(why) }
    }
}
