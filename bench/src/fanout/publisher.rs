//! One publisher, on time.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, Scope, ScopedJoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Result, bail};

use super::hubs::{Publish, update};

/// When each update was sent.
pub(super) struct Timetable {
    start: Instant,
    /// Microseconds after the start, plus one; 0 of those that have not been sent.
    sent: Vec<AtomicU64>,
    /// Whether all are sent.
    is_over: AtomicBool,
}

impl Timetable {
    /// Room for `count` updates.
    pub(super) fn new(count: u64) -> Self {
        Self {
            start: Instant::now(),
            sent: (0..count).map(|_| AtomicU64::new(0)).collect(),
            is_over: AtomicBool::new(false),
        }
    }

    /// How many updates there are to be.
    pub(super) fn count(&self) -> u64 {
        self.sent.len() as u64
    }

    /// Microseconds since the start.
    pub(super) fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// When update `number` was sent.
    pub(super) fn sent(&self, number: u64) -> Option<u64> {
        let sent = self.sent.get(usize::try_from(number).ok()?)?;
        sent.load(Ordering::Acquire).checked_sub(1)
    }

    /// Whether the last update is sent.
    pub(super) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Acquire)
    }
}

/// Sends all updates of `timetable` at `rate` a second. Ends with how much longer that took than it should have, in
/// parts of the time it should have taken.
pub(super) fn start<'scope>(
    scope: &'scope Scope<'scope, '_>,
    timetable: &'scope Timetable,
    mut publish: Publish,
    rate: u64,
) -> ScopedJoinHandle<'scope, Result<f64>> {
    scope.spawn(move || {
        let begin = Instant::now();
        let interval = Duration::from_secs(1) / u32::try_from(rate)?;
        for (number, sent) in (0..).zip(&timetable.sent) {
            let due = begin + interval * u32::try_from(number)?;
            thread::sleep(due.saturating_duration_since(Instant::now()));
            let update = update(number, SystemTime::now().duration_since(UNIX_EPOCH)?.as_micros());
            sent.store(timetable.now() + 1, Ordering::Release);
            publish(&update)?;
        }
        timetable.is_over.store(true, Ordering::Release);
        let planned = interval * u32::try_from(timetable.count())?;
        Ok(begin.elapsed().as_secs_f64() / planned.as_secs_f64() - 1.0)
    })
}

/// The result of [`start`].
pub(super) fn finish(publisher: ScopedJoinHandle<'_, Result<f64>>) -> Result<f64> {
    publisher.join().unwrap_or_else(|_| bail!("the publisher broke"))
}
