//! What the engine asks of a database for bundles: small runs of neighbouring signals.

use crate::batch::SignalId;
use crate::bundle::{self, Encoded};
use crate::columns::Columns;
use crate::{Span, StoreError, block};

/// Small runs of neighbouring signals. "Older" is by the order of writes: a sample in a newer row replaces one with the same
/// identity in an older one, and in a block.
pub(crate) trait BundleRows {
    /// The rows that may have samples of `signal` within `span`, older before newer.
    fn bundles(&mut self, signal: SignalId, span: Span) -> Result<Vec<BundleRow>, StoreError>;

    /// Where the rows of a group are, older before newer.
    fn bundle_places(&mut self, group: u32) -> Result<Vec<BundlePlace>, StoreError>;

    /// One row.
    fn bundle(&mut self, id: i64) -> Result<Option<BundleRow>, StoreError>;

    /// The directory of one row.
    fn directory(&mut self, id: i64) -> Result<Option<Vec<u8>>, StoreError>;

    /// Passes number and directory of every row to `pass`, of each group older before newer.
    fn directories(&mut self, pass: &mut dyn FnMut(i64, &[u8])) -> Result<(), StoreError>;

    /// The groups and tiers that have rows of at least `sealings` sealings or merges, the lowest tiers first.
    fn full_tiers(&mut self, sealings: usize) -> Result<Vec<(u32, i32)>, StoreError>;

    /// The groups with a row whose samples all are from before `before` and arrived before it.
    fn groups_with_old_bundles(&mut self, before: i64) -> Result<Vec<u32>, StoreError>;

    /// Last instant, number and group of the first `limit` rows of all groups, by their last instant.
    fn oldest_bundles(&mut self, limit: usize) -> Result<Vec<(i64, i64, u32)>, StoreError>;

    /// Adds rows.
    fn insert_bundles(&mut self, bundles: &[NewBundle]) -> Result<(), StoreError>;

    /// Removes rows.
    fn delete_bundles(&mut self, ids: &[i64]) -> Result<(), StoreError>;
}

/// Where a bundle lies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BundlePlace {
    pub(crate) id: i64,
    pub(crate) tier: i32,
    pub(crate) sequence: i64,
    pub(crate) signals: (SignalId, SignalId),
    pub(crate) span: (i64, i64),
    pub(crate) count: i32,
    pub(crate) sealed_at: i64,
}

impl BundlePlace {
    /// Whether it may have samples of `signal` from `first` to `last`.
    pub(crate) fn may_have(&self, signal: SignalId, (first, last): (i64, i64)) -> bool {
        (self.signals.0..=self.signals.1).contains(&signal) && self.span.0 <= last && first <= self.span.1
    }
}

/// A bundle as it is stored.
#[derive(Clone, Debug)]
pub(crate) struct BundleRow {
    pub(crate) id: i64,
    pub(crate) directory: Vec<u8>,
    pub(crate) payload: Vec<u8>,
    pub(crate) checksum: i64,
}

impl BundleRow {
    /// What its directory says, once the payload is known to be what was written.
    pub(crate) fn verified(&self) -> Result<Vec<bundle::Run>, block::Damaged> {
        if block::checksum(&self.payload) != self.checksum {
            return Err(block::Damaged("its checksum is wrong".into()));
        }
        bundle::runs(&self.directory)
    }
}

/// A bundle that is to be stored.
#[derive(Clone, Debug)]
pub(crate) struct NewBundle {
    pub(crate) tier: i32,
    pub(crate) sequence: i64,
    pub(crate) signals: (SignalId, SignalId),
    pub(crate) span: (i64, i64),
    pub(crate) count: usize,
    pub(crate) sealed_at: i64,
    pub(crate) encoded: Encoded,
    pub(crate) checksum: i64,
}

impl NewBundle {
    /// A bundle of `runs`, which are of one group, in order of their signals and not empty; `None` when there are none.
    pub(crate) fn new(
        tier: i32,
        sequence: i64,
        sealed_at: i64,
        runs: &[(SignalId, Columns)],
    ) -> Option<Self> {
        let (first_signal, last_signal) = (runs.first()?.0, runs.last()?.0);
        let spans = || runs.iter().filter_map(|(_, columns)| columns.span());
        let span = (spans().map(|span| span.0).min()?, spans().map(|span| span.1).max()?);
        let count = runs.iter().map(|(_, columns)| columns.len()).sum();
        let encoded = bundle::encode(runs);
        let checksum = block::checksum(&encoded.payload);
        Some(Self {
            tier,
            sequence,
            signals: (first_signal, last_signal),
            span,
            count,
            sealed_at,
            encoded,
            checksum,
        })
    }
}
