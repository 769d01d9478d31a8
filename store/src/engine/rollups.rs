//! What remains of expired samples, as points of an answer.

use super::Engine;
use crate::batch::SignalId;
use crate::columns::Columns;
use crate::rollup::{self, Bucket, Resolution};
use crate::tables::Rows;
use crate::{Span, StoreError};

impl Engine {
    /// What remains of expired samples, as two points a bucket: the lowest at its start, the highest in its middle. Where a
    /// sample is at that instant (not all of the bucket's have expired, or one came late) they give way: see [`Rest`].
    pub(super) fn expired(
        &self,
        reader: &mut dyn Rows,
        signal: SignalId,
        span: Span,
    ) -> Result<Columns, StoreError> {
        // A bucket that begins up to an hour before the span has a part in it.
        let (first, last) = (span.from.micros().saturating_sub(HOUR), span.to.micros().saturating_add(HOUR));
        let rows = reader.rollups(signal, None, first.saturating_add(1), last.saturating_sub(1))?;
        let (mut minutes, mut hours) = (Vec::new(), Vec::new());
        for row in rows {
            match rollup::verified(&row.payload, row.checksum) {
                Ok(buckets) if row.resolution == Resolution::Hour.seconds() => hours.extend(buckets),
                Ok(buckets) => minutes.extend(buckets),
                Err(error) => self.damaged.report("rollup", row.id, &error),
            }
        }
        hours.sort_by_key(|hour| hour.start);
        // Samples that came so late that their hour had been made already are a part of it: minutes beside it would have points
        // at its instants.
        let (late, minutes): (Vec<_>, Vec<_>) = minutes.into_iter().partition(|minute: &Bucket| {
            let hour = minute.start.div_euclid(HOUR) * HOUR;
            hours.binary_search_by_key(&hour, |hour| hour.start).is_ok()
        });
        let hours = rollup::merge(&hours, &rollup::coarsen(&late, Resolution::Hour));
        let mut points = Vec::new();
        for (buckets, resolution) in [(hours, Resolution::Hour), (minutes, Resolution::Minute)] {
            buckets.iter().for_each(|bucket| push_points(&mut points, bucket, resolution));
        }
        Ok(Columns::from_unsorted(&points).clip(span))
    }
}

const HOUR: i64 = 3_600_000_000;

fn push_points(points: &mut Vec<(i64, f64)>, bucket: &Bucket, resolution: Resolution) {
    points.push((bucket.start, bucket.min));
    if bucket.max > bucket.min {
        points.push((bucket.start + resolution.micros() / 2, bucket.max));
    }
}
