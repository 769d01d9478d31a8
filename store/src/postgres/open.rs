//! Opens a database of a server: brings its schema up to date, enters the process, and reads the journal into memory.

use std::any::Any;
use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicI64};
use std::time::Duration;

use afterglow_wire::name;
use diesel::connection::{Connection as _, SimpleConnection as _};
use diesel::migration::{Migration, MigrationSource};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness as _, embed_migrations};

use super::link::{Link, Manager, Node, Role, take_locks};
use super::server::{Server, Tls};
use super::{Connection, Connections, Postgres, journal, numbering, special};
use crate::clock::Clock;
use crate::engine::{self, DamagedRow, Engine, Loaded, Unrecovered};
use crate::journal::Part;
use crate::share::Shares;
use crate::statements::schema::signal;
use crate::tables::{BlockRows as _, Tables};
use crate::{HEAD_SAMPLES, OpenError, StoreConfig};

/// Every version of the schema.
const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../migrations/postgres");

/// The first version with compression by lz4, and with the numbers of transactions that are asked for.
const OLDEST_VERSION: i64 = 140_000;

/// Readers of single documents: two for clients, and one for the program itself.
const DOCUMENT_READERS: u32 = 3;

/// Readers of what can be long of documents: two for answers that are read whole, and two for pages of those that are sent meanwhile.
const LIST_READERS: u32 = 4;

/// Readers that see what other processes have done: one that does so regularly, and one for queries.
const FOLLOWERS: u32 = 2;

/// How often it is tried to have the schema alone, two seconds each.
const SCHEMA_TRIES: usize = 15;

/// How long a query waits for a free reader before it is refused.
const READER_WAIT: Duration = Duration::from_millis(500);

/// How long a commit waits while a sealing writes its blocks.
const WRITER_WAIT: Duration = Duration::from_secs(10);

/// How long a statement may take before its connection is taken for dead; the server ends it a little earlier.
pub(super) const WRITE_LIMIT: Duration = Duration::from_secs(30);
const READ_LIMIT: Duration = Duration::from_secs(120);

/// What all sessions have. A server notices a dead client within 20 seconds, and gives its lock to the next.
const SETUP: &str = "SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 3; SET tcp_keepalives_count = 3; \
    SET tcp_user_timeout = '15s'; SET lock_timeout = '8s'; \
    SET default_transaction_isolation = 'read committed';";

/// What is acknowledged is on the disk, also where the server or the user is set to less; more than that is kept.
const WRITER_SETUP: &str = "SET statement_timeout = '25s'; SET idle_in_transaction_session_timeout = '5s'; \
    SELECT set_config('synchronous_commit', 'on', false) \
        WHERE current_setting('synchronous_commit') IN ('off', 'local');";
const READER_SETUP: &str = "SET statement_timeout = '110s'; SET idle_in_transaction_session_timeout = '5min'; \
    SET default_transaction_read_only = on;";

/// Opens the database; also gives the names of its signals by number.
pub(crate) fn open(
    server: &Server,
    config: &StoreConfig,
    clock: Clock,
) -> Result<(Engine, Vec<String>), OpenError> {
    let (tls, mut first) = connect_to_write(server)?;
    let connection = first.unlimited();
    let unusable = |why: String| unusable(server, &why);
    let failed = |error: diesel::result::Error| unusable(error.to_string());
    special::follow_first(&clock, connection).map_err(failed)?;
    numbering::epoch(connection, clock.now().micros()).map_err(failed)?;
    let epoch = special::epoch(connection).map_err(unusable)?;
    // Never 0, which is nobody.
    let run = (RandomState::new().hash_one(clock.now().micros()) >> 1 | 1).cast_signed();
    special::enter(connection, run).map_err(failed)?;
    take_locks(connection, run).map_err(unusable)?;
    let loaded = connection.transaction(|reader| {
        diesel::sql_query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ").execute(reader)?;
        QueryResult::Ok(load(reader))
    });
    let loaded = loaded.map_err(failed)?.map_err(unusable)?;
    let role = Role::Writer(Node { run, epoch });
    let manager = Manager::new(server, &tls, role, WRITE_LIMIT, settings(WRITER_SETUP), Some(first));
    let tables = Postgres {
        writer: Connections::new(manager, 1, WRITER_WAIT),
        readers: readers(server, &tls, 2 * config.readers),
        shares: Shares::new(config.readers as usize, READER_WAIT),
        documents: readers(server, &tls, DOCUMENT_READERS),
        lists: readers(server, &tls, LIST_READERS),
        followers: Connections { wait: WRITER_WAIT, ..readers(server, &tls, FOLLOWERS) },
        run: Some(run),
        leads: AtomicBool::new(false),
        unknown: Mutex::default(),
        lost: AtomicBool::new(false),
        copies_expired: Mutex::default(),
        clock: clock.clone(),
        logged_ahead: AtomicI64::new(0),
    };
    let names = loaded.names.clone();
    let engine = Engine::new(Arc::new(tables), loaded, epoch, config.head_samples, clock);
    Ok((engine, names))
}

/// Opens a database only to read it, also while another process writes it: takes no lock and migrates nothing.
pub(crate) fn open_read_only(server: &Server, clock: Clock) -> Result<(Engine, Vec<String>), OpenError> {
    let (tls, mut first) = connect_to_read(server)?;
    let unusable = |why: String| unusable(server, &why);
    let repeatable = first.unlimited().transaction(|reader| {
        diesel::sql_query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ").execute(reader)?;
        QueryResult::Ok(load(reader))
    });
    let loaded = repeatable.map_err(|error| unusable(error.to_string()))?.map_err(unusable)?;
    let tables = beside(server, &tls, Role::Reader, READER_SETUP);
    let names = loaded.names.clone();
    Ok((Engine::new(Arc::new(tables), loaded, 0, HEAD_SAMPLES, clock), names))
}

/// Opens a database of today's schema beside a process that has it open, for short changes of keys: those of both wait for each
/// other.
pub(crate) fn open_beside(server: &Server) -> Result<Arc<dyn Tables>, OpenError> {
    let (tls, _) = connect_to_read(server)?;
    Ok(Arc::new(beside(server, &tls, Role::Guest, WRITER_SETUP)))
}

/// Opens a database of today's schema whose rows are copied elsewhere, also while others write it.
pub(crate) fn open_source(server: &Server) -> Result<Arc<dyn Tables>, OpenError> {
    let (tls, _) = connect_to_read(server)?;
    let mut tables = beside(server, &tls, Role::Reader, READER_SETUP);
    tables.followers.wait = WRITER_WAIT;
    tables.documents.wait = WRITER_WAIT;
    tables.lists.wait = WRITER_WAIT;
    Ok(Arc::new(tables))
}

/// Opens a database into which rows are copied, makes its tables or brings them up to date, and keeps others from opening it.
pub(crate) fn open_target(server: &Server) -> Result<Arc<dyn Tables>, OpenError> {
    let (tls, mut first) = connect_to_write(server)?;
    let connection = first.unlimited();
    let unusable = |why: String| unusable(server, &why);
    let failed = |error: diesel::result::Error| unusable(error.to_string());
    // The lock that it shares with others.
    connection.batch_execute("SELECT pg_advisory_unlock_all()").map_err(failed)?;
    if !special::claim_schema(connection).map_err(failed)? {
        return Err(OpenError::InUse(address(server)));
    }
    let manager = Manager::new(server, &tls, Role::Guest, WRITE_LIMIT, settings(WRITER_SETUP), Some(first));
    let mut tables = beside(server, &tls, Role::Guest, WRITER_SETUP);
    tables.writer = Connections::new(manager, 1, WRITER_WAIT);
    tables.followers.wait = WRITER_WAIT;
    Ok(Arc::new(tables))
}

/// What keeps servers from opening a database, if none has it open.
pub(crate) fn claim_source(server: &Server) -> Result<Option<Box<dyn Any>>, OpenError> {
    let unusable = |why: String| unusable(server, &why);
    let tls = server.tls().map_err(unusable)?;
    let mut link = Link::new(server, &tls, READ_LIMIT, &settings(READER_SETUP)).map_err(unusable)?;
    let is_alone = special::claim_schema(link.unlimited()).map_err(|error| unusable(error.to_string()))?;
    Ok(is_alone.then(|| Box::new(link) as Box<dyn Any>))
}

/// The first connection of a process that writes, to a schema of today.
fn connect_to_write(server: &Server) -> Result<(Tls, Link), OpenError> {
    let unusable = |why: String| unusable(server, &why);
    let tls = server.tls().map_err(unusable)?;
    let mut link = Link::new(server, &tls, WRITE_LIMIT, &settings(WRITER_SETUP)).map_err(unusable)?;
    check_server(link.unlimited()).map_err(unusable)?;
    bring_up_to_date(server, link.unlimited())?;
    Ok((tls, link))
}

/// The first connection of a process that migrates nothing; refuses a schema that is not today's.
fn connect_to_read(server: &Server) -> Result<(Tls, Link), OpenError> {
    let unusable = |why: String| unusable(server, &why);
    let tls = server.tls().map_err(unusable)?;
    let mut link = Link::new(server, &tls, READ_LIMIT, &settings(READER_SETUP)).map_err(unusable)?;
    check_schema(server, link.unlimited())?;
    Ok((tls, link))
}

/// The tables for a process that is not the one that writes samples.
fn beside(server: &Server, tls: &Tls, role: Role, setup: &str) -> Postgres {
    let manager = Manager::new(server, tls, role, WRITE_LIMIT, settings(setup), None);
    let readers = readers(server, tls, 1);
    Postgres {
        writer: Connections::new(manager, 1, WRITER_WAIT),
        documents: readers.clone(),
        lists: readers.clone(),
        followers: readers.clone(),
        readers,
        shares: Shares::new(1, READER_WAIT),
        run: None,
        leads: AtomicBool::new(false),
        unknown: Mutex::default(),
        lost: AtomicBool::new(false),
        copies_expired: Mutex::default(),
        clock: Clock::real(),
        logged_ahead: AtomicI64::new(0),
    }
}

fn readers(server: &Server, tls: &Tls, size: u32) -> Connections {
    let manager = Manager::new(server, tls, Role::Reader, READ_LIMIT, settings(READER_SETUP), None);
    Connections::new(manager, size, READER_WAIT)
}

fn settings(more: &str) -> String {
    format!("{SETUP} {more}")
}

/// What messages name a server's database by, in place of a file's path.
fn address(server: &Server) -> PathBuf {
    PathBuf::from(server.to_string())
}

fn unusable(server: &Server, why: &str) -> OpenError {
    OpenError::unusable(address(server), why)
}

/// Refuses servers that cannot keep what they acknowledge, or are too old.
fn check_server(connection: &mut Connection) -> Result<(), String> {
    let failed = |error: diesel::result::Error| error.to_string();
    const VERSION: &str = "SELECT current_setting('server_version_num')::bigint AS value";
    let version = special::number(connection, VERSION).map_err(failed)?;
    if version < OLDEST_VERSION {
        return Err(format!("PostgreSQL {} is too old; 14 is needed", version / 10_000));
    }
    for setting in ["fsync", "full_page_writes"] {
        let sql = format!("SELECT current_setting('{setting}') AS value");
        if special::text(connection, &sql).map_err(failed)? != "on" {
            return Err(format!(
                "the server has {setting} off: what it acknowledges can be lost when the power fails"
            ));
        }
    }
    Ok(())
}

/// The tables that its schema has.
fn tables(connection: &mut Connection) -> Result<i64, String> {
    const TABLES: &str = "SELECT count(*) AS value FROM pg_tables WHERE schemaname = current_schema()";
    special::number(connection, TABLES).map_err(|error| error.to_string())
}

/// Brings the schema up to date if it is not, while no other process uses it, and leaves it locked against such changes.
fn bring_up_to_date(server: &Server, connection: &mut Connection) -> Result<(), OpenError> {
    let unusable = |why: String| unusable(server, &why);
    let set = |connection: &mut Connection, settings: &str| {
        connection.batch_execute(settings).map_err(|error| unusable(error.to_string()))
    };
    check_namespace(connection).map_err(unusable)?;
    for _ in 0..SCHEMA_TRIES {
        if special::schema_lock(connection, "pg_advisory_lock_shared").is_err() {
            // Another process migrates, or is of a version that writes alone.
            continue;
        }
        if tables(connection).map_err(unusable)? > 0 {
            if !is_ours(connection).map_err(unusable)? {
                return Err(OpenError::NotOurs {
                    path: address(server),
                    why:
                        "it has tables of another program; give Afterglow a database, or a schema, of its own"
                            .into(),
                });
            }
            if missing_versions(connection).map_err(unusable)? == 0 {
                return Ok(());
            }
        }
        set(connection, "SELECT pg_advisory_unlock_all()")?;
        if special::schema_lock(connection, "pg_advisory_lock").is_ok() {
            // A migration takes as long as it takes.
            set(connection, "SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0")?;
            migrate(connection).map_err(unusable)?;
            set(connection, WRITER_SETUP)?;
            set(connection, "SELECT pg_advisory_unlock_all()")?;
        }
    }
    Err(OpenError::InUse(address(server)))
}

/// Refuses a search path whose schema is not there: every statement would fail for another reason.
fn check_namespace(connection: &mut Connection) -> Result<(), String> {
    let failed = |error: diesel::result::Error| error.to_string();
    if special::current_schema(connection).map_err(failed)?.is_empty() {
        let path =
            special::text(connection, "SELECT current_setting('search_path') AS value").map_err(failed)?;
        return Err(format!(
            "there is no schema {path:?}, or its use is not granted; create it first, as with CREATE SCHEMA"
        ));
    }
    Ok(())
}

/// Whether its schema is ours.
fn is_ours(connection: &mut Connection) -> Result<bool, String> {
    const OURS: &str = "SELECT count(*) AS value FROM pg_tables WHERE schemaname = current_schema() \
        AND tablename IN ('__diesel_schema_migrations', 'signal', 'journal', 'block')";
    special::number(connection, OURS).map(|found| found == 4).map_err(|error| error.to_string())
}

/// Makes the tables, or brings them up to date, if nobody else has done so meanwhile.
fn migrate(connection: &mut Connection) -> Result<(), String> {
    if tables(connection)? > 0 {
        missing_versions(connection)?;
    }
    let applied = connection
        .run_pending_migrations(MIGRATIONS)
        .map_err(|error| format!("its schema cannot be migrated: {error}"))?;
    for migration in applied {
        log::info!("migrated the database: {migration}");
    }
    Ok(())
}

/// Refuses a schema that has a version which this program does not know; gives how many of those that it knows are missing.
fn missing_versions(connection: &mut Connection) -> Result<usize, String> {
    let failed = |error: &dyn std::fmt::Display| format!("its schema cannot be read: {error}");
    let ours: Vec<Box<dyn Migration<Pg>>> = MIGRATIONS.migrations().map_err(|error| failed(&error))?;
    let mut known: HashSet<String> = ours.iter().map(|ours| ours.name().version().to_string()).collect();
    // Asked for through Diesel, the table of versions would be made where it is missing.
    const APPLIED: &str = "SELECT version::text AS value FROM __diesel_schema_migrations ORDER BY version";
    for version in special::texts(connection, APPLIED).map_err(|error| failed(&error))? {
        if !known.remove(&version) {
            return Err(format!("its schema is that of a newer afterglow: it has the migration {version}"));
        }
    }
    Ok(known.len())
}

/// Refuses a database that is not ours, or has not today's schema.
fn check_schema(server: &Server, connection: &mut Connection) -> Result<(), OpenError> {
    if !is_ours(connection).map_err(|why| unusable(server, &why))? {
        let why = "it has no tables of Afterglow".into();
        return Err(OpenError::NotOurs { path: address(server), why });
    }
    match missing_versions(connection).map_err(|why| unusable(server, &why))? {
        0 => Ok(()),
        _ => Err(OpenError::OldSchema(address(server))),
    }
}

fn load(connection: &mut Connection) -> Result<Loaded, String> {
    let failed = |error: diesel::result::Error| error.to_string();
    let rows: Vec<(i32, String)> = signal::table
        .order(signal::id)
        .select((signal::id, signal::name))
        .load(connection)
        .map_err(failed)?;
    let mut names = Vec::with_capacity(rows.len());
    for ((id, text), number) in rows.into_iter().zip(0_i32..) {
        // A hole would give every later signal the samples of another.
        if id != number {
            return Err(format!("it is damaged: signal {number} is missing"));
        }
        if name::check(&text).is_err() {
            return Err(format!("it is damaged: the name of signal {number} is not a name"));
        }
        names.push(text);
    }
    let sealed = numbering::sealed_sequence(connection)?;
    if let Some(sequence) = journal::oversized(connection).map_err(failed)? {
        return Err(format!("row {sequence} of the journal is damaged: it is too long"));
    }
    let first = journal::first(connection).map_err(failed)?;
    let newest_block = connection.newest_block().map_err(|error| error.to_string())?;
    if newest_block > i64::MAX / 2 {
        return Err(format!("it is damaged: a block has the number {newest_block}"));
    }
    // All rows count as one part: whether some of them were being sealed makes no difference now.
    let next =
        |part, after| if part == Part::A { journal::next_rows(connection, after) } else { Ok(Vec::new()) };
    let parts = [(Part::A, first), (Part::B, None)];
    // Other servers may be writing: nothing is sealed here, so all of it must be in the head.
    engine::recover(names, sealed, newest_block, usize::MAX, parts, next).map_err(|unrecovered| {
        match unrecovered {
            Unrecovered::Damaged(DamagedRow { sequence, why, .. }) => {
                format!("row {sequence} of the journal is damaged: {why}")
            }
            Unrecovered::Unread(error) => error.to_string(),
        }
    })
}

/// Runs statements on a connection of their own.
#[cfg(test)]
pub(crate) fn execute(server: &Server, statements: &str) -> Result<(), String> {
    let tls = server.tls()?;
    let mut link = Link::new(server, &tls, WRITE_LIMIT, "")?;
    link.unlimited().batch_execute(statements).map_err(|error| error.to_string())
}

/// The `value` column of a statement that gives one row.
#[cfg(test)]
pub(crate) fn ask(server: &Server, statement: &str) -> Result<i64, String> {
    let tls = server.tls()?;
    let mut link = Link::new(server, &tls, WRITE_LIMIT, "")?;
    special::number(link.unlimited(), statement).map_err(|error| error.to_string())
}

/// Keeps the schema's lock until it is dropped.
#[cfg(test)]
pub(crate) fn hold(server: &Server, what: &str) -> Result<impl Sized + use<>, String> {
    let tls = server.tls()?;
    let mut link = Link::new(server, &tls, WRITE_LIMIT, "")?;
    special::schema_lock(link.unlimited(), what).map_err(|error| error.to_string())?;
    Ok(link)
}
