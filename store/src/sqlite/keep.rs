//! The copy of a file that is kept before its schema changes.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_types::Text;
use diesel_migrations::MigrationHarness as _;

use super::foreign::MIGRATIONS;
use super::{guard, number, special};
use crate::partial::{begin_partial, folder_of};
use crate::with_suffix;

/// Why a schema cannot be read, as Diesel has it.
pub(super) type Unread = Box<dyn Error + Send + Sync>;

/// Keeps a copy of a file whose schema is about to change, as the version that made it opens it: `<file>.before-<the first change>`.
/// Nothing is kept of a new file.
///
/// # Errors
/// What was being done, and why it could not be.
pub(super) fn keep(connection: &mut SqliteConnection, path: &Path) -> Result<(), String> {
    let unread = |error: Unread| format!("its schema cannot be read: {error}");
    if applied(connection).map_err(unread)?.is_empty() {
        return Ok(());
    }
    let pending = pending(connection).map_err(unread)?;
    let Some(first) = pending.iter().min() else { return Ok(()) };
    let kept = copy_before(path, first);
    copy(connection, &kept).map_err(|error| {
        format!(
            "its schema must change, and the copy {} that is kept before cannot be written: {error}; make room, or do without it by \
             `afterglow migrate --no-copy`",
            kept.display()
        )
    })?;
    log::info!("kept the database as it was before its schema changes: {}", kept.display());
    Ok(())
}

/// Where the copy is that is kept before `version`.
pub(crate) fn copy_before(path: &Path, version: &str) -> PathBuf {
    with_suffix(path, &format!(".before-{version}"))
}

fn copy(connection: &mut SqliteConnection, kept: &Path) -> Result<(), Box<dyn Error>> {
    // It has all that the database has, also secrets: others can neither read it nor choose where it is written.
    let partial = begin_partial(kept)?;
    let target = partial.path().to_str().ok_or("its name is not UTF-8")?;
    diesel::sql_query("VACUUM INTO ?").bind::<Text, _>(target).execute(connection)?;
    let mut copy = guard::establish(target)?;
    // As with any copy: what is committed there from now on is numbered for itself.
    copy.batch_execute("PRAGMA journal_mode = MEMORY")?;
    if special::has_numbering(&mut copy)? {
        special::forget_epoch(&mut copy)?;
    }
    drop(copy);
    partial.as_file().sync_all()?;
    // One of a migration that was interrupted is replaced.
    partial.persist(kept)?;
    Ok(fs::File::open(folder_of(kept))?.sync_all()?)
}

/// The versions that a database has seen.
pub(super) fn applied(connection: &mut SqliteConnection) -> Result<Vec<String>, Unread> {
    const LISTED: &str =
        "SELECT count(*) AS value FROM sqlite_schema WHERE name = '__diesel_schema_migrations'";
    if number(connection, LISTED)? == 0 {
        return Ok(Vec::new());
    }
    Ok(connection.applied_migrations()?.iter().map(ToString::to_string).collect())
}

/// The versions that it has not seen, in order. It gets a list of versions where it has none.
pub(super) fn pending(connection: &mut SqliteConnection) -> Result<Vec<String>, Unread> {
    let pending = connection.pending_migrations(MIGRATIONS)?;
    let mut versions: Vec<_> = pending.iter().map(|one| one.name().version().to_string()).collect();
    versions.sort();
    Ok(versions)
}
