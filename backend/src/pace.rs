//! How long a client that reads slowly is waited for.

use std::time::Duration;

/// Waits for a client, which must read at a least rate once it has used up its patience.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    patience: Duration,
    /// Bytes a second.
    least_rate: u64,
    taken: u64,
    waited: Duration,
}

impl Pace {
    /// A client may be waited for as long as `patience`, and in all as much longer as what it takes needs at `least_rate` bytes a
    /// second.
    pub fn new(patience: Duration, least_rate: u64) -> Self {
        Self { patience, least_rate, taken: 0, waited: Duration::ZERO }
    }

    /// How much longer it may be waited for, at most its patience.
    pub fn left(&self) -> Duration {
        let allowed = self.patience + Duration::from_secs(self.taken / self.least_rate.max(1));
        allowed.saturating_sub(self.waited).min(self.patience)
    }

    /// It has been waited for.
    pub fn waited(&mut self, time: Duration) {
        self.waited += time;
    }

    /// It has taken `bytes`.
    pub fn took(&mut self, bytes: usize) {
        self.taken += bytes as u64;
    }

    /// How long one wait may be.
    pub fn patience(&self) -> Duration {
        self.patience
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_must_read_at_a_least_rate() {
        let seconds = Duration::from_secs;
        let left = |taken: usize, waited| {
            let mut pace = Pace::new(seconds(30), 1_000);
            pace.took(1_000 * taken);
            pace.waited(seconds(waited));
            pace.left()
        };
        assert_eq!(left(0, 0), seconds(30));
        assert_eq!(left(0, 29), seconds(1));
        assert_eq!(left(100, 100), seconds(30), "never more for one piece");
        assert_eq!(left(100, 120), seconds(10));
        assert_eq!(left(100, 131), seconds(0), "it dawdles");
    }
}
