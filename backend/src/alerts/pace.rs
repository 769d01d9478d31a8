//! When a channel is sent what waits of a topic: the first message at once, later ones together.
//!
//! A quiet topic may have a few messages at once, each after the moment in which one storm becomes one message: fire and
//! resolve that follow each other are not held up. When these are used up, there is one message every 30 seconds, then every
//! minute, doubling up to five minutes while the topic stays busy. In ten minutes that is at most eight.

use std::time::Duration;

/// What crosses within this time is sent together.
pub const GATHER: Duration = Duration::from_millis(25);

/// Messages that a quiet topic may have at once.
const AT_ONCE: u32 = 3;

/// The first pause of a topic that is busy, and the longest.
const PAUSE: Duration = Duration::from_secs(30);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// The pace of one topic. Times are those since the channel's thread began.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pace {
    /// Since when something waits.
    waits_since: Option<Duration>,
    /// How many messages there were since it was quiet.
    sent: u32,
    /// When the next message may be.
    not_before: Duration,
    last: Duration,
}

impl Pace {
    /// When what waits is to be sent.
    pub fn due(&mut self, now: Duration) -> Duration {
        let since = *self.waits_since.get_or_insert(now);
        (since + GATHER).max(self.not_before)
    }

    /// A message was made of it.
    pub fn sent(&mut self, now: Duration) {
        if self.is_quiet(now) {
            self.sent = 0;
        }
        self.sent += 1;
        let doublings = self.sent.saturating_sub(AT_ONCE);
        self.not_before = match doublings {
            0 if self.sent < AT_ONCE => now,
            _ => now + PAUSE.saturating_mul(1 << doublings.min(4)).min(LONGEST_PAUSE),
        };
        self.waits_since = None;
        self.last = now;
    }

    /// Whether nothing waits, and it need not be remembered.
    pub fn is_idle(&self, now: Duration) -> bool {
        self.waits_since.is_none() && self.is_quiet(now)
    }

    /// Whether it has been silent for long enough to begin afresh.
    fn is_quiet(&self, now: Duration) -> bool {
        self.sent == 0 || now.saturating_sub(self.last) > 2 * LONGEST_PAUSE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_word_is_at_once_and_a_busy_topic_is_gathered() {
        let mut pace = Pace::default();
        let mut now = Duration::ZERO;
        let mut times = Vec::new();
        // Something crosses all the time.
        while now < Duration::from_secs(600) {
            now = pace.due(now);
            pace.sent(now);
            times.push(now.as_secs());
        }
        assert_eq!(times, [0, 0, 0, 30, 90, 210, 450, 750]);
    }

    #[test]
    fn a_topic_that_was_quiet_begins_afresh() {
        let mut pace = Pace::default();
        for _ in 0..5 {
            let now = pace.due(Duration::ZERO);
            pace.sent(now);
        }
        let later = Duration::from_secs(10_000);
        assert!(pace.is_idle(later));
        assert_eq!(pace.due(later), later + GATHER);
        assert!(!pace.is_idle(later), "something waits");
        pace.sent(later);
        assert_eq!(pace.due(later), later + GATHER, "and may have more at once");
    }
}
