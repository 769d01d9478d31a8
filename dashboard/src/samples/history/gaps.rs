//! Where a signal paused: learns its cadence and remembers the intervals that were much longer.

use std::collections::VecDeque;

use super::outline::Outline;
use super::ring::Ring;

/// How many of the latest intervals the cadence is learned from.
const LEARNED: usize = 32;
/// With fewer intervals than this nothing is known yet, and no interval is a gap.
const LEARNED_AT_LEAST: usize = 4;
/// An interval is a gap when it is this many times as long as the cadence.
const FACTOR: i64 = 3;
/// Shorter intervals are never gaps, in microseconds: on a chart of an hour nobody could see them.
const SHORTEST: i64 = 1_500_000;

/// An interval without samples between two samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The last sample before it, in microseconds.
    pub from: i64,
    /// The first sample after it, in microseconds.
    pub to: i64,
}

/// The gaps of one signal, oldest first.
#[derive(Debug, Default)]
pub struct Gaps {
    recent: VecDeque<i64>,
    gaps: VecDeque<Gap>,
    /// The time between two samples as somebody has said it, in microseconds: then nothing is learned.
    expected: Option<i64>,
    /// Where only the lowest and highest of each slice are here, of which a neighbour may be two slices away.
    outline: Option<Outline>,
}

impl Gaps {
    /// A sample at `time` followed one at `previous`.
    pub fn push(&mut self, previous: i64, time: i64) {
        let interval = time - previous;
        if self.limit(previous).is_some_and(|limit| interval > limit) {
            self.gaps.push_back(Gap { from: previous, to: time });
        }
        self.learn(interval);
    }

    /// The time between two samples that somebody has said, in microseconds.
    pub fn expected(&self) -> Option<i64> {
        self.expected
    }

    /// Finds the gaps of `ring` again: samples come every `expected` microseconds, or as often as they do, and `outline`
    /// says where not all of them are here.
    pub fn find(&mut self, ring: &Ring, expected: Option<i64>, outline: Option<Outline>) {
        *self = Self { expected, outline, ..Self::default() };
        for position in ring.first() + 1..ring.end() {
            self.push(ring.time(position - 1), ring.time(position));
        }
    }

    /// The samples from the ring's new end on were removed.
    pub fn truncate(&mut self, ring: &Ring) {
        let last = ring.last().map_or(i64::MIN, |(time, _)| time);
        while self.gaps.back().is_some_and(|gap| gap.to > last) {
            self.gaps.pop_back();
        }
        self.recent.clear();
        let from = ring.end().saturating_sub(LEARNED as u64).max(ring.first() + 1);
        for position in from..ring.end() {
            self.learn(ring.time(position) - ring.time(position - 1));
        }
    }

    /// The samples before `time` were dropped.
    pub fn evict(&mut self, time: i64) {
        while self.gaps.front().is_some_and(|gap| gap.from < time) {
            self.gaps.pop_front();
        }
    }

    /// The gaps, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = Gap> {
        self.gaps.iter().copied()
    }

    /// The gaps that overlap `from..to`, oldest first.
    pub fn within(&self, from: i64, to: i64) -> impl Iterator<Item = Gap> {
        let first = self.gaps.partition_point(|gap| gap.to <= from);
        self.gaps.range(first..).copied().take_while(move |gap| gap.from < to)
    }

    /// The longest interval that is not a gap; none while too little is known.
    ///
    /// The 90th percentile, not the median: a sender whose batches arrive in bursts has mostly tiny intervals.
    pub fn threshold(&self) -> Option<i64> {
        if self.expected.is_some() {
            return self.limit(self.outline.map_or(i64::MAX, |outline| outline.until - 1));
        }
        if self.recent.len() < LEARNED_AT_LEAST {
            return None;
        }
        let mut sorted: Vec<i64> = self.recent.iter().copied().collect();
        sorted.sort_unstable();
        let cadence = sorted.get(sorted.len() * 9 / 10).or(sorted.last())?;
        Some(cadence.saturating_mul(FACTOR).max(SHORTEST))
    }

    /// The longest interval after a sample at `previous` that is not a gap.
    fn limit(&self, previous: i64) -> Option<i64> {
        let Some(expected) = self.expected else { return self.threshold() };
        let coarse = self.outline.filter(|outline| previous < outline.until);
        // One sample that stays away is a gap, one that is a little late is not.
        Some((expected + expected / 2).max(coarse.map_or(0, |outline| 2 * outline.resolution)))
    }

    fn learn(&mut self, interval: i64) {
        if self.recent.len() == LEARNED {
            self.recent.pop_front();
        }
        self.recent.push_back(interval);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000;

    fn gaps(seconds: &[i64]) -> Vec<(i64, i64)> {
        let mut gaps = Gaps::default();
        for pair in seconds.windows(2) {
            gaps.push(pair[0] * SECOND, pair[1] * SECOND);
        }
        gaps.iter().map(|gap| (gap.from / SECOND, gap.to / SECOND)).collect()
    }

    #[test]
    fn a_pause_is_a_gap_and_jitter_is_not() {
        assert_eq!(gaps(&[0, 1, 2, 3, 4, 6, 7, 20, 21]), [(7, 20)]);
    }

    #[test]
    fn nothing_is_a_gap_before_the_cadence_is_known() {
        assert_eq!(gaps(&[0, 1, 60, 3000]), []);
    }

    #[test]
    fn a_slower_cadence_is_learned() {
        let mut times: Vec<i64> = (0..40).collect();
        times.extend((1..30).map(|n| 39 + n * 10));
        let found = gaps(&times);
        assert!(found.len() <= 4, "a new cadence must not look like gaps for long: {found:?}");
    }

    #[test]
    fn bursts_are_not_gaps() {
        let mut times = Vec::new();
        for burst in 0..10 {
            times.extend((0..5).map(|n| burst * 10 + n));
        }
        let found = gaps(&times);
        assert!(found.len() <= 1, "{found:?}");
    }

    #[test]
    fn what_is_expected_counts_and_not_what_is_learned() {
        let mut ring = Ring::default();
        for second in [0, 1, 2, 3, 4, 6, 7, 20, 21] {
            ring.push(second * SECOND, 0.0);
        }
        let mut gaps = Gaps::default();
        let mut found = |expected: Option<i64>, outline| {
            gaps.find(&ring, expected.map(|seconds| seconds * SECOND), outline);
            gaps.iter().map(|gap| (gap.from / SECOND, gap.to / SECOND)).collect::<Vec<_>>()
        };
        assert_eq!(found(None, None), [(7, 20)]);
        assert_eq!(found(Some(1), None), [(4, 6), (7, 20)]);
        assert_eq!(found(Some(10), None), []);
        // Where there are only outlines, the next extreme may be two slices away.
        let outline = Outline { until: 10 * SECOND, resolution: SECOND };
        assert_eq!(found(Some(1), Some(outline)), [(7, 20)]);
    }
}
