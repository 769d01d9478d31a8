//! What was done with a key, or in a tenant, since the server started, and how much may be written with it.

mod reading;

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use afterglow_wire::{Code, Timestamp};
use arc_swap::ArcSwapOption;
use serde_json::json;

use crate::clock::Stopwatch;
use crate::refusal::Refusal;
use crate::signals::{Selector, Signals};

pub use reading::ReadQuota;

/// A day, in microseconds.
const DAY: i64 = 86_400_000_000;

/// A request is taken while what was taken before is at most this far ahead of the rate.
const AHEAD: Duration = Duration::from_secs(1);

/// Counts and limits of one key, or of one tenant.
#[derive(Debug)]
pub struct WriteQuota {
    /// Whose it is, as messages say it.
    whose: &'static str,
    rate: ArcSwapOption<Rate>,
    running: Stopwatch,
    samples: AtomicU64,
    refused: AtomicU64,
    counted: Mutex<Counted>,
    /// New signals a day; any number when 0.
    per_day: AtomicU32,
    today: Mutex<Today>,
}

/// The last day on which a new signal was asked for.
#[derive(Debug, Default)]
struct Today {
    /// Since 1970.
    day: i64,
    /// The signals that there were when the first was.
    before: usize,
    /// And that there were with the last that was allowed.
    last: usize,
}

/// Signals, the first of which were compared with what the key may write. There are never fewer, and none gets another name.
#[derive(Debug, Default)]
struct Counted {
    compared: u32,
    allowed: usize,
}

#[derive(Debug)]
struct Rate {
    per_second: NonZeroU32,
    /// When all that was taken would have arrived at that rate, since the start.
    paid_at: Mutex<Duration>,
}

impl WriteQuota {
    /// At most `per_second` samples a second, on average; any number when absent. Messages say that of what may be written `whose`.
    pub fn new(whose: &'static str, per_second: Option<NonZeroU32>) -> Self {
        Self {
            whose,
            rate: ArcSwapOption::new(per_second.map(Rate::new)),
            running: Stopwatch::start(),
            samples: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            counted: Mutex::default(),
            per_day: AtomicU32::new(0),
            today: Mutex::default(),
        }
    }

    /// The same where at most as many signals may become new in a day; any number when absent.
    pub fn with_new_signals(self, per_day: Option<u32>) -> Self {
        self.per_day.store(per_day.unwrap_or_default(), Ordering::Relaxed);
        self
    }

    /// Replaces the limits: as [`WriteQuota::new`] and [`WriteQuota::with_new_signals`].
    pub fn change(&self, per_second: Option<NonZeroU32>, per_day: Option<u32>) {
        if self.per_second() != per_second {
            self.rate.store(per_second.map(Rate::new));
        }
        self.per_day.store(per_day.unwrap_or_default(), Ordering::Relaxed);
    }

    /// Samples a second that may be written; any number when absent.
    pub fn per_second(&self) -> Option<NonZeroU32> {
        self.rate.load().as_ref().map(|rate| rate.per_second)
    }

    /// Whether a signal may become new at `now`, where there are `count`, with those that are under way.
    ///
    /// # Errors
    /// Says what is allowed.
    pub fn take_new(&self, now: Timestamp, count: impl FnOnce() -> usize) -> Result<(), String> {
        let per_day = self.per_day.load(Ordering::Relaxed);
        if per_day == 0 {
            return Ok(());
        }
        let count = count();
        let day = now.micros().div_euclid(DAY);
        let mut today = self.today.lock().unwrap_or_else(PoisonError::into_inner);
        if today.day != day {
            *today = Today { day, before: count, last: count };
        }
        if count.saturating_sub(today.before) < per_day as usize {
            today.last = today.last.max(count + 1);
            return Ok(());
        }
        Err(format!("this signal is new, and {} at most {per_day} may become new in a day (UTC)", self.whose))
    }

    /// Signals that became new on the day of `now`, as far as this was asked for; and how many may, any number when absent.
    pub fn new_signals(&self, now: Timestamp) -> (usize, Option<u32>) {
        let today = self.today.lock().unwrap_or_else(PoisonError::into_inner);
        let is_today = today.day == now.micros().div_euclid(DAY);
        let per_day = self.per_day.load(Ordering::Relaxed);
        let new = if is_today { today.last - today.before } else { 0 };
        (new, Some(per_day).filter(|per_day| *per_day > 0))
    }

    /// Counts the samples of a request.
    ///
    /// # Errors
    /// When those before came too fast; the request may be sent again later.
    pub fn take(&self, samples: usize) -> Result<(), Refusal> {
        let samples = u64::try_from(samples).unwrap_or(u64::MAX);
        let rate = self.rate.load();
        let waited = rate.as_ref().map_or(Ok(()), |rate| rate.take(samples, self.running.elapsed()));
        match waited {
            Ok(()) => {
                self.samples.fetch_add(samples, Ordering::Relaxed);
                Ok(())
            }
            Err(wait) => {
                self.refused.fetch_add(samples, Ordering::Relaxed);
                let limit = rate.as_ref().map_or(0, |rate| rate.per_second.get());
                let seconds = wait.as_secs() + 1;
                let message = format!(
                    "{} at most {limit} samples a second may be written; send them again in {seconds} s",
                    self.whose
                );
                // Of what was taken, what would not have arrived yet at that rate.
                let used = ((wait + AHEAD).as_secs_f64() * f64::from(limit)).round() as u64;
                let details = json!({
                    "quota": "samples_per_second", "limit": limit, "used": used, "seconds": seconds,
                });
                Err(Refusal { details: Some(details), ..Refusal::new(Code::QuotaExceeded, message) })
            }
        }
    }

    /// Takes back what [`Self::take`] counted of a request that was not stored.
    pub fn give_back(&self, samples: usize) {
        let samples = u64::try_from(samples).unwrap_or(u64::MAX);
        self.samples.fetch_sub(samples, Ordering::Relaxed);
        if let Some(rate) = &*self.rate.load() {
            rate.give_back(samples);
        }
    }

    /// How many of `signals` there are that `allowed` selects. Each is compared once in the life of the key, so this may be asked for
    /// every new name.
    pub fn count(&self, signals: &Signals, allowed: &Selector) -> usize {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let all = u32::try_from(signals.len()).unwrap_or(u32::MAX);
        if all > counted.compared {
            let new = signals.range(counted.compared, all);
            counted.allowed += new.iter().filter(|name| allowed.has(name)).count();
            counted.compared = all;
        }
        counted.allowed
    }

    /// Samples that were written, and that were refused because they came too fast.
    pub fn counts(&self) -> (u64, u64) {
        (self.samples.load(Ordering::Relaxed), self.refused.load(Ordering::Relaxed))
    }
}

impl Rate {
    fn new(per_second: NonZeroU32) -> Arc<Self> {
        Arc::new(Self { per_second, paid_at: Mutex::default() })
    }

    /// Takes `samples` at `now`, since the start; else how long to wait.
    fn take(&self, samples: u64, now: Duration) -> Result<(), Duration> {
        let mut paid_at = self.paid_at.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = paid_at.saturating_sub(now + AHEAD);
        if !wait.is_zero() {
            return Err(wait);
        }
        *paid_at = (*paid_at).max(now).saturating_add(self.time_of(samples));
        Ok(())
    }

    fn give_back(&self, samples: u64) {
        let mut paid_at = self.paid_at.lock().unwrap_or_else(PoisonError::into_inner);
        *paid_at = paid_at.saturating_sub(self.time_of(samples));
    }

    /// In what time as many samples come at the rate.
    fn time_of(&self, samples: u64) -> Duration {
        let nanos = u128::from(samples) * 1_000_000_000 / u128::from(self.per_second.get());
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_signals_become_new_each_day() {
        let quota = WriteQuota::new("here", None).with_new_signals(Some(2));
        let at = |day: i64| Timestamp::from_micros(day * DAY + 5);
        let take = |day, count| quota.take_new(at(day), || count).is_ok();
        assert_eq!([take(9, 100), take(9, 101), take(9, 102), take(9, 103)], [true, true, false, false]);
        assert_eq!((quota.new_signals(at(9)), quota.new_signals(at(10)).0), ((2, Some(2)), 0));
        assert_eq!([take(10, 102), take(10, 103), take(10, 104)], [true, true, false], "another day");
        quota.change(None, Some(3));
        assert!(take(10, 104) && !take(10, 105), "the limit was raised");
        quota.change(None, None);
        assert!(take(10, 1_000));
        assert_eq!(quota.new_signals(at(10)).1, None);
    }

    #[test]
    fn a_request_of_any_size_is_taken_and_those_after_it_wait() {
        let rate = Rate { per_second: NonZeroU32::new(100).unwrap(), paid_at: Mutex::default() };
        let at = |millis| Duration::from_millis(millis);
        assert_eq!(rate.take(1_000, at(0)), Ok(()), "ten seconds' worth");
        assert_eq!(rate.take(1, at(0)), Err(at(9_000)));
        assert_eq!(rate.take(1, at(8_000)), Err(at(1_000)));
        assert_eq!(rate.take(1, at(9_000)), Ok(()));
        rate.give_back(1);
        assert_eq!(rate.take(1, at(9_000)), Ok(()), "what was not stored does not count");
        // At the rate itself nothing waits.
        let steady = Rate { per_second: NonZeroU32::new(100).unwrap(), paid_at: Mutex::default() };
        for tenth in 0..1_000 {
            assert_eq!(steady.take(10, at(tenth * 100)), Ok(()));
        }
        // What was not used is not saved up.
        assert_eq!(steady.take(1_000, at(1_000_000)), Ok(()));
        assert!(steady.take(1, at(1_000_001)).is_err());
    }
}
