//! The engine: what samples, blocks, rollups and documents are, whatever database keeps them.
//!
//! A commit is a row of the journal and an addition to the head, which is the journal in memory. When the head is large
//! enough it is sealed: its samples become compressed blocks, or small runs bundled with those of other signals, and their part
//! of the journal is emptied, in one transaction. Bundles are merged until a signal has enough samples for a block.

mod annotations;
mod boards;
mod bundled;
mod commit;
mod damaged;
mod delete;
mod details;
mod expire;
mod extremes;
mod fold;
mod follow;
mod merge;
mod metadata;
mod outbox;
mod people;
mod plan;
mod read;
mod recover;
mod rollups;
mod room;
mod saved;
mod seal;
mod since;

use std::collections::{BTreeSet, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use afterglow_wire::Timestamp;

use crate::audit::{self, Author, Event};
use crate::block::SMALL_BLOCK;
use crate::clock::Clock;
use crate::copies::Copies;
use crate::fault;
use crate::head::Head;
use crate::signals::Signals;
use crate::tables::{Rows, Tables};
use crate::{News, StoreError};
use commit::Commits;
use damaged::Damaged;
use delete::Unfinished;
use extremes::Extremes;
use follow::Lead;
use merge::FullTiers;
use room::Room;

pub use delete::Deleted;
pub use expire::Expired;
pub(crate) use recover::{DamagedRow, Loaded, Unrecovered, recover};

/// What sealings, merges, expiries and deletions keep between them.
#[derive(Debug, Default)]
struct Maintenance {
    /// Where there is something to merge.
    full: FullTiers,
    /// What was to be deleted and is not deleted yet.
    unfinished: Option<Unfinished>,
}

/// Everything about a database but its tables.
pub(crate) struct Engine {
    head: RwLock<Head>,
    /// Samples in it at which nothing more is taken until some have been sealed.
    head_limit: usize,
    /// A signal's samples stay bundled until they reach this number.
    enough_for_block: usize,
    /// Held during a commit, so that commits and rotations see each other whole.
    commits: Mutex<Commits>,
    room: Room,
    /// Held while bundles, blocks or rollups are replaced: by a sealing, a merge, an expiry or a deletion.
    maintenance: Mutex<Maintenance>,
    /// The highest number that a block has had: a number says which samples are meant for as long as the process lives.
    newest_block: AtomicI64,
    extremes: Extremes,
    copies: Copies,
    /// Set when the database is about to be closed: what takes long ends.
    closing: AtomicBool,
    damaged: Damaged,
    /// The numbers of the last deletions: the journal has no rows of them.
    deletions: Mutex<BTreeSet<i64>>,
    clock: Clock,
    /// Names the numbering of commits; 0 in a database that is only read.
    epoch: u64,
    /// The dictionary, which learns the names of what is committed.
    signals: Signals,
    /// Commits of all processes that nobody has heard of yet, where there may be several.
    news: Mutex<VecDeque<News>>,
    /// The highest number of a commit of another process that was read from the database.
    read_elsewhere: AtomicI64,
    /// Counts the changes of what is no sample, as far as they are known.
    changes: AtomicI64,
    /// Whether this process does what one alone must do.
    lead: Mutex<Lead>,
    tables: Arc<dyn Tables>,
}

impl Engine {
    /// The engine of a database whose journal has been `loaded`.
    pub(crate) fn new(
        tables: Arc<dyn Tables>,
        loaded: Loaded,
        epoch: u64,
        head_samples: usize,
        clock: Clock,
    ) -> Self {
        Self {
            head: RwLock::new(loaded.head),
            head_limit: fault::head_samples().unwrap_or(head_samples),
            enough_for_block: fault::block_samples().unwrap_or(SMALL_BLOCK),
            commits: Mutex::new(loaded.commits),
            room: Room::default(),
            maintenance: Mutex::default(),
            newest_block: AtomicI64::new(loaded.newest_block),
            extremes: Extremes::new(head_samples / 4),
            copies: Copies::default(),
            closing: AtomicBool::new(false),
            deletions: Mutex::default(),
            damaged: Damaged::default(),
            clock,
            epoch,
            signals: Signals::empty(0),
            news: Mutex::default(),
            read_elsewhere: AtomicI64::new(0),
            changes: AtomicI64::new(0),
            lead: Mutex::new(if tables.is_shared() { Lead::Elsewhere } else { Lead::Alone }),
            tables,
        }
    }

    /// With the dictionary of its database.
    pub(crate) fn with(self, signals: Signals) -> Self {
        Self { signals, ..self }
    }

    /// The database.
    pub(crate) fn tables(&self) -> &Arc<dyn Tables> {
        &self.tables
    }

    /// Writes down what an author does, in the transaction of `writer`.
    fn note(&self, writer: &mut dyn Rows, by: Option<&Author>, event: Event) -> Result<(), StoreError> {
        by.map_or(Ok(()), |author| audit::append(writer, self.clock.now().micros(), author, event))
    }

    /// See [`Tables::is_shared`].
    pub(crate) fn is_shared(&self) -> bool {
        self.tables.is_shared()
    }

    /// See [`Tables::is_lost`].
    pub(crate) fn is_lost(&self) -> bool {
        self.tables.is_lost()
    }

    /// Names the numbering of commits.
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The number of the last commit; 0 before the first.
    pub(crate) fn sequence(&self) -> u64 {
        self.read_head(Head::sequence).cast_unsigned()
    }

    /// How many samples are in no block yet.
    pub(crate) fn unsealed(&self) -> usize {
        self.read_head(Head::samples)
    }

    /// Rows that could not be read since the start.
    pub(crate) fn damaged(&self) -> u64 {
        self.damaged.count() as u64
    }

    /// When the newest sample arrived.
    pub(crate) fn newest_arrival(&self) -> Result<Option<Timestamp>, StoreError> {
        let newest = self.tables.reading(|rows| rows.newest_arrival())?;
        Ok((newest > 0).then(|| Timestamp::from_micros(newest)))
    }

    /// See [`Tables::reserve_log`].
    pub(crate) fn reserve_log(&self) -> Result<(), StoreError> {
        self.tables.reserve_log()
    }

    /// Seals everything and makes the database as small as it gets.
    pub(crate) fn compact_and_checkpoint(&self) -> Result<(), StoreError> {
        self.closing.store(true, Ordering::Relaxed);
        // Twice where a sealing had been begun and not finished: it comes before what was taken since.
        while self.leads() && self.unsealed() > 0 {
            self.seal()?;
        }
        self.tables.release_space(true)?;
        self.tables.checkpoint()
    }

    /// How many signals have blocks.
    #[cfg(test)]
    pub(crate) fn signals_in_blocks(&self) -> usize {
        self.tables.reading(|rows| rows.latest_in_blocks()).map_or(0, |latest| latest.len())
    }

    /// Bytes of the database that hold something.
    #[cfg(test)]
    pub(crate) fn used_bytes(&self) -> Result<u64, StoreError> {
        self.tables.used_bytes()
    }

    fn read_head<R>(&self, read: impl FnOnce(&Head) -> R) -> R {
        read(&self.head.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn change_head<R>(&self, change: impl FnOnce(&mut Head) -> R) -> R {
        change(&mut self.head.write().unwrap_or_else(PoisonError::into_inner))
    }

    fn lock_commits(&self) -> MutexGuard<'_, Commits> {
        self.commits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_maintenance(&self) -> MutexGuard<'_, Maintenance> {
        self.maintenance.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
