//! How many messages a client may send.

use afterglow_wire::limits::CLIENT_MESSAGES;

use crate::clock::Stopwatch;

/// A token bucket.
#[derive(Debug)]
pub(crate) struct RateLimit {
    tokens: f64,
    filled: Stopwatch,
}

impl Default for RateLimit {
    fn default() -> Self {
        Self { tokens: f64::from(CLIENT_MESSAGES), filled: Stopwatch::start() }
    }
}

impl RateLimit {
    /// Counts a message; false when there have been too many.
    pub(crate) fn allow(&mut self) -> bool {
        let most = f64::from(CLIENT_MESSAGES);
        self.tokens = (self.tokens + self.filled.elapsed().as_secs_f64() * most).min(most);
        self.filled = Stopwatch::start();
        self.tokens -= 1.0;
        self.tokens >= 0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_allowed_and_a_flood_is_not() {
        let mut rate = RateLimit::default();
        assert!((0..CLIENT_MESSAGES).all(|_| rate.allow()));
        assert!((0..CLIENT_MESSAGES).any(|_| !rate.allow()));
    }
}
