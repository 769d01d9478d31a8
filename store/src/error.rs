//! Which error to use where: [`OpenError`] until a database is open, [`StoreError`] from then on, [`crate::SaveError`] for
//! changes of documents, which may also be refused by a rule. [`Stopped`] is no fault: a reader, or its limits, ended a read.

use std::path::PathBuf;
use std::time::Duration;

use afterglow_wire::Code;

/// Why a database cannot be opened; it is as it was. A server's is named by its address in place of a path.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file is open in another `afterglow`.
    #[error("the database {} is in use by another afterglow", .0.display())]
    InUse(PathBuf),
    /// The file belongs to another program.
    #[error("{} is not a database of Afterglow ({why})", path.display())]
    NotOurs {
        /// The file.
        path: PathBuf,
        /// What it seems to be.
        why: String,
    },
    /// The database needs a migration, which reading alone does not do.
    #[error("the database {} has an older schema than this program", .0.display())]
    OldSchema(PathBuf),
    /// The file or its folder cannot be created, read or written, or is damaged.
    #[error("the database {} cannot be used: {why}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What the system or the database reported.
        why: String,
    },
}

/// Why a running database did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk has no room for a commit.
    #[error("the disk has no room: {0}")]
    DiskFull(String),
    /// The database does not answer for now.
    #[error("the database does not answer: {0}")]
    Down(String),
    /// All readers are taken.
    #[error("all readers of the database are busy; ask again in a moment")]
    Busy,
    /// Another process has changed what a change follows from.
    #[error("another server has changed members or keys at the same moment; send again")]
    Stale,
    /// Sealing does not keep up with what arrives.
    #[error("samples arrive faster than they can be sealed; send again in a moment")]
    Full,
    /// Samples of other requests took the last places for new signals meanwhile.
    #[error(
        "the last places for new signals were taken meanwhile; send again to learn which samples are refused"
    )]
    NoRoom,
    /// The reader of an answer ended it.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// Why a read ended before its answer was whole, though nothing is wrong with the database.
#[derive(Debug, thiserror::Error)]
pub enum Stopped {
    /// It took longer than it may.
    #[error("the query took longer than {} s; ask for less, or for max_points", .0.as_secs())]
    Timeout(Duration),
    /// The answer would have more samples than the reader may have.
    #[error("more than {0} samples would come; ask for a width, or for a shorter window")]
    TooMuch(usize),
    /// The rest of the answer is no longer wanted.
    #[error("the answer is no longer wanted")]
    Cancelled,
    /// The reader let others read while it waited, and did not get its place back in time.
    #[error("others read meanwhile; ask again in a moment")]
    NoPlace,
    /// What was read cannot be written.
    #[error("the answer cannot be written: {0}")]
    Output(#[from] std::io::Error),
}

impl OpenError {
    /// A database, or a server's address, that cannot be used: `why`, in one line.
    pub(crate) fn unusable(path: impl Into<PathBuf>, why: impl ToString) -> Self {
        // What a database stumbles over it quotes, line ends included.
        let words: Vec<_> = why.to_string().split_whitespace().map(str::to_owned).collect();
        Self::Unusable { path: path.into(), why: words.join(" ") }
    }
}

impl StoreError {
    /// The code of the error in an answer.
    pub fn code(&self) -> Code {
        match self {
            Self::DiskFull(_) => Code::DiskFull,
            Self::Busy | Self::Stale | Self::Full | Self::NoRoom => Code::QueueFull,
            Self::Down(_) => Code::StoreDown,
            Self::Stopped(stopped) => stopped.code(),
        }
    }
}

impl Stopped {
    /// The code of the error in an answer.
    pub fn code(&self) -> Code {
        match self {
            Self::Timeout(_) => Code::QueryTimeout,
            Self::TooMuch(_) => Code::BadParameter,
            Self::NoPlace => Code::QueueFull,
            Self::Cancelled | Self::Output(_) => Code::StoreDown,
        }
    }
}
