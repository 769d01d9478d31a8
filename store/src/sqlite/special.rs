//! Statements whose text is SQLite's own, and those that only a file needs.

use diesel::deserialize;
use diesel::prelude::*;
use diesel::sqlite::{SqliteType, SqliteValue};

pub(super) use super::number;
use crate::statements::schema::numbering;
use crate::tables::Value;

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

/// A statement that does what a completed copy of another database needs beside: nothing here.
pub(super) const AFTER_TRANSFER: &str = "SELECT 1";

/// What rows of a table are read from: the journal has two.
pub(super) fn readable(table: &str) -> &str {
    if table == "journal" { "(SELECT * FROM journal_a UNION ALL SELECT * FROM journal_b)" } else { table }
}

/// The table that takes copied rows.
pub(super) fn writable(table: &str) -> &str {
    if table == "journal" { "journal_a" } else { table }
}

/// A statement for the last number that the database has given in a table; only some tables remember it.
pub(super) fn last_number(table: &str, _: &str) -> String {
    format!("SELECT coalesce((SELECT max(seq) FROM sqlite_sequence WHERE name = '{table}'), 0) AS value")
}

/// Statements that make a table which remembers its last number go on from this one.
pub(super) fn number_from(table: &str, _: &str, last: i64) -> [String; 2] {
    [
        format!("DELETE FROM sqlite_sequence WHERE name = '{table}'"),
        format!(
            "INSERT INTO sqlite_sequence (name, seq) SELECT name, {last} FROM sqlite_schema \
                WHERE name = '{table}' AND type = 'table' AND sql LIKE '%AUTOINCREMENT%'"
        ),
    ]
}

/// What is in a column.
pub(super) fn value(mut value: SqliteValue<'_, '_, '_>) -> deserialize::Result<Value> {
    Ok(match value.value_type() {
        None => Value::Null,
        Some(SqliteType::Text) => Value::Text(String::from_utf8(value.read_blob().to_vec())?),
        Some(SqliteType::Binary) => Value::Bytes(value.read_blob().to_vec()),
        Some(SqliteType::Double | SqliteType::Float) => Value::real(value.read_double()),
        Some(SqliteType::Integer | SqliteType::SmallInt | SqliteType::Long) => {
            Value::Integer(value.read_long())
        }
    })
}

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
