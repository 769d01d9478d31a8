//! The embedded engine: one SQLite file in WAL mode, one writer, a few readers.

mod read;
mod write;

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::r2d2::{ConnectionManager, CustomizeConnection, Pool, PooledConnection};
use diesel::result::Error as DieselError;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::lock::Lock;
use super::schema::signal;
use super::{Query, Series, Signals, StoreConfig, StoreError};
use crate::batch::{Batch, Sample};
use crate::clock::Clock;

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../migrations/sqlite");

/// `PRAGMA application_id` of our files: "Aglw". Keeps us from taking over another program's database.
const APPLICATION_ID: i64 = 0x4167_6c77;

/// The first SQLite without the WAL-reset race that can corrupt a database with two or more connections.
const OLDEST_SOUND_SQLITE: [u32; 3] = [3, 51, 3];

/// How long a query waits for a free reader before it is told to come back.
const READER_WAIT: Duration = Duration::from_millis(500);

/// `busy_timeout` comes first: the others may need to wait. FULL costs nothing over NORMAL once commits are grouped,
/// and only FULL keeps what was acknowledged when the power fails.
const WRITER_SETUP: &str = "PRAGMA busy_timeout = 5000; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;";
const READER_SETUP: &str = "PRAGMA busy_timeout = 5000; PRAGMA query_only = ON;";

type Pooled = PooledConnection<ConnectionManager<SqliteConnection>>;
type Connections = Pool<ConnectionManager<SqliteConnection>>;

pub(super) struct Sqlite {
    writer: Connections,
    readers: Connections,
    /// How many signals have a row; they are numbered without holes, so one number tells which are missing.
    stored_signals: AtomicU32,
    clock: Clock,
    /// Dropped last: nobody else may open the file while a connection is open.
    _lock: Lock,
}

impl Sqlite {
    /// Opens the database; also gives the names of its signals by number.
    pub(super) fn open(config: &StoreConfig, clock: Clock) -> Result<(Self, Vec<String>), StoreError> {
        let path = &config.database;
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            fs::create_dir_all(folder)
                .map_err(|error| unusable(path, format!("its folder cannot be made: {error}")))?;
        }
        let lock = Lock::take(path)?;
        prepare(path)?;
        let url = path.to_string_lossy().into_owned();
        let pool = |size, setup| {
            Pool::builder()
                .max_size(size)
                .connection_timeout(READER_WAIT)
                .connection_customizer(Box::new(Setup(setup)))
                .build(ConnectionManager::new(url.as_str()))
                .map_err(|error| unusable(path, error))
        };
        let writer = pool(1, WRITER_SETUP)?;
        let readers = pool(config.readers, READER_SETUP)?;
        let names: Vec<String> = signal::table
            .order(signal::id)
            .select(signal::name)
            .load(&mut connection(&readers)?)
            .map_err(|error| not_opened(path, &error))?;
        let stored_signals = AtomicU32::new(u32::try_from(names.len()).unwrap_or(u32::MAX));
        Ok((Self { writer, readers, stored_signals, clock, _lock: lock }, names))
    }

    pub(super) fn commit(&self, batches: &[Batch], signals: &Signals) -> Result<(), StoreError> {
        let samples: Vec<&Sample> = batches.iter().flat_map(Batch::samples).collect();
        let Some(needed) = samples.iter().map(|sample| sample.signal.0 + 1).max() else { return Ok(()) };
        let stored = self.stored_signals.load(Ordering::Acquire);
        let new_signals = signals.range(stored, needed.max(stored));
        let now = self.clock.now().micros();
        connection(&self.writer)?
            .immediate_transaction(|writer| {
                write::signals(writer, stored, &new_signals, now)?;
                write::samples(writer, &samples, now)
            })
            .map_err(refused)?;
        self.stored_signals.fetch_max(needed, Ordering::Release);
        Ok(())
    }

    pub(super) fn query(&self, query: &Query) -> Result<Vec<Series>, StoreError> {
        // One transaction, so that all series show the same moment.
        connection(&self.readers)?.transaction(|reader| read::query(reader, query)).map_err(refused)
    }

    pub(super) fn signal_names(&self) -> Result<Vec<String>, StoreError> {
        read::signal_names(&mut *connection(&self.readers)?).map_err(refused)
    }

    pub(super) fn checkpoint(&self) -> Result<(), StoreError> {
        connection(&self.writer)?.batch_execute("PRAGMA wal_checkpoint(TRUNCATE)").map_err(refused)
    }
}

/// Checks that the file is ours or new, and brings its schema up to date.
fn prepare(path: &Path) -> Result<(), StoreError> {
    let mut connection =
        SqliteConnection::establish(&path.to_string_lossy()).map_err(|error| unusable(path, error))?;
    let opened = |error| not_opened(path, &error);
    connection.batch_execute("PRAGMA busy_timeout = 5000").map_err(opened)?;
    let version = text(&mut connection, "SELECT sqlite_version() AS value").map_err(opened)?;
    if !version.split('.').map(|part| part.parse().unwrap_or(0)).ge(OLDEST_SOUND_SQLITE) {
        return Err(unusable(
            path,
            format!("SQLite {version} can corrupt it; {OLDEST_SOUND_SQLITE:?} is needed"),
        ));
    }
    let tables = number(&mut connection, "SELECT count(*) AS value FROM sqlite_schema").map_err(opened)?;
    let owner = number(&mut connection, "SELECT application_id AS value FROM pragma_application_id")
        .map_err(opened)?;
    if tables > 0 && owner != APPLICATION_ID {
        return Err(StoreError::NotOurs {
            path: path.to_owned(),
            why: "it has tables of another program".into(),
        });
    }
    connection
        .batch_execute(&format!("PRAGMA application_id = {APPLICATION_ID}; PRAGMA journal_mode = WAL;"))
        .map_err(opened)?;
    let applied = connection
        .run_pending_migrations(MIGRATIONS)
        .map_err(|error| unusable(path, format!("its schema cannot be migrated: {error}")))?;
    for migration in applied {
        log::info!("migrated the database {}: {migration}", path.display());
    }
    Ok(())
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    value: i64,
}

#[derive(QueryableByName)]
struct Words {
    #[diesel(sql_type = diesel::sql_types::Text)]
    value: String,
}

fn number(connection: &mut SqliteConnection, sql: &str) -> QueryResult<i64> {
    diesel::sql_query(sql).get_result::<Number>(connection).map(|row| row.value)
}

fn text(connection: &mut SqliteConnection, sql: &str) -> QueryResult<String> {
    diesel::sql_query(sql).get_result::<Words>(connection).map(|row| row.value)
}

/// Runs its statements on every new connection of a pool.
#[derive(Debug)]
struct Setup(&'static str);

impl CustomizeConnection<SqliteConnection, diesel::r2d2::Error> for Setup {
    fn on_acquire(&self, connection: &mut SqliteConnection) -> Result<(), diesel::r2d2::Error> {
        connection.batch_execute(self.0).map_err(diesel::r2d2::Error::QueryError)
    }
}

fn connection(pool: &Connections) -> Result<Pooled, StoreError> {
    pool.get().map_err(|_| StoreError::Busy)
}

fn unusable(path: &Path, why: impl ToString) -> StoreError {
    StoreError::Unusable { path: path.to_owned(), why: why.to_string() }
}

/// Why a file could not be opened. SQLite tells what kind of failure it was only by its message.
fn not_opened(path: &Path, error: &DieselError) -> StoreError {
    let why = error.to_string();
    if why.contains("not a database") {
        return StoreError::NotOurs { path: path.to_owned(), why };
    }
    unusable(path, why)
}

/// Why a running database refused.
fn refused(error: DieselError) -> StoreError {
    let why = error.to_string();
    if why.contains("disk is full") { StoreError::DiskFull(why) } else { StoreError::Down(why) }
}
