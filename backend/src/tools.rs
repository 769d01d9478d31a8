//! The tools around a database, each a subcommand: samples out and in, a copy, an examination; and signals live in a
//! terminal.
//!
//! Export, backup and doctor only read, also while a server writes the database. Import writes, and needs it alone.

pub mod backup;
pub mod doctor;
pub mod export;
pub mod import;
mod partial;
mod progress;
pub mod tail;

use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::ValueEnum;

use crate::config::ConfigError;
use crate::store::{OpenError, StoreError};

/// How samples are written in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A line `timestamp,signal,value` for each sample, after a line with these words
    Csv,
    /// A line of JSON for each sample or instant, as POST /api/telemetry takes it
    #[value(name = "ndjson")]
    NdJson,
    /// Columns timestamp, signal and value
    Parquet,
}

impl Format {
    /// The format that a file's name tells.
    fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "csv" => Some(Self::Csv),
            "ndjson" | "jsonl" => Some(Self::NdJson),
            "parquet" => Some(Self::Parquet),
            _ => None,
        }
    }

    /// As a user writes it.
    fn name(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::NdJson => "ndjson",
            Self::Parquet => "parquet",
        }
    }
}

/// Why a tool could not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum ToolError {
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The database cannot be opened.
    #[error("{}{}", .0, advice(.0))]
    Open(#[from] OpenError),
    /// The database does not do what is asked.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The arguments ask for what is not done, or a file is not what it should be.
    #[error("{0}")]
    Refused(String),
    /// A file cannot be read or written.
    #[error("{}: {error}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// Something in the database is damaged.
    #[error("{0}")]
    Damaged(String),
}

impl ToolError {
    fn file(path: &Path) -> impl FnOnce(std::io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |error| Self::File { path, error }
    }
}

/// What to do about a database that cannot be opened, as the end of a message.
pub fn advice(error: &OpenError) -> &'static str {
    match error {
        OpenError::InUse(_) => "; stop it, or choose another file with --database",
        OpenError::NotOurs { .. } => "; choose another file with --database",
        OpenError::OldSchema(_) => "; stop its server and run `afterglow migrate` on it first",
        OpenError::Unusable { .. } | OpenError::Store(_) => "",
    }
}

/// A line on standard output.
fn say(line: &str) -> Result<(), ToolError> {
    let mut out = std::io::stdout().lock();
    match writeln!(out, "{line}").and_then(|()| out.flush()) {
        // The reader has closed the pipe.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        done => done.map_err(ToolError::file(Path::new("standard output"))),
    }
}

/// A line on standard error, for people. What no terminal should get is escaped: it may come from a server or a file.
fn tell(line: &str) {
    let _ = writeln!(std::io::stderr(), "{}", afterglow_wire::printable(line));
}
