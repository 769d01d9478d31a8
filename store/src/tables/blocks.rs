//! Rows of compressed samples.

use crate::batch::SignalId;
use crate::block::{self, Summary};
use crate::columns::Columns;
use crate::{Span, StoreError};

/// Compressed samples. The blocks of a signal do not overlap and are ordered by their last instant.
pub(crate) trait BlockRows {
    /// The next `limit` blocks of `signal` that have a part in `span` and end after `after`.
    fn blocks(
        &mut self,
        signal: SignalId,
        span: Span,
        after: i64,
        limit: usize,
    ) -> Result<Vec<BlockSummary>, StoreError>;

    /// The first instant of the first block and the last of the last that have a part in `span`.
    fn extent(&mut self, signal: SignalId, span: Span) -> Result<(Option<i64>, Option<i64>), StoreError>;

    /// The last block that ends before `first`, then all that have a part in `first..=last`.
    fn neighbours(&mut self, signal: SignalId, first: i64, last: i64) -> Result<Vec<BlockPlace>, StoreError>;

    /// One block.
    fn block(&mut self, id: i64) -> Result<Option<BlockRow>, StoreError>;

    /// The extremes of one block; `None` when it has none.
    fn extremes(&mut self, id: i64) -> Result<Option<Vec<u8>>, StoreError>;

    /// The first `limit` blocks of `signal` that end before `before` and were sealed before it.
    fn old_blocks(&mut self, signal: SignalId, before: i64, limit: usize) -> Result<Vec<i64>, StoreError>;

    /// Last instant, number and signal of the first `limit` blocks of all signals, by their last instant.
    fn oldest_blocks(&mut self, limit: usize) -> Result<Vec<(i64, i64, SignalId)>, StoreError>;

    /// The highest number of a block; 0 when there are none.
    fn newest_block(&mut self) -> Result<i64, StoreError>;

    /// Adds blocks, numbered from `first` on.
    fn insert_blocks(&mut self, first: i64, blocks: &[NewBlock]) -> Result<(), StoreError>;

    /// Removes blocks.
    fn delete_blocks(&mut self, ids: &[i64]) -> Result<(), StoreError>;

    /// What the blocks of every signal that has any amount to.
    fn block_totals(&mut self) -> Result<Vec<(SignalId, BlockTotals)>, StoreError>;

    /// The last instant of every signal that has blocks.
    fn latest_in_blocks(&mut self) -> Result<Vec<(SignalId, i64)>, StoreError>;
}

/// Where a block lies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BlockPlace {
    pub(crate) id: i64,
    pub(crate) first_time: i64,
    pub(crate) last_time: i64,
    pub(crate) count: i32,
    pub(crate) sealed_at: i64,
}

/// What is known of a block's samples without decompressing them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BlockSummary {
    pub(crate) id: i64,
    pub(crate) first_time: i64,
    pub(crate) last_time: i64,
    pub(crate) count: i32,
    pub(crate) min: (i64, f64),
    pub(crate) max: (i64, f64),
    pub(crate) sum: f64,
    pub(crate) last: f64,
}

/// A block as it is stored.
#[derive(Clone, Debug)]
pub(crate) struct BlockRow {
    pub(crate) place: BlockPlace,
    pub(crate) signal: SignalId,
    pub(crate) payload: Vec<u8>,
    pub(crate) checksum: i64,
}

/// What the blocks of a signal amount to.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct BlockTotals {
    /// The first instant of all.
    pub(crate) first: Option<i64>,
    /// The last sample.
    pub(crate) last: Option<(i64, f64)>,
    /// How many samples there are.
    pub(crate) count: i64,
}

/// A block that is to be stored.
#[derive(Clone, Debug)]
pub(crate) struct NewBlock {
    pub(crate) signal: SignalId,
    pub(crate) summary: Summary,
    pub(crate) sealed_at: i64,
    pub(crate) extremes: Option<Vec<u8>>,
    pub(crate) payload: Vec<u8>,
    pub(crate) checksum: i64,
}

impl NewBlock {
    /// A block of `columns`.
    pub(crate) fn new(signal: SignalId, columns: &Columns, sealed_at: i64) -> Result<Self, StoreError> {
        let failed = |why: String| StoreError::Down(format!("a block cannot be made: {why}"));
        let summary = Summary::of(columns).ok_or_else(|| failed("it has no samples".into()))?;
        let payload = block::encode(columns).map_err(|error| failed(error.to_string()))?;
        let extremes = block::encode_extremes(columns).map_err(|error| failed(error.to_string()))?;
        let checksum = block::checksum(&payload);
        Ok(Self { signal, summary, sealed_at, extremes, payload, checksum })
    }
}
