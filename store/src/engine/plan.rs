//! What a sealing or a merge writes, decided before the transaction that does it.

use std::sync::atomic::Ordering;

use super::Engine;
use crate::StoreError;
use crate::batch::SignalId;
use crate::block::{self, BLOCK_SAMPLES, SMALL_BLOCK};
use crate::bundle::{self, BUNDLE_SAMPLES};
use crate::columns::Columns;
use crate::tables::{NewBlock, NewBundle, NewRollup, Rows};

/// Rows that replace others.
#[derive(Default)]
pub(super) struct Plan {
    pub(super) replaced_blocks: Vec<i64>,
    pub(super) blocks: Vec<NewBlock>,
    pub(super) replaced_bundles: Vec<i64>,
    bundles: Vec<NewBundle>,
    pub(super) replaced_rollups: Vec<i64>,
    pub(super) rollups: Vec<NewRollup>,
}

impl Plan {
    /// Adds what another plan says.
    pub(super) fn append(&mut self, mut other: Self) {
        self.replaced_blocks.append(&mut other.replaced_blocks);
        self.blocks.append(&mut other.blocks);
        self.replaced_bundles.append(&mut other.replaced_bundles);
        self.bundles.append(&mut other.bundles);
        self.replaced_rollups.append(&mut other.replaced_rollups);
        self.rollups.append(&mut other.rollups);
    }

    /// How many rows it replaces.
    pub(super) fn replaced(&self) -> usize {
        self.replaced_blocks.len() + self.replaced_bundles.len() + self.replaced_rollups.len()
    }
}

impl Engine {
    /// Writes what has been decided; new blocks get numbers that no block had since the start.
    pub(super) fn write(&self, plan: &Plan, writer: &mut dyn Rows) -> Result<(), StoreError> {
        let blocks = i64::try_from(plan.blocks.len()).unwrap_or(i64::MAX);
        let newest = self.newest_block.fetch_add(blocks, Ordering::Relaxed);
        writer.delete_blocks(&plan.replaced_blocks)?;
        writer.insert_blocks(newest + 1, &plan.blocks)?;
        if blocks > 0 {
            writer.note_newest_block(newest + blocks)?;
        }
        writer.delete_bundles(&plan.replaced_bundles)?;
        writer.insert_bundles(&plan.bundles)?;
        writer.delete_rollups(&plan.replaced_rollups)?;
        plan.rollups.iter().try_for_each(|row| writer.insert_rollup(row))
    }
}

/// Gathers runs, in order of their signals, into bundles of one tier and sequence.
pub(super) struct Bundler {
    tier: i32,
    sequence: i64,
    runs: Vec<(SignalId, Columns)>,
    samples: usize,
    /// When the newest of them arrived.
    sealed_at: i64,
}

impl Bundler {
    pub(super) fn new(tier: i32, sequence: i64) -> Self {
        Self { tier, sequence, runs: Vec::new(), samples: 0, sealed_at: i64::MIN }
    }

    /// Adds samples, of which the newest arrived at `sealed_at`.
    pub(super) fn push(&mut self, signal: SignalId, columns: Columns, sealed_at: i64, plan: &mut Plan) {
        let other_group =
            self.runs.last().is_some_and(|(last, _)| bundle::group(*last) != bundle::group(signal));
        if other_group || self.samples >= BUNDLE_SAMPLES {
            self.finish(plan);
        }
        self.samples += columns.len();
        self.sealed_at = self.sealed_at.max(sealed_at);
        self.runs.push((signal, columns));
    }

    /// Makes a bundle of what has gathered.
    pub(super) fn finish(&mut self, plan: &mut Plan) {
        plan.bundles.extend(NewBundle::new(self.tier, self.sequence, self.sealed_at, &self.runs));
        *self = Self::new(self.tier, self.sequence);
    }
}

impl Engine {
    /// Decides which blocks `new` samples become, of which the newest arrived at `sealed_at`, and which stored blocks they
    /// replace: those that a sample falls into, and a small one before them.
    pub(super) fn plan_blocks(
        &self,
        reader: &mut dyn Rows,
        signal: SignalId,
        mut new: Columns,
        sealed_at: i64,
        plan: &mut Plan,
    ) -> Result<(), StoreError> {
        let Some((first, last)) = new.span() else { return Ok(()) };
        let mut pending = Pending { signal, columns: Columns::default(), sealed_at };
        for stored in reader.neighbours(signal, first, last)? {
            let before = stored.last_time < first;
            let gap = new.split_before(stored.first_time);
            let inside = new.split_before(stored.last_time.saturating_add(1));
            pending.columns.append(&gap);
            if before && stored.count.cast_unsigned() as usize >= SMALL_BLOCK || !before && inside.is_empty()
            {
                pending.flush(sealed_at, plan)?;
                continue;
            }
            match self.read_block(reader, signal, stored.id)? {
                Some(columns) => {
                    pending.columns.append(&Columns::merge(&columns, &inside));
                    pending.sealed_at = pending.sealed_at.max(stored.sealed_at);
                    plan.replaced_blocks.push(stored.id);
                }
                // A block that cannot be read stays where it is, so that it can still be repaired.
                None => pending.columns.append(&inside),
            }
            if pending.columns.len() >= 4 * BLOCK_SAMPLES {
                pending.flush(sealed_at, plan)?;
            }
        }
        pending.columns.append(&new);
        pending.flush(sealed_at, plan)
    }

    /// A block's samples; `None`, and a line in the log, when it cannot be read.
    pub(super) fn read_block(
        &self,
        reader: &mut dyn Rows,
        signal: SignalId,
        id: i64,
    ) -> Result<Option<Columns>, StoreError> {
        let Some(row) = reader.block(id)? else { return Ok(None) };
        let columns = block::verified(&row.payload, row.checksum, row.place.count).and_then(|columns| {
            // The checksum is not of these; the signal is compared with the index that led here.
            if columns.span() == Some((row.place.first_time, row.place.last_time)) && row.signal == signal {
                Ok(columns)
            } else {
                Err(block::Damaged("its signal or span is not that of its samples".into()))
            }
        });
        Ok(match columns {
            Ok(columns) => Some(columns),
            Err(error) => {
                self.damaged.report("block", id, &error);
                None
            }
        })
    }
}

/// Samples that become blocks next.
struct Pending {
    signal: SignalId,
    columns: Columns,
    /// When the newest of them arrived.
    sealed_at: i64,
}

impl Pending {
    /// Cuts what is pending into blocks of about equal size; the newest of what comes next arrived at `next`.
    fn flush(&mut self, next: i64, plan: &mut Plan) -> Result<(), StoreError> {
        let mut columns = std::mem::take(&mut self.columns);
        let sealed_at = std::mem::replace(&mut self.sealed_at, next);
        if columns.is_empty() {
            return Ok(());
        }
        if !columns.times().is_sorted_by(|a, b| a < b) {
            // Beside a block whose span is damaged.
            columns = Columns::from_unsorted(&columns.iter().collect::<Vec<_>>());
        }
        let parts = columns.len().div_ceil(BLOCK_SAMPLES + BLOCK_SAMPLES / 2).max(1);
        let size = columns.len().div_ceil(parts);
        for start in (0..columns.len()).step_by(size) {
            let part = columns.slice(start..columns.len().min(start + size));
            plan.blocks.push(NewBlock::new(self.signal, &part, sealed_at)?);
        }
        Ok(())
    }
}
