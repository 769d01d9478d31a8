//! Samples of one signal as two columns, in time order, each instant once.

use super::Span;

/// Instants in microseconds, strictly rising, and their values.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Columns {
    times: Vec<i64>,
    values: Vec<f64>,
}

impl Columns {
    /// Takes columns that are already in order.
    pub(super) fn from_sorted(times: Vec<i64>, values: Vec<f64>) -> Self {
        debug_assert!(times.is_sorted_by(|a, b| a < b) && times.len() == values.len());
        Self { times, values }
    }

    /// Orders samples by time; of several with one instant the last one stays.
    pub(super) fn from_unsorted(samples: &[(i64, f64)]) -> Self {
        let mut order: Vec<&(i64, f64)> = samples.iter().collect();
        order.sort_by_key(|(time, _)| *time);
        let mut columns = Self::default();
        for same in order.chunk_by(|a, b| a.0 == b.0) {
            if let Some((time, value)) = same.last() {
                columns.push(*time, *value);
            }
        }
        columns
    }

    /// How many samples there are.
    pub fn len(&self) -> usize {
        self.times.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.times.is_empty()
    }

    /// Microseconds since 1970, strictly rising.
    pub fn times(&self) -> &[i64] {
        &self.times
    }

    /// The value of each instant.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// The samples in order.
    pub fn iter(&self) -> impl Iterator<Item = (i64, f64)> {
        self.times.iter().copied().zip(self.values.iter().copied())
    }

    /// The latest sample.
    pub(super) fn last(&self) -> Option<(i64, f64)> {
        self.times.last().copied().zip(self.values.last().copied())
    }

    /// The first and the last instant.
    pub(super) fn span(&self) -> Option<(i64, i64)> {
        self.times.first().copied().zip(self.times.last().copied())
    }

    /// Adds `newer` samples; where an instant is in both, they win.
    pub(super) fn absorb(&mut self, newer: Self) {
        if self.is_empty() {
            *self = newer;
        } else if self.times.last() < newer.times.first() {
            self.append(&newer);
        } else if !newer.is_empty() {
            *self = Self::merge(self, &newer);
        }
    }

    /// Adds a sample that is later than all others.
    pub(super) fn push(&mut self, time: i64, value: f64) {
        self.times.push(time);
        self.values.push(value);
    }

    /// Adds samples that are all later than those here.
    pub(super) fn append(&mut self, later: &Columns) {
        self.times.extend_from_slice(&later.times);
        self.values.extend_from_slice(&later.values);
    }

    pub(super) fn last_mut(&mut self) -> Option<(i64, &mut f64)> {
        self.times.last().copied().zip(self.values.last_mut())
    }

    /// The samples at `range` of positions.
    pub(super) fn slice(&self, range: std::ops::Range<usize>) -> Self {
        Self { times: self.times[range.clone()].to_vec(), values: self.values[range].to_vec() }
    }

    /// The positions of the samples within `span`.
    pub(super) fn positions(&self, span: Span) -> std::ops::Range<usize> {
        let from = self.times.partition_point(|time| *time < span.from.micros());
        let to = self.times.partition_point(|time| *time <= span.to.micros());
        from..to.max(from)
    }

    /// Keeps only the samples within `span`.
    pub(super) fn clip(self, span: Span) -> Self {
        let range = self.positions(span);
        if range.len() == self.len() { self } else { self.slice(range) }
    }

    /// Takes the samples within `span` out.
    pub(super) fn take(&mut self, span: Span) -> Self {
        let range = self.positions(span);
        Self { times: self.times.drain(range.clone()).collect(), values: self.values.drain(range).collect() }
    }

    /// Takes the samples before `time` out.
    pub(super) fn split_before(&mut self, time: i64) -> Self {
        let at = self.times.partition_point(|t| *t < time);
        let (times, values) = (self.times.split_off(at), self.values.split_off(at));
        std::mem::replace(self, Self { times, values })
    }

    /// Both together; where an instant is in both, `newer` wins.
    pub(super) fn merge(older: &Self, newer: &Self) -> Self {
        if older.times.last() < newer.times.first() || older.is_empty() || newer.is_empty() {
            let mut merged = older.clone();
            merged.append(newer);
            return merged;
        }
        let mut merged = Self {
            times: Vec::with_capacity(older.len() + newer.len()),
            values: Vec::with_capacity(older.len() + newer.len()),
        };
        let mut o = 0;
        for (time, value) in newer.iter() {
            while o < older.len() && older.times[o] < time {
                merged.push(older.times[o], older.values[o]);
                o += 1;
            }
            o += usize::from(older.times.get(o) == Some(&time));
            merged.push(time, value);
        }
        merged.times.extend_from_slice(&older.times[o..]);
        merged.values.extend_from_slice(&older.values[o..]);
        merged
    }

    /// Both together; a point whose instant a sample has gives way to the next free instant, so that neither hides the
    /// other.
    pub(super) fn union(samples: &Self, points: &Self) -> Self {
        let mut placed = Self::default();
        for (time, value) in points.iter() {
            let mut free = placed.times.last().map_or(time, |last| time.max(last + 1));
            while samples.times.binary_search(&free).is_ok() {
                free += 1;
            }
            placed.push(free, value);
        }
        Self::merge(samples, &placed)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn merging_is_what_a_map_does(
            older in proptest::collection::vec((0_i64..50, -9.0..9.0_f64), 0..60),
            newer in proptest::collection::vec((0_i64..50, -9.0..9.0_f64), 0..60),
        ) {
            let mut map: BTreeMap<i64, f64> = older.iter().copied().collect();
            let (older, newer_columns) = (Columns::from_unsorted(&older), Columns::from_unsorted(&newer));
            map.extend(newer);
            let merged = Columns::merge(&older, &newer_columns);
            prop_assert_eq!(merged.iter().collect::<Vec<_>>(), map.into_iter().collect::<Vec<_>>());
        }
    }
}
