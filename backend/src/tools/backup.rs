//! `afterglow backup`: a copy of the database as it is at one moment, while samples come in.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use clap::Args;

use super::database::TenantDatabase;
use super::partial::Partial;
use super::{ToolError, progress, say};
use crate::clock::Stopwatch;
use crate::fault::{self, Point};
use crate::store::{self, OpenError};

/// What a user may set.
#[derive(Args, Debug)]
pub struct Options {
    #[command(flatten)]
    database: TenantDatabase,

    /// The copy, which must not exist; it opens with `afterglow serve --database`
    #[arg(long, value_name = "FILE")]
    to: PathBuf,

    /// Replace the database that --to names, with its logs
    #[arg(long)]
    force: bool,

    /// Leave out the secrets of channels: addresses of webhooks, tokens, passwords
    #[arg(long)]
    without_secrets: bool,
}

/// Copies the database, and says how large the copy is and how long that took.
///
/// # Errors
/// When the database cannot be read or the copy cannot be written; there is then no copy.
pub fn run(options: &Options) -> Result<(), ToolError> {
    let watch = Stopwatch::start();
    let database =
        options.database.file("a server's own tools, such as pg_dump, make a backup of its databases")?;
    if is_same(&database, &options.to) {
        return Err(ToolError::Refused(format!(
            "{} is the database itself; choose another name with --to",
            options.to.display()
        )));
    }
    let copy = Partial::begin(&options.to, options.force)?;
    let _claim = store::claim(&options.to).map_err(|error| match error {
        OpenError::InUse(path) => ToolError::Refused(format!(
            "{} is in use by another afterglow; stop it, or choose another name with --to",
            path.display()
        )),
        other => other.into(),
    })?;
    if let Some(log) = store::logs(&options.to).first().filter(|_| !options.force) {
        return Err(ToolError::Refused(format!(
            "{} is left of another database and would be taken for a part of the copy; bring its database back, \
             choose another name, or add --force to remove it",
            log.display()
        )));
    }
    store::copy(&database, copy.path(), !options.without_secrets)?;
    fault::crash_point(Point::BackupCopied);
    make_room(&options.to)?;
    let size = copy.finish(options.force)?;
    say(&format!(
        "{}: {} in {}",
        options.to.display(),
        progress::bytes(size),
        progress::duration(watch.elapsed())
    ))
}

/// Whether two names are those of one file.
fn is_same(one: &Path, other: &Path) -> bool {
    let place = |path| fs::metadata(path).map(|about| (about.dev(), about.ino()));
    place(one).is_ok_and(|one| place(other).is_ok_and(|other| one == other))
}

/// Removes a database that has logs, which a rename would leave beside the new one. The file goes first: logs without a
/// file are refused when it is opened, but a file without its logs would be taken for all there is.
fn make_room(database: &Path) -> Result<(), ToolError> {
    let logs = store::logs(database);
    if logs.is_empty() {
        return Ok(());
    }
    for path in [database].into_iter().chain(logs.iter().map(PathBuf::as_path)) {
        match fs::remove_file(path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(ToolError::file(path)(error)),
            _ => {}
        }
    }
    Ok(())
}
