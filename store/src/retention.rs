//! How long samples are kept, in what detail.
//!
//! Each tier is made of the one before it when that expires: samples become minutes, minutes become hours. Until then the
//! samples themselves are there, so late ones change nothing that was derived from them.

use std::time::Duration;

use afterglow_wire::{Timestamp, name};

/// How long each tier is kept; `None` is for ever. A sample's age counts from its timestamp or from its arrival, whichever
/// is later: history that is loaded today is kept like what happens today.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetentionTiers {
    /// Samples as they were sent.
    pub raw: Option<Duration>,
    /// One bucket a minute: min, max, mean, count, last.
    pub minutes: Option<Duration>,
    /// One bucket an hour.
    pub hours: Option<Duration>,
}

impl Default for RetentionTiers {
    /// Samples for a week, minutes for a quarter, hours for ever.
    fn default() -> Self {
        let days = |days: u64| Some(Duration::from_secs(days * 86_400));
        Self { raw: days(7), minutes: days(90), hours: None }
    }
}

/// What is kept of which signals.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RetentionPolicy {
    /// For signals that no override names.
    pub tiers: RetentionTiers,
    /// Patterns of names and how long their tiers are kept; the first that matches counts.
    pub overrides: Vec<(String, RetentionTiers)>,
    /// Beyond this size in bytes the oldest samples become minutes before their time, then minutes hours, then hours go.
    pub max_bytes: Option<u64>,
}

impl RetentionPolicy {
    /// How long the tiers of the signal called `signal` are kept.
    pub fn of(&self, signal: &str) -> RetentionTiers {
        let matching = self.overrides.iter().find(|(pattern, _)| name::matches(pattern, signal));
        matching.map_or(self.tiers, |(_, tiers)| *tiers)
    }
}

/// The instant before which a tier has expired; `None` when it is kept for ever.
pub(super) fn cutoff(keep: Option<Duration>, now: Timestamp) -> Option<i64> {
    let keep = i64::try_from(keep?.as_micros()).unwrap_or(i64::MAX);
    Some(now.micros().saturating_sub(keep))
}

/// A wall clock that cannot be talked into deleting: it runs no faster than time really passes.
///
/// A clock that jumps ahead by years would otherwise expire everything at once. After a start the wall time is trusted up
/// to a day past the newest arrival in the database; from then on it advances with the monotonic clock at most.
#[derive(Clone, Copy, Debug)]
pub struct TrustedClock {
    start: Timestamp,
}

impl TrustedClock {
    /// How far past the newest arrival the wall clock is believed at a start.
    const TRUSTED_GAP: i64 = 86_400_000_000;
    /// Small corrections of the clock are believed at once.
    const TOLERANCE: i64 = 60_000_000;

    /// Starts with the wall time and the newest arrival in the database, if there is any.
    pub fn new(wall: Timestamp, newest_arrival: Option<Timestamp>) -> Self {
        let believed = newest_arrival.map_or(wall, |newest| {
            wall.min(Timestamp::from_micros(newest.micros().saturating_add(Self::TRUSTED_GAP)))
        });
        Self { start: believed }
    }

    /// The time to judge ages by, `elapsed` after the start.
    pub fn now(&self, wall: Timestamp, elapsed: Duration) -> Timestamp {
        let elapsed = i64::try_from(elapsed.as_micros()).unwrap_or(i64::MAX);
        let most = self.start.micros().saturating_add(elapsed).saturating_add(Self::TOLERANCE);
        wall.min(Timestamp::from_micros(most))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);
    const TEN_YEARS: i64 = 10 * 365 * 86_400_000_000;

    fn later(micros: i64) -> Timestamp {
        Timestamp::from_micros(NOW.micros() + micros)
    }

    #[test]
    fn a_clock_that_jumps_ahead_is_not_followed() {
        let clock = TrustedClock::new(NOW, Some(NOW));
        let hour = Duration::from_secs(3_600);
        assert_eq!(clock.now(later(3_600_000_000), hour), later(3_600_000_000));
        assert_eq!(clock.now(later(TEN_YEARS), hour), later(3_660_000_000));
        assert_eq!(clock.now(later(-TEN_YEARS), hour), later(-TEN_YEARS), "a clock behind expires less");
    }

    #[test]
    fn a_start_with_a_wrong_clock_is_not_believed_either() {
        let clock = TrustedClock::new(later(TEN_YEARS), Some(NOW));
        assert_eq!(clock.now(later(TEN_YEARS), Duration::ZERO), later(86_460_000_000));
        assert_eq!(TrustedClock::new(NOW, None).now(NOW, Duration::ZERO), NOW);
    }

    #[test]
    fn the_first_matching_override_counts() {
        let short = RetentionTiers { raw: Some(Duration::from_secs(60)), ..RetentionTiers::default() };
        let retention =
            RetentionPolicy { overrides: vec![("host.*".into(), short)], ..RetentionPolicy::default() };
        assert_eq!(retention.of("host.cpu"), short);
        assert_eq!(retention.of("sine"), RetentionTiers::default());
    }
}
