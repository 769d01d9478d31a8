//! Rows of what remains of expired samples.

use crate::StoreError;
use crate::batch::SignalId;
use crate::block;
use crate::rollup::{self, Bucket, Resolution};

/// What remains of expired samples: rows of buckets of one resolution.
pub(crate) trait RollupRows {
    /// The rows of `signal` that have a bucket in `first..=last`, by their last bucket; of one resolution, or of all.
    fn rollups(
        &mut self,
        signal: SignalId,
        resolution: Option<Resolution>,
        first: i64,
        last: i64,
    ) -> Result<Vec<RollupRow>, StoreError>;

    /// One row.
    fn rollup(&mut self, id: i64) -> Result<Option<RollupRow>, StoreError>;

    /// The first `limit` rows of a tier whose last bucket begins before `last` and whose newest sample arrived before
    /// `arrived_before`.
    fn old_rollups(
        &mut self,
        signal: SignalId,
        resolution: Resolution,
        last: i64,
        arrived_before: i64,
        limit: usize,
    ) -> Result<Vec<i64>, StoreError>;

    /// The first `limit` rows of all signals, by resolution and last bucket.
    fn oldest_rollups(&mut self, limit: usize) -> Result<Vec<(i64, SignalId, Resolution)>, StoreError>;

    /// The row of `signal` with the last bucket of all.
    fn newest_rollup(&mut self, signal: SignalId) -> Result<Option<RollupRow>, StoreError>;

    /// Adds a row.
    fn insert_rollup(&mut self, row: &NewRollup) -> Result<(), StoreError>;

    /// Removes rows.
    fn delete_rollups(&mut self, ids: &[i64]) -> Result<(), StoreError>;

    /// The first bucket of every signal that has any, and how many samples all of them stand for.
    fn rollup_totals(&mut self) -> Result<Vec<(SignalId, i64, i64)>, StoreError>;

    /// The last bucket of every signal that has any.
    fn latest_in_rollups(&mut self) -> Result<Vec<(SignalId, i64)>, StoreError>;
}

/// A row of buckets as it is stored.
#[derive(Clone, Debug)]
pub(crate) struct RollupRow {
    pub(crate) id: i64,
    /// Seconds of a bucket.
    pub(crate) resolution: i32,
    pub(crate) arrived_at: i64,
    pub(crate) payload: Vec<u8>,
    pub(crate) checksum: i64,
}

/// A row of buckets that is to be stored.
#[derive(Clone, Debug)]
pub(crate) struct NewRollup {
    pub(crate) signal: SignalId,
    pub(crate) resolution: Resolution,
    pub(crate) first_bucket: i64,
    pub(crate) last_bucket: i64,
    pub(crate) count: i64,
    pub(crate) arrived_at: i64,
    pub(crate) payload: Vec<u8>,
    pub(crate) checksum: i64,
}

impl NewRollup {
    /// A row of `buckets`; `None` when there are none.
    pub(crate) fn new(
        signal: SignalId,
        resolution: Resolution,
        buckets: &[Bucket],
        arrived_at: i64,
    ) -> Result<Option<Self>, StoreError> {
        let (Some(first), Some(last)) = (buckets.first(), buckets.last()) else { return Ok(None) };
        let payload = rollup::encode(buckets).map_err(|error| StoreError::Down(error.to_string()))?;
        Ok(Some(Self {
            signal,
            resolution,
            first_bucket: first.start,
            last_bucket: last.start,
            count: buckets.iter().map(|bucket| bucket.count).sum::<i64>(),
            arrived_at,
            checksum: block::checksum(&payload),
            payload,
        }))
    }
}
