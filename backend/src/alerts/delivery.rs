//! What becomes of a message after an attempt to deliver it.

use std::time::Duration;

use afterglow_wire::channel::Outcome;

/// How an attempt ended, as far as the receiver says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The status of the answer, where there was one.
    pub status: Option<u16>,
    /// How long the receiver wants to be left alone.
    pub retry_after: Option<Duration>,
    /// What went wrong; `None` when the message was taken. It names no secret.
    pub error: Option<String>,
    /// Whether trying again cannot help, whatever the status.
    pub is_hopeless: bool,
}

/// A message is given up after this time.
pub const GIVE_UP: Duration = Duration::from_secs(24 * 3_600);

/// The longest that a receiver can ask to be left alone.
const LONGEST_WAIT: Duration = Duration::from_secs(3_600);

/// Pauses after the first attempts, in seconds; the last one is that of all further ones.
const PAUSES: [u64; 5] = [1, 5, 15, 60, 300];

impl Attempt {
    /// The message was taken.
    pub fn taken(status: Option<u16>) -> Self {
        Self { status, retry_after: None, error: None, is_hopeless: false }
    }

    /// No answer, for the reason `error`.
    pub fn failed(error: impl Into<String>) -> Self {
        Self { status: None, retry_after: None, error: Some(error.into()), is_hopeless: false }
    }

    /// It cannot be sent at all.
    pub fn hopeless(error: impl Into<String>) -> Self {
        Self { is_hopeless: true, ..Self::failed(error) }
    }
}

/// What follows the attempt numbered `number`, from 1, of a message that was composed `age` ago: how it ended, and after
/// what pause it is tried again. `jitter` is between 0 and 1.
pub fn next(attempt: &Attempt, number: u32, age: Duration, jitter: f64) -> (Outcome, Option<Duration>) {
    if attempt.error.is_none() {
        return (Outcome::Delivered, None);
    }
    // Timeout, too early, and too many: the same request may succeed later.
    let refused = |status: u16| (400..500).contains(&status) && !matches!(status, 408 | 425 | 429);
    // Redirects are not followed: they could lead anywhere.
    let moved = |status: u16| (300..400).contains(&status);
    if attempt.is_hopeless || attempt.status.is_some_and(|status| refused(status) || moved(status)) {
        return (Outcome::Refused, None);
    }
    if age >= GIVE_UP {
        return (Outcome::GivenUp, None);
    }
    let index = usize::try_from(number.saturating_sub(1)).unwrap_or(usize::MAX).min(PAUSES.len() - 1);
    let pause = Duration::from_secs(PAUSES[index]).mul_f64(0.8 + 0.4 * jitter.clamp(0.0, 1.0));
    // Never earlier than it was asked for.
    let asked = attempt.retry_after.unwrap_or_default().min(LONGEST_WAIT);
    (Outcome::Retry, Some(pause.max(asked)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16) -> Attempt {
        Attempt { status: Some(status), ..Attempt::failed("no") }
    }

    #[test]
    fn what_may_succeed_later_is_tried_again_and_nothing_else() {
        let outcome = |attempt: &Attempt| next(attempt, 1, Duration::ZERO, 0.5).0;
        assert_eq!(outcome(&Attempt::taken(Some(204))), Outcome::Delivered);
        assert_eq!(outcome(&Attempt::failed("refused")), Outcome::Retry);
        for status in [408, 425, 429, 500, 502, 503, 504] {
            assert_eq!(outcome(&answer(status)), Outcome::Retry, "{status}");
        }
        for status in [301, 302, 400, 401, 403, 404, 410, 422] {
            assert_eq!(outcome(&answer(status)), Outcome::Refused, "{status}");
        }
        assert_eq!(outcome(&Attempt::hopeless("forbidden")), Outcome::Refused);
        assert_eq!(next(&answer(500), 1, GIVE_UP, 0.5), (Outcome::GivenUp, None));
    }

    #[test]
    fn pauses_grow_and_are_never_shorter_than_asked_for() {
        let pause = |number, jitter| next(&answer(500), number, Duration::ZERO, jitter).1.unwrap();
        for (number, seconds) in [(1, 1.0), (2, 5.0), (3, 15.0), (4, 60.0), (5, 300.0), (99, 300.0)] {
            assert_eq!(pause(number, 0.5).as_secs_f64(), seconds);
            assert!(pause(number, 0.0) < pause(number, 1.0));
        }
        let asked = |seconds| Attempt { retry_after: Some(Duration::from_secs(seconds)), ..answer(429) };
        assert_eq!(next(&asked(7), 1, Duration::ZERO, 0.0).1, Some(Duration::from_secs(7)));
        assert_eq!(next(&asked(1 << 40), 1, Duration::ZERO, 0.0).1, Some(LONGEST_WAIT));
    }
}
