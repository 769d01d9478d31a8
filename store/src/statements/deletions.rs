//! The statements of a deletion.

use afterglow_wire::Timestamp;
use diesel::prelude::*;

use super::{Connection, numbering};
use crate::batch::SignalId;
use crate::statements::schema::deletion;
use crate::tables::DeletionRows;
use crate::{Span, StoreError};

/// There is at most one row.
const ID: i32 = 1;

impl DeletionRows for Connection {
    fn begin_deletion(&mut self, signals: &[SignalId], span: Span) -> Result<(), StoreError> {
        let numbers: Vec<u32> = signals.iter().map(|signal| signal.0).collect();
        let numbers = serde_json::to_string(&numbers).map_err(|error| StoreError::Down(error.to_string()))?;
        diesel::insert_into(deletion::table)
            .values((
                deletion::id.eq(ID),
                deletion::signals.eq(numbers),
                deletion::first_timestamp.eq(span.from.micros()),
                deletion::last_timestamp.eq(span.to.micros()),
            ))
            .execute(self)?;
        Ok(())
    }

    fn deletion(&mut self) -> Result<Option<(Vec<SignalId>, Span)>, StoreError> {
        let row: Option<(String, i64, i64)> = deletion::table
            .select((deletion::signals, deletion::first_timestamp, deletion::last_timestamp))
            .first(self)
            .optional()?;
        let Some((numbers, first, last)) = row else { return Ok(None) };
        let numbers: Vec<u32> = serde_json::from_str(&numbers).map_err(|error| {
            StoreError::Down(format!("the deletion that was begun cannot be read: {error}"))
        })?;
        let span = Span { from: Timestamp::from_micros(first), to: Timestamp::from_micros(last) };
        Ok(Some((numbers.into_iter().map(SignalId).collect(), span)))
    }

    fn end_deletion(&mut self, sequence: i64) -> Result<(), StoreError> {
        numbering::sealed(self, sequence)?;
        diesel::delete(deletion::table).execute(self)?;
        Ok(())
    }
}
