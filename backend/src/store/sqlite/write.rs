//! Rows into tables. The caller holds the transaction.

use std::sync::Arc;

use diesel::prelude::*;
use diesel::upsert::excluded;

use super::super::schema::{sample, signal};
use crate::batch::Sample;

/// Rows in one INSERT. An array of fixed length keeps one prepared statement, which a `Vec` never does; 256 rows of
/// 4 columns stay far below SQLite's 32,766 parameters.
const CHUNK: usize = 256;

#[derive(Insertable, Clone, Copy)]
#[diesel(table_name = sample, treat_none_as_default_value = false)]
struct SampleRow {
    signal_id: i32,
    timestamp: i64,
    value: f64,
    created_at: i64,
}

/// Adds the signals called `names`, which are numbered from `first` on.
pub(super) fn signals(
    writer: &mut SqliteConnection,
    first: u32,
    names: &[Arc<str>],
    now: i64,
) -> QueryResult<()> {
    for (number, name) in (first..).zip(names) {
        let row = (signal::id.eq(number.cast_signed()), signal::name.eq(&**name), signal::created_at.eq(now));
        diesel::insert_into(signal::table).values(row).execute(writer)?;
    }
    Ok(())
}

/// Adds samples; one whose identity is already there takes its place.
pub(super) fn samples(writer: &mut SqliteConnection, samples: &[&Sample], now: i64) -> QueryResult<()> {
    let row = |sample: &&Sample| SampleRow {
        signal_id: sample.signal.0.cast_signed(),
        timestamp: sample.timestamp.micros(),
        value: sample.value,
        created_at: now,
    };
    let (chunks, rest) = samples.as_chunks::<CHUNK>();
    for chunk in chunks {
        insert(writer, chunk.each_ref().map(&row))?;
    }
    let (chunks, rest) = rest.as_chunks::<16>();
    for chunk in chunks {
        insert(writer, chunk.each_ref().map(&row))?;
    }
    rest.iter().try_for_each(|sample| insert(writer, [row(sample)]))
}

fn insert<const N: usize>(writer: &mut SqliteConnection, rows: [SampleRow; N]) -> QueryResult<()> {
    diesel::insert_into(sample::table)
        .values(rows)
        .on_conflict((sample::signal_id, sample::timestamp))
        .do_update()
        .set(sample::value.eq(excluded(sample::value)))
        .execute(writer)
        .map(|_| ())
}
