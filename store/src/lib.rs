//! Where samples are kept. The only place that knows a database: domain types in, domain types out.

#![allow(
    clippy::duplicate_mod,
    reason = "the files of `statements/` are compiled for the connections of each database"
)]

mod access;
pub mod alerts;
mod audit;
pub mod batch;
mod block;
mod budget;
mod bundle;
pub mod clock;
mod columns;
mod copies;
mod documents;
mod engine;
mod error;
pub mod fault;
mod files;
mod head;
mod journal;
mod keys;
mod location;
mod lock;
mod opening;
mod partial;
pub mod people;
mod postgres;
mod query;
mod reduce;
mod retention;
mod rollup;
mod share;
mod shared;
pub mod signals;
mod slices;
mod sqlite;
mod statements;
mod tables;
pub mod tenants;
#[cfg(test)]
mod tests;
mod transfer;

use std::borrow::Cow;
use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use afterglow_wire::Timestamp;
use afterglow_wire::v1::Position;

use crate::batch::{Batch, Sample, SignalId};
use crate::signals::{Selector, Signals};

pub use access::{Access, AuditQuery, Use};
pub use audit::{Author, Broken, Chain, Event};
pub use budget::{Earliest, Meter, asked_by, while_wanted};
pub use columns::Columns;
pub use documents::{Current, SaveError};
pub use engine::{Deleted, Expired};
pub use error::{OpenError, Stopped, StoreError};
pub use files::{check, claim, copy, copy_before, examine, repair, versions};
pub use keys::{BoardSignals, SecretHash};
pub use location::Location;
pub use lock::Lock;
pub use partial::{begin_partial, folder_of, logs, remove_abandoned};
pub use postgres::Server;
pub use query::{Detail, Details, Query, Sink};
pub use retention::{RetentionPolicy, RetentionTiers, TrustedClock};
pub use rollup::Bucket;
pub use shared::{Asked, Brought, News};
pub use sqlite::{Damage, Examination, SignalSize, Tier, Versions};
pub use transfer::{Compared, Copied, Transfer, TransferError, tenants_of};

use engine::Engine;

/// How a file is named while it is written and not whole yet: what it is to be called, and this. No database is opened
/// under such a name.
pub const PARTIAL: &str = ".partial";

/// The limit of samples in memory: 64 MB at 16 bytes each. The commit that reaches it is still taken as a whole.
pub const HEAD_SAMPLES: usize = 4_000_000;

/// Samples of a journal that are read by a program that cannot seal them: twice as many as any server leaves.
const READ_ONLY_SAMPLES: usize = 2 * HEAD_SAMPLES;

/// Why a file with more is refused.
const JOURNAL_TOO_LARGE: &str = "its journal has more samples than a server leaves there; start `afterglow serve` with it once, which \
    turns them into blocks";

/// Where the database is and how it is used.
#[derive(Clone, Debug)]
pub struct StoreConfig {
    /// The SQLite file, made with its folder when it does not exist, or the database of a PostgreSQL server.
    pub database: Location,
    /// How many reads for one address may run at once; there are twice as many readers in all.
    pub readers: u32,
    /// How many signals are kept.
    pub signal_limit: usize,
    /// How long a read of the database may take; as long as it takes when absent.
    pub read_limit: Option<Duration>,
    /// Samples in memory at which nothing more is taken until some have been sealed, 16 bytes each; [`HEAD_SAMPLES`] where there is
    /// memory enough.
    pub head_samples: usize,
}

/// How a commit is numbered: it takes one or more numbers, all of this database's commits without a hole. No number
/// comes back, whatever happens to the process and to the samples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sequences {
    /// The last number before the commit's.
    pub before: u64,
    /// The commit's last number, by which it is called.
    pub last: u64,
    /// When the samples were committed.
    pub at: Timestamp,
}

/// A commit that is on the disk.
#[derive(Clone, Debug)]
pub struct Commit {
    /// How it is numbered, and when it was made.
    pub sequences: Sequences,
    /// Its samples; all have the numbers of their signals.
    pub batches: Vec<Batch>,
}

/// What was committed after some commit.
#[derive(Clone, Debug, PartialEq)]
pub enum Since {
    /// These samples, up to the commit numbered so; there may be more.
    Samples(u64, Vec<Sample>),
    /// Nothing.
    Nothing,
    /// What came directly after it is in blocks by now, where commits cannot be told apart.
    Sealed,
}

/// The database, shared by all who read and the one who writes.
#[derive(Clone)]
pub struct Store {
    engine: Arc<Engine>,
    signals: Signals,
    read_limit: Option<Duration>,
    access: Access,
    /// The signals that exist for who asks; all when absent.
    scope: Option<Arc<Selector>>,
    /// The earliest instant that exists for who asks; all do when absent.
    earliest: Option<Earliest>,
    /// Who changes documents, for the audit log; nobody writes there when absent.
    author: Option<Arc<Author>>,
    /// Hears for how long readers are held.
    meter: Option<Meter>,
}

impl Store {
    /// The same database for somebody for whom only some signals exist: whatever is read through it has no others. The
    /// dictionary and the journal ([`Store::signals`], [`Store::committed_since`]) still have all.
    pub fn within(&self, scope: Option<Arc<Selector>>) -> Self {
        Self { scope, ..self.clone() }
    }

    /// The same database for somebody for whom samples before an instant do not exist. Those that are committed later are given to who
    /// follows the commits, however old they are ([`Store::committed_since`]).
    pub fn no_earlier(&self, earliest: Option<Earliest>) -> Self {
        Self { earliest, ..self.clone() }
    }

    /// Whether samples of all times exist for who asks.
    pub fn has_all_times(&self) -> bool {
        self.earliest.is_none()
    }

    /// The same database for somebody for whom `meter` hears how long readers of samples are held.
    pub fn metered(&self, meter: Option<Meter>) -> Self {
        Self { meter, ..self.clone() }
    }

    /// The same database for changes that the audit log names `author` for.
    pub fn by(&self, author: Arc<Author>) -> Self {
        Self { author: Some(author), ..self.clone() }
    }

    /// The signals that exist for who asks; all when absent.
    pub fn scope(&self) -> Option<&Arc<Selector>> {
        self.scope.as_ref()
    }

    fn author(&self) -> Option<&Author> {
        self.author.as_deref()
    }

    /// Keys and the audit log.
    pub fn access(&self) -> &Access {
        &self.access
    }

    /// What `query` asks for of the signals and the times that exist for who asks.
    fn scoped<'q>(&self, query: &'q Query) -> Cow<'q, Query> {
        if self.scope.is_none() && self.earliest.is_none() {
            return Cow::Borrowed(query);
        }
        let earliest = self.earliest.as_ref().map_or(Timestamp::MIN, |earliest| earliest());
        let Span { from, to } = query.span;
        if earliest > to {
            return Cow::Owned(Query { signals: Selector::new(&[]), ..query.clone() });
        }
        let signals = query.signals.clone().within(self.scope.as_ref());
        Cow::Owned(Query { signals, span: Span { from: from.max(earliest), to }, ..query.clone() })
    }

    fn limited<R>(&self, read: impl FnOnce() -> R) -> R {
        self.heard(|| budget::limited(self.read_limit, read))
    }

    fn heard<R>(&self, read: impl FnOnce() -> R) -> R {
        budget::metered(self.meter.clone(), read)
    }

    /// The dictionary of signals.
    pub fn signals(&self) -> &Signals {
        &self.signals
    }

    /// Makes `batches` durable, all or none; of samples with one identity the last one stays. Blocks until they are
    /// on the disk. One caller at a time: a second one waits. The dictionary learns the new names among them, and only when
    /// they are stored.
    ///
    /// # Errors
    /// When nothing was stored: the disk is full, the database does not answer, or there is no room for new signals.
    pub fn commit(&self, batches: impl Into<Vec<Batch>>) -> Result<Commit, StoreError> {
        self.engine.commit(batches.into())
    }

    /// Makes the log's file as long as commits will need it, which halves the time of those that would make it longer.
    /// Blocks.
    ///
    /// # Errors
    /// When the file cannot be written; commits do without then.
    pub fn reserve_log(&self) -> Result<(), StoreError> {
        self.engine.reserve_log()
    }

    /// Passes the samples that `query` asks for to `sink`, signal by signal in the order of their names. A sample that was
    /// committed before the call is among them. Returns the sequence of the last commit that they contain, and they contain
    /// all before it. A reader is held until the sink has taken everything. Blocks.
    ///
    /// # Errors
    /// When all readers are busy, the sink wants no more, or the database does not answer.
    pub fn query(&self, query: &Query, sink: &mut dyn Sink) -> Result<u64, StoreError> {
        self.heard(|| self.engine.query(&self.scoped(query), &self.signals, None, true, sink))
    }

    /// As [`Store::query`], for sinks that may take their time: some 100,000 points are read ahead, and no reader is held while
    /// they are handed on. Each piece is as it is when its turn comes, so a later one may contain later commits. Blocks.
    ///
    /// # Errors
    /// As [`Store::query`], and when a piece takes longer than [`StoreConfig::read_limit`].
    pub fn query_in_pieces(&self, query: &Query, sink: &mut dyn Sink) -> Result<(), StoreError> {
        let query = self.scoped(query);
        self.heard(|| self.engine.query(&query, &self.signals, self.read_limit, false, sink)).map(|_| ())
    }

    /// What was committed after the commit numbered `sequence`, in order, at most about `rows` rows of the journal at
    /// once. Blocks.
    ///
    /// # Errors
    /// When all readers are busy or the database does not answer.
    pub fn committed_since(&self, sequence: u64, rows: u32) -> Result<Since, StoreError> {
        self.limited(|| self.engine.committed_since(sequence, rows))
    }

    /// Names the numbering of this database's commits: within an epoch no number is used twice. A database keeps its epoch
    /// for as long as it exists; a copy made by [`copy`] gets one of its own when it is opened.
    ///
    /// What is put back in place of a database by other means (an older copy of the file, a snapshot of the disk) keeps the
    /// epoch and uses numbers again: a client that was there before may then miss what it takes for known.
    pub fn epoch(&self) -> u64 {
        self.engine.epoch()
    }

    /// The number of the last commit; 0 before the first.
    pub fn sequence(&self) -> u64 {
        self.engine.sequence()
    }

    /// The last commit: [`Store::epoch`] and [`Store::sequence`].
    pub fn position(&self) -> Position {
        Position { epoch: self.epoch(), sequence: self.sequence() }
    }

    /// The latest instant of each signal, by its number; `None` for one without samples. Blocks.
    ///
    /// # Errors
    /// When all readers are busy or the database does not answer.
    pub fn latest(&self) -> Result<Vec<Option<Timestamp>>, StoreError> {
        self.limited(|| self.engine.latest(&self.signals))
    }

    /// The names of all signals that have a sample, in order. Blocks.
    ///
    /// # Errors
    /// When all readers are busy or the database does not answer.
    pub fn signal_names(&self) -> Result<Vec<String>, StoreError> {
        let mut names = self.limited(|| self.engine.signal_names(&self.signals))?;
        if let Some(scope) = &self.scope {
            names.retain(|name| scope.has(name));
        }
        Ok(names)
    }

    /// The extent, count and last value of every signal, by name, from summaries. Blocks.
    ///
    /// # Errors
    /// When all readers are busy or the database does not answer.
    pub fn details(&self) -> Result<Vec<Details>, StoreError> {
        let mut details = self.limited(|| self.engine.details(&self.signals))?;
        if let Some(scope) = &self.scope {
            details.retain(|signal| scope.has(&signal.name));
        }
        if let Some(earliest) = &self.earliest {
            self.count_since(earliest(), &mut details)?;
        }
        Ok(details)
    }

    /// Leaves of `details` what there is from `earliest` on.
    fn count_since(&self, earliest: Timestamp, details: &mut Vec<Details>) -> Result<(), StoreError> {
        let mut counts = query::Counts::default();
        if let Some(to) = details.iter().map(|signal| signal.last).max() {
            let span = Span { from: earliest, to };
            let query = Query { span, signals: Selector::everything(), detail: Detail::Slices(1) };
            let query = self.scoped(&query);
            self.limited(|| self.engine.query(&query, &self.signals, None, true, &mut counts))?;
        }
        details.retain_mut(|signal| {
            let count = counts.of(&signal.name);
            signal.count = count;
            signal.first = signal.first.max(earliest);
            count > 0
        });
        Ok(())
    }

    /// How many samples are in the journal and not in a block yet.
    pub fn unsealed(&self) -> usize {
        self.engine.unsealed()
    }

    /// Blocks that could not be read since the start.
    pub fn damaged(&self) -> u64 {
        self.engine.damaged()
    }

    /// Turns the journal's samples into compressed ones; of how many signals they were. Commits and queries go on meanwhile.
    /// Blocks.
    ///
    /// # Errors
    /// When the disk is full or the database does not answer; everything is as it was then.
    pub fn seal(&self) -> Result<usize, StoreError> {
        self.engine.seal()
    }

    /// Completes a deletion that was interrupted, by a process that led before or at the end of this one's last run, if there is one and this
    /// process leads. Blocks.
    ///
    /// # Errors
    /// When the disk is full or the database does not answer. It is tried again by the next sealing.
    pub fn resume_deletion(&self) -> Result<(), StoreError> {
        self.engine.resume_deletion()
    }

    /// Merges small compressed runs of samples, as far as one short transaction goes; whether there may be more to merge.
    /// Commits and queries go on meanwhile. Blocks.
    ///
    /// # Errors
    /// When the disk is full or the database does not answer; everything is as it was then.
    pub fn merge(&self) -> Result<bool, StoreError> {
        self.engine.merge()
    }

    /// Expires what `retention` no longer keeps at `now`, and gives free space back. Blocks.
    ///
    /// # Errors
    /// When the disk is full or the database does not answer; what was not expired yet is as it was.
    pub fn expire(&self, retention: &RetentionPolicy, now: Timestamp) -> Result<Expired, StoreError> {
        self.engine.expire(retention, now, &self.signals)
    }

    /// Deletes the samples of the signals that `selector` means, within `span`, that were committed before the call; also those that
    /// have expired and live on in minutes and hours. A signal without samples is not listed any more. Commits go on meanwhile,
    /// sealings wait. It is durable when it returns; when it is interrupted, the next start completes it. Blocks.
    ///
    /// # Errors
    /// When the disk is full or the database does not answer. What was begun then is completed before the next sealing.
    pub fn delete(&self, selector: &Selector, span: Span) -> Result<Deleted, StoreError> {
        self.engine.sync()?;
        self.engine.delete(self.numbers(selector), span)
    }

    /// What [`Store::delete`] would delete now. Blocks.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn would_delete(&self, selector: &Selector, span: Span) -> Result<Deleted, StoreError> {
        self.engine.sync()?;
        self.engine.would_delete(&self.numbers(selector), span)
    }

    /// The numbers of the signals that `selector` means, in order.
    pub(crate) fn numbers(&self, selector: &Selector) -> Vec<SignalId> {
        let Ok(found) = self.signals.select(selector, || Ok::<_, Infallible>(()));
        let mut numbers: Vec<_> = found.into_iter().map(|(_, signal)| signal).collect();
        numbers.sort_unstable();
        numbers
    }

    /// Whether the database has what this process does not know of: somebody else has opened it, or the server went back to an
    /// earlier state. Nothing can be written then until it has been opened again.
    pub fn is_lost(&self) -> bool {
        self.engine.is_lost()
    }

    /// When the newest sample arrived; `None` in an empty database.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn newest_arrival(&self) -> Result<Option<Timestamp>, StoreError> {
        self.engine.newest_arrival()
    }

    /// Seals everything and makes the file as small as it gets, for a database that is about to be closed.
    ///
    /// # Errors
    /// When the disk is full or the database does not answer; nothing is lost then.
    pub fn compact_and_checkpoint(&self) -> Result<(), StoreError> {
        self.engine.compact_and_checkpoint()
    }
}

/// The file beside `path` whose name has more at its end.
pub fn with_suffix(path: &Path, more: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(more);
    PathBuf::from(name)
}

/// A span of time with both its ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first instant inside.
    pub from: Timestamp,
    /// The last instant inside.
    pub to: Timestamp,
}
