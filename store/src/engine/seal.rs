//! Sealing: a generation of the head becomes blocks, and its part of the journal is emptied, in one transaction.
//!
//! Everything that takes time (reading the blocks that late samples fall into, merging, compressing) happens before
//! that transaction, beside the commits, which only wait while the finished blocks are written.

use super::Engine;
use crate::StoreError;
use crate::batch::SignalId;
use crate::block::{self, BLOCK_SAMPLES, SMALL_BLOCK};
use crate::columns::Columns;
use crate::fault::{self, Point};
use crate::head::Head;
use crate::tables::{NewBlock, Rows};

/// What a sealing will write.
#[derive(Default)]
struct Plan {
    replaced: Vec<i64>,
    blocks: Vec<NewBlock>,
}

impl Engine {
    /// Seals what the head has; returns how many blocks that made. Commits and queries go on meanwhile.
    pub(crate) fn seal(&self) -> Result<usize, StoreError> {
        let _alone = self.lock_maintenance();
        let (generation, sealing) = {
            let mut commits = self.lock_commits();
            let (begun, generation) = self.change_head(|head| (head.is_sealing(), head.rotate()));
            let Some(generation) = generation else { return Ok(0) };
            if !begun {
                commits.active = commits.active.other();
            }
            (generation, commits.active.other())
        };
        let now = self.clock.now().micros();
        let mut plan = Plan::default();
        self.tables.reading(|reader| {
            generation
                .signals()
                .try_for_each(|(signal, columns)| self.plan(reader, signal, columns, now, &mut plan))
        })?;
        fault::crash_point(Point::SealPlanned);
        let blocks = plan.blocks.len();
        self.tables.writing(|writer| {
            writer.delete_blocks(&plan.replaced)?;
            writer.insert_blocks(&plan.blocks)?;
            fault::crash_point(Point::SealWritten);
            writer.empty(sealing, generation.last_sequence())
        })?;
        fault::crash_point(Point::SealCommitted);
        self.change_head(Head::sealed);
        Ok(blocks)
    }

    /// Decides which blocks `new` samples become, and which stored blocks they replace: those that a sample falls into,
    /// and a small one before them.
    fn plan(
        &self,
        reader: &mut dyn Rows,
        signal: SignalId,
        mut new: Columns,
        now: i64,
        plan: &mut Plan,
    ) -> Result<(), StoreError> {
        let (Some(&first), Some(&last)) = (new.times().first(), new.times().last()) else { return Ok(()) };
        let mut pending = Columns::default();
        for stored in reader.neighbours(signal, first, last)? {
            let before = stored.last_time < first;
            let gap = new.split_before(stored.first_time);
            let inside = new.split_before(stored.last_time.saturating_add(1));
            pending.append(&gap);
            if before && stored.count.cast_unsigned() as usize >= SMALL_BLOCK || !before && inside.is_empty()
            {
                flush(&mut pending, signal, now, plan)?;
                continue;
            }
            match self.read_block(reader, signal, stored.id)? {
                Some(columns) => {
                    pending.append(&Columns::merge(&columns, &inside));
                    plan.replaced.push(stored.id);
                }
                // A block that cannot be read stays where it is, so that it can still be repaired.
                None => pending.append(&inside),
            }
            if pending.len() >= 4 * BLOCK_SAMPLES {
                flush(&mut pending, signal, now, plan)?;
            }
        }
        pending.append(&new);
        flush(&mut pending, signal, now, plan)
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
            let span = columns.times().first().copied().zip(columns.times().last().copied());
            if span == Some((row.place.first_time, row.place.last_time)) && row.signal == signal {
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

/// Cuts what is pending into blocks of about equal size.
fn flush(pending: &mut Columns, signal: SignalId, now: i64, plan: &mut Plan) -> Result<(), StoreError> {
    let mut columns = std::mem::take(pending);
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
        plan.blocks.push(NewBlock::new(signal, &part, now)?);
    }
    Ok(())
}
