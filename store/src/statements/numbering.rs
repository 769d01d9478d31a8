//! The numbering of commits: what of it must outlive the journal's rows.

use diesel::prelude::*;

use super::number;
use super::schema::numbering;

/// The highest number that is believed: far more than any database reaches, and far from where counting overflows.
const HIGHEST: i64 = i64::MAX / 2;

/// The number of the last commit that is in blocks; 0 in a database whose schema has no place for it yet.
///
/// # Errors
/// A sentence when the database does not say a possible one.
pub(super) fn sealed_sequence(reader: &mut SqliteConnection) -> Result<i64, String> {
    const EXISTS: &str = "SELECT count(*) AS value FROM sqlite_schema WHERE name = 'numbering'";
    if number(reader, EXISTS).map_err(|error| error.to_string())? == 0 {
        return Ok(0);
    }
    let sealed = numbering::table.select(numbering::sealed_sequence).first(reader);
    let sealed: i64 =
        sealed.map_err(|error| format!("it does not say how its commits are numbered: {error}"))?;
    if (0..=HIGHEST).contains(&sealed) {
        Ok(sealed)
    } else {
        Err(format!("it is damaged: the number of its last sealed commit cannot be {sealed}"))
    }
}

/// Writes down that the commits up to the one numbered `sequence` are in blocks, unless later ones are already.
pub(super) fn sealed(writer: &mut SqliteConnection, sequence: i64) -> QueryResult<()> {
    let lower = numbering::table.filter(numbering::sealed_sequence.lt(sequence));
    diesel::update(lower).set(numbering::sealed_sequence.eq(sequence)).execute(writer).map(|_| ())
}

/// The database's epoch; where it has none yet, `now` becomes it.
pub(super) fn epoch(writer: &mut SqliteConnection, now: i64) -> QueryResult<i64> {
    let new = numbering::table.filter(numbering::epoch.eq(0));
    diesel::update(new).set(numbering::epoch.eq(now.max(1))).execute(writer)?;
    numbering::table.select(numbering::epoch).first(writer)
}

/// Makes a copy of a database choose an epoch of its own: what is committed there from now on is numbered like what is
/// committed in the original, and a position in the one is none in the other.
pub(super) fn forget_epoch(copy: &mut SqliteConnection) -> QueryResult<()> {
    diesel::update(numbering::table).set(numbering::epoch.eq(0)).execute(copy).map(|_| ())
}
