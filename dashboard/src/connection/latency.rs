//! How long samples take from their commit to the screen.

use std::collections::VecDeque;

/// How many of the latest paints are remembered.
const REMEMBERED: usize = 64;

/// What the latest paints showed, how long after it was committed. All times in microseconds.
#[derive(Debug, Default)]
pub struct Latency {
    /// The oldest commit that is here and not yet on the screen.
    waiting: Option<i64>,
    took: VecDeque<i64>,
}

impl Latency {
    /// Samples arrived that were committed at the server's time `committed`.
    pub fn arrived(&mut self, committed: i64) {
        self.waiting = Some(self.waiting.map_or(committed, |waiting| waiting.min(committed)));
    }

    /// Everything that is here is being painted: the oldest commit of it.
    pub fn leave(&mut self) -> Option<i64> {
        self.waiting.take()
    }

    /// What was committed at `committed` is on the screen at the server's time `now`.
    pub fn painted(&mut self, committed: i64, now: i64) {
        if self.took.len() == REMEMBERED {
            self.took.pop_front();
        }
        self.took.push_back((now - committed).max(0));
    }

    /// The middle of the latest, and the longest of them; none when nothing was painted yet.
    pub fn typical(&self) -> Option<(i64, i64)> {
        middle(self.took.iter().copied())
    }
}

/// The middle of some numbers, and the largest.
pub fn middle(numbers: impl Iterator<Item = i64>) -> Option<(i64, i64)> {
    let mut sorted: Vec<i64> = numbers.collect();
    sorted.sort_unstable();
    Some((*sorted.get(sorted.len() / 2)?, *sorted.last()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_paint_is_as_late_as_the_oldest_that_it_shows() {
        let mut latency = Latency::default();
        assert_eq!((latency.leave(), latency.typical()), (None, None));
        latency.arrived(1_000);
        latency.arrived(1_500);
        assert_eq!(latency.leave(), Some(1_000));
        latency.painted(1_000, 21_000);
        assert_eq!((latency.leave(), latency.typical()), (None, Some((20_000, 20_000))));
    }

    #[test]
    fn only_the_latest_count() {
        let mut latency = Latency::default();
        latency.painted(0, 1_000_000);
        (0..64).for_each(|n| latency.painted(0, n));
        assert_eq!(latency.typical(), Some((32, 63)));
    }
}
