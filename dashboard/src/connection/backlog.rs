//! Frames that had to wait: a browser stops pages that are hidden, and delivers what came meanwhile all at once.
//! None of it is worth showing before the last of it is read: a reader who comes back wants the present, not a film.

/// A frame that is older when it is read has waited, in microseconds.
const OLD: i64 = 1_000_000;
/// Within a backlog one frame follows the other in less, in milliseconds, also on a machine that has much else to do.
const NEXT_WITHIN: f64 = 400.0;
/// A backlog is read in less, in milliseconds. What is still old then is so for another reason: the server's clock was
/// put back, or this machine is too slow.
const READ_WITHIN: f64 = 3_000.0;
/// This long after the last old frame, in milliseconds, the next one begins another backlog.
const ANOTHER: f64 = 10_000.0;

/// The frames that are being read, if they had to wait.
#[derive(Debug, Default)]
pub struct Backlog {
    /// When the first and the last old frame were read, on the steady clock.
    read: Option<(f64, f64)>,
}

impl Backlog {
    /// A frame that is `age` microseconds old is read at `now`. Whether its age says something about the clocks; that
    /// of a frame that had to wait does not.
    pub fn read(&mut self, age: i64, now: f64) -> bool {
        if age < OLD {
            self.read = None;
            return true;
        }
        let first = self.read.filter(|(_, last)| now - last < ANOTHER).map_or(now, |(first, _)| first);
        self.read = Some((first, now));
        now - first > READ_WITHIN
    }

    /// Whether more of it is probably to come.
    pub fn is_under_way(&self, now: f64) -> bool {
        self.read.is_some_and(|(first, last)| now - first <= READ_WITHIN && now - last <= NEXT_WITHIN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_that_come_at_once_are_none() {
        let mut backlog = Backlog::default();
        assert!(backlog.read(0, 0.0) && backlog.read(-5, 1.0) && backlog.read(OLD - 1, 2.0));
        assert!(!backlog.is_under_way(2.0));
    }

    #[test]
    fn it_ends_with_a_fresh_frame_or_with_silence() {
        let mut backlog = Backlog::default();
        assert!(!backlog.read(30 * OLD, 1_000.0));
        assert!(!backlog.read(29 * OLD, 1_100.0));
        assert!(backlog.is_under_way(1_500.0) && !backlog.is_under_way(1_501.0));
        assert!(!backlog.read(OLD, 1_600.0));
        assert!(backlog.is_under_way(1_600.0));
        assert!(backlog.read(OLD / 2, 1_610.0));
        assert!(!backlog.is_under_way(1_610.0));
    }

    #[test]
    fn what_stays_old_is_a_matter_of_the_clocks() {
        let mut backlog = Backlog::default();
        let said: Vec<_> = (0..4).map(|n| backlog.read(2 * OLD, f64::from(n) * 2_000.0)).collect();
        assert_eq!(said, [false, false, true, true]);
        assert!(!backlog.is_under_way(6_000.0));
        assert!(!backlog.read(2 * OLD, 6_000.0 + ANOTHER), "much later it is another one");
    }
}
