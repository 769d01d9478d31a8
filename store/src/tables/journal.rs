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

    /// Removes the rows of both parts up to the one numbered `sealed_sequence`, which are in blocks.
    fn empty_up_to(&mut self, sealed_sequence: i64) -> Result<(), StoreError>;

    /// When the newest sample arrived, in any tier; 0 in an empty database.
    fn newest_arrival(&mut self) -> Result<i64, StoreError>;

    /// How far all processes together have got; none in a database that has one process.
    fn shared(&mut self) -> Result<Option<Shared>, StoreError> {
        Ok(None)
    }

    /// The number below which other processes may have sealed commits; 0 in a database that has one process.
    fn sealed(&mut self) -> Result<i64, StoreError> {
        Ok(0)
    }

    /// Numbers and names of the signals numbered from `first` on, in order.
    fn signal_names(&mut self, _first: u32) -> Result<Vec<(i32, String)>, StoreError> {
        Ok(Vec::new())
    }

    /// Notes the highest number that a block has got, where other processes must know it.
    fn note_newest_block(&mut self, _number: i64) -> Result<(), StoreError> {
        Ok(())
    }

    /// What processes of this database sign their commits with; empty in a database that has one process.
    fn bus_key(&mut self) -> Result<Vec<u8>, StoreError> {
        Ok(Vec::new())
    }

    /// The kinds of what other processes may change, each with a number that counts its changes.
    fn revisions(&mut self) -> Result<Vec<(String, i64)>, StoreError> {
        Ok(Vec::new())
    }
}

/// How far the processes of one database have got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shared {
    /// The last number that a commit or a deletion has.
    pub(crate) last: i64,
    /// The number that the last sealing or deletion wrote down.
    pub(crate) sealed: i64,
    /// How many signals there are.
    pub(crate) signals: u32,
    /// The highest number that a block has had.
    pub(crate) newest_block: i64,
    /// Counts changes of what is no sample.
    pub(crate) changes: i64,
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
