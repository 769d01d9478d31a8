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

    /// Takes `right`, which is the time now, from a clock that counts more, and corrects the system's where it is more than half a second
    /// away; by how many microseconds it is ahead. A clock that a test moves stays as it is.
    pub fn follow(&self, right: Timestamp) -> i64 {
        let ahead = system().saturating_sub(right.micros());
        let correction = if ahead.saturating_abs() > DIFFERENCE { ahead.saturating_neg() } else { 0 };
        // As it is, as long as it is near: the time neither jumps nor goes back for nothing.
        if correction.saturating_sub(self.correction.load(Ordering::Relaxed)).saturating_abs() > DIFFERENCE {
            self.correction.store(correction, Ordering::Relaxed);
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
