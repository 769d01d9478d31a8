//! The only clock. Code that needs the time is given a [`Clock`]; tests set a manual one.
#![expect(clippy::disallowed_methods, reason = "this is the one place that reads the system's clocks")]

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use afterglow_wire::Timestamp;

use crate::fault;

/// By as many microseconds clocks may differ: asking takes time, too.
const DIFFERENCE: i64 = 500_000;

/// Tells the wall time: the system's, or one that a test moves by hand. Cloning shares it.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    manual: Option<Arc<AtomicI64>>,
    /// Microseconds by which the system's is corrected.
    correction: Arc<AtomicI64>,
}

impl Clock {
    /// The system's clock.
    pub fn real() -> Self {
        Self::default()
    }

    /// A clock that stands at `start` until [`Clock::set`] moves it.
    pub fn manual(start: Timestamp) -> Self {
        Self { manual: Some(Arc::new(AtomicI64::new(start.micros()))), ..Self::default() }
    }

    /// The wall time now.
    pub fn now(&self) -> Timestamp {
        let micros = match &self.manual {
            Some(micros) => micros.load(Ordering::Relaxed),
            None => system().saturating_add(self.correction.load(Ordering::Relaxed)),
        };
        Timestamp::from_micros(micros)
    }

    /// Takes `right`, which is the time now, from a clock that counts more, and corrects this one where it is more than half a second
    /// away; by how many microseconds the system's is ahead. A clock that a test moves stays as it is.
    pub fn follow(&self, right: Timestamp) -> i64 {
        let ahead = system().saturating_sub(right.micros());
        // As it is, as long as it is near: the time neither jumps nor goes back for nothing.
        let off = ahead.saturating_add(self.correction.load(Ordering::Relaxed));
        if off.saturating_abs() > DIFFERENCE {
            self.correction.store(ahead.saturating_neg(), Ordering::Relaxed);
        }
        ahead
    }

    /// Moves a manual clock to `now`; the system's clock cannot be moved and ignores it.
    pub fn set(&self, now: Timestamp) {
        if let Some(micros) = &self.manual {
            micros.store(now.micros(), Ordering::Relaxed);
        }
    }
}

/// The system's time, in microseconds since 1970.
fn system() -> i64 {
    let micros = match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_micros()).unwrap_or(i64::MAX),
        Err(before) => -i64::try_from(before.duration().as_micros()).unwrap_or(i64::MAX),
    };
    micros.saturating_add(fault::clock_offset())
}

/// Measures how long something takes, on the monotonic clock.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts measuring.
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// The time since the start.
    pub fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_follows_another_and_stays_while_it_is_near() {
        let clock = Clock::real();
        let correction = || clock.correction.load(Ordering::Relaxed);
        let follow = |ahead: i64| clock.follow(Timestamp::from_micros(system() - ahead));
        assert!(follow(10_000_000) >= 10_000_000);
        let first = correction();
        assert!(first <= -10_000_000);
        assert!(clock.now().micros() <= system() - 10_000_000);
        follow(9_900_000);
        follow(10_100_000);
        assert_eq!(correction(), first, "near enough");
        follow(-7_200_000_000);
        assert!(correction() > 7_100_000_000);
        follow(0);
        assert!(correction() <= 0, "right again");
    }
}
