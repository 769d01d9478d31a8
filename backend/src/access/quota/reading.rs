//! For how long readers of the database may be held, by the holder of a key or in a tenant.
//!
//! What a query takes is known when it has ended, so it is paid for afterwards: while more than a minute's allowance is owed no further
//! query is begun.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use afterglow_wire::Code;
use serde_json::json;

use crate::clock::Stopwatch;
use crate::refusal::Refusal;

/// What may be owed: as much as is allowed in this time.
const OWED: Duration = Duration::from_secs(60);

/// Counts and limits of one key, or of one tenant.
#[derive(Debug)]
pub struct ReadQuota {
    /// Whose it is, as messages say it.
    whose: &'static str,
    /// Seconds a minute; any time when 0.
    per_minute: AtomicU32,
    running: Stopwatch,
    /// When all that was read would have been allowed, since the start.
    paid_at: Mutex<Duration>,
    micros: AtomicU64,
}

impl ReadQuota {
    /// At most `per_minute` seconds a minute, on average; any time when absent. Messages say that of what may be read `whose`.
    pub fn new(whose: &'static str, per_minute: Option<NonZeroU32>) -> Self {
        Self {
            whose,
            per_minute: AtomicU32::new(per_minute.map_or(0, NonZeroU32::get)),
            running: Stopwatch::start(),
            paid_at: Mutex::default(),
            micros: AtomicU64::new(0),
        }
    }

    /// Replaces the limit.
    pub fn change(&self, per_minute: Option<NonZeroU32>) {
        self.per_minute.store(per_minute.map_or(0, NonZeroU32::get), Ordering::Relaxed);
    }

    /// Seconds a minute; any time when absent.
    pub fn per_minute(&self) -> Option<NonZeroU32> {
        NonZeroU32::new(self.per_minute.load(Ordering::Relaxed))
    }

    /// Seconds for which readers were held while there was a limit.
    pub fn seconds(&self) -> f64 {
        self.micros.load(Ordering::Relaxed) as f64 / 1e6
    }

    /// Whether a query may begin.
    ///
    /// # Errors
    /// When those before have taken too long; it may be sent again later.
    pub fn check(&self) -> Result<(), Refusal> {
        self.check_at(self.running.elapsed())
    }

    /// Notes for how long a reader was held.
    pub fn note(&self, held: Duration) {
        self.note_at(held, self.running.elapsed());
    }

    fn check_at(&self, now: Duration) -> Result<(), Refusal> {
        let Some(limit) = self.per_minute() else { return Ok(()) };
        let wait = self.paid_at.lock().unwrap_or_else(PoisonError::into_inner).saturating_sub(now + OWED);
        if wait.is_zero() {
            return Ok(());
        }
        let seconds = wait.as_secs() + 1;
        let message = format!(
            "{} queries may read for at most {limit} seconds a minute; ask again in {seconds} s",
            self.whose
        );
        let details = json!({
            "quota": "reader_seconds_per_minute", "limit": limit, "used": self.seconds(), "seconds": seconds,
        });
        Err(Refusal { details: Some(details), ..Refusal::new(Code::QuotaExceeded, message) })
    }

    fn note_at(&self, held: Duration, now: Duration) {
        let Some(limit) = self.per_minute() else { return };
        self.micros.fetch_add(u64::try_from(held.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
        let mut paid_at = self.paid_at.lock().unwrap_or_else(PoisonError::into_inner);
        *paid_at = (*paid_at).max(now).saturating_add(held.saturating_mul(60) / limit.get());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_is_paid_for_afterwards() {
        let at = Duration::from_secs;
        let quota = ReadQuota::new("here", NonZeroU32::new(6));
        for second in 0..6 {
            assert!(quota.check_at(at(second)).is_ok());
            quota.note_at(Duration::from_millis(1_200), at(second));
        }
        // 7.2 seconds were read in six: 72 seconds' allowance, of which 60 may be owed.
        let refused = quota.check_at(at(6)).unwrap_err();
        assert_eq!(refused.code, Code::QuotaExceeded);
        assert_eq!(
            refused.details.unwrap(),
            json!({
                "quota": "reader_seconds_per_minute", "limit": 6, "used": 7.2, "seconds": 7,
            })
        );
        assert!(quota.check_at(at(12)).is_ok());
        quota.note_at(at(600), at(12));
        assert!(quota.check_at(at(1_000)).is_err(), "one query may take long, and those after it wait");
        quota.change(None);
        assert!(quota.check_at(at(13)).is_ok());
    }
}
