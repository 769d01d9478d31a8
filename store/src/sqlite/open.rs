//! Opens a database: checks whose it is, brings its schema up to date, and reads the journal into memory.

use std::any::Any;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use afterglow_wire::name;
use diesel::connection::SimpleConnection;
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::r2d2::{ConnectionManager, CustomizeConnection, Pool};
use diesel::result::Error as DieselError;
use diesel::sql_types::Binary;
use diesel_migrations::MigrationHarness as _;
use scheduled_thread_pool::ScheduledThreadPool;

use super::foreign::MIGRATIONS;
use super::{
    Connections, Sqlite, convert, foreign, guard, journal, keep, log_path, number, numbering, special,
};
use crate::clock::Clock;
use crate::engine::{self, DamagedRow, Engine, Loaded, Unrecovered};
use crate::journal::Part;
use crate::keys::keys_and_boards;
use crate::lock::Lock;
use crate::people::People;
use crate::share::Shares;
use crate::statements::schema::signal;
use crate::tables::{
    AccessRows as _, BlockRows as _, DeletionRows as _, Tables, TenantRows as _, TransferRows as _,
};
use crate::{
    HEAD_SAMPLES, JOURNAL_TOO_LARGE, OpenError, PARTIAL, READ_ONLY_SAMPLES, StoreConfig, StoreError,
};

/// `PRAGMA application_id` of our files: "Aglw". Keeps us from taking over another program's database.
const APPLICATION_ID: i64 = 0x4167_6c77;

const OWNER: &str = "SELECT application_id AS value FROM pragma_application_id";

const NAMES_IN_DOUBT: &str = "SELECT count(*) AS value FROM signal AS named NOT INDEXED \
    WHERE NOT EXISTS (SELECT 1 FROM signal AS indexed INDEXED BY sqlite_autoindex_signal_1 \
        WHERE indexed.name = named.name AND indexed.id = named.id)";

/// The first SQLite without the WAL-reset race that can corrupt a database with two or more connections.
const OLDEST_SOUND_SQLITE: [u32; 3] = [3, 51, 3];

/// Readers of single documents: two for clients, and one for the program itself.
const DOCUMENT_READERS: u32 = 3;

/// Readers of what can be long of documents: two for answers that are read whole, and two for pages of those that are sent meanwhile.
const LIST_READERS: u32 = 4;

/// How long the connections may take to be opened: on a busy machine, longer than anybody waits for a free one.
const OPEN_WAIT: Duration = Duration::from_secs(30);

/// How long a query waits for a free reader before it is refused.
const READER_WAIT: Duration = Duration::from_millis(500);

/// How long a commit waits while a sealing writes its blocks.
const WRITER_WAIT: Duration = Duration::from_secs(10);

/// `busy_timeout` comes first: the others may need to wait. FULL costs nothing over NORMAL once commits are grouped,
/// and only FULL keeps what was acknowledged when the power fails. The log is folded back at 16 MB: a sealing fits.
const WRITER_SETUP: &str = "PRAGMA busy_timeout = 5000; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; \
    PRAGMA wal_autocheckpoint = 4000; PRAGMA journal_size_limit = 33554432; PRAGMA cache_size = -4096;";
const READER_SETUP: &str = "PRAGMA busy_timeout = 5000; PRAGMA query_only = ON; PRAGMA cache_size = -2048;";

/// Opens connections for all pools; each would start three threads of its own.
static HOUSEKEEPER: LazyLock<Arc<ScheduledThreadPool>> =
    LazyLock::new(|| Arc::new(ScheduledThreadPool::new(1)));

/// Opens the database; also gives the names of its signals by number. A copy is kept before its schema changes, unless it is not wanted.
pub(crate) fn open(
    path: &Path,
    config: &StoreConfig,
    keeps_copy: bool,
    clock: Clock,
) -> Result<(Engine, Vec<String>), OpenError> {
    let lock = claim(path)?;
    let inspected = inspect(path, config.head_samples)?;
    let epoch = prepare(path, keeps_copy, &clock)?;
    let url = path.to_string_lossy();
    let writer = pool(path, &url, 1, WRITER_WAIT, WRITER_SETUP)?;
    let readers = pool(path, &url, 2 * config.readers, READER_WAIT, READER_SETUP)?;
    let documents = pool(path, &url, DOCUMENT_READERS, READER_WAIT, READER_SETUP)?;
    let lists = pool(path, &url, LIST_READERS, READER_WAIT, READER_SETUP)?;
    let loaded = match inspected {
        Some(loaded) => loaded,
        None => {
            let mut reader = readers.pool.get().map_err(|error| unusable(path, error))?;
            load(&mut reader, path, config.head_samples)?
        }
    };
    let shares = Shares::new(config.readers as usize, READER_WAIT);
    let tables =
        Sqlite { writer, readers, shares, documents, lists, path: path.to_owned(), _lock: Some(lock) };
    let (names, is_too_large) = (loaded.names.clone(), loaded.is_too_large);
    let engine = Engine::new(Arc::new(tables), loaded, epoch, config.head_samples, clock);
    engine.read_deletion().map_err(|error| unusable(path, error))?;
    if let Err(error) = engine.resume_deletion() {
        log::error!("a deletion that was interrupted is tried again later: {error}");
    }
    if is_too_large {
        engine.seal_journal().map_err(|error| unusable(path, error))?;
    }
    Ok((engine, names))
}

/// Locks a database, which need not exist; its folder is made.
fn claim(path: &Path) -> Result<Lock, OpenError> {
    refuse_partial(path)?;
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder)
            .map_err(|error| unusable(path, format!("its folder cannot be made: {error}")))?;
    }
    Lock::take(path)
}

/// Opens a database of today's schema whose rows are copied elsewhere, also while another process writes it.
pub(crate) fn open_source(path: &Path) -> Result<Arc<dyn Tables>, OpenError> {
    drop(connect_read_only(path)?);
    let readers = pool(path, &read_only_url(path)?, 1, READER_WAIT, READER_SETUP)?;
    let [writer, documents, lists] = [readers.clone(), readers.clone(), readers.clone()];
    let shares = Shares::new(1, READER_WAIT);
    Ok(Arc::new(Sqlite { writer, readers, shares, documents, lists, path: path.to_owned(), _lock: None }))
}

/// Opens a database into which rows are copied, and makes it or brings it up to date.
pub(crate) fn open_target(path: &Path, clock: &Clock) -> Result<Arc<dyn Tables>, OpenError> {
    let lock = claim(path)?;
    inspect(path, READ_ONLY_SAMPLES)?;
    prepare(path, true, clock)?;
    let url = path.to_string_lossy();
    let writer = pool(path, &url, 1, WRITER_WAIT, WRITER_SETUP)?;
    let readers = pool(path, &url, 1, WRITER_WAIT, READER_SETUP)?;
    let (documents, lists, shares) = (readers.clone(), readers.clone(), Shares::new(1, WRITER_WAIT));
    Ok(Arc::new(Sqlite {
        writer,
        readers,
        shares,
        documents,
        lists,
        path: path.to_owned(),
        _lock: Some(lock),
    }))
}

/// What keeps servers from opening a database, if none has it open.
pub(crate) fn claim_source(path: &Path) -> Result<Option<Box<dyn Any>>, OpenError> {
    match Lock::take(path) {
        Ok(lock) => Ok(Some(Box::new(lock))),
        Err(OpenError::InUse(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Opens a database only to read it, also while another process writes it: takes no lock and migrates nothing.
/// What is in the journal now is read now; blocks are read later, and what is sealed in between is in both.
pub(crate) fn open_read_only(path: &Path, clock: Clock) -> Result<(Engine, Vec<String>), OpenError> {
    let mut reader = connect_read_only(path)?;
    let loaded = reader.transaction(|reader| Ok(load(reader, path, READ_ONLY_SAMPLES)));
    let loaded = loaded.map_err(|error: DieselError| unusable(path, error))??;
    if loaded.is_too_large {
        return Err(unusable(path, JOURNAL_TOO_LARGE));
    }
    let readers = pool(path, &read_only_url(path)?, 1, READER_WAIT, READER_SETUP)?;
    let [writer, documents, lists] = [readers.clone(), readers.clone(), readers.clone()];
    let shares = Shares::new(1, READER_WAIT);
    let tables = Sqlite { writer, readers, shares, documents, lists, path: path.to_owned(), _lock: None };
    let names = loaded.names.clone();
    Ok((Engine::new(Arc::new(tables), loaded, 0, HEAD_SAMPLES, clock), names))
}

/// Opens a database of today's schema beside a process that has it open, for short changes of keys: those of both wait for each
/// other.
pub(crate) fn open_beside(path: &Path) -> Result<Arc<dyn Tables>, OpenError> {
    drop(connect_read_only(path)?);
    let writer = pool(path, &path.to_string_lossy(), 1, WRITER_WAIT, WRITER_SETUP)?;
    let documents = pool(path, &read_only_url(path)?, 1, READER_WAIT, READER_SETUP)?;
    let (readers, lists, shares) = (documents.clone(), documents.clone(), Shares::new(1, READER_WAIT));
    Ok(Arc::new(Sqlite { writer, readers, shares, documents, lists, path: path.to_owned(), _lock: None }))
}

/// An incomplete copy may look like a database; it is recognised by its name.
fn refuse_partial(path: &Path) -> Result<(), OpenError> {
    if path.as_os_str().as_bytes().ends_with(PARTIAL.as_bytes()) {
        let why = format!("files named *{PARTIAL} are left by what was interrupted; make the backup again");
        return Err(unusable(path, why));
    }
    Ok(())
}

/// A connection that cannot change the file, which must be a database of ours with today's schema.
pub(super) fn connect_read_only(path: &Path) -> Result<SqliteConnection, OpenError> {
    refuse_partial(path)?;
    let about = fs::metadata(path).map_err(|error| unusable(path, error))?;
    if !about.is_file() {
        return Err(unusable(path, "it is not a file"));
    }
    let opened = |error| not_opened(path, &error);
    let mut connection = guard::establish(&read_only_url(path)?).map_err(|error| unusable(path, error))?;
    connection.batch_execute("PRAGMA busy_timeout = 5000; PRAGMA cache_size = -4096").map_err(opened)?;
    let owner = number(&mut connection, OWNER).map_err(opened)?;
    if owner != APPLICATION_ID {
        let why = if about.len() == 0 { "it is empty" } else { "it belongs to another program" };
        return Err(OpenError::NotOurs { path: path.to_owned(), why: why.into() });
    }
    foreign::check(&mut connection).map_err(|why| unusable(path, why))?;
    // Also where the migrations are applied and the first schema's rows are not converted to their end.
    const OLD_ROWS: &str = "SELECT count(*) AS value FROM sqlite_schema WHERE name = 'sample'";
    let old_rows = number(&mut connection, OLD_ROWS).map_err(opened)? > 0;
    let pending = connection.has_pending_migration(MIGRATIONS);
    if old_rows || pending.map_err(|error| unusable(path, format!("its schema cannot be read: {error}")))? {
        return Err(OpenError::OldSchema(path.to_owned()));
    }
    Ok(connection)
}

/// The file as SQLite's URI that opens it for reading and never makes it.
pub(super) fn read_only_url(path: &Path) -> Result<String, OpenError> {
    let absolute = std::path::absolute(path).map_err(|error| unusable(path, error))?;
    let mut url = String::from("file:");
    for byte in absolute.as_os_str().as_bytes() {
        match byte {
            b'/' | b'-' | b'.' | b'_' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => {
                url.push(char::from(*byte));
            }
            _ => url.push_str(&format!("%{byte:02X}")),
        }
    }
    url.push_str("?mode=ro");
    Ok(url)
}

fn load(reader: &mut SqliteConnection, path: &Path, most: usize) -> Result<Loaded, OpenError> {
    let rows: Vec<(i32, Vec<u8>)> = signal::table
        .order(signal::id)
        .select((signal::id, sql::<Binary>("CAST(name AS BLOB)")))
        .load(reader)
        .map_err(|error| not_opened(path, &error))?;
    let mut names = Vec::with_capacity(rows.len());
    for ((id, bytes), number) in rows.into_iter().zip(0_i32..) {
        // A hole would give every later signal the samples of another.
        if id != number {
            return Err(unusable(path, format!("it is damaged: signal {number} is missing")));
        }
        // Bytes that are no text would be taken for one.
        let name = String::from_utf8(bytes).ok().filter(|name| name::check(name).is_ok());
        names.push(name.ok_or_else(|| {
            unusable(path, format!("it is damaged: the name of signal {number} is not a name"))
        })?);
    }
    // Names have no checksum, but they are kept twice.
    if number(reader, NAMES_IN_DOUBT).map_err(|error| not_opened(path, &error))? > 0 {
        return Err(unusable(path, "it is damaged: a signal's name differs between its table and its index"));
    }
    let numbered = special::has_numbering(reader).map_err(|error| not_opened(path, &error))?;
    let sealed = if numbered { numbering::sealed_sequence(reader) } else { Ok(0) };
    let sealed = sealed.map_err(|why| unusable(path, why))?;
    let damaged = |DamagedRow { part, sequence, why }| {
        unusable(path, format!("row {sequence} of {} is damaged: {why}", part.table()))
    };
    let mut first = [(Part::A, None), (Part::B, None)];
    for (part, first) in &mut first {
        let found = journal::oversized(reader, *part).map_err(|error| not_opened(path, &error))?;
        if let Some(sequence) = found {
            return Err(damaged(DamagedRow { part: *part, sequence, why: "it is too long".into() }));
        }
        *first = journal::first(reader, *part).map_err(|error| not_opened(path, &error))?;
    }
    let newest_block = reader.newest_block().map_err(|why| unusable(path, why))?;
    if newest_block > i64::MAX / 2 {
        return Err(unusable(path, format!("it is damaged: a block has the number {newest_block}")));
    }
    let next = |part, after| journal::next(reader, part, after);
    engine::recover(names, sealed, newest_block, most, first, next).map_err(|unrecovered| match unrecovered {
        Unrecovered::Damaged(row) => damaged(row),
        Unrecovered::Unread(error) => not_opened(path, &error),
    })
}

fn pool(
    path: &Path,
    url: &str,
    size: u32,
    wait: Duration,
    setup: &'static str,
) -> Result<Connections, OpenError> {
    guard::install().map_err(|error| unusable(path, error))?;
    let pool = Pool::builder()
        .max_size(size)
        .connection_timeout(OPEN_WAIT)
        .test_on_check_out(false)
        // Connections live as long as the pool, and so do their prepared statements.
        .max_lifetime(None)
        .idle_timeout(None)
        .thread_pool(Arc::clone(&HOUSEKEEPER))
        .connection_customizer(Box::new(Setup(setup)))
        .build(ConnectionManager::new(url))
        .map_err(|error| unusable(path, error))?;
    Ok(Connections { pool, wait })
}

/// Reads all that a start depends on without changing anything: a database that is refused stays as it is, with its log.
/// Nothing is loaded from a new file, or from one whose schema has no journal yet.
fn inspect(path: &Path, most: usize) -> Result<Option<Loaded>, OpenError> {
    let bytes = |path: &Path| fs::metadata(path).map_or(0, |about| about.len());
    let logged = bytes(&log_path(path)) > 0;
    if bytes(path) == 0 {
        // SQLite would take the file for a new one and delete the log.
        let why = "it is missing or empty, but its write-ahead log is not; bring the file back, or remove the log as well";
        return if logged { Err(unusable(path, why)) } else { Ok(None) };
    }
    let mut connection = guard::establish(&read_only_url(path)?).map_err(|error| unusable(path, error))?;
    let opened = |error| not_opened(path, &error);
    connection.batch_execute("PRAGMA busy_timeout = 5000").map_err(opened)?;
    let tables = refuse_others(&mut connection, path)?;
    let mode = text(&mut connection, "SELECT journal_mode AS value FROM pragma_journal_mode");
    if logged && mode.map_err(opened)? != "wal" {
        // SQLite would leave out what is in the log, or worse, mix it in later.
        return Err(unusable(path, "it is damaged: its header denies the write-ahead log beside it"));
    }
    let mut is_current = false;
    if tables > 0 {
        foreign::check(&mut connection).map_err(|why| unusable(path, why))?;
        let pending = connection.has_pending_migration(MIGRATIONS);
        is_current =
            !pending.map_err(|error| unusable(path, format!("its schema cannot be read: {error}")))?;
    }
    const JOURNAL: &str = "SELECT count(*) AS value FROM sqlite_schema WHERE name = 'journal_b'";
    if number(&mut connection, JOURNAL).map_err(opened)? == 0 {
        return Ok(None);
    }
    let loaded = load(&mut connection, path, most)?;
    if is_current {
        // A start needs them. What writes opens the file later, and would write the log into it when it is closed.
        let known = read_known(&mut connection);
        known.map_err(|why| {
            let what =
                "its keys and members, its tenants, its audit log or what was begun in it cannot be read";
            unusable(path, format!("{what}: {why}"))
        })?;
    }
    Ok(Some(loaded))
}

/// Reads who may do what, and what was begun and is to be completed, and forgets it: the server reads it again when it starts.
fn read_known(reader: &mut SqliteConnection) -> Result<(), StoreError> {
    reader.origin()?;
    reader.deletion()?;
    People::read(reader)?;
    keys_and_boards(reader)?;
    reader.tenants()?;
    reader.last_entry().map(drop)
}

/// Refuses a file with tables of another program; how many of ours there are.
pub(super) fn refuse_others(connection: &mut SqliteConnection, path: &Path) -> Result<i64, OpenError> {
    let opened = |error| not_opened(path, &error);
    let tables = number(connection, "SELECT count(*) AS value FROM sqlite_schema").map_err(opened)?;
    let owner = number(connection, OWNER).map_err(opened)?;
    if tables > 0 && owner != APPLICATION_ID {
        let why = "it has tables of another program".into();
        return Err(OpenError::NotOurs { path: path.to_owned(), why });
    }
    Ok(tables)
}

/// Brings the schema of a file that is ours or new up to date; returns the epoch of its commits.
fn prepare(path: &Path, keeps_copy: bool, clock: &Clock) -> Result<u64, OpenError> {
    let mut connection = guard::establish(&path.to_string_lossy()).map_err(|error| unusable(path, error))?;
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
    if tables == 0 {
        // auto_vacuum must be chosen before the first table is made.
        let new = format!("PRAGMA auto_vacuum = INCREMENTAL; PRAGMA application_id = {APPLICATION_ID}");
        connection.batch_execute(&new).map_err(opened)?;
    }
    connection.batch_execute("PRAGMA journal_mode = WAL").map_err(opened)?;
    if keeps_copy {
        keep::keep(&mut connection, path).map_err(|why| unusable(path, why))?;
    }
    let applied = connection
        .run_pending_migrations(MIGRATIONS)
        .map_err(|error| unusable(path, format!("its schema cannot be migrated: {error}")))?;
    for migration in applied {
        log::info!("migrated the database {}: {migration}", path.display());
    }
    convert::rows_to_blocks(&mut connection, clock.now().micros())
        .map_err(|error| unusable(path, format!("its rows cannot become blocks: {error}")))?;
    let epoch = numbering::epoch(&mut connection, clock.now().micros()).map_err(opened)?;
    Ok(epoch.cast_unsigned())
}

#[derive(QueryableByName)]
pub(super) struct TextRow {
    #[diesel(sql_type = diesel::sql_types::Text)]
    pub(super) value: String,
}

fn text(connection: &mut SqliteConnection, sql: &str) -> QueryResult<String> {
    diesel::sql_query(sql).get_result::<TextRow>(connection).map(|row| row.value)
}

/// Runs its statements on every new connection of a pool.
#[derive(Debug)]
struct Setup(&'static str);

impl CustomizeConnection<SqliteConnection, diesel::r2d2::Error> for Setup {
    fn on_acquire(&self, connection: &mut SqliteConnection) -> Result<(), diesel::r2d2::Error> {
        connection.batch_execute(self.0).map_err(diesel::r2d2::Error::QueryError)
    }
}

pub(super) fn unusable(path: &Path, why: impl ToString) -> OpenError {
    OpenError::unusable(path, why)
}

/// Why a file could not be opened. SQLite tells what kind of failure it was only by its message.
fn not_opened(path: &Path, error: &DieselError) -> OpenError {
    let why = error.to_string();
    if why.contains("not a database") {
        return OpenError::NotOurs { path: path.to_owned(), why };
    }
    unusable(path, why)
}
