//! Statements whose text is PostgreSQL's own.

use diesel::prelude::*;
use sha2::{Digest as _, Sha256};

use super::Connection;
use crate::statements::schema::numbering;

/// What the blocks of each signal amount to. A sum that no integer holds is the largest one.
pub(super) const BLOCK_TOTALS: &str = "SELECT signal_id, max(last_timestamp) AS last_timestamp, \
    (array_agg(last ORDER BY last_timestamp DESC))[1] AS last, sum(count)::bigint AS count FROM block GROUP BY signal_id";

/// Where the first block of each signal begins. Blocks do not overlap: the first to end is the first to begin.
pub(super) const FIRST_BLOCKS: &str = "SELECT DISTINCT ON (signal_id) signal_id, first_timestamp AS value \
    FROM block ORDER BY signal_id, last_timestamp";

/// The first bucket of each signal, and its samples. A sum that no integer holds is the largest one.
pub(super) const ROLLUP_TOTALS: &str = "SELECT signal_id, min(first_bucket) AS first_bucket, \
    least(sum(count), 9223372036854775807)::bigint AS count FROM rollup GROUP BY signal_id";

/// Before and after a JSON array of tags: whether an annotation has all of them.
pub(super) const HAS_ALL_TAGS: (&str, &str) = ("annotation.tags::jsonb @> ", "::jsonb");

/// Takes the lock of the process that writes: one for each schema, "Aglw" before its number.
pub(super) const TAKE_LOCK: &str = "SET lock_timeout = '2s'; \
    SELECT pg_advisory_lock(1097297015::bigint << 32 | (SELECT oid::bigint FROM pg_namespace WHERE nspname = current_schema())); \
    SET lock_timeout = '5s'";

/// Counts a transaction of the process that has the lock. Others wait until it has ended.
pub(super) const COUNT: &str = "UPDATE numbering SET writes = writes + 1 RETURNING writes AS value";

/// Waits for the transactions of others, and lets them wait.
pub(super) const WAIT: &str = "SELECT writes AS value FROM numbering FOR UPDATE";

/// Bytes of what is stored, without what deleted rows leave: that is used again.
pub(super) const USED_BYTES: &str = "SELECT ( \
    coalesce((SELECT sum(pg_column_size(samples) + 64) FROM journal), 0) \
    + coalesce((SELECT sum(pg_column_size(payload) + coalesce(pg_column_size(extremes), 0) + 256) FROM block), 0) \
    + coalesce((SELECT sum(pg_column_size(payload) + pg_column_size(directory) + 192) FROM bundle), 0) \
    + coalesce((SELECT sum(pg_column_size(payload) + 128) FROM rollup), 0))::bigint AS value";

#[derive(QueryableByName)]
pub(super) struct IntegerRow {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    pub(super) value: i64,
}

#[derive(QueryableByName)]
struct TextRow {
    #[diesel(sql_type = diesel::sql_types::Text)]
    value: String,
}

/// The `value` column of a statement that gives one row.
pub(super) fn number(connection: &mut Connection, sql: &str) -> QueryResult<i64> {
    diesel::sql_query(sql).get_result::<IntegerRow>(connection).map(|row| row.value)
}

/// As [`number`], for text.
pub(super) fn text(connection: &mut Connection, sql: &str) -> QueryResult<String> {
    diesel::sql_query(sql).get_result::<TextRow>(connection).map(|row| row.value)
}

/// As [`text`], for a statement that gives any number of rows.
pub(super) fn texts(connection: &mut Connection, sql: &str) -> QueryResult<Vec<String>> {
    let rows = diesel::sql_query(sql).load::<TextRow>(connection)?;
    Ok(rows.into_iter().map(|row| row.value).collect())
}

/// The process that opened the database last.
pub(super) fn owner(connection: &mut Connection) -> QueryResult<i64> {
    number(connection, "SELECT owner AS value FROM numbering")
}

/// Notes that the process with this number has opened the database.
pub(super) fn own(connection: &mut Connection, number: i64) -> QueryResult<()> {
    let sql = diesel::sql_query("UPDATE numbering SET owner = $1");
    sql.bind::<diesel::sql_types::BigInt, _>(number).execute(connection).map(drop)
}

/// Names the numbering of commits: the database, the server's files, and how often a standby has become the primary. A server
/// that goes on from an earlier state has another one, so no number comes back within it.
///
/// # Errors
/// When the server does not say.
pub(super) fn epoch(connection: &mut Connection) -> Result<u64, String> {
    const SERVER: &str = "SELECT (SELECT system_identifier FROM pg_control_system())::text || '/' \
        || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8) AS value";
    let failed = |error: diesel::result::Error| format!("the server does not say which one it is: {error}");
    let server = text(connection, SERVER).map_err(failed)?;
    let database: i64 = numbering::table.select(numbering::epoch).first(connection).map_err(failed)?;
    let hash = Sha256::digest(format!("{server}/{database}"));
    let bytes = hash.first_chunk().copied().unwrap_or_default();
    // JavaScript's numbers hold 53 bits.
    Ok(u64::from_be_bytes(bytes) >> 12 | 1)
}
