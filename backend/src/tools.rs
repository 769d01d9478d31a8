//! The tools around a database, each a subcommand: samples out, in and away, a copy, an examination; signals live in a terminal,
//! and lines of other programs to a server.
//!
//! Export, backup and doctor only read, also while a server writes the database. Import and delete write, and need it alone.

pub mod access;
pub mod backup;
mod database;
pub mod delete;
pub mod doctor;
mod error;
pub mod export;
mod format;
pub mod import;
pub mod migrate;
mod partial;
mod patterns;
mod progress;
pub mod push;
pub mod ready;
pub mod rules;
pub mod tail;
pub mod tenants;
pub mod upgrade;

use std::io::Write as _;
use std::path::Path;

pub use error::{ToolError, advice};
pub use format::Format;
use patterns::Patterns;

use crate::config::Database;

/// The file of a database, for what works with files only; a database on a server is refused with `why`.
fn file<'d>(database: &'d Database, why: &str) -> Result<&'d Path, ToolError> {
    let location = &database.database;
    location.file().ok_or_else(|| ToolError::Refused(format!("{location} is on a server: {why}")))
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
    // Tests refuse thousands of files.
    if cfg!(test) {
        return;
    }
    let _ = writeln!(std::io::stderr(), "{}", afterglow_wire::printable(line));
}
