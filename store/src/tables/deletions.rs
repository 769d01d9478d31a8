//! The row of a deletion that is not complete.

use crate::batch::SignalId;
use crate::{Span, StoreError};

/// A deletion of samples is written down before its first sample goes, so that it is completed whatever happens.
pub(crate) trait DeletionRows {
    /// Writes down that the samples of `signals` within `span` go. There is no other.
    fn begin_deletion(&mut self, signals: &[SignalId], span: Span) -> Result<(), StoreError>;

    /// What is written down, if anything.
    fn deletion(&mut self) -> Result<Option<(Vec<SignalId>, Span)>, StoreError>;

    /// The deletion is complete and has the commit number `sequence`.
    fn end_deletion(&mut self, sequence: i64) -> Result<(), StoreError>;
}
