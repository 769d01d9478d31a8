//! The statements of the journal and of its signals.

use std::sync::Arc;

use diesel::dsl::{max, min, sql};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary};

use super::special::{self, number};
use super::{Connection, numbering};
use crate::StoreError;
use crate::journal::{Part, Row};
use crate::statements::schema::signal;
use crate::tables::{JournalRow, JournalRows, Shared};

diesel::table! {
    journal (sequence) {
        sequence -> BigInt,
        committed_at -> BigInt,
        count -> Integer,
        samples -> Text,
        checksum -> BigInt,
    }
}

/// Names that are stored with one statement, which may have 65,535 parameters.
const NAMES: usize = 10_000;

/// Rows that a start reads at once: at most some 15 MB.
const ROWS: i64 = 32;

/// Longest text of a row, in bytes: twice what [`ROW_SAMPLES`](crate::journal::ROW_SAMPLES) samples take at most.
const ROW_BYTES: i64 = 1 << 20;

/// Sequence, time, samples, checksum.
type Columns = (i64, i64, String, i64);

fn row((sequence, committed_at, samples, checksum): Columns) -> JournalRow {
    JournalRow { sequence, committed_at, samples, checksum }
}

/// Both parts of the journal are in one table: rows of the part that is sealed are those with the lower numbers.
impl JournalRows for Connection {
    fn insert_signals(&mut self, first: u32, names: &[Arc<str>], now: i64) -> Result<(), StoreError> {
        let numbered: Vec<_> = (first..)
            .zip(names)
            .map(|(number, name)| {
                (signal::id.eq(number.cast_signed()), signal::name.eq(&**name), signal::created_at.eq(now))
            })
            .collect();
        for rows in numbered.chunks(NAMES) {
            diesel::insert_into(signal::table).values(rows).execute(self)?;
        }
        Ok(())
    }

    fn append(&mut self, _: Part, first: i64, rows: &[Row], now: i64) -> Result<(), StoreError> {
        for (sequence, row) in (first..).zip(rows) {
            diesel::insert_into(journal::table)
                .values((
                    journal::sequence.eq(sequence),
                    journal::committed_at.eq(now),
                    journal::count.eq(i32::try_from(row.count).unwrap_or(i32::MAX)),
                    journal::samples.eq(&row.samples),
                    journal::checksum.eq(row.checksum()),
                ))
                .execute(self)?;
        }
        Ok(())
    }

    fn journal_after(&mut self, after: i64, limit: u32) -> Result<Vec<JournalRow>, StoreError> {
        Ok(next(self, after, i64::from(limit))?)
    }

    fn empty(&mut self, _: Part, sealed_sequence: i64) -> Result<(), StoreError> {
        self.empty_up_to(sealed_sequence)
    }

    fn empty_up_to(&mut self, sealed_sequence: i64) -> Result<(), StoreError> {
        numbering::sealed(self, sealed_sequence)?;
        diesel::delete(journal::table.filter(journal::sequence.le(sealed_sequence))).execute(self)?;
        Ok(())
    }

    fn newest_arrival(&mut self) -> Result<i64, StoreError> {
        const NEWEST: &str = "SELECT greatest(0, (SELECT max(committed_at) FROM journal), \
            (SELECT max(sealed_at) FROM block), (SELECT max(sealed_at) FROM bundle), \
            (SELECT max(arrived_at) FROM rollup)) AS value";
        Ok(number(self, NEWEST)?)
    }

    fn shared(&mut self) -> Result<Option<Shared>, StoreError> {
        const SHARED: &str = "SELECT greatest(sealed_sequence, (SELECT max(sequence) FROM journal)) AS last, \
            sealed_sequence AS sealed, newest_block, changes, \
            (SELECT coalesce(max(id) + 1, 0)::bigint FROM signal) AS signals FROM numbering";
        let row: SharedRow = diesel::sql_query(SHARED).get_result(self)?;
        let signals = u32::try_from(row.signals).unwrap_or(u32::MAX);
        let SharedRow { last, sealed, newest_block, changes, .. } = row;
        Ok(Some(Shared { last, sealed, signals, newest_block, changes }))
    }

    fn sealed(&mut self) -> Result<i64, StoreError> {
        numbering::sealed_sequence(self).map_err(StoreError::Down)
    }

    fn signal_names(&mut self, first: u32) -> Result<Vec<(i32, String)>, StoreError> {
        Ok(signal::table
            .filter(signal::id.ge(first.cast_signed()))
            .order(signal::id)
            .select((signal::id, signal::name))
            .load(self)?)
    }

    fn note_newest_block(&mut self, number: i64) -> Result<(), StoreError> {
        let sql = diesel::sql_query("UPDATE numbering SET newest_block = $1 WHERE newest_block < $1");
        sql.bind::<BigInt, _>(number).execute(self)?;
        Ok(())
    }

    fn bus_key(&mut self) -> Result<Vec<u8>, StoreError> {
        let row: KeyRow = diesel::sql_query("SELECT bus_key FROM numbering").get_result(self)?;
        Ok(row.bus_key)
    }

    fn revisions(&mut self) -> Result<Vec<(String, i64)>, StoreError> {
        Ok(special::named_numbers(self, "SELECT kind AS name, number AS value FROM revision")?)
    }
}

#[derive(QueryableByName)]
struct SharedRow {
    #[diesel(sql_type = BigInt)]
    last: i64,
    #[diesel(sql_type = BigInt)]
    sealed: i64,
    #[diesel(sql_type = BigInt)]
    newest_block: i64,
    #[diesel(sql_type = BigInt)]
    changes: i64,
    #[diesel(sql_type = BigInt)]
    signals: i64,
}

#[derive(QueryableByName)]
struct KeyRow {
    #[diesel(sql_type = Binary)]
    bus_key: Vec<u8>,
}

/// The number of the first row; none when there are none.
pub(super) fn first(reader: &mut Connection) -> QueryResult<Option<i64>> {
    journal::table.select(min(journal::sequence)).first(reader)
}

/// The number of a row that is longer than any commit's. Reads no text.
pub(super) fn oversized(reader: &mut Connection) -> QueryResult<Option<i64>> {
    let length = sql::<BigInt>("octet_length(samples)::bigint");
    journal::table.filter(length.gt(ROW_BYTES)).select(max(journal::sequence)).first(reader)
}

/// The next rows that a start reads after the one numbered `after`, in order.
pub(super) fn next_rows(reader: &mut Connection, after: i64) -> QueryResult<Vec<JournalRow>> {
    next(reader, after, ROWS)
}

fn next(reader: &mut Connection, after: i64, limit: i64) -> QueryResult<Vec<JournalRow>> {
    let rows: Vec<Columns> = journal::table
        .filter(journal::sequence.gt(after))
        .order(journal::sequence)
        .limit(limit)
        .select((journal::sequence, journal::committed_at, journal::samples, journal::checksum))
        .load(reader)?;
    Ok(rows.into_iter().map(row).collect())
}
