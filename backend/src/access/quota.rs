//! What was done with a key, or in a tenant, since the server started, and how much may be written with it.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use afterglow_wire::Code;
use serde_json::json;

use crate::clock::Stopwatch;
use crate::refusal::Refusal;
use crate::signals::{Selector, Signals};

/// A request is taken while what was taken before is at most this far ahead of the rate.
const AHEAD: Duration = Duration::from_secs(1);

/// Counts and limits of one key, or of one tenant.
#[derive(Debug)]
pub struct WriteQuota {
    /// Whose it is, as messages say it.
    whose: &'static str,
    rate: Option<Rate>,
    running: Stopwatch,
    samples: AtomicU64,
    refused: AtomicU64,
    counted: Mutex<Counted>,
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
        let rate = per_second.map(|per_second| Rate { per_second, paid_at: Mutex::default() });
        Self {
            whose,
            rate,
            running: Stopwatch::start(),
            samples: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            counted: Mutex::default(),
        }
    }

    /// Counts the samples of a request.
    ///
    /// # Errors
    /// When those before came too fast; the request may be sent again later.
    pub fn take(&self, samples: usize) -> Result<(), Refusal> {
        let samples = u64::try_from(samples).unwrap_or(u64::MAX);
        let waited = self.rate.as_ref().map_or(Ok(()), |rate| rate.take(samples, self.running.elapsed()));
        match waited {
            Ok(()) => {
                self.samples.fetch_add(samples, Ordering::Relaxed);
                Ok(())
            }
            Err(wait) => {
                self.refused.fetch_add(samples, Ordering::Relaxed);
                let limit = self.rate.as_ref().map_or(0, |rate| rate.per_second.get());
                let seconds = wait.as_secs() + 1;
                let message = format!(
                    "{} at most {limit} samples a second may be written; send them again in {seconds} s",
                    self.whose
                );
                let details = json!({ "quota": "samples_per_second", "limit": limit, "seconds": seconds });
                Err(Refusal { details: Some(details), ..Refusal::new(Code::QuotaExceeded, message) })
            }
        }
    }

    /// Takes back what [`Self::take`] counted of a request that was not stored.
    pub fn give_back(&self, samples: usize) {
        let samples = u64::try_from(samples).unwrap_or(u64::MAX);
        self.samples.fetch_sub(samples, Ordering::Relaxed);
        if let Some(rate) = &self.rate {
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
