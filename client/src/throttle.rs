//! Keeps a repeated log message from flooding the log.

use std::time::Duration;

/// Lets one message through each interval and counts what it holds back.
#[derive(Debug)]
pub struct Throttle {
    interval: Duration,
    last: Option<Duration>,
    held: u64,
}

impl Throttle {
    /// A throttle that passes at most one message per `interval`.
    pub const fn new(interval: Duration) -> Self {
        Self { interval, last: None, held: 0 }
    }

    /// Whether to speak at `now` (a monotonic time): if so, how many messages were held back since the last.
    pub fn pass(&mut self, now: Duration) -> Option<u64> {
        if self.last.is_some_and(|last| now.saturating_sub(last) < self.interval) {
            self.held += 1;
            return None;
        }
        self.last = Some(now);
        Some(std::mem::take(&mut self.held))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_message_passes_per_interval_and_the_rest_is_counted() {
        let mut throttle = Throttle::new(Duration::from_secs(10));
        assert_eq!(throttle.pass(Duration::from_secs(1)), Some(0));
        assert_eq!(throttle.pass(Duration::from_secs(2)), None);
        assert_eq!(throttle.pass(Duration::from_secs(10)), None);
        assert_eq!(throttle.pass(Duration::from_secs(11)), Some(2));
    }
}
