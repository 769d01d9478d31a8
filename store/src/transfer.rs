//! Everything in a database is copied into another one, of the same kind or of another, also while servers write the first.
//!
//! Passes copy what is new and remove what is gone, in short transactions, until servers of the source have stopped; then a last pass copies
//! the rest, and everything is compared. The source is only read. Until all of this is done the target has a mark by which nobody serves it,
//! and by which a copy that was interrupted goes on.
//!
//! Rows are copied as they are stored, so the numbers of signals and commits stay.

mod compare;
mod copy;
mod listed;

use std::any::Any;
use std::sync::Arc;

use crate::clock::Clock;
use crate::fault::{self, Point};
use crate::tables::{Origin, Tables};
use crate::tenants::Tenant;
use crate::{Access, Location, OpenError, StoreError, postgres, sqlite};
use copy::{Copier, Side};
use listed::TABLES;

/// What a database that is not whole is refused with.
pub(crate) const UNFINISHED: &str = "another database is being copied into it, and not everything is here; run the same \
    `afterglow migrate --to` again until it ends with success";

/// Why a database could not be copied. The source is as it was.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// One of the databases cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A database does not do what is asked.
    #[error("{database}: {error}; run the same command again, and it goes on from here")]
    Store {
        /// Which one.
        database: String,
        /// What it said.
        error: StoreError,
    },
    /// This copy is not made.
    #[error("{0}")]
    Refused(String),
    /// The databases are not the same.
    #[error("{0}")]
    Different(String),
}

/// What a pass has copied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Copied {
    /// Rows that were added or replaced.
    pub rows: u64,
    /// About how much was in them.
    pub bytes: u64,
    /// Rows that were removed.
    pub removed: u64,
}

/// What was compared, and is the same in both databases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compared {
    /// Signals that have samples.
    pub signals: u64,
    /// Their samples.
    pub samples: u64,
    /// The tables, with their rows.
    pub tables: Vec<(&'static str, u64)>,
    /// Rows whose checksum was wrong already in the source.
    pub damaged: u64,
    /// What the last pass has copied.
    pub last: Copied,
}

/// What keeps all servers from opening a database, until it is dropped.
type Held = Box<dyn Any>;

/// The tenants that a database lists, which have databases of their own; it is only read.
///
/// # Errors
/// When it cannot be read.
pub fn tenants_of(database: &Location, clock: Clock) -> Result<Vec<Tenant>, TransferError> {
    let source = source(database)?;
    let access = Access::new(Arc::clone(&source.tables), clock);
    access.tenants().map_err(|error| source.failed(error))
}

/// A database of which rows are read.
fn source(from: &Location) -> Result<Side, TransferError> {
    let tables = match from {
        Location::File(path) => sqlite::open_source(path)?,
        Location::Server(server) => postgres::open_source(server)?,
    };
    Ok(Side { name: from.to_string(), tables })
}

/// A copy that is being made.
pub struct Transfer {
    from: Location,
    to: Location,
    copier: Copier,
    is_resumed: bool,
    claimed: Option<Held>,
    clock: Clock,
}

impl Transfer {
    /// Begins to copy the database `from` into `to`, which must be empty, not there yet, or what an earlier call with the same source has
    /// begun. It is made, brought up to date and locked. Blocks.
    ///
    /// # Errors
    /// When one of them cannot be used, or the target has something else in it.
    pub fn begin(from: &Location, to: &Location, clock: Clock) -> Result<Self, TransferError> {
        if from == to {
            return Err(TransferError::Refused(format!(
                "{to} is the database itself; choose another one with --to"
            )));
        }
        let source = source(from)?;
        let (epoch, _) = source.read(|rows| rows.numbering())?;
        if epoch == 0 {
            return Err(TransferError::Refused(format!(
                "{from} is a copy that no server has opened yet, so it cannot be told from others; run `afterglow migrate` on it first"
            )));
        }
        if source.read(|rows| rows.origin())?.is_some_and(|origin| !origin.is_complete) {
            return Err(OpenError::Unusable { path: from.to_string().into(), why: UNFINISHED.into() }.into());
        }
        let target = Self::target(to, &clock)?;
        let target = Side { name: to.to_string(), tables: target };
        let is_resumed = match target.read(|rows| rows.origin())? {
            Some(Origin { source, is_complete: false }) if source == epoch => true,
            Some(Origin { is_complete: false, .. }) => {
                return Err(TransferError::Refused(format!(
                    "{to} has a part of another database than {from}; complete that copy, or choose another target with --to"
                )));
            }
            Some(Origin { source, is_complete: true }) if source == epoch => {
                return Err(TransferError::Refused(format!(
                    "everything of {from} was copied to {to} already; start the server with --database {to}"
                )));
            }
            _ => {
                let taken = target.read(|rows| {
                    for table in &TABLES {
                        if rows.has_rows(table)? {
                            return Ok(Some(table.name));
                        }
                    }
                    Ok(None)
                })?;
                if let Some(table) = taken {
                    return Err(TransferError::Refused(format!(
                        "{to} is not empty (its table {table} has rows), and they are not from {from}; choose an empty or new database with --to"
                    )));
                }
                target.write(|rows| rows.begin_transfer(epoch))?;
                false
            }
        };
        let copier = Copier::new(source, target);
        Ok(Self { from: from.clone(), to: to.clone(), copier, is_resumed, claimed: None, clock })
    }

    fn target(to: &Location, clock: &Clock) -> Result<Arc<dyn Tables>, OpenError> {
        match to {
            Location::File(path) => sqlite::open_target(path, clock),
            Location::Server(server) => postgres::open_target(server),
        }
    }

    /// Whether it goes on with what an earlier call has begun.
    pub fn is_resumed(&self) -> bool {
        self.is_resumed
    }

    /// Copies what is new in the source, while its servers go on. `heard` gets the rows that are done and all that are to be done. Blocks.
    ///
    /// # Errors
    /// When a database does not answer; what was copied so far stays.
    pub fn pass(&mut self, heard: &mut dyn FnMut(u64, u64)) -> Result<Copied, TransferError> {
        self.copier.pass(false, heard)
    }

    /// Keeps servers from opening the source if none has it open; whether that is so.
    ///
    /// # Errors
    /// When it cannot be found out.
    pub fn claim(&mut self) -> Result<bool, TransferError> {
        if self.claimed.is_none() {
            self.claimed = match &self.from {
                Location::File(path) => sqlite::claim_source(path)?,
                Location::Server(server) => postgres::claim_source(server)?,
            };
        }
        Ok(self.claimed.is_some())
    }

    /// Copies the rest of a source that is [claimed](Transfer::claim), compares everything, and lets the target be served. Blocks.
    ///
    /// # Errors
    /// When the source is not claimed, a database does not answer, or something is different.
    pub fn finish(mut self, heard: &mut dyn FnMut(u64, u64)) -> Result<Compared, TransferError> {
        if !self.claim()? {
            return Err(OpenError::InUse(self.from.to_string().into()).into());
        }
        let last = self.copier.pass(true, heard)?;
        self.copier.number()?;
        fault::crash_point(Point::TransferCopied);
        let (_, sealed) = self.copier.source.read(|rows| rows.numbering())?;
        let tables = self.copier.compare()?;
        let (signals, samples) = compare::compare(&self.from, &self.to, &self.clock)?;
        fault::crash_point(Point::TransferCompared);
        let now = self.clock.now().micros();
        let target = &self.copier.target;
        target.write(|rows| rows.end_transfer(sealed, now))?;
        target
            .tables
            .checkpoint()
            .map_err(|error| TransferError::Store { database: target.name.clone(), error })?;
        Ok(Compared { signals, samples, tables, damaged: self.copier.damaged, last })
    }
}
