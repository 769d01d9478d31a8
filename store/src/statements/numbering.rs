//! The numbering of commits: what of it must outlive the journal's rows.

use diesel::prelude::*;

use super::Connection;
use crate::statements::schema::numbering;

/// The highest number that is believed: far more than any database reaches, and far from where counting overflows.
const HIGHEST: i64 = i64::MAX / 2;

/// The number of the last commit that is in blocks.
///
/// # Errors
/// A sentence when the database does not say a possible one.
pub(super) fn sealed_sequence(reader: &mut Connection) -> Result<i64, String> {
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
pub(super) fn sealed(writer: &mut Connection, sequence: i64) -> QueryResult<()> {
    let lower = numbering::table.filter(numbering::sealed_sequence.lt(sequence));
    diesel::update(lower).set(numbering::sealed_sequence.eq(sequence)).execute(writer).map(|_| ())
}

/// The database's epoch; where it has none yet, `now` becomes it.
pub(super) fn epoch(writer: &mut Connection, now: i64) -> QueryResult<i64> {
    let new = numbering::table.filter(numbering::epoch.eq(0));
    diesel::update(new).set(numbering::epoch.eq(now.max(1))).execute(writer)?;
    numbering::table.select(numbering::epoch).first(writer)
}
