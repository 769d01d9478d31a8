//! The first schema kept a row per sample; this turns its rows into blocks, once, when such a database is opened.

use diesel::connection::SimpleConnection;
use diesel::prelude::*;

use super::number;
use crate::StoreError;
use crate::block::BLOCK_SAMPLES;
use crate::columns::Columns;
use crate::fault::{self, Point};
use crate::statements::schema::sample;
use crate::statements::signal_of;
use crate::tables::{BlockRows as _, NewBlock};

/// Converts block by block, each in a transaction of its own: interrupted at any moment, it goes on at the next start.
pub(super) fn rows_to_blocks(writer: &mut SqliteConnection, now: i64) -> Result<(), StoreError> {
    const EXISTS: &str =
        "SELECT count(*) AS value FROM sqlite_schema WHERE name = 'sample' AND type = 'table'";
    if number(writer, EXISTS)? > 0 {
        convert(writer, now)?;
    }
    // An existing file takes `auto_vacuum` only here. Asked of the file, because the process may have died after the
    // last row was converted.
    if number(writer, "SELECT auto_vacuum AS value FROM pragma_auto_vacuum")? == 0
        && let Err(error) = writer.batch_execute("PRAGMA auto_vacuum = INCREMENTAL; VACUUM")
    {
        log::warn!("the space of the first schema is given back at a later start: {error}");
    }
    Ok(())
}

fn convert(writer: &mut SqliteConnection, now: i64) -> Result<(), StoreError> {
    let rows = number(writer, "SELECT count(*) AS value FROM sample")?;
    if rows > 0 {
        log::info!("converting {rows} rows of the first schema into blocks; this happens once");
    }
    let signals: Vec<i32> = sample::table.select(sample::signal_id).distinct().load(writer)?;
    for signal in signals {
        while writer.immediate_transaction(|writer| convert_some(writer, signal, now))? {
            fault::crash_point(Point::ConvertPart);
        }
    }
    Ok(writer.batch_execute("DROP TABLE sample")?)
}

/// Turns the earliest rows of `signal` into a block; whether there were any.
fn convert_some(writer: &mut SqliteConnection, signal: i32, now: i64) -> Result<bool, StoreError> {
    let rows: Vec<(i64, f64)> = sample::table
        .filter(sample::signal_id.eq(signal))
        .order(sample::timestamp)
        .limit(BLOCK_SAMPLES as i64)
        .select((sample::timestamp, sample::value))
        .load(writer)?;
    let Some((last, _)) = rows.last().copied() else { return Ok(false) };
    // The first schema counted its signals from 0 as well, and kept each instant once.
    let columns = Columns::from_unsorted(&rows);
    let id = writer.newest_block()? + 1;
    writer.insert_blocks(id, &[NewBlock::new(signal_of(signal), &columns, now)?])?;
    diesel::delete(sample::table.filter(sample::signal_id.eq(signal).and(sample::timestamp.le(last))))
        .execute(writer)?;
    Ok(true)
}
