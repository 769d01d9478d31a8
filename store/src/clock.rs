//! The only clock. Code that needs the time is given a [`Clock`]; tests set a manual one.
#![expect(clippy::disallowed_methods, reason = "this is the one place that reads the system's clocks")]

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use afterglow_wire::Timestamp;

use crate::fault;

/// Tells the wall time: the system's, or one that a test moves by hand.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    manual: Option<Arc<AtomicI64>>,
}

impl Clock {
    /// The system's clock.
    pub fn real() -> Self {
        Self { manual: None }
    }

    /// A clock that stands at `start` until [`Clock::set`] moves it.
    pub fn manual(start: Timestamp) -> Self {
        Self { manual: Some(Arc::new(AtomicI64::new(start.micros()))) }
    }

    /// The wall time now.
    pub fn now(&self) -> Timestamp {
        let micros = match &self.manual {
            Some(micros) => micros.load(Ordering::Relaxed),
            None => match SystemTime::now().duration_since(UNIX_EPOCH) {
                Ok(since) => i64::try_from(since.as_micros()).unwrap_or(i64::MAX),
                Err(before) => -i64::try_from(before.duration().as_micros()).unwrap_or(i64::MAX),
            }
            .saturating_add(fault::clock_offset()),
        };
        Timestamp::from_micros(micros)
    }

    /// Moves a manual clock to `now`; the system's clock cannot be moved and ignores it.
    pub fn set(&self, now: Timestamp) {
        if let Some(micros) = &self.manual {
            micros.store(now.micros(), Ordering::Relaxed);
        }
    }
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
