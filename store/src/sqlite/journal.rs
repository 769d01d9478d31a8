//! The statements of the journal and of its signals.

use std::sync::Arc;

use diesel::dsl::{min, sql};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool};

use super::{number, numbering};
use crate::StoreError;
use crate::journal::{Part, Row};
use crate::statements::schema::{journal_a, journal_b, signal};
use crate::tables::{JournalRow, JournalRows};

impl Part {
    /// The table that holds the part.
    pub(super) fn table(self) -> &'static str {
        match self {
            Self::A => "journal_a",
            Self::B => "journal_b",
        }
    }
}

/// The same statement for the table of either part.
macro_rules! in_journal {
    ($part:expr, $table:ident => $statement:expr) => {
        match $part {
            Part::A => {
                use journal_a as $table;
                $statement
            }
            Part::B => {
                use journal_b as $table;
                $statement
            }
        }
    };
}

impl JournalRows for SqliteConnection {
    fn insert_signals(&mut self, first: u32, names: &[Arc<str>], now: i64) -> Result<(), StoreError> {
        for (number, name) in (first..).zip(names) {
            let row =
                (signal::id.eq(number.cast_signed()), signal::name.eq(&**name), signal::created_at.eq(now));
            diesel::insert_into(signal::table).values(row).execute(self)?;
        }
        Ok(())
    }

    fn append(&mut self, part: Part, first: i64, rows: &[Row], now: i64) -> Result<(), StoreError> {
        for (sequence, row) in (first..).zip(rows) {
            let count = i32::try_from(row.count).unwrap_or(i32::MAX);
            in_journal!(part, journal => diesel::insert_into(journal::table)
                .values((
                    journal::sequence.eq(sequence),
                    journal::committed_at.eq(now),
                    journal::count.eq(count),
                    journal::samples.eq(&row.samples),
                    journal::checksum.eq(row.checksum()),
                ))
                .execute(self)?);
        }
        Ok(())
    }

    fn journal_after(&mut self, after: i64, limit: u32) -> Result<Vec<JournalRow>, StoreError> {
        let mut rows = Vec::new();
        for part in [Part::A, Part::B] {
            let part: Vec<Columns> = in_journal!(part, journal => journal::table
                .filter(journal::sequence.gt(after))
                .order(journal::sequence)
                .limit(i64::from(limit))
                .select((journal::sequence, journal::committed_at, journal::samples, journal::checksum))
                .load(self)?);
            rows.extend(part.into_iter().map(row));
        }
        rows.sort_by_key(|row| row.sequence);
        // Each table gives its first rows: between the last of a full table and the other's there may be a hole.
        rows.truncate(limit as usize);
        Ok(rows)
    }

    fn empty(&mut self, part: Part, sealed_sequence: i64) -> Result<(), StoreError> {
        numbering::sealed(self, sealed_sequence)?;
        // As a whole, which SQLite does without reading the rows.
        in_journal!(part, journal => diesel::delete(journal::table).execute(self)?);
        Ok(())
    }

    fn empty_up_to(&mut self, sealed_sequence: i64) -> Result<(), StoreError> {
        numbering::sealed(self, sealed_sequence)?;
        for part in [Part::A, Part::B] {
            in_journal!(part, journal => diesel::delete(journal::table.filter(journal::sequence.le(sealed_sequence)))
                .execute(self)?);
        }
        Ok(())
    }

    fn newest_arrival(&mut self) -> Result<i64, StoreError> {
        const NEWEST: &str = "SELECT max(coalesce((SELECT max(committed_at) FROM journal_a), 0), \
            coalesce((SELECT max(committed_at) FROM journal_b), 0), \
            coalesce((SELECT max(sealed_at) FROM block), 0), \
            coalesce((SELECT max(sealed_at) FROM bundle), 0), \
            coalesce((SELECT max(arrived_at) FROM rollup), 0)) AS value";
        Ok(number(self, NEWEST)?)
    }
}

/// Sequence, time, samples, checksum.
type Columns = (i64, i64, String, i64);

fn row((sequence, committed_at, samples, checksum): Columns) -> JournalRow {
    JournalRow { sequence, committed_at, samples, checksum }
}

/// Rows that a start reads at once: at most some 15 MB.
const ROWS: i64 = 32;

/// Longest text of a row, in bytes: twice what [`ROW_SAMPLES`](crate::journal::ROW_SAMPLES) samples take at most.
const ROW_BYTES: i64 = 1 << 20;

/// The number of the first row of a part; none when it is empty.
pub(super) fn first(reader: &mut SqliteConnection, part: Part) -> QueryResult<Option<i64>> {
    in_journal!(part, journal => journal::table.select(min(journal::sequence)).first(reader))
}

/// The number of a row of a part that is longer than any commit's. Reads no text.
pub(super) fn oversized(reader: &mut SqliteConnection, part: Part) -> QueryResult<Option<i64>> {
    let is_long = sql::<Bool>("octet_length(samples) > ").bind::<BigInt, _>(ROW_BYTES);
    in_journal!(part, journal => journal::table.filter(is_long).select(min(journal::sequence)).first(reader))
}

/// The next rows of a part after the one numbered `after`, in order.
pub(super) fn next(reader: &mut SqliteConnection, part: Part, after: i64) -> QueryResult<Vec<JournalRow>> {
    let rows: Vec<Columns> = in_journal!(part, journal => journal::table
        .filter(journal::sequence.gt(after))
        .order(journal::sequence)
        .limit(ROWS)
        .select((journal::sequence, journal::committed_at, journal::samples, journal::checksum))
        .load(reader)?);
    Ok(rows.into_iter().map(row).collect())
}
