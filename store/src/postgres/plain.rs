//! Samples written once more for plain SQL.
//!
//! Compressed ones are written as arrays, where plain SQL is to read them: in the transaction that writes their rows, so that both
//! are there or neither; rows that were written before follow, newest first.

use std::collections::HashSet;
use std::time::Duration;

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Binary, Bool, Double, Integer};

use super::Connection;
use crate::batch::SignalId;
use crate::clock::Stopwatch;
use crate::columns::Columns;
use crate::{block, bundle, rollup};

/// How long rows may take that other transactions have written: commits wait meanwhile.
const BACKLOG: Duration = Duration::from_millis(200);

/// Rows that are read at once.
const ROWS: usize = 16;

const IS_WANTED: &str = "SELECT sql_history AS value FROM numbering";

/// Whether arrays are wanted that are not there.
const IS_BEHIND: &str = "SELECT sql_history AND (EXISTS (SELECT FROM block WHERE times IS NULL) \
    OR EXISTS (SELECT FROM bundle WHERE times IS NULL) OR EXISTS (SELECT FROM rollup WHERE times IS NULL)) AS value FROM numbering";

#[derive(QueryableByName)]
struct Wanted {
    #[diesel(sql_type = Bool)]
    value: bool,
}

/// A row without arrays.
#[derive(QueryableByName)]
struct Unread {
    #[diesel(sql_type = BigInt)]
    id: i64,
    /// Whether this transaction has written it.
    #[diesel(sql_type = Bool)]
    is_own: bool,
    #[diesel(sql_type = Integer)]
    count: i32,
    #[diesel(sql_type = Binary)]
    directory: Vec<u8>,
    #[diesel(sql_type = Binary)]
    payload: Vec<u8>,
    #[diesel(sql_type = BigInt)]
    checksum: i64,
}

/// The newest rows of a table without arrays.
fn unread(table: &str, count: &str, directory: &str) -> String {
    format!(
        "SELECT id, xmin = pg_current_xact_id()::xid AS is_own, {count} AS count, {directory} AS directory, payload, checksum \
         FROM {table} WHERE times IS NULL ORDER BY id DESC LIMIT {ROWS}"
    )
}

/// Whether rows of other transactions wait for their arrays.
pub(super) fn is_behind(reader: &mut Connection) -> QueryResult<bool> {
    Ok(diesel::sql_query(IS_BEHIND).get_result::<Wanted>(reader)?.value)
}

/// Writes the arrays of all rows that this transaction has written, and of others as far as there is time, if they are wanted.
pub(super) fn spread(writer: &mut Connection) -> QueryResult<()> {
    if !diesel::sql_query(IS_WANTED).get_result::<Wanted>(writer)?.value {
        return Ok(());
    }
    let watch = Stopwatch::start();
    let tables = [
        (unread("block", "count", "''::bytea"), write_block as Write),
        (unread("bundle", "count", "directory"), write_bundle),
        (unread("rollup", "0", "''::bytea"), write_rollup),
    ];
    for (unread, write) in tables {
        loop {
            let rows: Vec<Unread> = diesel::sql_query(&unread).load(writer)?;
            let is_last = rows.len() < ROWS;
            for row in rows {
                if !row.is_own && watch.elapsed() >= BACKLOG {
                    break;
                }
                write(writer, &row)?;
            }
            if is_last || watch.elapsed() >= BACKLOG && !has_own(writer, &unread)? {
                break;
            }
        }
    }
    Ok(())
}

/// The signals whose samples are written as rows, too; commits do that by themselves.
pub(super) fn chosen(reader: &mut Connection) -> QueryResult<HashSet<SignalId>> {
    #[derive(QueryableByName)]
    struct Chosen {
        #[diesel(sql_type = Integer)]
        signal_id: i32,
    }
    let rows: Vec<Chosen> = diesel::sql_query("SELECT signal_id FROM sample_signal").load(reader)?;
    Ok(rows.into_iter().map(|row| SignalId(row.signal_id.cast_unsigned())).collect())
}

/// Makes the partition for rows of a week from now, unless it is there. A commit that has to make one waits for all who maintain the
/// table, such as VACUUM, and lets the others wait; this waits for them for a fifth of a second. As commits do, it first takes the row
/// that all of them take: none of them can be making the same partition then.
pub(super) fn prepare_partition(reader: &mut Connection) -> QueryResult<()> {
    reader.batch_execute("BEGIN READ WRITE; SET LOCAL lock_timeout = '2s'")?;
    let made = reader.batch_execute(
        "SELECT FROM numbering FOR UPDATE; SET LOCAL lock_timeout = '200ms'; \
         SELECT sample_partition(sample_month(now() + interval '7 days')); COMMIT",
    );
    if made.is_err() {
        reader.batch_execute("ROLLBACK")?;
    }
    made
}

/// Deletes some rows of signals that are before an instant each, in microseconds; how many.
pub(super) fn expire_rows(writer: &mut Connection, cutoffs: &[(SignalId, i64)]) -> QueryResult<i64> {
    #[derive(QueryableByName)]
    struct Deleted {
        #[diesel(sql_type = BigInt)]
        value: i64,
    }
    let (signals, befores): (Vec<i32>, Vec<i64>) =
        cutoffs.iter().map(|(signal, before)| (signal.0.cast_signed(), *before)).unzip();
    diesel::sql_query("SELECT sample_row_expire($1, $2) AS value")
        .bind::<Array<Integer>, _>(signals)
        .bind::<Array<BigInt>, _>(befores)
        .get_result(writer)
        .map(|Deleted { value }| value)
}

type Write = fn(&mut Connection, &Unread) -> QueryResult<()>;

/// Whether the newest of the rows without arrays is one of this transaction.
fn has_own(writer: &mut Connection, unread: &str) -> QueryResult<bool> {
    let rows: Vec<Unread> = diesel::sql_query(unread).load(writer)?;
    Ok(rows.first().is_some_and(|row| row.is_own))
}

/// What a damaged row has: nothing, as in every other answer.
fn sound<T: Default>(id: i64, read: Result<T, block::Damaged>) -> T {
    read.unwrap_or_else(|error| {
        log::warn!("row {id} has no samples for plain SQL, as it is damaged: {}", error.0);
        T::default()
    })
}

fn write_block(writer: &mut Connection, row: &Unread) -> QueryResult<()> {
    let columns: Columns = sound(row.id, block::verified(&row.payload, row.checksum, row.count));
    diesel::sql_query("UPDATE block SET times = $1, \"values\" = $2 WHERE id = $3")
        .bind::<Array<BigInt>, _>(columns.times())
        .bind::<Array<Double>, _>(columns.values())
        .bind::<BigInt, _>(row.id)
        .execute(writer)
        .map(drop)
}

fn write_bundle(writer: &mut Connection, row: &Unread) -> QueryResult<()> {
    let (mut signals, mut times, mut values) = (Vec::new(), Vec::new(), Vec::new());
    let runs = if block::checksum(&row.payload) == row.checksum {
        bundle::runs(&row.directory)
    } else {
        Err(block::Damaged("its checksum is wrong".into()))
    };
    for run in sound(row.id, runs) {
        let columns = sound(row.id, bundle::decode(&row.payload, &run));
        signals.extend(columns.times().iter().map(|_| run.signal.0.cast_signed()));
        times.extend_from_slice(columns.times());
        values.extend_from_slice(columns.values());
    }
    diesel::sql_query("UPDATE bundle SET signals = $1, times = $2, \"values\" = $3 WHERE id = $4")
        .bind::<Array<Integer>, _>(signals)
        .bind::<Array<BigInt>, _>(times)
        .bind::<Array<Double>, _>(values)
        .bind::<BigInt, _>(row.id)
        .execute(writer)
        .map(drop)
}

fn write_rollup(writer: &mut Connection, row: &Unread) -> QueryResult<()> {
    let buckets = sound(row.id, rollup::verified(&row.payload, row.checksum));
    diesel::sql_query("UPDATE rollup SET times = $1, lows = $2, highs = $3 WHERE id = $4")
        .bind::<Array<BigInt>, _>(buckets.iter().map(|bucket| bucket.start).collect::<Vec<_>>())
        .bind::<Array<Double>, _>(buckets.iter().map(|bucket| bucket.min).collect::<Vec<_>>())
        .bind::<Array<Double>, _>(buckets.iter().map(|bucket| bucket.max).collect::<Vec<_>>())
        .bind::<BigInt, _>(row.id)
        .execute(writer)
        .map(drop)
}
