//! SQLite: one file in WAL mode, one writer, a few readers. Only statements, pragmas and files; what they mean is decided in
//! `engine`.

mod convert;
mod examine;
mod foreign;
mod guard;
mod journal;
mod keep;
mod open;
mod repair;
mod reserve;
mod special;
mod transaction;
mod versions;

// The statements that all databases share.
#[path = "statements/access.rs"]
mod access;
#[path = "statements/alerts.rs"]
mod alerts;
#[path = "statements/blocks.rs"]
mod blocks;
#[path = "statements/bundles.rs"]
mod bundles;
#[path = "statements/deletions.rs"]
mod deletions;
#[path = "statements/documents.rs"]
mod documents;
#[path = "statements/numbering.rs"]
mod numbering;
#[path = "statements/outbox.rs"]
mod outbox;
#[path = "statements/people.rs"]
mod people;
#[path = "statements/rollups.rs"]
mod rollups;
#[path = "statements/tenants.rs"]
mod tenants;
#[path = "statements/transfer.rs"]
mod transfer;

use std::path::{Path, PathBuf};
use std::time::Duration;

use diesel::connection::{Connection as _, SimpleConnection};
use diesel::prelude::*;
use diesel::r2d2::{ConnectionManager, Pool, PooledConnection};
use diesel::result::Error as DieselError;

use crate::lock::Lock;
use crate::share::Shares;
use crate::tables::{Outcome, Tables, Work};
use crate::{StoreError, budget, with_suffix};

pub use examine::{Damage, Examination, SignalSize, Tier};
pub(crate) use examine::{copy, examine};
#[cfg(test)]
pub(crate) use foreign::MIGRATIONS;
pub(crate) use keep::copy_before;
pub(crate) use open::{claim_source, open, open_beside, open_read_only, open_source, open_target};
pub(crate) use repair::repair;
pub use versions::Versions;
pub(crate) use versions::{check, versions};

/// SQLite's usual page.
const PAGE_BYTES: u64 = 4_096;

/// Free pages that are left in the file for the next journal: 10 MB of 4 KiB pages, and a twentieth of the file.
const SPARE_PAGES: i64 = 2_560;
const SPARE_PART: i64 = 20;

/// Free pages that are given back in one transaction: commits wait for no longer than that takes.
const PAGES_AT_ONCE: i64 = 1_024;

/// What the statements run on.
type Connection = SqliteConnection;

type Pooled = PooledConnection<ConnectionManager<SqliteConnection>>;

/// A pool of connections, and how long to wait for one of them.
#[derive(Clone)]
struct Connections {
    pool: Pool<ConnectionManager<SqliteConnection>>,
    wait: Duration,
}

/// A database file and the connections to it.
pub(crate) struct Sqlite {
    writer: Connections,
    readers: Connections,
    /// Who may have how many of the readers.
    shares: Shares,
    /// For documents: queries for samples do not keep them from being read.
    documents: Connections,
    /// For what can be long of them: no single document waits for it.
    lists: Connections,
    path: PathBuf,
    /// Dropped last: no other process may open the file while a connection is open. A reader of a database that another
    /// process writes has none.
    _lock: Option<Lock>,
}

impl Tables for Sqlite {
    fn read(&self, work: Work<'_>) -> Result<(), StoreError> {
        let _share = self.shares.take()?;
        let reader = &mut *connection(&self.readers)?;
        budget::interruptible(|| work(reader));
        Ok(())
    }

    fn snapshot(&self, work: Work<'_>) -> Result<(), StoreError> {
        let _share = self.shares.take()?;
        snapshot(&self.readers, work)
    }

    fn documents(&self, work: Work<'_>) -> Result<(), StoreError> {
        snapshot(&self.documents, work)
    }

    fn lists(&self, work: Work<'_>) -> Result<(), StoreError> {
        snapshot(&self.lists, work)
    }

    /// Not Diesel's transaction: SQLite rolls most failures back by itself, and Diesel then reports that there was nothing to
    /// roll back instead of what had failed, and gives the connection up.
    fn write(&self, work: Work<'_>) -> Result<(), StoreError> {
        let writer = &mut *connection(&self.writer)?;
        transaction::begin(writer)?;
        let committed = match work(writer) {
            Outcome::Commit => transaction::commit(writer),
            Outcome::Undo => Err(DieselError::RollbackTransaction),
        };
        if committed.is_err() {
            // Fails where SQLite has done it already.
            let _ = transaction::roll_back(writer);
        }
        match committed {
            Err(DieselError::RollbackTransaction) => Ok(()),
            committed => Ok(committed?),
        }
    }

    /// Tells a full disk from a broken one: some of SQLite's calls report both alike.
    fn explain(&self, error: StoreError) -> StoreError {
        match error {
            StoreError::Down(why) if why.contains("disk I/O error") && !has_room(&self.path) => {
                StoreError::DiskFull(why)
            }
            other => other,
        }
    }

    fn used_bytes(&self) -> Result<u64, StoreError> {
        const USED: &str = "SELECT (pages.page_count - free.freelist_count) * size.page_size AS value \
            FROM pragma_page_count AS pages, pragma_freelist_count AS free, pragma_page_size AS size";
        Ok(number(&mut *connection(&self.readers)?, USED)?.cast_unsigned())
    }

    fn release_space(&self, all: bool) -> Result<(), StoreError> {
        const PAGES: &str = "SELECT page_count AS value FROM pragma_page_count";
        const FREE: &str = "SELECT freelist_count AS value FROM pragma_freelist_count";
        let mut free_before = i64::MAX;
        loop {
            let mut writer = connection(&self.writer)?;
            let (pages, free) = (number(&mut writer, PAGES)?, number(&mut writer, FREE)?);
            let spare = if all { 0 } else { SPARE_PAGES + (pages - free) / SPARE_PART };
            // None is given back where another connection reads what is older.
            if free <= spare || free >= free_before {
                return Ok(());
            }
            free_before = free;
            let pages = (free - spare).min(PAGES_AT_ONCE);
            writer.batch_execute(&format!("PRAGMA incremental_vacuum({pages})"))?;
        }
    }

    fn reserve_log(&self) -> Result<(), StoreError> {
        reserve::reserve_log(self)
    }

    fn checkpoint(&self) -> Result<(), StoreError> {
        Ok(connection(&self.writer)?.batch_execute("PRAGMA wal_checkpoint(TRUNCATE)")?)
    }
}

/// Whether the file system has a page left for `path`; yes when it cannot be asked.
fn has_room(path: &Path) -> bool {
    rustix::fs::statvfs(path).map_or(true, |system| system.f_bavail * system.f_frsize >= PAGE_BYTES)
}

/// The write-ahead log beside the database `path`.
fn log_path(path: &Path) -> PathBuf {
    with_suffix(path, "-wal")
}

fn snapshot(pool: &Connections, work: Work<'_>) -> Result<(), StoreError> {
    let mut reader = connection(pool)?;
    Ok(reader.transaction(|reader| {
        budget::interruptible(|| work(&mut **reader));
        QueryResult::Ok(())
    })?)
}

fn connection(pool: &Connections) -> Result<Pooled, StoreError> {
    pool.pool.get_timeout(pool.wait).map_err(|_| StoreError::Busy)
}

#[derive(QueryableByName)]
struct IntegerRow {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    value: i64,
}

/// The `value` column of a statement that gives one row.
fn number(connection: &mut SqliteConnection, sql: &str) -> QueryResult<i64> {
    diesel::sql_query(sql).get_result::<IntegerRow>(connection).map(|row| row.value)
}
