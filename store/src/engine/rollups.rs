//! What remains of expired samples.

use super::Engine;
use crate::batch::SignalId;
use crate::columns::Columns;
use crate::rollup::{self, Bucket, Resolution};
use crate::tables::Rows;
use crate::{Span, StoreError};

pub(super) const HOUR: i64 = 3_600_000_000;

/// What remains of a signal's expired samples.
pub(super) struct Expired {
    hours: Vec<Bucket>,
    /// Of other hours than those.
    minutes: Vec<Bucket>,
}

impl Expired {
    fn tiers(&self) -> [(&[Bucket], Resolution); 2] {
        [(&self.hours, Resolution::Hour), (&self.minutes, Resolution::Minute)]
    }

    /// Two points a bucket: the lowest at its start, the highest in its middle. Where a sample is at that instant (not all of
    /// the bucket's have expired, or one came late) they give way: see [`Rest`](super::read).
    pub(super) fn points(&self) -> Columns {
        let mut points = Vec::new();
        for (buckets, resolution) in self.tiers() {
            buckets.iter().for_each(|bucket| push_points(&mut points, bucket, resolution));
        }
        Columns::from_unsorted(&points)
    }

    /// The buckets that begin within `span`, each tier in order.
    pub(super) fn within(&self, span: Span) -> impl Iterator<Item = &Bucket> {
        self.hours.iter().chain(&self.minutes).filter(move |bucket| begins_in(bucket, span))
    }

    /// Microseconds of the longest bucket that has a point in `span`; 0 when there is none.
    pub(super) fn resolution(&self, span: Span) -> i64 {
        let found = self.tiers().into_iter().find(|(buckets, resolution)| {
            let mut points = Vec::new();
            buckets.iter().any(|bucket| {
                points.clear();
                push_points(&mut points, bucket, *resolution);
                points.iter().any(|(time, _)| (span.from.micros()..=span.to.micros()).contains(time))
            })
        });
        found.map_or(0, |(_, resolution)| resolution.micros())
    }
}

fn begins_in(bucket: &Bucket, span: Span) -> bool {
    (span.from.micros()..=span.to.micros()).contains(&bucket.start)
}

fn push_points(points: &mut Vec<(i64, f64)>, bucket: &Bucket, resolution: Resolution) {
    points.push((bucket.start, bucket.min));
    if bucket.max > bucket.min {
        points.push((bucket.start + resolution.micros() / 2, bucket.max));
    }
}

impl Engine {
    /// What remains of the samples of `signal` that have expired: all buckets that have a part in `span`.
    pub(super) fn expired(
        &self,
        reader: &mut dyn Rows,
        signal: SignalId,
        span: Span,
    ) -> Result<Expired, StoreError> {
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
        Ok(Expired { hours, minutes })
    }
}
