//! Rows of the journal.

use std::sync::Arc;

use crate::{StoreError, journal};

/// The journal: what is committed and in no block yet, and the signals that it names.
pub(crate) trait JournalRows {
    /// Adds the signals called `names`, which are numbered from `first` on.
    fn insert_signals(&mut self, first: u32, names: &[Arc<str>], now: i64) -> Result<(), StoreError>;

    /// Adds rows to a part of the journal, numbered from `first` on.
    fn append(
        &mut self,
        part: journal::Part,
        first: i64,
        rows: &[journal::Row],
        now: i64,
    ) -> Result<(), StoreError>;

    /// The first `limit` rows after the one numbered `after`, in order, of both parts.
    fn journal_after(&mut self, after: i64, limit: u32) -> Result<Vec<JournalRow>, StoreError>;

    /// Empties a part of the journal whose rows, up to the one numbered `sealed_sequence`, are in blocks.
    fn empty(&mut self, part: journal::Part, sealed_sequence: i64) -> Result<(), StoreError>;

    /// When the newest sample arrived, in any tier; 0 in an empty database.
    fn newest_arrival(&mut self) -> Result<i64, StoreError>;
}

/// A row of the journal as it is stored.
#[derive(Clone, Debug)]
pub(crate) struct JournalRow {
    pub(crate) sequence: i64,
    /// Rows of one commit have the same; that of the next commit is another.
    pub(crate) committed_at: i64,
    pub(crate) samples: String,
    pub(crate) checksum: i64,
}
