//! Statements whose text is SQLite's own, and those that only a file needs.

use diesel::prelude::*;

use super::number;
use crate::statements::schema::numbering;

/// What the blocks of each signal amount to. Columns beside the only max() are those of its row.
pub(super) const BLOCK_TOTALS: &str = "SELECT signal_id, max(last_timestamp) AS last_timestamp, last, \
    CAST(total(count) AS INTEGER) AS count FROM block GROUP BY signal_id";

/// Where the first block of each signal begins. Blocks do not overlap: the first to end is the first to begin.
pub(super) const FIRST_BLOCKS: &str = "SELECT signal_id, min(last_timestamp), first_timestamp AS value \
    FROM block GROUP BY signal_id";

/// The first bucket of each signal, and its samples. total() does not fail where damaged counts are too large for an integer.
pub(super) const ROLLUP_TOTALS: &str = "SELECT signal_id, min(first_bucket) AS first_bucket, \
    CAST(total(count) AS INTEGER) AS count FROM rollup GROUP BY signal_id";

/// Before and after a JSON array of tags: whether an annotation has all of them.
pub(super) const HAS_ALL_TAGS: (&str, &str) = (
    "NOT EXISTS (SELECT 1 FROM json_each(",
    ") AS wanted WHERE wanted.value NOT IN (SELECT value FROM json_each(annotation.tags)))",
);

/// Whether the schema has a place for the numbering of commits yet.
pub(super) fn has_numbering(reader: &mut SqliteConnection) -> QueryResult<bool> {
    const EXISTS: &str = "SELECT count(*) AS value FROM sqlite_schema WHERE name = 'numbering'";
    Ok(number(reader, EXISTS)? > 0)
}

/// Makes a copy of a database choose an epoch of its own: what is committed there from now on is numbered like what is
/// committed in the original, and a position in the one is none in the other.
pub(super) fn forget_epoch(copy: &mut SqliteConnection) -> QueryResult<()> {
    diesel::update(numbering::table).set(numbering::epoch.eq(0)).execute(copy).map(|_| ())
}
