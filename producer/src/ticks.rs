//! When a generator samples: on wall-clock instants that are multiples of its period.
//!
//! Signals of one period therefore share their timestamps, also across producers and restarts.

use std::time::Duration;

use afterglow_wire::Timestamp;

/// The most ticks made up for after a stall; the older ones are skipped.
const CATCH_UP: i64 = 1_000;

/// The ticks of one period. Knows the last one; the caller knows the time.
#[derive(Debug)]
pub struct Ticks {
    period: i64,
    last: i64,
}

impl Ticks {
    /// Ticks after `start`, which itself counts as the one before the first.
    pub fn new(period: Duration, start: Timestamp) -> Self {
        Self { period: i64::try_from(period.as_micros()).unwrap_or(i64::MAX).max(1), last: start.micros() }
    }

    /// The ticks that have come due by `now`, oldest first: usually one, none when woken early, and at most
    /// 1,000 after a stall. A clock set back starts the ticks again from where it now stands.
    pub fn due(&mut self, now: Timestamp) -> Vec<Timestamp> {
        let newest = self.floor(now.micros());
        if newest < self.last.saturating_sub(self.period) {
            self.last = newest - self.period;
        }
        let first = (self.floor(self.last) + self.period).max(newest - (CATCH_UP - 1) * self.period);
        let due: Vec<_> = (0..CATCH_UP)
            .map(|i| first + i * self.period)
            .take_while(|tick| *tick <= newest)
            .map(Timestamp::from_micros)
            .collect();
        self.last = self.last.max(newest);
        due
    }

    /// How long from `now` to the next tick; above 0 and at most one period.
    pub fn wait(&self, now: Timestamp) -> Duration {
        let next = self.floor(now.micros()) + self.period;
        Duration::from_micros(u64::try_from(next - now.micros()).unwrap_or(1))
    }

    fn floor(&self, micros: i64) -> i64 {
        micros.div_euclid(self.period) * self.period
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_micros(millis * 1_000)
    }

    fn ticks() -> Ticks {
        Ticks::new(Duration::from_secs(1), at(10_400))
    }

    #[test]
    fn ticks_lie_on_multiples_of_the_period() {
        let mut ticks = ticks();
        assert_eq!(ticks.wait(at(10_400)), Duration::from_millis(600));
        assert_eq!(ticks.due(at(10_999)), []);
        assert_eq!(ticks.due(at(11_003)), [at(11_000)]);
        assert_eq!(ticks.due(at(11_004)), [], "a tick comes once");
        assert_eq!(ticks.wait(at(11_004)), Duration::from_millis(996));
    }

    #[test]
    fn a_stall_is_made_up_for_within_reason() {
        let mut ticks = ticks();
        assert_eq!(ticks.due(at(13_100)), [at(11_000), at(12_000), at(13_000)]);
        let late = ticks.due(at(10_000_000));
        assert_eq!((late.len(), late.last()), (1_000, Some(&at(10_000_000))));
    }

    #[test]
    fn a_clock_set_back_does_not_stop_the_ticks() {
        let mut ticks = ticks();
        assert_eq!(ticks.due(at(100_000)).last(), Some(&at(100_000)));
        assert_eq!(ticks.due(at(50_010)), [at(50_000)]);
        assert_eq!(ticks.due(at(51_000)), [at(51_000)]);
    }
}
