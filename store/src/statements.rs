//! The statements that are the same on every database, and its tables as Diesel sees them.
//!
//! Statements are written for one type of connection. The module of each database therefore includes the files of this folder
//! with `#[path]`: in them, `super` is that module, `super::Connection` its type of connection, and `super::special` has the
//! texts that are its own.

pub(crate) mod put;
pub(crate) mod schema;

use diesel::result::Error as DieselError;

use crate::batch::SignalId;
use crate::{StoreError, budget};

/// The signal that a row is of.
pub(crate) fn signal_of(id: i32) -> SignalId {
    SignalId(id.cast_unsigned())
}

/// The number of rows in a statement's `LIMIT`.
pub(crate) fn limit_of(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}

/// Why a running database refused. SQLite tells what kind of failure it was only by its message.
impl From<DieselError> for StoreError {
    fn from(error: DieselError) -> Self {
        let why = error.to_string();
        match budget::check() {
            Err(stopped) if why == "interrupted" => stopped.into(),
            _ if why.contains("disk is full") => Self::DiskFull(why),
            _ => Self::Down(why),
        }
    }
}
