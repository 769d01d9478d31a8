//! `afterglow upgrade-check`: whether this version can take over a database, and what its first start will do to it.

use std::fs;
use std::path::Path;

use super::progress::bytes;
use super::{ToolError, say};
use crate::config::Database;
use crate::store::{self, Versions, folder_of};

/// Says what the first start of this version does to the database, whose configuration was found valid.
///
/// # Errors
/// When the database cannot be read, is that of a later version, or leaves no room for what must be written.
pub fn run(database: &Database) -> Result<(), ToolError> {
    say(concat!("version   ", env!("CARGO_PKG_VERSION")))?;
    say("settings  valid")?;
    let location = &database.database;
    let Some(path) = location.file() else {
        return say(&format!(
            "database  {location}; the server that serves it first brings its schema up to date"
        ));
    };
    let versions = store::versions(path)?;
    let size = fs::metadata(path).map_or(0, |about| about.len());
    say(&format!("database  {}, {}; {}", path.display(), bytes(size), described(&versions)))?;
    if let Some(version) = versions.unknown.last() {
        return Err(ToolError::Different(format!(
            "{} has the schema {version} of a later version than this one, which cannot open it",
            path.display()
        )));
    }
    let (Some(_), Some(first)) = (&versions.current, versions.pending.first()) else { return Ok(()) };
    let copy = store::copy_before(path, first);
    let room = room(folder_of(path))?;
    say(&format!(
        "copy      the first start keeps the database as it is now in {}: {}, {} free",
        copy.display(),
        bytes(size),
        bytes(room)
    ))?;
    // The changes themselves need room too: as much again at most.
    if room < 2 * size {
        return Err(ToolError::Different(format!(
            "the copy and the changes may need {}, and {} are free; make room, or see `afterglow migrate --no-copy`",
            bytes(2 * size),
            bytes(room)
        )));
    }
    Ok(())
}

fn described(versions: &Versions) -> String {
    match (&versions.current, &versions.pending[..]) {
        (None, _) => "it will be made".into(),
        (Some(current), []) => format!("schema {current}, as this version has it"),
        (Some(current), pending) => format!("schema {current}, to be changed by {}", pending.join(", ")),
    }
}

/// Bytes that are free for this user on the disk of `folder`.
fn room(folder: &Path) -> Result<u64, ToolError> {
    let about = rustix::fs::statvfs(folder).map_err(|error| ToolError::file(folder)(error.into()))?;
    Ok(about.f_bavail.saturating_mul(about.f_frsize))
}
