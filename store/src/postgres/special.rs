//! Statements whose text is PostgreSQL's own.

use std::time::Duration;

use afterglow_wire::Timestamp;
use diesel::connection::SimpleConnection as _;
use diesel::deserialize::{self, FromSql};
use diesel::pg::{Pg, PgValue};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Double, Integer, Text};
use sha2::{Digest as _, Sha256};

use super::Connection;
use crate::clock::{Clock, Stopwatch};
use crate::statements::schema::numbering;
use crate::tables::Value;

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

/// The number of the lock that belongs to the schema: "Aglw" before the schema's own.
const LOCK: &str =
    "(1097297015::bigint << 32 | (SELECT oid::bigint FROM pg_namespace WHERE nspname = current_schema()))";

/// Does `what` with the schema's lock, and waits no longer than two seconds for it. All processes share it while the schema is today's; who
/// changes the schema has it alone.
pub(super) fn schema_lock(connection: &mut Connection, what: &str) -> QueryResult<()> {
    connection
        .batch_execute(&format!("SET lock_timeout = '2s'; SELECT {what}({LOCK}); SET lock_timeout = '8s'"))
}

/// Takes the lock of the schema with this name alone, if no process has it; whether that is so. None where there is no such schema.
pub(super) fn claim_named_schema(connection: &mut Connection, schema: &str) -> QueryResult<Option<bool>> {
    let claim = diesel::sql_query(
        "SELECT pg_try_advisory_lock(1097297015::bigint << 32 | oid::bigint)::int::bigint AS value FROM pg_namespace WHERE nspname = $1",
    );
    let claimed = claim.bind::<Text, _>(schema).get_result::<IntegerRow>(connection).optional()?;
    Ok(claimed.map(|claimed| claimed.value > 0))
}

/// Takes the schema's lock alone, if no process has it; whether that is so.
pub(super) fn claim_schema(connection: &mut Connection) -> QueryResult<bool> {
    number(connection, &format!("SELECT pg_try_advisory_lock({LOCK})::int::bigint AS value"))
        .map(|taken| taken > 0)
}

/// Takes the lock of the process with this number: nobody else wants it, so it is free when its earlier connection has ended.
pub(super) fn lock_of(connection: &mut Connection, run: i64) -> QueryResult<()> {
    connection.batch_execute(&format!(
        "SET lock_timeout = '2s'; SELECT pg_advisory_lock({run}); SET lock_timeout = '8s'"
    ))
}

/// Counts a transaction of a process.
pub(super) const COUNT: &str = "UPDATE node SET writes = writes + 1, seen_at = clock_timestamp() WHERE run = $1 \
    RETURNING writes AS value";

/// Waits for the transactions of others, and lets them wait; says who leads, and keeps the lead where that is this process.
pub(super) const FOLLOW_ONE_ANOTHER: &str = "UPDATE numbering SET writes = writes + 1, \
    owner_until = CASE WHEN owner = $1 THEN clock_timestamp() + interval '10 s' ELSE owner_until END \
    RETURNING owner AS value";

/// Takes the lead where nobody has it, or keeps it: rows are changed where that is so.
const LEAD: &str = "UPDATE numbering SET owner = $1, owner_until = clock_timestamp() + interval '10 s' \
    WHERE owner = $1 OR owner_until < clock_timestamp()";

/// The database's time, in microseconds since 1970.
pub(super) const TIME: &str = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS value";

/// Gives the lead up.
const YIELD: &str = "UPDATE numbering SET owner = 0, owner_until = '-infinity' WHERE owner = $1";

/// Notes once an hour that a process is there.
const SEEN: &str = "UPDATE node SET seen_at = clock_timestamp() \
    WHERE run = $1 AND seen_at < clock_timestamp() - interval '1 hour'";

/// Enters a process, and forgets those that are gone for a day.
const ENTER: &str = "INSERT INTO node (run) VALUES ($1)";
const FORGET: &str = "DELETE FROM node WHERE seen_at < clock_timestamp() - interval '1 day' AND pg_try_advisory_xact_lock(run)";

/// Waits for the transactions of others, and lets them wait, without being counted.
pub(super) const WAIT: &str = "SELECT writes AS value FROM numbering FOR UPDATE";

/// Bytes of what is stored, without what deleted rows leave: that is used again.
pub(super) const USED_BYTES: &str = "SELECT ( \
    coalesce((SELECT sum(pg_column_size(samples) + 64) FROM journal), 0) \
    + coalesce((SELECT sum(pg_column_size(payload) + coalesce(pg_column_size(extremes), 0) \
        + coalesce(pg_column_size(times) + pg_column_size(values), 0) + 256) FROM block), 0) \
    + coalesce((SELECT sum(pg_column_size(payload) + pg_column_size(directory) \
        + coalesce(pg_column_size(signals) + pg_column_size(times) + pg_column_size(values), 0) + 192) FROM bundle), 0) \
    + coalesce((SELECT sum(pg_column_size(payload) + 128) FROM rollup), 0))::bigint AS value";

/// A statement that does what a completed copy of another database needs beside.
pub(super) const AFTER_TRANSFER: &str = "UPDATE numbering \
    SET newest_block = greatest(newest_block, coalesce((SELECT max(id) FROM block), 0)), changes = changes + 1";

/// What rows of a table are read from.
pub(super) fn readable(table: &str) -> &str {
    table
}

/// The table that takes copied rows.
pub(super) fn writable(table: &str) -> &str {
    table
}

/// A statement for the last number that the database has given in a column.
pub(super) fn last_number(table: &str, column: &str) -> String {
    format!(
        "SELECT coalesce(pg_sequence_last_value(pg_get_serial_sequence('{table}', '{column}')), 0) AS value"
    )
}

/// Statements that make a column which the database numbers go on from this number.
pub(super) fn number_from(table: &str, column: &str, last: i64) -> [String; 1] {
    let sequence = format!("pg_get_serial_sequence('{table}', '{column}')");
    [format!("SELECT setval({sequence}, {}, {})", last.max(1), last > 0)]
}

/// What is in a column, by the number of its type (pg_type.dat).
pub(super) fn value(value: PgValue<'_>) -> deserialize::Result<Value> {
    let bytes = value.as_bytes();
    Ok(match value.get_oid().get() {
        17 => Value::Bytes(bytes.to_vec()),
        20 => Value::Integer(FromSql::<BigInt, Pg>::from_sql(value)?),
        23 => Value::Integer(i64::from(<i32 as FromSql<Integer, Pg>>::from_sql(value)?)),
        25 => Value::Text(String::from_utf8(bytes.to_vec())?),
        701 => Value::real(FromSql::<Double, Pg>::from_sql(value)?),
        other => return Err(format!("a column of the type {other}, which is not known").into()),
    })
}

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

/// Corrects a clock by the database's; by how many microseconds the machine's is ahead. None when that takes too long to tell.
pub(super) fn follow(clock: &Clock, connection: &mut Connection) -> QueryResult<Option<i64>> {
    let asked = Stopwatch::start();
    let time = number(connection, TIME)?;
    let is_known = asked.elapsed() < Duration::from_millis(250);
    Ok(is_known.then(|| clock.follow(Timestamp::from_micros(time))))
}

/// As [`follow`], for a start: asks again where that takes long.
pub(super) fn follow_first(clock: &Clock, connection: &mut Connection) -> QueryResult<()> {
    for _ in 0..20 {
        if follow(clock, connection)?.is_some() {
            return Ok(());
        }
    }
    log::warn!("the database takes long to answer, so this machine's time is used until its time is known");
    Ok(())
}

/// As [`number`], for text.
pub(super) fn text(connection: &mut Connection, sql: &str) -> QueryResult<String> {
    diesel::sql_query(sql).get_result::<TextRow>(connection).map(|row| row.value)
}

/// The schema in which the connection is; empty when that is missing, or its use is not granted.
pub(super) fn current_schema(connection: &mut Connection) -> QueryResult<String> {
    text(connection, "SELECT coalesce(current_schema()::text, '') AS value")
}

#[derive(QueryableByName)]
struct NamedRow {
    #[diesel(sql_type = diesel::sql_types::Text)]
    name: String,
    #[diesel(sql_type = BigInt)]
    value: i64,
}

/// The columns `name` and `value` of a statement that gives any number of rows.
pub(super) fn named_numbers(connection: &mut Connection, sql: &str) -> QueryResult<Vec<(String, i64)>> {
    let rows = diesel::sql_query(sql).load::<NamedRow>(connection)?;
    Ok(rows.into_iter().map(|row| (row.name, row.value)).collect())
}

/// As [`text`], for a statement that gives any number of rows.
pub(super) fn texts(connection: &mut Connection, sql: &str) -> QueryResult<Vec<String>> {
    let rows = diesel::sql_query(sql).load::<TextRow>(connection)?;
    Ok(rows.into_iter().map(|row| row.value).collect())
}

/// Does a statement about the process with this number; how many rows that changes.
fn about(connection: &mut Connection, sql: &str, run: i64) -> QueryResult<usize> {
    diesel::sql_query(sql).bind::<BigInt, _>(run).execute(connection)
}

/// Enters a process with this number.
pub(super) fn enter(connection: &mut Connection, run: i64) -> QueryResult<()> {
    diesel::sql_query(FORGET).execute(connection)?;
    about(connection, ENTER, run).map(drop)
}

/// How many transactions of a process were kept; none when the database does not know the process.
pub(super) fn writes_of(connection: &mut Connection, run: i64) -> QueryResult<Option<i64>> {
    let sql = diesel::sql_query("SELECT writes AS value FROM node WHERE run = $1").bind::<BigInt, _>(run);
    Ok(sql.get_result::<IntegerRow>(connection).optional()?.map(|row| row.value))
}

/// Takes the lead, or keeps it; whether the process with this number leads.
pub(super) fn lead(connection: &mut Connection, run: i64) -> QueryResult<bool> {
    about(connection, SEEN, run)?;
    about(connection, LEAD, run).map(|changed| changed > 0)
}

/// Gives the lead up, where the process with this number has it.
pub(super) fn yield_lead(connection: &mut Connection, run: i64) -> QueryResult<()> {
    about(connection, YIELD, run).map(drop)
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
