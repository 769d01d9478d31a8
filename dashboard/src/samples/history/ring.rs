//! The samples of one signal, oldest first, in a queue whose positions never change.

use std::collections::VecDeque;

/// A full queue grows by one part in this many. Not to twice its size, as it would by itself: a window that slides comes
/// through all of its queue's memory, also what it does not need.
const GROWTH: usize = 8;

/// Samples in time order. Each has a *position* that stays the same while older samples leave at the front,
/// so that what is derived from samples (see [`crate::samples::history::pyramid`]) can refer to them.
#[derive(Debug, Default)]
pub struct Ring {
    first: u64,
    times: VecDeque<i64>,
    values: VecDeque<f64>,
}

impl Ring {
    /// The position of the oldest sample.
    pub fn first(&self) -> u64 {
        self.first
    }

    /// One past the position of the newest sample.
    pub fn end(&self) -> u64 {
        self.first + self.times.len() as u64
    }

    /// How many samples there are.
    pub fn len(&self) -> usize {
        self.times.len()
    }

    /// Whether there is no sample.
    pub fn is_empty(&self) -> bool {
        self.times.is_empty()
    }

    /// The time of the sample at `position`, which must be within `first..end`.
    pub fn time(&self, position: u64) -> i64 {
        self.times[self.offset(position)]
    }

    /// The value of the sample at `position`, which must be within `first..end`.
    pub fn value(&self, position: u64) -> f64 {
        self.values[self.offset(position)]
    }

    /// The newest sample.
    pub fn last(&self) -> Option<(i64, f64)> {
        Some((*self.times.back()?, *self.values.back()?))
    }

    /// The oldest sample's time.
    pub fn first_time(&self) -> Option<i64> {
        self.times.front().copied()
    }

    /// The newest sample at or before `time`.
    pub fn at_or_before(&self, time: i64) -> Option<(i64, f64)> {
        let position = self.lower_bound(time.saturating_add(1)).checked_sub(1)?;
        (position >= self.first).then(|| (self.time(position), self.value(position)))
    }

    /// The position of the first sample that is not before `time`.
    pub fn lower_bound(&self, time: i64) -> u64 {
        self.first + self.times.partition_point(|t| *t < time) as u64
    }

    /// As [`Self::lower_bound`], when it is known to be at or after `position` and probably near: doubles its
    /// steps, so that walking over all columns of a chart costs little more than one look-up each.
    pub fn lower_bound_from(&self, position: u64, time: i64) -> u64 {
        let (mut low, mut step) = (position, 1);
        while low + step <= self.end() && self.time(low + step - 1) < time {
            low += step;
            step *= 2;
        }
        let mut high = (low + step).min(self.end());
        while low < high {
            let middle = low + (high - low) / 2;
            if self.time(middle) < time {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    /// Appends a sample newer than all others.
    pub fn push(&mut self, time: i64, value: f64) {
        debug_assert!(self.times.back().is_none_or(|last| *last < time), "appended out of order");
        if self.times.len() == self.times.capacity() {
            let more = self.times.len() / GROWTH + GROWTH;
            self.times.reserve_exact(more);
            self.values.reserve_exact(more);
        }
        self.times.push_back(time);
        self.values.push_back(value);
    }

    /// Overwrites the newest sample's value.
    pub fn replace_last(&mut self, value: f64) {
        if let Some(last) = self.values.back_mut() {
            *last = value;
        }
    }

    /// Removes and returns the samples from `position` on.
    pub fn split_off(&mut self, position: u64) -> impl Iterator<Item = (i64, f64)> + use<> {
        let offset = self.offset(position);
        self.times.split_off(offset).into_iter().zip(self.values.split_off(offset))
    }

    /// Drops the samples before `position`.
    pub fn evict(&mut self, position: u64) {
        let count = self.offset(position).min(self.times.len());
        self.times.drain(..count);
        self.values.drain(..count);
        self.first += count as u64;
    }

    fn offset(&self, position: u64) -> usize {
        usize::try_from(position.saturating_sub(self.first)).unwrap_or(usize::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_that_slides_needs_little_more_than_its_samples() {
        let mut ring = Ring::default();
        for n in 0..200_000 {
            ring.push(n, 0.0);
            ring.evict((n as u64).saturating_sub(36_000));
        }
        for capacity in [ring.times.capacity(), ring.values.capacity()] {
            assert!(capacity <= 36_000 * 9 / 8 + 100, "{capacity}");
        }
    }
}
