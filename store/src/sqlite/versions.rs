//! Which versions of the schema a file has seen.

use std::fs;
use std::path::Path;

use diesel::RunQueryDsl as _;
use diesel::connection::SimpleConnection as _;

use super::guard;
use super::keep::{Unread, applied, pending};
use super::open::{TextRow, read_only_url, refuse_others, unusable};
use crate::OpenError;

/// Versions of a schema.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Versions {
    /// The database's, unless it is new.
    pub current: Option<String>,
    /// Those of this program that the database has not seen, in order.
    pub pending: Vec<String>,
    /// Those that the database has seen and this program does not know: a later one has written it.
    pub unknown: Vec<String>,
}

/// Reads which versions a file has seen, also while another process writes it; without the file, none.
pub(crate) fn versions(path: &Path) -> Result<Versions, OpenError> {
    let unread = |error: Unread| unusable(path, format!("its schema cannot be read: {error}"));
    let mut none = guard::establish(":memory:").map_err(|error| unusable(path, error))?;
    let all = pending(&mut none).map_err(unread)?;
    if fs::metadata(path).map_or(0, |about| about.len()) == 0 {
        return Ok(Versions { pending: all, ..Versions::default() });
    }
    let mut connection = guard::establish(&read_only_url(path)?).map_err(|error| unusable(path, error))?;
    connection.batch_execute("PRAGMA busy_timeout = 5000").map_err(|error| unusable(path, error))?;
    refuse_others(&mut connection, path)?;
    let applied = applied(&mut connection).map_err(unread)?;
    Ok(Versions {
        current: applied.iter().max().cloned(),
        pending: all.iter().filter(|version| !applied.contains(version)).cloned().collect(),
        unknown: applied.into_iter().filter(|version| !all.contains(version)).collect(),
    })
}

/// Whether a file is a database of ours and SQLite finds nothing broken in it.
pub(crate) fn check(path: &Path) -> Result<(), OpenError> {
    if versions(path)?.current.is_none() {
        return Err(unusable(path, "it is empty"));
    }
    let mut connection = guard::establish(&read_only_url(path)?).map_err(|error| unusable(path, error))?;
    let check = diesel::sql_query("SELECT integrity_check AS value FROM pragma_integrity_check");
    let rows: Vec<TextRow> = check.load(&mut connection).map_err(|error| unusable(path, error))?;
    match rows.into_iter().find(|row| row.value != "ok") {
        Some(row) => Err(unusable(path, row.value)),
        None => Ok(()),
    }
}
