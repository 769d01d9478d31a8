//! `afterglow backup`: a copy of the database as it is at one moment, while samples come in.

use std::path::{Path, PathBuf};

use clap::Args;

use super::partial::Partial;
use super::{Database, ToolError, progress, say};
use crate::clock::Stopwatch;
use crate::fault::{self, Point};
use crate::store;

/// What a user may set.
#[derive(Args, Debug)]
pub struct Options {
    #[command(flatten)]
    database: Database,

    /// The copy, which must not exist; it opens with `afterglow serve --database`
    #[arg(long, value_name = "FILE")]
    to: PathBuf,

    /// Replace the file that --to names
    #[arg(long)]
    force: bool,
}

/// Copies the database, and says how large the copy is and how long that took.
///
/// # Errors
/// When the database cannot be read or the copy cannot be written; there is then no copy.
pub fn run(options: &Options, file: Option<&Path>) -> Result<(), ToolError> {
    let watch = Stopwatch::start();
    let copy = Partial::begin(&options.to, options.force)?;
    store::copy(&options.database.path(file)?, copy.path())?;
    fault::crash_point(Point::BackupCopied);
    let size = copy.finish(options.force)?;
    say(&format!(
        "{}: {} in {}",
        options.to.display(),
        progress::bytes(size),
        progress::duration(watch.elapsed())
    ))
}
