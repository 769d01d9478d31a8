//! A server that this one uses: the database's, or the bus.

use std::time::Duration;

use afterglow_wire::health::{self, PeerError};

use crate::clock::Stopwatch;

/// How long a database may take to answer a read, which waits for no transaction of another server.
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
    /// Since it was asked what it has not answered yet, and not since.
    asked: Option<Stopwatch>,
    error: Option<(String, Stopwatch)>,
}

impl Peer {
    /// One that is connected, or not yet.
    pub(super) fn new(address: String, is_connected: bool) -> Self {
        Self { address, is_connected, since: Stopwatch::start(), asked: None, error: None }
    }

    /// It is asked something that it answers at once where it is well.
    pub(super) fn is_asked(&mut self) {
        self.asked.get_or_insert_with(Stopwatch::start);
    }

    /// It is connected, or has answered.
    pub(super) fn is_well(&mut self) {
        self.change(true);
        self.asked = None;
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
        self.asked.map(Stopwatch::elapsed).filter(|silence| *silence > SILENT)
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
        let mut bus = Peer::new("nats://a:4222".into(), false);
        assert!(!bus.report(true).connected && bus.report(true).last_error.is_none());
        bus.fails("refused\n  by it");
        bus.is_well();
        let report = bus.report(true);
        assert!(report.connected);
        assert_eq!(report.address.as_deref(), Some("nats://a:4222"));
        assert_eq!(report.last_error.unwrap().message, "refused by it");
        assert_eq!(bus.silence(), None, "nobody asks it");
        let report = bus.report(false);
        assert_eq!((report.connected, report.address, report.last_error), (true, None, None));
        bus.fails(&"x".repeat(1_000));
        assert_eq!(bus.report(true).last_error.unwrap().message.len(), MESSAGE);
        assert!(!bus.report(false).connected);
    }
}
