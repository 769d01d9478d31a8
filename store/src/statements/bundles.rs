//! The statements of bundles.

use diesel::connection::DefaultLoadingMode;
use diesel::dsl::count;
use diesel::prelude::*;

use super::Connection;
use crate::batch::SignalId;
use crate::statements::schema::bundle as bundles;
use crate::statements::{limit_of, signal_of};
use crate::tables::{BundlePlace, BundleRow, BundleRows, NewBundle};
use crate::{Span, StoreError, bundle};

/// Number, tier, sequence; first and last signal; first and last instant; count; arrival.
type Place = ((i64, i32, i64), (i32, i32), (i64, i64), i32, i64);

/// Number, directory, payload, checksum.
type Row = (i64, Vec<u8>, Vec<u8>, i64);

type RowColumns = (bundles::id, bundles::directory, bundles::payload, bundles::checksum);

const ROW: RowColumns = (bundles::id, bundles::directory, bundles::payload, bundles::checksum);

fn row((id, directory, payload, checksum): Row) -> BundleRow {
    BundleRow { id, directory, payload, checksum }
}

fn place(((id, tier, sequence), signals, span, count, sealed_at): Place) -> BundlePlace {
    let signals = (signal_of(signals.0), signal_of(signals.1));
    BundlePlace { id, tier, sequence, signals, span, count, sealed_at }
}

impl BundleRows for Connection {
    fn bundles(&mut self, signal: SignalId, span: Span) -> Result<Vec<BundleRow>, StoreError> {
        let signal_id = signal.0.cast_signed();
        let rows: Vec<Row> = bundles::table
            .filter(bundles::signal_group.eq(bundle::group(signal).cast_signed()))
            .filter(bundles::first_signal.le(signal_id).and(bundles::last_signal.ge(signal_id)))
            .filter(bundles::first_timestamp.le(span.to.micros()))
            .filter(bundles::last_timestamp.ge(span.from.micros()))
            .order((bundles::tier.desc(), bundles::sequence))
            .select(ROW)
            .load(self)?;
        Ok(rows.into_iter().map(row).collect())
    }

    fn bundle_places(&mut self, group: u32) -> Result<Vec<BundlePlace>, StoreError> {
        let rows: Vec<Place> = bundles::table
            .filter(bundles::signal_group.eq(group.cast_signed()))
            .order((bundles::tier.desc(), bundles::sequence, bundles::first_signal))
            .select((
                (bundles::id, bundles::tier, bundles::sequence),
                (bundles::first_signal, bundles::last_signal),
                (bundles::first_timestamp, bundles::last_timestamp),
                bundles::count,
                bundles::sealed_at,
            ))
            .load(self)?;
        Ok(rows.into_iter().map(place).collect())
    }

    fn bundle(&mut self, id: i64) -> Result<Option<BundleRow>, StoreError> {
        let found: Option<Row> = bundles::table.find(id).select(ROW).first(self).optional()?;
        Ok(found.map(row))
    }

    fn directory(&mut self, id: i64) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(bundles::table.find(id).select(bundles::directory).first(self).optional()?)
    }

    fn directories(&mut self, pass: &mut dyn FnMut(i64, &[u8])) -> Result<(), StoreError> {
        let rows = bundles::table
            .order((bundles::signal_group, bundles::tier.desc(), bundles::sequence))
            .select((bundles::id, bundles::directory))
            .load_iter::<(i64, Vec<u8>), DefaultLoadingMode>(self)?;
        for row in rows {
            let (id, directory) = row?;
            pass(id, &directory);
        }
        Ok(())
    }

    fn full_tiers(&mut self, sealings: usize) -> Result<Vec<(u32, i32)>, StoreError> {
        let rows: Vec<(i32, i32)> = bundles::table
            .group_by((bundles::signal_group, bundles::tier))
            .having(count(bundles::sequence).aggregate_distinct().ge(limit_of(sealings)))
            .order((bundles::tier, bundles::signal_group))
            .select((bundles::signal_group, bundles::tier))
            .load(self)?;
        Ok(rows.into_iter().map(|(group, tier)| (group.cast_unsigned(), tier)).collect())
    }

    fn groups_with_old_bundles(&mut self, before: i64) -> Result<Vec<u32>, StoreError> {
        let groups: Vec<i32> = bundles::table
            .filter(bundles::last_timestamp.lt(before).and(bundles::sealed_at.lt(before)))
            .select(bundles::signal_group)
            .distinct()
            .load(self)?;
        Ok(groups.into_iter().map(i32::cast_unsigned).collect())
    }

    fn oldest_bundles(&mut self, limit: usize) -> Result<Vec<(i64, i64, u32)>, StoreError> {
        let rows: Vec<(i64, i64, i32)> = bundles::table
            .order(bundles::last_timestamp)
            .limit(limit_of(limit))
            .select((bundles::last_timestamp, bundles::id, bundles::signal_group))
            .load(self)?;
        Ok(rows.into_iter().map(|(last, id, group)| (last, id, group.cast_unsigned())).collect())
    }

    fn insert_bundles(&mut self, new: &[NewBundle]) -> Result<(), StoreError> {
        for NewBundle { tier, sequence, signals, span, count, sealed_at, encoded, checksum } in new {
            diesel::insert_into(bundles::table)
                .values((
                    bundles::signal_group.eq(bundle::group(signals.0).cast_signed()),
                    bundles::tier.eq(tier),
                    bundles::sequence.eq(sequence),
                    bundles::first_signal.eq(signals.0.0.cast_signed()),
                    bundles::last_signal.eq(signals.1.0.cast_signed()),
                    bundles::first_timestamp.eq(span.0),
                    bundles::last_timestamp.eq(span.1),
                    bundles::count.eq(i32::try_from(*count).unwrap_or(i32::MAX)),
                    bundles::sealed_at.eq(sealed_at),
                    bundles::directory.eq(&encoded.directory),
                    bundles::payload.eq(&encoded.payload),
                    bundles::checksum.eq(checksum),
                ))
                .execute(self)?;
        }
        Ok(())
    }

    fn delete_bundles(&mut self, ids: &[i64]) -> Result<(), StoreError> {
        for ids in ids.chunks(500) {
            diesel::delete(bundles::table.filter(bundles::id.eq_any(ids))).execute(self)?;
        }
        Ok(())
    }
}
