//! How often a signal has samples.

use crate::SECOND;

/// Intervals that are remembered: a function of the last 33 samples, so that it can be found again from the store.
pub(crate) const INTERVALS: usize = 32;

/// As many intervals must be known before a limit is learned from them.
pub(crate) const LEARNED_AFTER: usize = 16;

/// The last intervals between samples, in milliseconds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cadence {
    intervals: [u32; INTERVALS],
    count: u32,
}

impl Cadence {
    /// An interval in microseconds.
    pub(crate) fn push(&mut self, interval: i64) {
        let place = self.count as usize % INTERVALS;
        self.intervals[place] = u32::try_from(interval / 1_000).unwrap_or(u32::MAX);
        // Beyond the ring only the place matters.
        self.count = if self.count as usize == 2 * INTERVALS - 1 { INTERVALS as u32 } else { self.count + 1 };
    }

    /// How many intervals are known.
    pub(crate) fn known(&self) -> usize {
        (self.count as usize).min(INTERVALS)
    }

    /// What nine in ten of the intervals do not exceed, in microseconds.
    pub(crate) fn usual(&self) -> Option<i64> {
        let known = self.known();
        let mut intervals = self.intervals;
        let (_, usual, _) = intervals[..known].select_nth_unstable((known * 9).div_ceil(10).checked_sub(1)?);
        Some(i64::from(*usual) * 1_000)
    }

    /// How long after the end of `time` a sample that breaks it still counts, in microseconds.
    pub(crate) fn grace(&self, time: i64) -> i64 {
        let usual = self.usual().map(|usual| usual + usual / 2).filter(|grace| *grace < time);
        usual.unwrap_or(SECOND).min(60 * SECOND)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nine_in_ten_intervals_are_no_longer() {
        let mut cadence = Cadence::default();
        assert_eq!((cadence.usual(), cadence.grace(10 * SECOND)), (None, SECOND));
        cadence.push(2 * SECOND);
        assert_eq!(cadence.usual(), Some(2 * SECOND));
        for _ in 0..100 {
            cadence.push(SECOND);
        }
        assert_eq!((cadence.usual(), cadence.known()), (Some(SECOND), 32));
        for _ in 0..4 {
            cadence.push(3_600 * SECOND);
        }
        assert_eq!(cadence.usual(), Some(3_600 * SECOND));
    }

    #[test]
    fn grace_follows_signals_that_are_faster_than_the_rule() {
        let mut cadence = Cadence::default();
        cadence.push(10 * SECOND);
        assert_eq!(cadence.grace(30 * SECOND), 15 * SECOND);
        assert_eq!(cadence.grace(15 * SECOND), SECOND, "a door");
        cadence.push(200 * SECOND);
        assert_eq!(cadence.grace(3_600 * SECOND), 60 * SECOND);
    }

    #[test]
    fn only_the_last_33_samples_matter() {
        let intervals: Vec<i64> = (0..200).map(|n| (n * 7_919 % 13 + 1) * SECOND).collect();
        let mut all = Cadence::default();
        intervals.iter().for_each(|interval| all.push(*interval));
        let mut last = Cadence::default();
        intervals[200 - INTERVALS..].iter().for_each(|interval| last.push(*interval));
        assert_eq!(all.usual(), last.usual());
    }
}
