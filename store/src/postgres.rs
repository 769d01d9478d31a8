//! PostgreSQL: each process writes through one connection, which holds a lock of its own as long as it lives; a few connections read.
//!
//! All transactions that write, in whatever process, begin by locking one row, and so follow one another. One whose answer is lost
//! with its connection is looked up by its number, so it is known whether it was kept. One process leads: the others leave to it what
//! must not be done twice. Its transactions for that are undone when another leads by then.

mod begin;
mod driver;
mod journal;
mod link;
mod open;
mod plain;
mod schema;
mod server;
mod special;

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

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use diesel::QueryResult;
use diesel::connection::SimpleConnection as _;
use diesel::r2d2::{Pool, PooledConnection};
use diesel_async::AsyncPgConnection;
use diesel_async::async_connection_wrapper::AsyncConnectionWrapper;
use scheduled_thread_pool::ScheduledThreadPool;

use crate::batch::SignalId;
use crate::clock::{Clock, Stopwatch};
use crate::share::Shares;
use crate::tables::{Outcome, Tables, Work};
use crate::{StoreError, budget, fault};
use begin::Transaction;
use driver::Driver;
use link::{LOST, Link, Manager, PROMPT};

#[cfg(test)]
pub(crate) use open::{ask, execute, hold};
pub(crate) use open::{claim_source, open, open_beside, open_read_only, open_source, open_target};
pub(crate) use schema::{drop_schema, make_schema};
pub use server::Server;

/// What the statements run on.
pub(crate) type Connection = AsyncConnectionWrapper<AsyncPgConnection, Driver>;

/// How long it is tried to find out what became of a transaction whose answer was lost.
const LOST_ANSWER: Duration = Duration::from_secs(10);

/// How long the question for the lead may take: longer than the server lets it wait for a lock.
const LEAD_LIMIT: Duration = Duration::from_secs(10);

/// How long a connection is waited for when none can be made.
const NO_CONNECTION: Duration = Duration::from_secs(1);

/// How long the first connection of a pool is waited for at least: nobody has one, it only takes long to make.
const FIRST_CONNECTION: Duration = Duration::from_secs(10);

/// Twice the longest pause between two attempts to connect.
const PAUSE: Duration = Duration::from_secs(2);

/// How often rows for plain SQL are looked for that have expired, and how soon again when that failed.
const COPIES: Duration = Duration::from_secs(3_600);
const COPIES_AGAIN: Duration = Duration::from_secs(60);

/// Makes the connections of all pools.
static HOUSEKEEPER: LazyLock<Arc<ScheduledThreadPool>> =
    LazyLock::new(|| Arc::new(ScheduledThreadPool::new(2)));

/// A pool of connections, and how long to wait for one of them.
#[derive(Clone)]
struct Connections {
    pool: Pool<Manager>,
    wait: Duration,
    /// Why the last connection could not be made, as long as none could.
    failure: Arc<Mutex<Option<String>>>,
}

impl Connections {
    /// A pool of at most `size` connections, which are made when they are needed.
    fn new(manager: Manager, size: u32, wait: Duration) -> Self {
        let failure = manager.failure();
        let pool = Pool::builder()
            .max_size(size)
            .min_idle(Some(0))
            // What bounds the pause between two attempts to connect.
            .connection_timeout(PAUSE)
            .max_lifetime(None)
            .idle_timeout(None)
            .thread_pool(Arc::clone(&HOUSEKEEPER))
            .build_unchecked(manager);
        Self { pool, wait, failure }
    }

    /// A connection.
    ///
    /// # Errors
    /// [`StoreError::Busy`] when all are taken; why none can be made when that is so.
    fn get(&self) -> Result<PooledConnection<Manager>, StoreError> {
        let since = Stopwatch::start();
        loop {
            let is_first = self.pool.state().connections == 0;
            let wait = if is_first { self.wait.max(FIRST_CONNECTION) } else { self.wait };
            let rest = wait.saturating_sub(since.elapsed());
            if let Ok(link) = self.pool.get_timeout(rest.min(NO_CONNECTION)) {
                return Ok(link);
            }
            let failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone();
            if let Some(why) = failure {
                return Err(StoreError::Down(why));
            }
            if rest <= NO_CONNECTION {
                return Err(StoreError::Busy);
            }
        }
    }
}

/// A database of a server and the connections to it.
pub(crate) struct Postgres {
    writer: Connections,
    readers: Connections,
    /// Who may have how many of the readers.
    shares: Shares,
    /// For documents: queries for samples do not keep them from being read.
    documents: Connections,
    /// For what can be long of them: no single document waits for it.
    lists: Connections,
    /// To see what other processes have done.
    followers: Connections,
    /// The number of this process in the database; none for one that is not entered, whose transactions are not counted.
    run: Option<i64>,
    /// Whether this process led when it was last known.
    leads: AtomicBool,
    /// A transaction that may have been kept although it was reported as failed.
    unknown: Mutex<Option<Transaction>>,
    /// Set when the database has what this process does not know, so that it cannot go on.
    lost: AtomicBool,
    /// Since when copies were looked for that have expired, and for how long they need not be.
    copies_expired: Mutex<Option<(Stopwatch, Duration)>>,
    /// Corrected by the database's, so that all servers have one time.
    clock: Clock,
    /// Seconds that the machine's clock was ahead of the database's when that was logged.
    logged_ahead: AtomicI64,
}

impl Postgres {
    fn unknown(&self) -> MutexGuard<'_, Option<Transaction>> {
        self.unknown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection that writes, once it is known what has become of the transaction whose answer was lost.
    fn writer(&self) -> Result<PooledConnection<Manager>, StoreError> {
        if self.is_lost() {
            return Err(StoreError::Down(format!("{LOST}; the server must be started again")));
        }
        let mut writer = self.writer.get().inspect_err(|error| {
            if matches!(error, StoreError::Down(why) if why.starts_with(LOST)) {
                self.lost.store(true, Ordering::Relaxed);
            }
        })?;
        let mut unknown = self.unknown();
        if let Some(transaction) = *unknown {
            if writer.watched(|connection| transaction.is_kept(connection))? {
                // What it was for was reported as failed, and this process does not know what is stored now.
                self.lost.store(true, Ordering::Relaxed);
                return Err(StoreError::Down(format!("{LOST}: it kept what was reported as failed")));
            }
            *unknown = None;
        }
        drop(unknown);
        Ok(writer)
    }

    /// What became of a transaction whose answer was lost for the reason `why`.
    fn settle(&self, transaction: Transaction, why: StoreError) -> Result<(), StoreError> {
        let since = Stopwatch::start();
        while since.elapsed() < LOST_ANSWER {
            // Waits until the server has ended the earlier connection: the lock was its.
            let Ok(mut writer) = self.writer.get() else { continue };
            match writer.watched(|connection| transaction.is_kept(connection)) {
                Ok(true) => return Ok(()),
                Ok(false) => return Err(why),
                Err(_) => {}
            }
        }
        *self.unknown() = Some(transaction);
        Err(why)
    }

    fn snapshot_of(&self, connections: &Connections, work: Work<'_>) -> Result<(), StoreError> {
        const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        let mut reader = connections.get()?;
        reader.in_use = true;
        reader.watched_within(PROMPT, |connection| connection.batch_execute(BEGIN))?;
        reading(&mut reader, work);
        // Nothing was written: how it ends makes no difference, unless the connection is to be used again.
        if reader.watched_within(PROMPT, |connection| connection.batch_execute("ROLLBACK")).is_ok() {
            reader.in_use = false;
        }
        Ok(())
    }
}

fn reading(reader: &mut Link, work: Work<'_>) {
    reader.watched(|connection| budget::interruptible(|| work(connection)));
}

impl Postgres {
    /// Does `work` in a transaction, for `leaders` alone when it is for them.
    fn transaction(&self, work: Work<'_>, for_leaders: bool) -> Result<(), StoreError> {
        let mut writer = self.writer()?;
        // Its state is not known until the end: until then a panic, or an early return, ends the connection.
        writer.in_use = true;
        let result = writer.watched(|connection| {
            let begun = match self.run {
                Some(run) => Transaction::begin(connection, run).map(|(begun, leader)| (Some(begun), leader)),
                None => Transaction::begin_beside(connection).map(|()| (None, 0)),
            };
            begun.and_then(|(transaction, leader)| {
                if for_leaders && self.run != Some(leader) {
                    return Transaction::roll_back(connection).map(|()| Ended::NotLeading);
                }
                match work(connection) {
                    Outcome::Commit => {
                        if for_leaders {
                            // Rows of compressed samples are written by leaders alone.
                            plain::spread(connection)?;
                        }
                        Ok(match Transaction::commit(connection) {
                            Ok(()) => Ended::Whole,
                            Err(why) => Ended::Unknown(transaction, why),
                        })
                    }
                    Outcome::Undo => Transaction::roll_back(connection).map(|()| Ended::Whole),
                }
            })
        });
        match result {
            Ok(Ended::Whole) => {
                writer.in_use = false;
                Ok(())
            }
            Ok(Ended::NotLeading) => {
                writer.in_use = false;
                self.led_no_more();
                Err(StoreError::Down("another afterglow on this database does this now".into()))
            }
            Ok(Ended::Unknown(transaction, why)) => {
                // The connection is closed, which ends the transaction if it is still open.
                drop(writer);
                match transaction {
                    Some(transaction) => self.settle(transaction, why.into()),
                    None => Err(why.into()),
                }
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Corrects the clock by the database's, and logs where the machine's is wrong.
    fn follow_clock(&self, connection: &mut Connection) -> diesel::QueryResult<()> {
        let Some(ahead) = special::follow(&self.clock, connection)? else { return Ok(()) };
        let seconds = (ahead + 500_000).div_euclid(1_000_000);
        if seconds != 0 && (seconds - self.logged_ahead.swap(seconds, Ordering::Relaxed)).abs() > 1 {
            log::warn!(
                "the clock of this machine is {} s {} the database's, whose time is used",
                seconds.abs(),
                if seconds > 0 { "ahead of" } else { "behind" }
            );
        }
        Ok(())
    }

    /// Lets another process lead; or else it can after a while.
    fn yield_lead(&self) {
        if let Some(run) = self.run
            && self.leads.swap(false, Ordering::Relaxed)
            && let Ok(mut writer) = self.writer.pool.get_timeout(NO_CONNECTION)
        {
            writer.watched(|connection| {
                if let Err(error) = special::yield_lead(connection, run) {
                    log::debug!("another process can lead only after a while: {error}");
                }
            });
        }
    }

    /// Another process leads: what this one knows of what it was doing is not true any more.
    fn led_no_more(&self) {
        if self.leads.swap(false, Ordering::Relaxed) {
            log::error!("another afterglow leads on this database: this one was not heard of for too long");
            self.lost.store(true, Ordering::Relaxed);
        }
    }
}

/// How a transaction ended.
enum Ended {
    /// It was kept, or undone as its work wanted.
    Whole,
    /// It was undone: another process leads.
    NotLeading,
    /// The answer to its end is lost.
    Unknown(Option<Transaction>, diesel::result::Error),
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.yield_lead();
    }
}

impl Tables for Postgres {
    fn read(&self, work: Work<'_>) -> Result<(), StoreError> {
        let _share = self.shares.take()?;
        reading(&mut *self.readers.get()?, work);
        Ok(())
    }

    fn snapshot(&self, work: Work<'_>) -> Result<(), StoreError> {
        let _share = self.shares.take()?;
        self.snapshot_of(&self.readers, work)
    }

    fn documents(&self, work: Work<'_>) -> Result<(), StoreError> {
        self.snapshot_of(&self.documents, work)
    }

    fn lists(&self, work: Work<'_>) -> Result<(), StoreError> {
        self.snapshot_of(&self.lists, work)
    }

    fn write(&self, work: Work<'_>) -> Result<(), StoreError> {
        self.transaction(work, false)
    }

    fn maintain(&self, work: Work<'_>) -> Result<(), StoreError> {
        self.transaction(work, true)
    }

    fn is_shared(&self) -> bool {
        self.run.is_some()
    }

    fn beside(&self, work: Work<'_>) -> Result<(), StoreError> {
        self.snapshot_of(&self.followers, work)
    }

    /// Once an hour: all rows are looked at that are old enough by their own time, and the next month gets its partition.
    fn expire_copies(&self, cutoffs: &mut dyn Iterator<Item = (SignalId, i64)>) -> Result<(), StoreError> {
        let last = || self.copies_expired.lock().unwrap_or_else(PoisonError::into_inner);
        if last().is_some_and(|(since, pause)| since.elapsed() < fault::look_interval().unwrap_or(pause)) {
            return Ok(());
        }
        *last() = Some((Stopwatch::start(), COPIES_AGAIN));
        let mut reader = self.readers.get()?;
        let chosen = reader.watched(plain::chosen)?;
        let mut pause = COPIES;
        if !chosen.is_empty()
            && let Err(error) = reader.watched(plain::prepare_partition)
        {
            log::warn!("the partition for rows of the next month is not made yet: {error}");
            pause = COPIES_AGAIN;
        }
        drop(reader);
        let cutoffs: Vec<_> = cutoffs.filter(|(signal, _)| chosen.contains(signal)).collect();
        // Others write in between.
        let mut deleted = i64::from(!cutoffs.is_empty());
        while deleted > 0 {
            let mut writer = self.writer()?;
            writer.in_use = true;
            deleted = writer.watched(|connection| plain::expire_rows(connection, &cutoffs))?;
            writer.in_use = false;
        }
        *last() = Some((Stopwatch::start(), pause));
        Ok(())
    }

    fn lead(&self) -> Result<bool, StoreError> {
        let Some(run) = self.run else { return Ok(false) };
        let mut writer = self.writer()?;
        writer.in_use = true;
        let leads = writer.watched_within(LEAD_LIMIT, |connection| {
            let leads = special::lead(connection, run)?;
            self.follow_clock(connection)?;
            QueryResult::Ok(leads)
        })?;
        let is_behind = leads && writer.watched_within(LEAD_LIMIT, plain::is_behind)?;
        writer.in_use = false;
        drop(writer);
        if leads {
            self.leads.store(true, Ordering::Relaxed);
            if is_behind && let Err(error) = self.transaction(&mut |_| Outcome::Commit, true) {
                log::warn!("samples for plain SQL are written later: {error}");
            }
        } else {
            self.led_no_more();
        }
        Ok(leads)
    }

    /// A statement that was interrupted ended for the reason that it was interrupted for.
    fn explain(&self, error: StoreError) -> StoreError {
        match (error, budget::check()) {
            (StoreError::Down(_), Err(stopped)) => stopped.into(),
            // Diesel keeps no codes of statements' errors. The words are the system's, in the server's language.
            (StoreError::Down(why), _) if why.contains("No space left on device") => {
                StoreError::DiskFull(why)
            }
            (error, _) => error,
        }
    }

    fn used_bytes(&self) -> Result<u64, StoreError> {
        let mut reader = self.readers.get()?;
        let used = reader.watched(|connection| special::number(connection, special::USED_BYTES))?;
        Ok(used.cast_unsigned())
    }

    /// The server does so itself (autovacuum).
    fn release_space(&self, _: bool) -> Result<(), StoreError> {
        Ok(())
    }

    /// The server does so itself.
    fn reserve_log(&self) -> Result<(), StoreError> {
        Ok(())
    }

    /// The server does so itself. Another process may lead from now on.
    fn checkpoint(&self) -> Result<(), StoreError> {
        self.yield_lead();
        Ok(())
    }

    fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Relaxed)
    }
}
