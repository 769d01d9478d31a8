//! Retention: what has expired moves down the tiers, from samples to minutes, from minutes to hours, from hours to nothing.

use std::collections::HashMap;

use afterglow_wire::Timestamp;

use super::Engine;
use super::bundled::BUNDLE;
use crate::StoreError;
use crate::batch::SignalId;
use crate::fault::{self, Point};
use crate::retention::{RetentionPolicy, cutoff};
use crate::rollup::{self, Bucket, ROW_BUCKETS, Resolution};
use crate::signals::Signals;
use crate::tables::{NewRollup, RollupRow, Rows};
use crate::{block, bundle};

/// Rows that are downsampled in one transaction: commits wait for no longer than that takes.
const AT_ONCE: usize = 32;

/// Blocks that are downsampled at once when there is no room: a few, so that no more is lost than must be.
const AT_ONCE_FOR_ROOM: usize = 4;

/// Steps for room between two looks at how much there is.
const MOST_STEPS: u64 = 256;

/// What a pass has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expired {
    /// Blocks of samples that became minutes.
    pub blocks: usize,
    /// Rows of minutes that became hours, and rows of hours that were deleted.
    pub rollups: usize,
}

/// What damaged rows are reported as.
const BLOCK: &str = "block";
const ROLLUP: &str = "rollup";

/// Rows of one tier and signal that are downsampled together.
struct Downsampled {
    signal: SignalId,
    /// The resolution that they get.
    resolution: Resolution,
    buckets: Vec<Bucket>,
    /// When the newest of them arrived.
    arrived_at: i64,
}

impl Engine {
    /// Expires what `retention` no longer keeps at `now`, then gives free space back. Does nothing where another process leads.
    pub(crate) fn expire(
        &self,
        retention: &RetentionPolicy,
        now: Timestamp,
        signals: &Signals,
    ) -> Result<Expired, StoreError> {
        let mut done = Expired::default();
        if !self.leads() {
            return Ok(done);
        }
        self.settle_expired(retention, now, signals)?;
        for (name, signal) in signals.by_name() {
            let tiers = retention.of(&name);
            if let Some(before) = cutoff(tiers.raw, now) {
                while self.expire_blocks(signal, before, AT_ONCE, &mut done)? == AT_ONCE {}
            }
            for (tier, keep) in [(Resolution::Minute, tiers.minutes), (Resolution::Hour, tiers.hours)] {
                let Some(before) = cutoff(keep, now) else { continue };
                while self.expire_rollups(signal, tier, before, AT_ONCE, &mut done)? == AT_ONCE {}
            }
        }
        if let Some(max_bytes) = retention.max_bytes {
            self.make_room(max_bytes, &mut done)?;
        }
        let mut raw = signals
            .by_name()
            .into_iter()
            .filter_map(|(name, signal)| Some((signal, cutoff(retention.of(&name).raw, now)?)));
        self.tables.expire_copies(&mut raw)?;
        self.tables.release_space(false)?;
        Ok(done)
    }

    /// Makes blocks of bundled samples that have had their time.
    fn settle_expired(
        &self,
        retention: &RetentionPolicy,
        now: Timestamp,
        signals: &Signals,
    ) -> Result<(), StoreError> {
        let cutoffs: HashMap<SignalId, i64> = signals
            .by_name()
            .into_iter()
            .filter_map(|(name, signal)| Some((signal, cutoff(retention.of(&name).raw, now)?)))
            .collect();
        let Some(newest) = cutoffs.values().max() else { return Ok(()) };
        for group in self.tables.reading(|reader| reader.groups_with_old_bundles(*newest))? {
            let _alone = self.lock_maintenance();
            self.settle(group, |place, run| {
                let before = cutoffs.get(&run.signal).copied().unwrap_or(i64::MIN);
                run.last.0 < before && place.sealed_at < before
            })?;
        }
        Ok(())
    }

    /// Downsamples the oldest rows until no more than `max_bytes` are used. Where it takes long to learn how many are, several go for
    /// half of what is too much, by what the last ones have freed, before that is asked again.
    fn make_room(&self, max_bytes: u64, done: &mut Expired) -> Result<(), StoreError> {
        let (mut used, mut steps) = (self.tables.used_bytes()?, 1);
        while used > max_bytes {
            for _ in 0..steps {
                if !self.expire_oldest(done)? {
                    return Ok(());
                }
            }
            let left = self.tables.used_bytes()?;
            let freed = used.saturating_sub(left) / steps;
            steps = match left.saturating_sub(max_bytes).checked_div(freed) {
                Some(needed) if self.tables.is_shared() => (needed / 2).clamp(1, MOST_STEPS),
                _ => 1,
            };
            used = left;
        }
        Ok(())
    }

    /// Downsamples the oldest row of all; whether there was one.
    fn expire_oldest(&self, done: &mut Expired) -> Result<bool, StoreError> {
        let limit = self.more_than_damaged(1);
        let (bundles, blocks) = self.tables.reading(|reader| {
            Ok::<_, StoreError>((reader.oldest_bundles(limit)?, reader.oldest_blocks(limit)?))
        })?;
        let bundle = bundles.into_iter().find(|(_, id, _)| !self.damaged.contains(BUNDLE, *id));
        let block = blocks.into_iter().find(|(_, id, _)| !self.damaged.contains(BLOCK, *id));
        if let Some((last, oldest, group)) = bundle
            && block.is_none_or(|(block_last, ..)| last <= block_last)
        {
            let _alone = self.lock_maintenance();
            self.settle(group, |place, _| place.id == oldest)?;
            return Ok(true);
        }
        if let Some((_, _, signal)) = block {
            return Ok(self.expire_blocks(signal, i64::MAX, AT_ONCE_FOR_ROOM, done)? > 0);
        }
        let rollups = self.tables.reading(|reader| reader.oldest_rollups(limit))?;
        match rollups.into_iter().find(|(id, ..)| !self.damaged.contains(ROLLUP, *id)) {
            Some((_, signal, tier)) => Ok(self.expire_rollups(signal, tier, i64::MAX, 1, done)? > 0),
            None => Ok(false),
        }
    }

    /// A number of rows of which `wanted` are not known to be damaged, if there are as many.
    fn more_than_damaged(&self, wanted: usize) -> usize {
        self.damaged.count().saturating_add(wanted)
    }

    /// The first `most` of `ids` that are not known to be damaged.
    fn sound(&self, table: &'static str, ids: Vec<i64>, most: usize) -> impl Iterator<Item = i64> {
        ids.into_iter().filter(move |id| !self.damaged.contains(table, *id)).take(most)
    }

    /// Samples to minutes; returns how many blocks were read. One that turns out to be damaged stays where it is and is
    /// passed over from then on, so that it does not keep the others from expiring.
    fn expire_blocks(
        &self,
        signal: SignalId,
        before: i64,
        most: usize,
        done: &mut Expired,
    ) -> Result<usize, StoreError> {
        let _alone = self.lock_maintenance();
        let read = || {
            self.tables.reading(|reader| {
                let old = reader.old_blocks(signal, before, self.more_than_damaged(most))?;
                let rows = self.sound(BLOCK, old, most).map(|id| reader.block(id));
                rows.filter_map(Result::transpose).collect::<Result<Vec<_>, StoreError>>()
            })
        };
        let mut rows = read()?;
        let first = rows.iter().map(|row| row.place.first_time).min();
        if let Some((first, last)) = first.zip(rows.iter().map(|row| row.place.last_time).max()) {
            // Bundled samples replace some of theirs, which must not be counted as well.
            let overlaps =
                |run: &bundle::Run| run.signal == signal && run.first <= last && first <= run.last.0;
            let may_have = self.tables.reading(|reader| {
                let places = reader.bundle_places(bundle::group(signal))?;
                Ok::<_, StoreError>(places.iter().any(|place| place.may_have(signal, (first, last))))
            })?;
            if may_have && self.settle(bundle::group(signal), |_, run| overlaps(run))? {
                rows = read()?;
            }
        }
        let count = rows.len();
        let (mut ids, mut buckets, mut arrived_at) = (Vec::new(), Vec::new(), i64::MIN);
        for row in rows {
            match block::verified(&row.payload, row.checksum, row.place.count) {
                Ok(columns) => {
                    buckets = rollup::merge(&buckets, &rollup::of_samples(&columns, Resolution::Minute));
                    arrived_at = arrived_at.max(row.place.sealed_at);
                    ids.push(row.place.id);
                }
                // It stays, so that it can still be repaired.
                Err(error) => self.damaged.report(BLOCK, row.place.id, &error),
            }
        }
        done.blocks += ids.len();
        let downsampled = Downsampled { signal, resolution: Resolution::Minute, buckets, arrived_at };
        self.downsample(&downsampled, |writer| writer.delete_blocks(&ids))?;
        Ok(count)
    }

    /// Minutes to hours, hours to nothing; returns how many rows were read.
    fn expire_rollups(
        &self,
        signal: SignalId,
        tier: Resolution,
        before: i64,
        most: usize,
        done: &mut Expired,
    ) -> Result<usize, StoreError> {
        let _alone = self.lock_maintenance();
        let last = before.saturating_sub(tier.micros());
        let rows = self.tables.reading(|reader| {
            let old = reader.old_rollups(signal, tier, last, before, self.more_than_damaged(most))?;
            let rows = self.sound(ROLLUP, old, most).map(|id| reader.rollup(id));
            rows.filter_map(Result::transpose).collect::<Result<Vec<_>, StoreError>>()
        })?;
        let count = rows.len();
        let (mut ids, mut buckets, mut arrived_at) = (Vec::new(), Vec::new(), i64::MIN);
        for RollupRow { id, payload, checksum, arrived_at: arrived, .. } in rows {
            match rollup::verified(&payload, checksum) {
                Ok(more) => {
                    buckets = rollup::merge(&buckets, &more);
                    arrived_at = arrived_at.max(arrived);
                    ids.push(id);
                }
                Err(error) => self.damaged.report(ROLLUP, id, &error),
            }
        }
        done.rollups += ids.len();
        match tier {
            Resolution::Minute => {
                let buckets = rollup::coarsen(&buckets, Resolution::Hour);
                let downsampled = Downsampled { signal, resolution: Resolution::Hour, buckets, arrived_at };
                self.downsample(&downsampled, |writer| writer.delete_rollups(&ids))?;
            }
            Resolution::Hour if !ids.is_empty() => {
                self.tables.maintaining(|writer| writer.delete_rollups(&ids))?;
            }
            Resolution::Hour => {}
        }
        Ok(count)
    }

    /// Adds buckets to a tier and removes what they were made of, in one transaction.
    fn downsample(
        &self,
        downsampled: &Downsampled,
        remove: impl FnOnce(&mut dyn Rows) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        if downsampled.buckets.is_empty() {
            return Ok(());
        }
        self.tables.maintaining(|writer| {
            add_buckets(writer, downsampled)?;
            remove(writer)?;
            fault::crash_point(Point::ExpireWritten);
            Ok(())
        })
    }
}

/// Joins buckets with the rows that they overlap, and with a last row that is not full.
fn add_buckets(writer: &mut dyn Rows, new: &Downsampled) -> Result<(), StoreError> {
    let Downsampled { signal, resolution, buckets, .. } = new;
    let mut arrived_at = new.arrived_at;
    let (Some(first), Some(last)) = (buckets.first(), buckets.last()) else { return Ok(()) };
    // A row that ends within one row's length before these buckets may have room for them.
    let reach = first.start.saturating_sub(resolution.micros() * ROW_BUCKETS as i64);
    let (mut older, mut replaced) = (Vec::new(), Vec::new());
    for row in writer.rollups(*signal, Some(*resolution), reach, last.start)? {
        // A damaged row is left alone; reading reports it.
        let Ok(stored) = rollup::verified(&row.payload, row.checksum) else { continue };
        let full_and_before =
            stored.len() >= ROW_BUCKETS && stored.last().is_some_and(|b| b.start < first.start);
        if !full_and_before {
            older.extend(stored);
            replaced.push(row.id);
            arrived_at = arrived_at.max(row.arrived_at);
        }
    }
    writer.delete_rollups(&replaced)?;
    for buckets in rollup::merge(&older, buckets).chunks(ROW_BUCKETS) {
        if let Some(row) = NewRollup::new(*signal, *resolution, buckets, arrived_at)? {
            writer.insert_rollup(&row)?;
        }
    }
    Ok(())
}
