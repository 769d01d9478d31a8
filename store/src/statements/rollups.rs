//! The statements of rollups.

use diesel::dsl::max;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Integer};

use super::{Connection, special};
use crate::StoreError;
use crate::batch::SignalId;
use crate::rollup::Resolution;
use crate::statements::schema::rollup as rollups;
use crate::statements::{limit_of, signal_of};
use crate::tables::{NewRollup, RollupRow, RollupRows};

/// Number, resolution, arrival, payload, checksum.
type Columns = (i64, i32, i64, Vec<u8>, i64);

type Selection = (rollups::id, rollups::resolution, rollups::arrived_at, rollups::payload, rollups::checksum);

const COLUMNS: Selection =
    (rollups::id, rollups::resolution, rollups::arrived_at, rollups::payload, rollups::checksum);

fn row((id, resolution, arrived_at, payload, checksum): Columns) -> RollupRow {
    RollupRow { id, resolution, arrived_at, payload, checksum }
}

#[derive(QueryableByName)]
struct TotalsRow {
    #[diesel(sql_type = Integer)]
    signal_id: i32,
    #[diesel(sql_type = BigInt)]
    first_bucket: i64,
    #[diesel(sql_type = BigInt)]
    count: i64,
}

impl RollupRows for Connection {
    fn rollups(
        &mut self,
        signal: SignalId,
        resolution: Option<Resolution>,
        first: i64,
        last: i64,
    ) -> Result<Vec<RollupRow>, StoreError> {
        let in_span = rollups::table
            .filter(rollups::signal_id.eq(signal.0.cast_signed()))
            .filter(rollups::last_bucket.ge(first).and(rollups::first_bucket.le(last)))
            .order(rollups::last_bucket)
            .select(COLUMNS);
        let rows: Vec<Columns> = match resolution {
            Some(resolution) => in_span.filter(rollups::resolution.eq(resolution.seconds())).load(self)?,
            None => in_span.load(self)?,
        };
        Ok(rows.into_iter().map(row).collect())
    }

    fn rollup(&mut self, id: i64) -> Result<Option<RollupRow>, StoreError> {
        let found: Option<Columns> = rollups::table.find(id).select(COLUMNS).first(self).optional()?;
        Ok(found.map(row))
    }

    fn old_rollups(
        &mut self,
        signal: SignalId,
        resolution: Resolution,
        last: i64,
        arrived_before: i64,
        limit: usize,
    ) -> Result<Vec<i64>, StoreError> {
        Ok(rollups::table
            .filter(rollups::signal_id.eq(signal.0.cast_signed()))
            .filter(rollups::resolution.eq(resolution.seconds()))
            .filter(rollups::last_bucket.lt(last).and(rollups::arrived_at.lt(arrived_before)))
            .order(rollups::last_bucket)
            .limit(limit_of(limit))
            .select(rollups::id)
            .load(self)?)
    }

    fn oldest_rollups(&mut self, limit: usize) -> Result<Vec<(i64, SignalId, Resolution)>, StoreError> {
        let rows: Vec<(i64, i32, i32)> = rollups::table
            .order((rollups::resolution, rollups::last_bucket))
            .limit(limit_of(limit))
            .select((rollups::id, rollups::signal_id, rollups::resolution))
            .load(self)?;
        let tier = |resolution| {
            if resolution == Resolution::Minute.seconds() { Resolution::Minute } else { Resolution::Hour }
        };
        Ok(rows.into_iter().map(|(id, signal, seconds)| (id, signal_of(signal), tier(seconds))).collect())
    }

    fn newest_rollup(&mut self, signal: SignalId) -> Result<Option<RollupRow>, StoreError> {
        let newest: Option<Columns> = rollups::table
            .filter(rollups::signal_id.eq(signal.0.cast_signed()))
            .order(rollups::last_bucket.desc())
            .select(COLUMNS)
            .first(self)
            .optional()?;
        Ok(newest.map(row))
    }

    fn insert_rollup(&mut self, row: &NewRollup) -> Result<(), StoreError> {
        diesel::insert_into(rollups::table)
            .values((
                rollups::signal_id.eq(row.signal.0.cast_signed()),
                rollups::resolution.eq(row.resolution.seconds()),
                rollups::first_bucket.eq(row.first_bucket),
                rollups::last_bucket.eq(row.last_bucket),
                rollups::count.eq(row.count),
                rollups::arrived_at.eq(row.arrived_at),
                rollups::payload.eq(&row.payload),
                rollups::checksum.eq(row.checksum),
            ))
            .execute(self)?;
        Ok(())
    }

    fn delete_rollups(&mut self, ids: &[i64]) -> Result<(), StoreError> {
        for ids in ids.chunks(500) {
            diesel::delete(rollups::table.filter(rollups::id.eq_any(ids))).execute(self)?;
        }
        Ok(())
    }

    fn rollup_totals(&mut self) -> Result<Vec<(SignalId, i64, i64)>, StoreError> {
        let totals = diesel::sql_query(special::ROLLUP_TOTALS).load::<TotalsRow>(self)?.into_iter();
        Ok(totals.map(|row| (signal_of(row.signal_id), row.first_bucket, row.count)).collect())
    }

    fn latest_in_rollups(&mut self) -> Result<Vec<(SignalId, i64)>, StoreError> {
        let rows: Vec<(i32, Option<i64>)> = rollups::table
            .group_by(rollups::signal_id)
            .select((rollups::signal_id, max(rollups::last_bucket)))
            .load(self)?;
        Ok(rows.into_iter().filter_map(|(id, last)| Some((signal_of(id), last?))).collect())
    }
}
