//! Retention: what has had its time goes down the ladder, samples to minutes, minutes to hours, hours away.

use afterglow_wire::Timestamp;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;

use super::super::retention::{Retention, cutoff};
use super::super::rollup::{self, Bucket, ROW_BUCKETS, Resolution};
use super::super::schema::{block as blocks, rollup as rollups};
use super::super::{StoreError, block};
use super::{Sqlite, connection, number, read, seal};
use crate::batch::SignalId;
use crate::fault::{self, Point};
use crate::signals::Signals;

/// Rows that go down the ladder in one transaction: commits wait for no longer than that takes.
const AT_ONCE: usize = 32;

/// Blocks that go at once when there is no room: a few, so that no more goes than must.
const AT_ONCE_FOR_ROOM: usize = 4;

/// Free pages that are left in the file for the next journal: 16 MB of 4 KiB pages.
const SPARE_PAGES: i64 = 4_096;

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

/// Rows of a tier that have had their time.
struct OldRollups {
    ids: Vec<i64>,
    buckets: Vec<Bucket>,
    /// The newest of them.
    arrived_at: i64,
    looked_at: usize,
}

/// Rows of one tier and signal that go down the ladder together.
struct Descent {
    signal: SignalId,
    buckets: Vec<Bucket>,
    arrived_at: i64,
}

impl Sqlite {
    /// Expires what `retention` no longer keeps at `now`, then gives free space back.
    pub(crate) fn expire(
        &self,
        retention: &Retention,
        now: Timestamp,
        signals: &Signals,
    ) -> Result<Expired, StoreError> {
        let mut done = Expired::default();
        for (name, signal) in signals.by_name(|_| true) {
            let ladder = retention.of(&name);
            if let Some(before) = cutoff(ladder.raw, now) {
                while self.expire_blocks(signal, before, AT_ONCE, &mut done)? == AT_ONCE {}
            }
            for (tier, keep) in [(Resolution::Minute, ladder.minutes), (Resolution::Hour, ladder.hours)] {
                let Some(before) = cutoff(keep, now) else { continue };
                while self.expire_rollups(signal, tier, before, AT_ONCE, &mut done)? == AT_ONCE {}
            }
        }
        if let Some(max_bytes) = retention.max_bytes {
            while self.used_bytes()? > max_bytes && self.expire_oldest(&mut done)? {}
        }
        self.vacuum(SPARE_PAGES)?;
        Ok(done)
    }

    /// Gives all but `spare` free pages back to the file system.
    pub(crate) fn vacuum(&self, spare: i64) -> Result<(), StoreError> {
        let mut writer = connection(&self.writer)?;
        let free = number(&mut writer, "SELECT freelist_count AS value FROM pragma_freelist_count")?;
        if free > spare {
            writer.batch_execute(&format!("PRAGMA incremental_vacuum({})", free - spare))?;
        }
        Ok(())
    }

    /// Bytes of the file that hold something.
    pub(crate) fn used_bytes(&self) -> Result<u64, StoreError> {
        const USED: &str = "SELECT (pages.page_count - free.freelist_count) * size.page_size AS value \
            FROM pragma_page_count AS pages, pragma_freelist_count AS free, pragma_page_size AS size";
        Ok(number(&mut *connection(&self.readers)?, USED)?.cast_unsigned())
    }

    /// Turns the oldest thing there is one step down the ladder; whether there was any.
    fn expire_oldest(&self, done: &mut Expired) -> Result<bool, StoreError> {
        let oldest_block: Option<(i64, i32)> = {
            let rows: Vec<(i64, i32)> = blocks::table
                .order(blocks::last_timestamp)
                .limit(self.more_than_damaged(1))
                .select((blocks::id, blocks::signal_id))
                .load(&mut connection(&self.readers)?)?;
            rows.into_iter().find(|(id, _)| !self.is_damaged(BLOCK, *id))
        };
        if let Some((_, signal)) = oldest_block {
            let signal = SignalId(signal.cast_unsigned());
            return Ok(self.expire_blocks(signal, i64::MAX, AT_ONCE_FOR_ROOM, done)? > 0);
        }
        let oldest_rollup: Option<(i64, i32, i32)> = {
            let rows: Vec<(i64, i32, i32)> = rollups::table
                .order((rollups::resolution, rollups::last_bucket))
                .limit(self.more_than_damaged(1))
                .select((rollups::id, rollups::signal_id, rollups::resolution))
                .load(&mut connection(&self.readers)?)?;
            rows.into_iter().find(|(id, _, _)| !self.is_damaged(ROLLUP, *id))
        };
        let Some((_, signal, resolution)) = oldest_rollup else { return Ok(false) };
        let signal = SignalId(signal.cast_unsigned());
        let is_minute = resolution == Resolution::Minute.seconds();
        let tier = if is_minute { Resolution::Minute } else { Resolution::Hour };
        Ok(self.expire_rollups(signal, tier, i64::MAX, 1, done)? > 0)
    }

    /// So many rows that `wanted` of them are not known to be damaged, if there are as many.
    fn more_than_damaged(&self, wanted: usize) -> i64 {
        i64::try_from(self.lock_damaged().len().saturating_add(wanted)).unwrap_or(i64::MAX)
    }

    /// Samples to minutes; how many blocks were looked at. One that turns out to be damaged stays where it is and is
    /// passed over from then on, so that it does not keep the others from expiring.
    fn expire_blocks(
        &self,
        signal: SignalId,
        before: i64,
        most: usize,
        done: &mut Expired,
    ) -> Result<usize, StoreError> {
        let _alone = self.lock_maintenance();
        let mut reader = connection(&self.readers)?;
        let old: Vec<i64> = blocks::table
            .filter(blocks::signal_id.eq(signal.0.cast_signed()))
            .filter(blocks::last_timestamp.lt(before).and(blocks::sealed_at.lt(before)))
            .order(blocks::last_timestamp)
            .limit(self.more_than_damaged(most))
            .select(blocks::id)
            .load(&mut reader)?;
        let sound = old.into_iter().filter(|id| !self.is_damaged(BLOCK, *id)).take(most);
        let rows: Vec<(i64, i32, Vec<u8>, i64, i64)> = blocks::table
            .filter(blocks::id.eq_any(sound.collect::<Vec<_>>()))
            .order(blocks::last_timestamp)
            .select((blocks::id, blocks::count, blocks::payload, blocks::checksum, blocks::sealed_at))
            .load(&mut reader)?;
        let looked_at = rows.len();
        let (mut ids, mut buckets, mut arrived_at) = (Vec::new(), Vec::new(), i64::MIN);
        for (id, count, payload, checksum, sealed_at) in rows {
            match seal::verified(&payload, checksum, count) {
                Ok(columns) => {
                    buckets = rollup::merge(&buckets, &rollup::of_samples(&columns, Resolution::Minute));
                    arrived_at = arrived_at.max(sealed_at);
                    ids.push(id);
                }
                // It stays for whoever can mend it.
                Err(error) => self.report_damage(BLOCK, id, &error),
            }
        }
        drop(reader);
        done.blocks += ids.len();
        self.descend(Resolution::Minute, &Descent { signal, buckets, arrived_at }, |writer| {
            diesel::delete(blocks::table.filter(blocks::id.eq_any(&ids))).execute(writer)
        })?;
        Ok(looked_at)
    }

    /// Minutes to hours, hours to nothing; how many rows were looked at.
    fn expire_rollups(
        &self,
        signal: SignalId,
        tier: Resolution,
        before: i64,
        most: usize,
        done: &mut Expired,
    ) -> Result<usize, StoreError> {
        let _alone = self.lock_maintenance();
        let OldRollups { ids, buckets, arrived_at, looked_at } =
            self.old_rollups(signal, tier, before, most)?;
        done.rollups += ids.len();
        let remove = |writer: &mut SqliteConnection| {
            diesel::delete(rollups::table.filter(rollups::id.eq_any(&ids))).execute(writer)
        };
        match tier {
            Resolution::Minute => {
                let buckets = rollup::coarsen(&buckets, Resolution::Hour);
                self.descend(Resolution::Hour, &Descent { signal, buckets, arrived_at }, remove)?;
            }
            Resolution::Hour if !ids.is_empty() => {
                remove(&mut *connection(&self.writer)?)?;
            }
            Resolution::Hour => {}
        }
        Ok(looked_at)
    }

    /// The oldest rows of a tier that end before `before`: their numbers, buckets and newest arrival.
    fn old_rollups(
        &self,
        signal: SignalId,
        resolution: Resolution,
        before: i64,
        most: usize,
    ) -> Result<OldRollups, StoreError> {
        let last = before.saturating_sub(resolution.micros());
        let mut reader = connection(&self.readers)?;
        let old: Vec<i64> = rollups::table
            .filter(rollups::signal_id.eq(signal.0.cast_signed()))
            .filter(rollups::resolution.eq(resolution.seconds()))
            .filter(rollups::last_bucket.lt(last).and(rollups::arrived_at.lt(before)))
            .order(rollups::last_bucket)
            .limit(self.more_than_damaged(most))
            .select(rollups::id)
            .load(&mut reader)?;
        let sound = old.into_iter().filter(|id| !self.is_damaged(ROLLUP, *id)).take(most);
        let rows: Vec<(i64, Vec<u8>, i64, i64)> = rollups::table
            .filter(rollups::id.eq_any(sound.collect::<Vec<_>>()))
            .order(rollups::last_bucket)
            .select((rollups::id, rollups::payload, rollups::checksum, rollups::arrived_at))
            .load(&mut reader)?;
        let looked_at = rows.len();
        let (mut ids, mut buckets, mut newest) = (Vec::new(), Vec::new(), i64::MIN);
        for (id, payload, checksum, arrived_at) in rows {
            match read::verified(&payload, checksum) {
                Ok(more) => {
                    buckets = rollup::merge(&buckets, &more);
                    newest = newest.max(arrived_at);
                    ids.push(id);
                }
                Err(error) => self.report_damage(ROLLUP, id, &error),
            }
        }
        Ok(OldRollups { ids, buckets, arrived_at: newest, looked_at })
    }

    /// Adds buckets to a tier and removes what they were made of, in one transaction.
    fn descend(
        &self,
        resolution: Resolution,
        descent: &Descent,
        remove: impl FnOnce(&mut SqliteConnection) -> QueryResult<usize>,
    ) -> Result<(), StoreError> {
        if descent.buckets.is_empty() {
            return Ok(());
        }
        self.write(|writer| {
            add_buckets(writer, resolution, descent)?;
            remove(writer)?;
            fault::crash_point(Point::ExpireWritten);
            Ok(())
        })
    }
}

/// Joins buckets with the rows that they overlap, and with a last row that is not full.
fn add_buckets(
    writer: &mut SqliteConnection,
    resolution: Resolution,
    Descent { signal, buckets, arrived_at }: &Descent,
) -> Result<(), StoreError> {
    let (Some(first), Some(last)) = (buckets.first(), buckets.last()) else { return Ok(()) };
    let of_tier = rollups::table
        .filter(rollups::signal_id.eq(signal.0.cast_signed()))
        .filter(rollups::resolution.eq(resolution.seconds()));
    // A row that ends within one row's length before these buckets may have room for them.
    let reach = first.start.saturating_sub(resolution.micros() * ROW_BUCKETS as i64);
    let rows: Vec<(i64, Vec<u8>, i64, i64)> = of_tier
        .filter(rollups::last_bucket.ge(reach).and(rollups::first_bucket.le(last.start)))
        .order(rollups::last_bucket)
        .select((rollups::id, rollups::payload, rollups::checksum, rollups::arrived_at))
        .load(writer)?;
    let (mut older, mut replaced, mut arrived_at) = (Vec::new(), Vec::new(), *arrived_at);
    for (id, payload, checksum, arrived) in rows {
        // A damaged row is left alone; reading reports it.
        let Ok(stored) = read::verified(&payload, checksum) else { continue };
        let full_and_before =
            stored.len() >= ROW_BUCKETS && stored.last().is_some_and(|b| b.start < first.start);
        if !full_and_before {
            older.extend(stored);
            replaced.push(id);
            arrived_at = arrived_at.max(arrived);
        }
    }
    diesel::delete(rollups::table.filter(rollups::id.eq_any(&replaced))).execute(writer)?;
    for row in rollup::merge(&older, buckets).chunks(ROW_BUCKETS) {
        insert(writer, *signal, resolution, row, arrived_at)?;
    }
    Ok(())
}

fn insert(
    writer: &mut SqliteConnection,
    signal: SignalId,
    resolution: Resolution,
    buckets: &[Bucket],
    arrived_at: i64,
) -> Result<(), StoreError> {
    let (Some(first), Some(last)) = (buckets.first(), buckets.last()) else { return Ok(()) };
    let payload = rollup::encode(buckets).map_err(|error| StoreError::Down(error.to_string()))?;
    diesel::insert_into(rollups::table)
        .values((
            rollups::signal_id.eq(signal.0.cast_signed()),
            rollups::resolution.eq(resolution.seconds()),
            rollups::first_bucket.eq(first.start),
            rollups::last_bucket.eq(last.start),
            rollups::count.eq(buckets.iter().map(|bucket| bucket.count).sum::<i64>()),
            rollups::arrived_at.eq(arrived_at),
            rollups::checksum.eq(block::checksum(&payload)),
            rollups::payload.eq(payload),
        ))
        .execute(writer)?;
    Ok(())
}
