//! Rows as they are copied to another database: column by column, whatever they mean.

use crate::StoreError;

/// A table whose rows are copied.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) name: &'static str,
    /// The columns that say which row it is.
    pub(crate) key: &'static [&'static str],
    /// The columns that, with the key, differ wherever rows differ.
    pub(crate) mark: &'static [&'static str],
    /// The other columns.
    pub(crate) rest: &'static [&'static str],
    /// The column that the database numbers by itself, if it does: no number of a deleted row comes back.
    pub(crate) numbered: Option<&'static str>,
    /// Rows that are copied in one transaction.
    pub(crate) batch: usize,
    /// Whether it is copied when no server runs any more: its rows do not last.
    pub(crate) is_late: bool,
}

impl Table {
    /// The key and the mark.
    pub(crate) fn marked(&self) -> Vec<&'static str> {
        [self.key, self.mark].concat()
    }

    /// All columns: the marked ones, then the others.
    pub(crate) fn columns(&self) -> Vec<&'static str> {
        [self.key, self.mark, self.rest].concat()
    }
}

/// What is in a column of a row.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Value {
    Null,
    Integer(i64),
    /// The bits of a number that is not negative zero, which one of the databases does not keep.
    Real(u64),
    Text(String),
    Bytes(Vec<u8>),
}

impl Value {
    pub(crate) fn real(value: f64) -> Self {
        Self::Real(if value == 0.0 { 0.0_f64 } else { value }.to_bits())
    }
}

/// Where what is in a database was copied from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    /// The epoch of the other database.
    pub(crate) source: i64,
    /// Whether everything is here.
    pub(crate) is_complete: bool,
}

/// The columns of a row, in the order in which they were asked for.
pub(crate) type Row = Vec<Value>;

/// What copies rows. What they are is decided by [`crate::transfer`].
pub(crate) trait TransferRows {
    /// The key and the mark of every row of a table, in the order of the keys.
    fn marks(&mut self, table: &Table) -> Result<Vec<Row>, StoreError>;

    /// The rows with these keys, whole, in the order of the keys; those that are not there are left out.
    fn whole(&mut self, table: &Table, keys: &[&[Value]]) -> Result<Vec<Row>, StoreError>;

    /// Adds rows, each whole; one replaces that with the same key.
    fn put(&mut self, table: &Table, rows: &[Row]) -> Result<(), StoreError>;

    /// Removes the rows with these keys.
    fn remove(&mut self, table: &Table, keys: &[&[Value]]) -> Result<(), StoreError>;

    /// Whether a table has a row.
    fn has_rows(&mut self, table: &Table) -> Result<bool, StoreError>;

    /// The highest number that a row of `table` has had in a column that the database numbers; 0 before the first.
    fn last_number(&mut self, table: &str, column: &str) -> Result<i64, StoreError>;

    /// Goes on from that number.
    fn number_from(&mut self, table: &str, column: &str, last: i64) -> Result<(), StoreError>;

    /// The epoch of the database's commits as it is stored, 0 where it has none yet, and the number of the last sealed commit.
    fn numbering(&mut self) -> Result<(i64, i64), StoreError>;

    /// Where everything here was copied from, if it was.
    fn origin(&mut self) -> Result<Option<Origin>, StoreError>;

    /// Writes down that rows of another database are being copied here.
    fn begin_transfer(&mut self, source: i64) -> Result<(), StoreError>;

    /// Writes down that everything is here, when that was, and the number of the last sealed commit; the commits that follow have an epoch of
    /// their own.
    fn end_transfer(&mut self, sealed_sequence: i64, now: i64) -> Result<(), StoreError>;
}
