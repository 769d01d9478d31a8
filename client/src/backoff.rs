//! How long to wait before trying again: exponential with full jitter.

use std::time::Duration;

/// The longest `Retry-After` that is honoured; a longer one is cut to it, so that a mistyped header cannot
/// silence a client for a day.
pub const RETRY_AFTER_CAP: Duration = Duration::from_secs(600);

/// Counts failures in a row and turns them into waits.
#[derive(Clone, Debug)]
pub struct Backoff {
    base: Duration,
    cap: Duration,
    failures: u32,
}

impl Backoff {
    /// Waits of at most `base` after the first failure, doubling with each further one up to `cap`.
    pub const fn new(base: Duration, cap: Duration) -> Self {
        Self { base, cap, failures: 0 }
    }

    /// The wait after one more failure: uniform between 0 and the bound, with `random` in [0, 1).
    ///
    /// The whole range is used (full jitter) so that many clients do not come back at once. When the
    /// backend said `retry_after`, the wait starts there, and its jitter is at most `base`.
    pub fn next(&mut self, retry_after: Option<Duration>, random: f64) -> Duration {
        let doubled = self.base.saturating_mul(1_u32.checked_shl(self.failures).unwrap_or(u32::MAX));
        self.failures = (self.failures + 1).min(31);
        match retry_after {
            Some(said) => said.min(RETRY_AFTER_CAP) + self.base.mul_f64(random),
            None => doubled.min(self.cap).mul_f64(random),
        }
    }

    /// A success: the next failure counts as the first.
    pub const fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn backoff() -> Backoff {
        Backoff::new(Duration::from_millis(250), Duration::from_secs(30))
    }

    #[test]
    fn waits_double_up_to_the_cap() {
        let mut backoff = backoff();
        let waits: Vec<_> = (0..10).map(|_| backoff.next(None, 1.0).as_millis()).collect();
        assert_eq!(waits, [250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
        backoff.reset();
        assert_eq!(backoff.next(None, 1.0).as_millis(), 250);
    }

    #[test]
    fn retry_after_is_honoured_and_capped() {
        let after = |seconds, random| backoff().next(Some(Duration::from_secs(seconds)), random);
        assert_eq!(after(7, 0.0), Duration::from_secs(7));
        assert_eq!(after(7, 1.0), Duration::from_millis(7_250));
        assert_eq!(after(86_400, 0.0), RETRY_AFTER_CAP);
    }

    proptest! {
        #[test]
        fn no_wait_leaves_its_bounds(failures in 0_u32..100, random in 0.0..1.0_f64) {
            let mut backoff = backoff();
            let wait = (0..=failures).map(|_| backoff.next(None, random)).last().unwrap();
            prop_assert!(wait <= Duration::from_secs(30));
        }
    }
}
