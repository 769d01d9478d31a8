//! Sealing: a generation of the head becomes blocks, and its table of the journal is emptied, in one transaction.
//!
//! Everything that takes time (reading the blocks that late samples fall into, merging, compressing) happens before
//! that transaction, beside the commits, which only wait while the finished blocks are written.

use std::sync::PoisonError;

use diesel::prelude::*;

use super::super::StoreError;
use super::super::block::{self, BLOCK_SAMPLES, SMALL_BLOCK, Summary};
use super::super::columns::Columns;
use super::super::schema::block as table;
use super::write;
use super::{Sqlite, connection, numbering};
use crate::batch::SignalId;
use crate::fault::{self, Point};

/// A block that is to be written.
#[derive(Insertable)]
#[diesel(table_name = table, treat_none_as_default_value = false)]
pub(super) struct NewBlock {
    signal_id: i32,
    first_timestamp: i64,
    last_timestamp: i64,
    count: i32,
    min_timestamp: i64,
    min: f64,
    max_timestamp: i64,
    max: f64,
    sum: f64,
    first: f64,
    last: f64,
    sealed_at: i64,
    extremes: Option<Vec<u8>>,
    payload: Vec<u8>,
    checksum: i64,
}

/// What is needed of a block to decide whether it must be read.
#[derive(Queryable)]
struct Stored {
    id: i64,
    first_time: i64,
    last_time: i64,
    count: i32,
}

/// What a sealing will write.
#[derive(Default)]
struct Plan {
    replaced: Vec<i64>,
    blocks: Vec<NewBlock>,
}

impl Sqlite {
    /// Seals what the head has; how many blocks that made. Blocks, beside commits and queries.
    pub(crate) fn seal(&self) -> Result<usize, StoreError> {
        let _alone = self.lock_maintenance();
        let (generation, sealing) = {
            let mut commits = self.lock_commits();
            let mut head = self.head.write().unwrap_or_else(PoisonError::into_inner);
            let begun = head.is_sealing();
            let Some(generation) = head.rotate() else { return Ok(0) };
            if !begun {
                commits.active = commits.active.other();
            }
            (generation, commits.active.other())
        };
        let now = self.clock.now().micros();
        let mut plan = Plan::default();
        {
            let mut reader = connection(&self.readers)?;
            for (signal, columns) in generation.signals() {
                self.plan(&mut reader, signal, columns, now, &mut plan)?;
            }
        }
        fault::crash_point(Point::SealPlanned);
        let blocks = plan.blocks.len();
        self.write(|writer| {
            for replaced in plan.replaced.chunks(500) {
                diesel::delete(table::table.filter(table::id.eq_any(replaced))).execute(writer)?;
            }
            insert(writer, &plan.blocks)?;
            fault::crash_point(Point::SealWritten);
            numbering::sealed(writer, generation.last_sequence())?;
            Ok(write::empty_journal(writer, sealing)?)
        })?;
        fault::crash_point(Point::SealCommitted);
        self.head.write().unwrap_or_else(PoisonError::into_inner).sealed();
        Ok(blocks)
    }

    /// Decides which blocks `new` samples become, and which stored blocks they replace: those that a sample falls into,
    /// and a small one before them.
    fn plan(
        &self,
        reader: &mut SqliteConnection,
        signal: SignalId,
        mut new: Columns,
        now: i64,
        plan: &mut Plan,
    ) -> Result<(), StoreError> {
        let (Some(&first), Some(&last)) = (new.times().first(), new.times().last()) else { return Ok(()) };
        let mut pending = Columns::default();
        for stored in neighbours(reader, signal, first, last)? {
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
                // A block that cannot be read stays where it is, for whoever can mend it.
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
        reader: &mut SqliteConnection,
        signal: SignalId,
        id: i64,
    ) -> Result<Option<Columns>, StoreError> {
        let row: Option<(i32, Stored, Vec<u8>, i64)> = table::table
            .find(id)
            .select((
                table::signal_id,
                (table::id, table::first_timestamp, table::last_timestamp, table::count),
                table::payload,
                table::checksum,
            ))
            .first(reader)
            .optional()?;
        let Some((owner, stored, payload, checksum)) = row else { return Ok(None) };
        let columns = verified(&payload, checksum, stored.count).and_then(|columns| {
            // The checksum is not of these; the signal is compared with the index that led here.
            let span = columns.times().first().copied().zip(columns.times().last().copied());
            let matches =
                span == Some((stored.first_time, stored.last_time)) && owner.cast_unsigned() == signal.0;
            if matches {
                Ok(columns)
            } else {
                Err(block::Damaged("its signal or span is not that of its samples".into()))
            }
        });
        Ok(match columns {
            Ok(columns) => Some(columns),
            Err(error) => {
                self.report_damage("block", id, &error);
                None
            }
        })
    }
}

/// A block's extremes; `None` when it has none, or none that can be read: the payload says the same then.
pub(super) fn read_extremes(reader: &mut SqliteConnection, id: i64) -> QueryResult<Option<Columns>> {
    let blob: Option<Option<Vec<u8>>> =
        table::table.find(id).select(table::extremes).first(reader).optional()?;
    Ok(blob.flatten().and_then(|blob| block::decode_extremes(&blob).ok()))
}

/// The samples of a stored payload.
pub(super) fn verified(payload: &[u8], checksum: i64, count: i32) -> Result<Columns, block::Damaged> {
    if block::checksum(payload) != checksum {
        return Err(block::Damaged("its checksum is wrong".into()));
    }
    block::decode(payload, usize::try_from(count).unwrap_or(usize::MAX))
}

/// The last block before `first`, then all that lie within `first..=last` in part.
fn neighbours(
    reader: &mut SqliteConnection,
    signal: SignalId,
    first: i64,
    last: i64,
) -> QueryResult<Vec<Stored>> {
    let columns = (table::id, table::first_timestamp, table::last_timestamp, table::count);
    let of_signal = table::table.filter(table::signal_id.eq(signal.0.cast_signed()));
    let mut blocks: Vec<Stored> = of_signal
        .filter(table::last_timestamp.lt(first))
        .order(table::last_timestamp.desc())
        .limit(1)
        .select(columns)
        .load(reader)?;
    blocks.extend(
        of_signal
            .filter(table::last_timestamp.ge(first).and(table::first_timestamp.le(last)))
            .order(table::last_timestamp)
            .select(columns)
            .load::<Stored>(reader)?,
    );
    Ok(blocks)
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
        plan.blocks.push(new_block(signal, &part, now)?);
    }
    Ok(())
}

pub(super) fn new_block(signal: SignalId, columns: &Columns, sealed_at: i64) -> Result<NewBlock, StoreError> {
    let failed = |why: String| StoreError::Down(format!("a block cannot be made: {why}"));
    let summary = Summary::of(columns).ok_or_else(|| failed("it has no samples".into()))?;
    let payload = block::encode(columns).map_err(|error| failed(error.to_string()))?;
    Ok(NewBlock {
        signal_id: signal.0.cast_signed(),
        first_timestamp: summary.first_time,
        last_timestamp: summary.last_time,
        count: i32::try_from(summary.count).unwrap_or(i32::MAX),
        min_timestamp: summary.min.0,
        min: summary.min.1,
        max_timestamp: summary.max.0,
        max: summary.max.1,
        sum: summary.sum,
        first: summary.first,
        last: summary.last,
        sealed_at,
        extremes: block::encode_extremes(columns).map_err(|error| failed(error.to_string()))?,
        checksum: block::checksum(&payload),
        payload,
    })
}

pub(super) fn insert(writer: &mut SqliteConnection, blocks: &[NewBlock]) -> QueryResult<()> {
    for block in blocks {
        diesel::insert_into(table::table).values(block).execute(writer)?;
    }
    Ok(())
}
