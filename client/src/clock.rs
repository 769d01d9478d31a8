//! The only file that reads a clock; everything else takes time as a parameter.

use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use afterglow_wire::Timestamp;

/// The wall clock, for timestamps of samples and for ticks. It may jump in either direction.
#[expect(clippy::disallowed_methods, reason = "this is the clock")]
pub fn now() -> Timestamp {
    let micros = match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_micros()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_micros()).map_or(i64::MIN, i64::saturating_neg),
    };
    Timestamp::from_micros(micros)
}

/// The time since this process first asked. It never goes back: ages and delays are measured with it.
#[expect(clippy::disallowed_methods, reason = "this is the clock")]
pub fn uptime() -> Duration {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed()
}
