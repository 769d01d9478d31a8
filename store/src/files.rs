//! What is done with a database in a file beside serving it: examined, repaired, copied, asked for its versions, locked.

use std::path::{Path, PathBuf};

use crate::{Damage, Examination, Lock, OpenError, Versions, sqlite};

/// Examines everything in a database, also while another process writes it, and changes nothing. `progress` hears of
/// the rows examined and of those in all. Blocks.
///
/// # Errors
/// When the file is another's, has an older schema, or cannot be opened; damage inside is in the answer.
pub fn examine(database: &Path, progress: &mut dyn FnMut(usize, usize)) -> Result<Examination, OpenError> {
    sqlite::examine(database, progress)
}

/// Mends `damage` that [`examine`] found in a file that no process has open: builds indexes again, and gives up compressed rows and rows of
/// the journal that cannot be read. `keep` is called before anything changes, to copy the file. Returns how many rows were given up. Blocks.
///
/// # Errors
/// When the file is in use or another's, when `keep` fails, or when it is too damaged; it is then as it was.
pub fn repair(
    database: &Path,
    damage: &[Damage],
    keep: &mut dyn FnMut() -> std::io::Result<()>,
) -> Result<usize, OpenError> {
    sqlite::repair(database, damage, keep)
}

/// Copies a database as it is at this moment, also while another process writes it, into the file `to`, which is empty
/// or does not exist; what channels keep secret only `with_secrets`. Blocks.
///
/// # Errors
/// When the file is another's, has an older schema, or cannot be read, or `to` cannot be written.
pub fn copy(database: &Path, to: &Path, with_secrets: bool) -> Result<(), OpenError> {
    sqlite::copy(database, to, with_secrets)
}

/// Which versions of the schema a database in a file has seen, also while another process writes it. A file that is not there has seen
/// none.
///
/// # Errors
/// When the file is another's, or cannot be read.
pub fn versions(database: &Path) -> Result<Versions, OpenError> {
    sqlite::versions(database)
}

/// Whether a file is a database of ours, of whatever version, in which SQLite finds nothing broken. Reads all of it. Blocks.
///
/// # Errors
/// What is wrong.
pub fn check(database: &Path) -> Result<(), OpenError> {
    sqlite::check(database)
}

/// Where the copy of `database` is that is kept before its schema becomes `version`.
pub fn copy_before(database: &Path, version: &str) -> PathBuf {
    sqlite::copy_before(database, version)
}

/// Keeps every `afterglow` from opening `database`, which need not exist, until the lock is dropped; there is none where
/// no process can have it open.
///
/// # Errors
/// When a process has it open.
pub fn claim(database: &Path) -> Result<Option<Lock>, OpenError> {
    Lock::take_existing(database)
}
