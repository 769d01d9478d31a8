//! A server that this one uses: the database's, or the bus.

use std::time::Duration;

use afterglow_wire::health::{self, PeerError};

use crate::clock::Stopwatch;

/// How long a database that is asked all the time may take to answer: longer than it has transactions wait for that of a server which
/// stands still, five seconds.
const SILENT: Duration = Duration::from_secs(7);

/// The longest message that is kept, in characters.
const MESSAGE: usize = 300;

/// How a server that this one uses is.
#[derive(Debug)]
pub(super) struct Peer {
    address: String,
    is_connected: bool,
    /// Since when that has been so.
    since: Stopwatch,
    /// Since it answered last; none where it speaks only when there is something to say.
    answered: Option<Stopwatch>,
    error: Option<(String, Stopwatch)>,
}

impl Peer {
    /// One that has answered, and is asked all the time.
    pub(super) fn asked(address: String) -> Self {
        let now = Stopwatch::start();
        Self { address, is_connected: true, since: now, answered: Some(now), error: None }
    }

    /// One that is not connected yet, and need not speak.
    pub(super) fn quiet(address: String) -> Self {
        Self { address, is_connected: false, since: Stopwatch::start(), answered: None, error: None }
    }

    /// It is connected, or has answered.
    pub(super) fn is_well(&mut self) {
        self.change(true);
        if let Some(answered) = &mut self.answered {
            *answered = Stopwatch::start();
        }
    }

    /// It is not, or has not, for this reason.
    pub(super) fn fails(&mut self, why: &str) {
        self.change(false);
        let words: Vec<_> = why.split_whitespace().collect();
        self.error = Some((words.join(" ").chars().take(MESSAGE).collect(), Stopwatch::start()));
    }

    fn change(&mut self, is_connected: bool) {
        if self.is_connected != is_connected {
            (self.is_connected, self.since) = (is_connected, Stopwatch::start());
        }
    }

    /// For how long it has not answered, once that is too long.
    pub(super) fn silence(&self) -> Option<Duration> {
        self.answered.map(Stopwatch::elapsed).filter(|silence| *silence > SILENT)
    }

    /// How it is; where it is and what was wrong is for operators.
    pub(super) fn report(&self, is_for_operator: bool) -> health::Peer {
        // One that hangs has not said that it does.
        let hanging = self.silence().filter(|_| self.is_connected);
        let error = self.error.as_ref().filter(|_| is_for_operator);
        health::Peer {
            address: is_for_operator.then(|| self.address.clone()),
            connected: self.is_connected && hanging.is_none(),
            since_seconds: hanging.unwrap_or_else(|| self.since.elapsed()).as_secs_f64(),
            last_error: error.map(|(message, since)| PeerError {
                message: message.clone(),
                age_seconds: since.elapsed().as_secs_f64(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everyone_learns_how_a_server_is_and_operators_where_and_what_was_wrong() {
        let mut bus = Peer::quiet("nats://a:4222".into());
        assert!(!bus.report(true).connected && bus.report(true).last_error.is_none());
        bus.fails("refused\n  by it");
        bus.is_well();
        let report = bus.report(true);
        assert!(report.connected);
        assert_eq!(report.address.as_deref(), Some("nats://a:4222"));
        assert_eq!(report.last_error.unwrap().message, "refused by it");
        assert_eq!(bus.silence(), None, "it need not speak");
        let report = bus.report(false);
        assert_eq!((report.connected, report.address, report.last_error), (true, None, None));
        bus.fails(&"x".repeat(1_000));
        assert_eq!(bus.report(true).last_error.unwrap().message.len(), MESSAGE);
        assert!(!bus.report(false).connected);
    }
}
