//! Passes: each makes the target's rows those of the source, as far as they are not yet.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::listed::TABLES;
use super::{Copied, TransferError};
use crate::fault::{self, Point};
use crate::tables::{Row, Rows, Table, Tables, Value};
use crate::{StoreError, block};

/// A database from which, or into which, rows are copied.
pub(super) struct Side {
    /// What messages call it.
    pub(super) name: String,
    pub(super) tables: Arc<dyn Tables>,
}

impl Side {
    /// Does `work` in one transaction that only reads.
    pub(super) fn read<T>(
        &self,
        work: impl FnOnce(&mut dyn Rows) -> Result<T, StoreError>,
    ) -> Result<T, TransferError> {
        self.tables.reading_beside(work).map_err(|error| self.failed(error))
    }

    /// Does `work` in one transaction.
    pub(super) fn write<T>(
        &self,
        work: impl FnOnce(&mut dyn Rows) -> Result<T, StoreError>,
    ) -> Result<T, TransferError> {
        self.tables.writing(work).map_err(|error| self.failed(error))
    }

    pub(super) fn failed(&self, error: StoreError) -> TransferError {
        TransferError::Store { database: self.name.clone(), error }
    }

    /// What tells whether rows of these tables are the same, in one snapshot.
    fn marks(&self, tables: &[&Table]) -> Result<Vec<Vec<Row>>, TransferError> {
        self.read(|rows| tables.iter().map(|table| rows.marks(table)).collect())
    }

    fn whole(&self, table: &Table, marks: &[&Row]) -> Result<Vec<Row>, TransferError> {
        let keys: Vec<_> = marks.iter().map(|row| key(table, row)).collect();
        self.read(|rows| rows.whole(table, &keys))
    }
}

/// Copies rows from one database into another.
pub(super) struct Copier {
    pub(super) source: Side,
    pub(super) target: Side,
    /// Marks of large rows that were read back from the target and compared.
    checked: HashMap<&'static str, HashSet<Row>>,
    /// Rows whose checksum is wrong in the source.
    pub(super) damaged: u64,
}

fn key<'r>(table: &Table, row: &'r Row) -> &'r [Value] {
    row.get(..table.key.len()).unwrap_or(row)
}

fn mark(table: &Table, row: &Row) -> Row {
    row.iter().take(table.marked().len()).cloned().collect()
}

/// Whether the checksum that a row has is not that of its samples.
fn is_damaged(table: &Table, row: &Row) -> bool {
    let columns = table.columns();
    let column = |name: &str| row.get(columns.iter().position(|column| *column == name)?);
    let content = match column("payload").or_else(|| column("samples")) {
        Some(Value::Bytes(bytes)) => bytes.as_slice(),
        Some(Value::Text(text)) => text.as_bytes(),
        _ => return false,
    };
    column("checksum") != Some(&Value::Integer(block::checksum(content)))
}

/// About how much a row is.
fn size(row: &Row) -> u64 {
    let value = |value: &Value| match value {
        Value::Text(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        Value::Null | Value::Integer(_) | Value::Real(_) => 8,
    };
    row.iter().map(value).sum::<usize>() as u64
}

impl Copier {
    pub(super) fn new(source: Side, target: Side) -> Self {
        Self { source, target, checked: HashMap::new(), damaged: 0 }
    }

    /// Makes the rows of the target those of the source, as they were at one moment during the call: samples that are not sealed only when
    /// it `is_last`. `heard` is called with the rows that are done, and all that are to be done.
    pub(super) fn pass(
        &mut self,
        is_last: bool,
        heard: &mut dyn FnMut(u64, u64),
    ) -> Result<Copied, TransferError> {
        let tables: Vec<&'static Table> = TABLES.iter().filter(|table| is_last || !table.is_late).collect();
        let wanted = self.source.marks(&tables)?;
        let there = self.target.marks(&tables)?;
        let mut copied = Copied::default();
        // What refers to others goes first.
        for ((table, wanted), there) in tables.iter().zip(&wanted).zip(&there).rev() {
            let keys: HashSet<_> = wanted.iter().map(|row| key(table, row)).collect();
            let gone: Vec<_> =
                there.iter().map(|row| key(table, row)).filter(|key| !keys.contains(key)).collect();
            for keys in gone.chunks(table.batch) {
                self.target.write(|rows| rows.remove(table, keys))?;
            }
            copied.removed += gone.len() as u64;
        }
        let lists = tables.iter().zip(&wanted).zip(&there).map(|((table, wanted), there)| {
            let there: HashSet<_> = there.iter().collect();
            let checked = self.checked.get(table.name);
            // What another run has copied is compared once.
            let is_done = |row: &Row| {
                there.contains(row)
                    && (table.rest.is_empty() || checked.is_some_and(|checked| checked.contains(row)))
            };
            (*table, wanted.iter().filter(|row| !is_done(row)).collect::<Vec<_>>())
        });
        let lists: Vec<_> = lists.collect();
        let total = lists.iter().map(|(_, rows)| rows.len() as u64).sum();
        let mut done = 0;
        for (table, rows) in lists {
            for batch in rows.chunks(table.batch) {
                self.copy(table, batch, &mut copied)?;
                done += batch.len() as u64;
                heard(done, total);
            }
        }
        fault::crash_point(Point::TransferPassed);
        Ok(copied)
    }

    /// Copies the rows with these marks that are not in the target as they are in the source.
    fn copy(
        &mut self,
        table: &'static Table,
        marks: &[&Row],
        copied: &mut Copied,
    ) -> Result<(), TransferError> {
        let is_small = table.rest.is_empty();
        let rows: Vec<Row> = if is_small {
            marks.iter().map(|row| (*row).clone()).collect()
        } else {
            // One that is gone by now is missed by no pass: the last one finds all.
            self.source.whole(table, marks)?
        };
        let there = if is_small { Vec::new() } else { self.target.whole(table, marks)? };
        let there: HashSet<_> = there.iter().collect();
        let mut new: Vec<Row> = rows.iter().filter(|row| !there.contains(row)).cloned().collect();
        if table.name == "bundle" && fault::loses_a_row() {
            new.pop();
        }
        self.target.write(|writer| writer.put(table, &new))?;
        fault::crash_point(Point::TransferBatch);
        copied.rows += new.len() as u64;
        copied.bytes += new.iter().map(size).sum::<u64>();
        if is_small {
            return Ok(());
        }
        let back = self.target.whole(table, marks)?;
        if back != rows {
            let name = &self.target.name;
            return Err(TransferError::Different(format!(
                "rows of the table {} are not in {name} as they were written there",
                table.name
            )));
        }
        self.damaged += rows.iter().filter(|row| is_damaged(table, row)).count() as u64;
        self.checked.entry(table.name).or_default().extend(rows.iter().map(|row| mark(table, row)));
        Ok(())
    }

    /// Lets the target number its next rows as the source would.
    pub(super) fn number(&self) -> Result<(), TransferError> {
        for (table, column) in TABLES.iter().filter_map(|table| Some((table.name, table.numbered?))) {
            let last = self.source.read(|rows| rows.last_number(table, column))?;
            self.target.write(|rows| rows.number_from(table, column, last))?;
        }
        Ok(())
    }

    /// How many rows each table has in both databases, which have the same.
    ///
    /// # Errors
    /// Which table is different.
    pub(super) fn compare(&self) -> Result<Vec<(&'static str, u64)>, TransferError> {
        let tables: Vec<&'static Table> = TABLES.iter().collect();
        let (source, target) = (self.source.marks(&tables)?, self.target.marks(&tables)?);
        let mut counts = Vec::new();
        for ((table, source), target) in tables.iter().zip(source).zip(target) {
            let there: HashSet<_> = target.iter().collect();
            if source.len() != target.len() || !source.iter().all(|row| there.contains(row)) {
                return Err(TransferError::Different(format!(
                    "the table {} has {} rows in {} and {} in {}, or others",
                    table.name,
                    source.len(),
                    self.source.name,
                    target.len(),
                    self.target.name
                )));
            }
            counts.push((table.name, source.len() as u64));
        }
        Ok(counts)
    }
}
