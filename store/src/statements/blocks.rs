//! The statements of compressed blocks.

use std::collections::HashMap;

use diesel::dsl::max;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Double, Integer};

use super::{Connection, special};
use crate::batch::SignalId;
use crate::statements::schema::block as blocks;
use crate::statements::{limit_of, signal_of};
use crate::tables::{BlockPlace, BlockRow, BlockRows, BlockSummary, BlockTotals, NewBlock};
use crate::{Span, StoreError};

/// Number, first and last instant, count, arrival.
type Place = (i64, i64, i64, i32, i64);

type PlaceColumns =
    (blocks::id, blocks::first_timestamp, blocks::last_timestamp, blocks::count, blocks::sealed_at);

const PLACE: PlaceColumns =
    (blocks::id, blocks::first_timestamp, blocks::last_timestamp, blocks::count, blocks::sealed_at);

/// Number, first and last instant, count; lowest and highest sample; sum and last value.
type Summary = ((i64, i64, i64, i32), (i64, f64), (i64, f64), (f64, f64));

fn place((id, first_time, last_time, count, sealed_at): Place) -> BlockPlace {
    BlockPlace { id, first_time, last_time, count, sealed_at }
}

#[derive(QueryableByName)]
struct FirstRow {
    #[diesel(sql_type = Integer)]
    signal_id: i32,
    #[diesel(sql_type = BigInt)]
    value: i64,
}

#[derive(QueryableByName)]
struct TotalsRow {
    #[diesel(sql_type = Integer)]
    signal_id: i32,
    #[diesel(sql_type = BigInt)]
    last_timestamp: i64,
    #[diesel(sql_type = Double)]
    last: f64,
    #[diesel(sql_type = BigInt)]
    count: i64,
}

impl BlockRows for Connection {
    fn blocks(
        &mut self,
        signal: SignalId,
        span: Span,
        after: i64,
        limit: usize,
    ) -> Result<Vec<BlockSummary>, StoreError> {
        let rows: Vec<Summary> = blocks::table
            .filter(blocks::signal_id.eq(signal.0.cast_signed()))
            .filter(blocks::last_timestamp.ge(span.from.micros()).and(blocks::last_timestamp.gt(after)))
            .filter(blocks::first_timestamp.le(span.to.micros()))
            .order(blocks::last_timestamp)
            .limit(limit_of(limit))
            .select((
                (blocks::id, blocks::first_timestamp, blocks::last_timestamp, blocks::count),
                (blocks::min_timestamp, blocks::min),
                (blocks::max_timestamp, blocks::max),
                (blocks::sum, blocks::last),
            ))
            .load(self)?;
        let summary = |((id, first_time, last_time, count), min, max, (sum, last))| BlockSummary {
            id,
            first_time,
            last_time,
            count,
            min,
            max,
            sum,
            last,
        };
        Ok(rows.into_iter().map(summary).collect())
    }

    fn extent(&mut self, signal: SignalId, span: Span) -> Result<(Option<i64>, Option<i64>), StoreError> {
        let in_span = blocks::table
            .filter(blocks::signal_id.eq(signal.0.cast_signed()))
            .filter(blocks::last_timestamp.ge(span.from.micros()))
            .filter(blocks::first_timestamp.le(span.to.micros()));
        let first =
            in_span.order(blocks::last_timestamp).select(blocks::first_timestamp).first(self).optional()?;
        let last = in_span
            .order(blocks::last_timestamp.desc())
            .select(blocks::last_timestamp)
            .first(self)
            .optional()?;
        Ok((first, last))
    }

    fn neighbours(&mut self, signal: SignalId, first: i64, last: i64) -> Result<Vec<BlockPlace>, StoreError> {
        let of_signal = blocks::table.filter(blocks::signal_id.eq(signal.0.cast_signed()));
        let mut places: Vec<Place> = of_signal
            .filter(blocks::last_timestamp.lt(first))
            .order(blocks::last_timestamp.desc())
            .limit(1)
            .select(PLACE)
            .load(self)?;
        places.extend(
            of_signal
                .filter(blocks::last_timestamp.ge(first).and(blocks::first_timestamp.le(last)))
                .order(blocks::last_timestamp)
                .select(PLACE)
                .load::<Place>(self)?,
        );
        Ok(places.into_iter().map(place).collect())
    }

    fn block(&mut self, id: i64) -> Result<Option<BlockRow>, StoreError> {
        let row: Option<(Place, i32, Vec<u8>, i64)> = blocks::table
            .find(id)
            .select((PLACE, blocks::signal_id, blocks::payload, blocks::checksum))
            .first(self)
            .optional()?;
        Ok(row.map(|(stored, signal, payload, checksum)| BlockRow {
            place: place(stored),
            signal: signal_of(signal),
            payload,
            checksum,
        }))
    }

    fn extremes(&mut self, id: i64) -> Result<Option<Vec<u8>>, StoreError> {
        let blob: Option<Option<Vec<u8>>> =
            blocks::table.find(id).select(blocks::extremes).first(self).optional()?;
        Ok(blob.flatten())
    }

    fn old_blocks(&mut self, signal: SignalId, before: i64, limit: usize) -> Result<Vec<i64>, StoreError> {
        Ok(blocks::table
            .filter(blocks::signal_id.eq(signal.0.cast_signed()))
            .filter(blocks::last_timestamp.lt(before).and(blocks::sealed_at.lt(before)))
            .order(blocks::last_timestamp)
            .limit(limit_of(limit))
            .select(blocks::id)
            .load(self)?)
    }

    fn oldest_blocks(&mut self, limit: usize) -> Result<Vec<(i64, i64, SignalId)>, StoreError> {
        let rows: Vec<(i64, i64, i32)> = blocks::table
            .order(blocks::last_timestamp)
            .limit(limit_of(limit))
            .select((blocks::last_timestamp, blocks::id, blocks::signal_id))
            .load(self)?;
        Ok(rows.into_iter().map(|(last, id, signal)| (last, id, signal_of(signal))).collect())
    }

    fn newest_block(&mut self) -> Result<i64, StoreError> {
        Ok(blocks::table.select(max(blocks::id)).first::<Option<i64>>(self)?.unwrap_or(0))
    }

    fn insert_blocks(&mut self, first: i64, new: &[NewBlock]) -> Result<(), StoreError> {
        for (id, NewBlock { signal, summary, sealed_at, extremes, payload, checksum }) in (first..).zip(new) {
            diesel::insert_into(blocks::table)
                .values((
                    blocks::id.eq(id),
                    blocks::signal_id.eq(signal.0.cast_signed()),
                    blocks::first_timestamp.eq(summary.first_time),
                    blocks::last_timestamp.eq(summary.last_time),
                    blocks::count.eq(i32::try_from(summary.count).unwrap_or(i32::MAX)),
                    (blocks::min_timestamp.eq(summary.min.0), blocks::min.eq(summary.min.1)),
                    (blocks::max_timestamp.eq(summary.max.0), blocks::max.eq(summary.max.1)),
                    blocks::sum.eq(summary.sum),
                    blocks::first.eq(summary.first),
                    blocks::last.eq(summary.last),
                    blocks::sealed_at.eq(sealed_at),
                    blocks::extremes.eq(extremes),
                    blocks::payload.eq(payload),
                    blocks::checksum.eq(checksum),
                ))
                .execute(self)?;
        }
        Ok(())
    }

    fn delete_blocks(&mut self, ids: &[i64]) -> Result<(), StoreError> {
        for ids in ids.chunks(500) {
            diesel::delete(blocks::table.filter(blocks::id.eq_any(ids))).execute(self)?;
        }
        Ok(())
    }

    fn block_totals(&mut self) -> Result<Vec<(SignalId, BlockTotals)>, StoreError> {
        let firsts: HashMap<i32, i64> = diesel::sql_query(special::FIRST_BLOCKS)
            .load::<FirstRow>(self)?
            .into_iter()
            .map(|row| (row.signal_id, row.value))
            .collect();
        let totals = diesel::sql_query(special::BLOCK_TOTALS).load::<TotalsRow>(self)?.into_iter();
        Ok(totals
            .map(|row| {
                let first = firsts.get(&row.signal_id).copied();
                let last = Some((row.last_timestamp, row.last));
                (signal_of(row.signal_id), BlockTotals { first, last, count: row.count })
            })
            .collect())
    }

    fn latest_in_blocks(&mut self) -> Result<Vec<(SignalId, i64)>, StoreError> {
        let rows: Vec<(i32, Option<i64>)> = blocks::table
            .group_by(blocks::signal_id)
            .select((blocks::signal_id, max(blocks::last_timestamp)))
            .load(self)?;
        Ok(rows.into_iter().filter_map(|(id, last)| Some((signal_of(id), last?))).collect())
    }
}
