//! Where samples are kept. The only place that knows a database: domain types in, domain types out.

mod lock;
mod query;
mod schema;
mod signals;
mod sqlite;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;

use afterglow_wire::{Code, Timestamp};

use crate::batch::Batch;
use crate::clock::Clock;

pub use query::{Query, Series};
pub use signals::Signals;

/// Where the database is and how it is used.
#[derive(Clone, Debug)]
pub struct StoreConfig {
    /// The SQLite file; made, with its folder, when it does not exist.
    pub database: PathBuf,
    /// How many queries may run at once.
    pub readers: u32,
    /// How many signals are kept.
    pub signal_limit: usize,
}

/// Why the store could not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file is open in another `afterglow`.
    #[error("the database {} is in use by another afterglow; stop it, or choose another file with --database", .0.display())]
    InUse(PathBuf),
    /// The file is something else, and is left as it is.
    #[error("{} is not a database of Afterglow ({why}); choose another file with --database", path.display())]
    NotOurs {
        /// The file.
        path: PathBuf,
        /// What it seems to be.
        why: String,
    },
    /// The file or its folder cannot be made, read or written.
    #[error("the database {} cannot be used: {why}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What the system or the database said.
        why: String,
    },
    /// The disk has no room for a commit.
    #[error("the disk has no room: {0}")]
    DiskFull(String),
    /// The database does not answer for now.
    #[error("the database does not answer: {0}")]
    Down(String),
    /// All readers are taken.
    #[error("all readers of the database are busy; ask again in a moment")]
    Busy,
}

impl StoreError {
    /// The code that a door answers with.
    pub fn code(&self) -> Code {
        match self {
            Self::DiskFull(_) => Code::DiskFull,
            Self::Busy => Code::QueueFull,
            Self::InUse(_) | Self::NotOurs { .. } | Self::Unusable { .. } | Self::Down(_) => Code::StoreDown,
        }
    }
}

/// The database, shared by all who read and the one who writes.
#[derive(Clone)]
pub struct Store {
    engine: Arc<sqlite::Sqlite>,
    signals: Signals,
}

impl Store {
    /// Opens the database, makes or migrates it where needed, and locks it against other processes.
    ///
    /// # Errors
    /// When the file is another's, in use, or cannot be read or written; it is then left as it was.
    pub fn open(config: &StoreConfig, clock: Clock) -> Result<Self, StoreError> {
        let (engine, names) = sqlite::Sqlite::open(config, clock)?;
        Ok(Self { engine: Arc::new(engine), signals: Signals::new(names, config.signal_limit) })
    }

    /// The dictionary of signals.
    pub fn signals(&self) -> &Signals {
        &self.signals
    }

    /// Makes `batches` durable, all or none; of samples with one identity the last one stays. Blocks until they are
    /// on the disk. One caller at a time: a second one waits.
    ///
    /// # Errors
    /// When nothing was stored: the disk is full or the database does not answer.
    pub fn commit(&self, batches: &[Batch]) -> Result<(), StoreError> {
        self.engine.commit(batches, &self.signals)
    }

    /// The samples that `query` asks for, a series per signal that has any, by name. Blocks.
    ///
    /// # Errors
    /// When all readers are busy or the database does not answer.
    pub fn query(&self, query: &Query) -> Result<Vec<Series>, StoreError> {
        self.engine.query(query)
    }

    /// The names of all signals that have a committed sample, in order. Blocks.
    ///
    /// # Errors
    /// When all readers are busy or the database does not answer.
    pub fn signal_names(&self) -> Result<Vec<String>, StoreError> {
        self.engine.signal_names()
    }

    /// Folds the write-ahead log into the database file, so that it is complete by itself.
    ///
    /// # Errors
    /// When the database does not answer; nothing is lost then.
    pub fn checkpoint(&self) -> Result<(), StoreError> {
        self.engine.checkpoint()
    }
}

/// A half-open span of time: from `from` up to and including `to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first instant inside.
    pub from: Timestamp,
    /// The last instant inside.
    pub to: Timestamp,
}
