//! What samples amount to in each of equally long slices of a span.

use std::collections::BTreeMap;

use super::Span;
use super::columns::Columns;
use super::rollup::Bucket;

/// Collects one signal's samples, and what is known of others without their being read, in bounded memory.
#[derive(Debug)]
pub(super) struct Slices {
    /// Where the first slice begins, in microseconds.
    from: i64,
    /// Microseconds of a slice.
    width: i64,
    /// By number; the instant is that of the last sample, as far as it is known.
    found: BTreeMap<i64, (Bucket, i64)>,
}

impl Slices {
    /// `count` (at least 1) slices of `span`.
    pub(super) fn new(span: Span, count: u32) -> Self {
        let (from, count) = (span.from.micros(), i64::from(count.max(1)));
        let length = span.to.micros().saturating_sub(from).saturating_add(1).max(1);
        Self { from, width: (length - 1) / count + 1, found: BTreeMap::new() }
    }

    /// Whether two instants are in one slice.
    pub(super) fn same_slice(&self, a: i64, b: i64) -> bool {
        self.slice_of(a) == self.slice_of(b)
    }

    /// Takes samples, in time order.
    pub(super) fn add(&mut self, columns: &Columns) {
        let (times, values) = (columns.times(), columns.values());
        let mut begin = 0;
        while let Some(start) = times.get(begin).copied() {
            let next = self.start_of(self.slice_of(start).saturating_add(1));
            let end = begin + times[begin..].partition_point(|time| *time < next);
            let of = |value: f64| Bucket { start, min: value, max: value, sum: value, count: 1, last: value };
            let bucket = values[begin..end].iter().copied().map(of).reduce(Bucket::join);
            if let Some((bucket, last_time)) = bucket.zip(times[begin..end].last()) {
                self.include(bucket, *last_time);
            }
            begin = end.max(begin + 1);
        }
    }

    /// Takes what is known of samples from `bucket.start` up to `last_time`, which are all in one slice.
    pub(super) fn include(&mut self, bucket: Bucket, last_time: i64) {
        let slice = self.slice_of(bucket.start);
        let bucket = Bucket { start: self.start_of(slice), ..bucket };
        let (known, until) = self.found.entry(slice).or_insert((bucket, i64::MIN));
        if *until == i64::MIN {
            *until = last_time;
        } else if last_time >= *until {
            (*known, *until) = (known.join(bucket), last_time);
        } else {
            *known = bucket.join(*known);
        }
    }

    /// The slices that have samples, in order; each begins where its `start` says.
    pub(super) fn finish(self) -> Vec<Bucket> {
        self.found.into_values().map(|(bucket, _)| bucket).collect()
    }

    fn slice_of(&self, time: i64) -> i64 {
        time.saturating_sub(self.from).div_euclid(self.width)
    }

    fn start_of(&self, slice: i64) -> i64 {
        slice.saturating_mul(self.width).saturating_add(self.from)
    }
}

#[cfg(test)]
mod tests {
    use afterglow_wire::Timestamp;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn slices_are_the_same_however_the_samples_come(
            samples in proptest::collection::btree_map(0_i64..1_000, -1000..1000_i32, 1..200),
            count in 1..20_u32,
            cut in 0_i64..1_000,
        ) {
            let span = Span { from: Timestamp::from_micros(0), to: Timestamp::from_micros(999) };
            let samples: Vec<_> = samples.into_iter().map(|(time, value)| (time, f64::from(value))).collect();
            let columns = Columns::from_unsorted(&samples);
            let mut whole = Slices::new(span, count);
            whole.add(&columns);
            let (mut later, mut parts) = (columns, Slices::new(span, count));
            let earlier = later.split_before(cut);
            parts.add(&later);
            parts.add(&earlier);
            let (whole, parts) = (whole.finish(), parts.finish());
            prop_assert_eq!(&whole, &parts);
            prop_assert!(whole.len() <= count as usize);
            prop_assert_eq!(whole.iter().map(|slice| slice.count).sum::<i64>(), samples.len() as i64);
            let sum: f64 = samples.iter().map(|(_, value)| value).sum();
            prop_assert_eq!(whole.iter().map(|slice| slice.sum).sum::<f64>(), sum);
            prop_assert_eq!(whole.last().unwrap().last, samples.last().unwrap().1);
            prop_assert!(whole.is_sorted_by(|a, b| a.start < b.start));
        }
    }
}
