//! The journal's rows. The caller holds the transaction.

use std::sync::Arc;

use diesel::prelude::*;

use super::super::journal::Row;
use super::super::schema::{journal_a, journal_b, signal};

/// One of the two tables that take turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Journal {
    A,
    B,
}

/// A row as it is read back.
#[derive(Queryable)]
pub(super) struct StoredRow {
    pub(super) sequence: i64,
    pub(super) samples: String,
    pub(super) checksum: i64,
}

impl Journal {
    pub(super) fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::A => "journal_a",
            Self::B => "journal_b",
        }
    }
}

/// The same statement for either table.
macro_rules! in_journal {
    ($which:expr, $table:ident => $statement:expr) => {
        match $which {
            Journal::A => {
                use journal_a as $table;
                $statement
            }
            Journal::B => {
                use journal_b as $table;
                $statement
            }
        }
    };
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

/// Adds rows, numbered from `first` on.
pub(super) fn journal(
    writer: &mut SqliteConnection,
    table: Journal,
    first: i64,
    rows: &[Row],
    now: i64,
) -> QueryResult<()> {
    for (sequence, row) in (first..).zip(rows) {
        let count = i32::try_from(row.count).unwrap_or(i32::MAX);
        in_journal!(table, journal => diesel::insert_into(journal::table)
            .values((
                journal::sequence.eq(sequence),
                journal::committed_at.eq(now),
                journal::count.eq(count),
                journal::samples.eq(&row.samples),
                journal::checksum.eq(row.checksum()),
            ))
            .execute(writer)?);
    }
    Ok(())
}

/// All rows in order.
pub(super) fn read_journal(reader: &mut SqliteConnection, table: Journal) -> QueryResult<Vec<StoredRow>> {
    in_journal!(table, journal => journal::table
        .order(journal::sequence)
        .select((journal::sequence, journal::samples, journal::checksum))
        .load(reader))
}

/// The first rows after the one numbered `after`, in order.
pub(super) fn read_journal_after(
    reader: &mut SqliteConnection,
    table: Journal,
    after: i64,
    limit: u32,
) -> QueryResult<Vec<StoredRow>> {
    in_journal!(table, journal => journal::table
        .filter(journal::sequence.gt(after))
        .order(journal::sequence)
        .limit(i64::from(limit))
        .select((journal::sequence, journal::samples, journal::checksum))
        .load(reader))
}

/// Empties a table as a whole, which SQLite does without looking at its rows.
pub(super) fn empty_journal(writer: &mut SqliteConnection, table: Journal) -> QueryResult<()> {
    in_journal!(table, journal => diesel::delete(journal::table).execute(writer).map(|_| ()))
}
