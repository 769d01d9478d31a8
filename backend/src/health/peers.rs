//! The servers that this one uses: the database's, and the bus.

use std::time::Duration;

use afterglow_wire::health::{self, PeerError};

use crate::clock::Stopwatch;

/// How long a database that is asked all the time may not answer: longer than a restart of it may keep a balancer from this server.
pub(super) const SILENT: Duration = Duration::from_secs(5);

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
    /// One that is connected already answers when asked.
    pub(super) fn new(address: String, is_connected: bool) -> Self {
        let now = Stopwatch::start();
        Self { address, is_connected, since: now, answered: is_connected.then_some(now), error: None }
    }

    /// It is connected, or answers.
    pub(super) fn is_well(&mut self) {
        self.change(true);
        if let Some(answered) = &mut self.answered {
            *answered = Stopwatch::start();
        }
    }

    /// It is not, or did not; `why` is in one line.
    pub(super) fn fails(&mut self, why: &str) {
        self.change(false);
        let words: Vec<_> = why.split_whitespace().collect();
        let message = words.join(" ").chars().take(MESSAGE).collect();
        self.error = Some((message, Stopwatch::start()));
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

    /// How it is; with where it is and what was wrong if `is_for_operator`.
    pub(super) fn report(&self, is_for_operator: bool) -> health::Peer {
        // One that hangs has said nothing.
        let silence = self.silence().filter(|_| self.is_connected);
        let error = self.error.as_ref().map(|(message, since)| PeerError {
            message: message.clone(),
            age_seconds: since.elapsed().as_secs_f64(),
        });
        health::Peer {
            address: is_for_operator.then(|| self.address.clone()),
            connected: self.is_connected && silence.is_none(),
            since_seconds: silence.unwrap_or_else(|| self.since.elapsed()).as_secs_f64(),
            last_error: error.filter(|_| is_for_operator),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_said_how_a_server_is_and_to_operators_where_and_why() {
        let mut bus = Peer::new("nats://a:4222".into(), false);
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
