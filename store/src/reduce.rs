//! Many samples become few points, and no spike vanishes.
//!
//! Time is cut into equally long slices, of which the lowest and the highest sample stay (min/max aggregation, the
//! envelope part of M4: Jugel, Jerzak, Hackenbroich, Markl, "M4: A Visualization-Oriented Time Series Data
//! Aggregation", VLDB 2014). The slices are anchored to 1970 and not to the query, so that neighbouring queries agree.

/// Reduces one signal's samples, which arrive in time order, in one pass and bounded memory.
#[derive(Debug)]
pub(super) struct Reducer {
    /// Microseconds from the first sample to the last.
    length: i64,
    /// Microseconds of a slice; `None` when everything is one slice.
    width: Option<i64>,
    slice: i64,
    lowest: Option<(i64, f64)>,
    highest: Option<(i64, f64)>,
    points: Vec<(i64, f64)>,
}

impl Reducer {
    /// For samples within `first..=last` microseconds, which become at most `max_points` (at least 1) points.
    pub(super) fn new(first: i64, last: i64, max_points: u32) -> Self {
        // The anchored grid can cut one slice more than the span has; hence one less is asked for.
        let slices = i64::from(max_points / 2) - 1;
        let length = last.saturating_sub(first).max(0);
        let width = (slices >= 1).then(|| (length / slices.max(1)).saturating_add(1));
        Self { length, width, slice: i64::MIN, lowest: None, highest: None, points: Vec::new() }
    }

    /// Microseconds of a slice.
    pub(super) fn slice(&self) -> i64 {
        self.width.unwrap_or_else(|| self.length.saturating_add(1))
    }

    /// Whether two instants are in one slice, so that what lies between them needs no further check.
    pub(super) fn same_slice(&self, a: i64, b: i64) -> bool {
        self.slice_of(a) == self.slice_of(b)
    }

    /// Whether parts that are each `micros` long lie several in a slice, so that their extremes are as good as all of
    /// their samples: what a slice has too much or too little is at most a part at each end.
    pub(super) fn is_much_wider_than(&self, micros: i64) -> bool {
        self.width.is_none_or(|width| width >= 4 * micros)
    }

    /// Takes the lowest and the highest of samples that are all in one slice and later than those before.
    pub(super) fn add_extremes(&mut self, lowest: (i64, f64), highest: (i64, f64)) {
        let slice = self.slice_of(lowest.0);
        if slice != self.slice {
            self.flush();
            self.slice = slice;
        }
        if self.lowest.is_none_or(|(_, value)| lowest.1 < value) {
            self.lowest = Some(lowest);
        }
        if self.highest.is_none_or(|(_, value)| highest.1 > value) {
            self.highest = Some(highest);
        }
    }

    /// Takes samples that are later than those before.
    pub(super) fn add(&mut self, times: &[i64], values: &[f64]) {
        let mut start = 0;
        while start < times.len() {
            // One search per slice instead of one division per sample.
            let end = self.width.map_or(times.len(), |width| {
                let next = (times[start].div_euclid(width) + 1).saturating_mul(width);
                start + times[start..].partition_point(|time| *time < next)
            });
            let (mut low, mut high) = (start, start);
            for index in start + 1..end {
                if values[index] < values[low] {
                    low = index;
                }
                if values[index] > values[high] {
                    high = index;
                }
            }
            self.add_extremes((times[low], values[low]), (times[high], values[high]));
            start = end;
        }
    }

    /// The points, in time order.
    pub(super) fn finish(mut self) -> Vec<(i64, f64)> {
        self.flush();
        self.points
    }

    fn slice_of(&self, time: i64) -> i64 {
        self.width.map_or(0, |width| time.div_euclid(width))
    }

    fn flush(&mut self) {
        if let (Some(lowest), Some(highest)) = (self.lowest.take(), self.highest.take()) {
            let (first, second) = if lowest.0 <= highest.0 { (lowest, highest) } else { (highest, lowest) };
            self.points.push(first);
            if second.0 != first.0 {
                self.points.push(second);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn extremes_and_order_stay_within_the_limit(
            mut samples in proptest::collection::vec((-10_000_000_i64..10_000_000, -1e6..1e6_f64), 1..500),
            max_points in 2..200_u32,
            piece in 1..100_usize,
        ) {
            samples.sort_by_key(|(time, _)| *time);
            samples.dedup_by_key(|(time, _)| *time);
            let (times, values): (Vec<_>, Vec<_>) = samples.iter().copied().unzip();
            let mut reducer = Reducer::new(times[0], times[times.len() - 1], max_points);
            for (times, values) in times.chunks(piece).zip(values.chunks(piece)) {
                reducer.add(times, values);
            }
            let points = reducer.finish();
            let extremes = |points: &[(i64, f64)]| {
                let values = points.iter().map(|point| point.1);
                (values.clone().fold(f64::INFINITY, f64::min), values.fold(f64::NEG_INFINITY, f64::max))
            };
            prop_assert!(points.len() <= max_points as usize, "{} > {max_points}", points.len());
            prop_assert!(points.is_sorted_by(|a, b| a.0 < b.0));
            prop_assert!(points.iter().all(|point| samples.contains(point)));
            prop_assert_eq!(extremes(&points), extremes(&samples));
        }
    }
}
