//! How long to wait before trying again.

/// The first wait is about this long, in milliseconds.
const FIRST: f64 = 500.0;
/// No wait is longer than this, in milliseconds.
const LONGEST: f64 = 15_000.0;

/// Waits that double, with jitter: after a server's restart its clients must not all return at once.
#[derive(Debug, Default)]
pub struct Backoff {
    attempts: u32,
}

impl Backoff {
    /// The next wait in milliseconds; `random` is uniform in 0..1.
    pub fn next(&mut self, random: f64) -> u32 {
        let full = (FIRST * 2f64.powi(self.attempts.min(16).cast_signed())).min(LONGEST);
        self.attempts = self.attempts.saturating_add(1);
        (full * (0.5 + random.clamp(0.0, 1.0) / 2.0)) as u32
    }

    /// It worked: the next wait is short again.
    pub fn reset(&mut self) {
        self.attempts = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_limit_and_start_again() {
        let mut backoff = Backoff::default();
        let waits: Vec<u32> = (0..8).map(|_| backoff.next(1.0)).collect();
        assert_eq!(waits, [500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 15_000]);
        backoff.reset();
        assert_eq!(backoff.next(0.0), 250);
    }
}
