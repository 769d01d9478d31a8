//! Mends what can be mended in a damaged file that nobody has open: an index is built again of its table, and a row that cannot be read
//! makes way for what can.

use std::path::Path;

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_types::BigInt;

use super::open::{refuse_others, unusable};
use super::{Damage, guard, special};
use crate::{OpenError, lock::Lock};

/// Tables of which a row can be given up, with the column that numbers it. Documents and keys are left to people.
const ROWS: [(&str, &str); 5] = [
    ("block", "id"),
    ("bundle", "id"),
    ("rollup", "id"),
    ("journal_a", "sequence"),
    ("journal_b", "sequence"),
];

/// Mends `damage`, as [`super::examine`] found it, all or nothing. `keep` copies the file before anything in it is changed; its log is
/// folded into it by then. Returns how many rows were given up.
pub(crate) fn repair(
    path: &Path,
    damage: &[Damage],
    keep: &mut dyn FnMut() -> std::io::Result<()>,
) -> Result<usize, OpenError> {
    let _lock = Lock::take(path)?;
    let failed = |error: diesel::result::Error| unusable(path, format!("it cannot be mended: {error}"));
    let mut connection = guard::establish(&path.to_string_lossy()).map_err(|error| unusable(path, error))?;
    refuse_others(&mut connection, path)?;
    connection.batch_execute("PRAGMA wal_checkpoint(TRUNCATE)").map_err(failed)?;
    keep().map_err(|error| {
        unusable(path, format!("it is left as it is, because no copy of it can be kept: {error}"))
    })?;
    connection
        .transaction(|connection| {
            connection.batch_execute("REINDEX")?;
            let mut given_up = 0;
            for one in damage {
                let row = ROWS.iter().find(|(table, _)| *table == one.place);
                let number = one.id.as_ref().and_then(|id| id.parse::<i64>().ok());
                let (Some((table, column)), Some(number)) = (row, number) else { continue };
                let delete = diesel::sql_query(format!("DELETE FROM {table} WHERE {column} = ?"));
                given_up += delete.bind::<BigInt, _>(number).execute(connection)?;
            }
            // The last commits may be among them: their numbers must not mean others later.
            if special::has_numbering(connection)? {
                special::forget_epoch(connection)?;
            }
            Ok(given_up)
        })
        .map_err(failed)
}
