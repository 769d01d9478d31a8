//! The sessions that there are, by their ids. `P` is the way to a session that polls.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix::Addr;
use rand::distr::{Alphanumeric, SampleString as _};
use tokio::sync::watch;

use crate::access::Grant;
use crate::actors::broadcaster::Broadcaster;
use crate::admission::Ticket;
use crate::clock::Clock;
use crate::signals::{Selector, Signals};

/// Letters of an id: 142 random bits, which nobody guesses.
const ID_LETTERS: usize = 24;

/// Where a session's requests go.
#[derive(Clone, Debug)]
pub enum Transport<P> {
    /// It polls.
    Polling(P),
    /// It has a WebSocket; polling is over.
    WebSocket,
}

/// Where the requests of each session go, and whose it is, by its id.
type Seats<P> = HashMap<String, (Option<Grant>, Transport<P>)>;

/// All sessions, bounded by the number of live clients, and what each is made of. Cloning shares them.
#[derive(Clone)]
pub struct Engines<P> {
    all: Arc<Mutex<Seats<P>>>,
    /// Where committed samples come from.
    pub(super) broadcaster: Addr<Broadcaster>,
    /// The server's time.
    pub(super) clock: Clock,
    /// How often a client is pinged.
    pub(super) ping_interval: Duration,
    /// True once the server stops.
    pub(super) stopping: watch::Receiver<bool>,
    /// The signals of the samples that are passed on; all when absent.
    pub(super) scope: Option<Arc<Selector>>,
    /// Ends when who asked may no longer; never when absent.
    pub(super) grant: Option<Grant>,
    /// The dictionary.
    pub(super) signals: Signals,
}

impl<P: Clone> Engines<P> {
    /// No session yet.
    pub fn new(
        broadcaster: Addr<Broadcaster>,
        clock: Clock,
        ping_interval: Duration,
        stopping: watch::Receiver<bool>,
        signals: Signals,
    ) -> Self {
        let (all, scope, grant) = (Arc::default(), None, None);
        Self { all, broadcaster, clock, ping_interval, stopping, scope, grant, signals }
    }

    /// The same for somebody for whom only the signals in `scope` exist, until `grant` ends.
    pub fn of(&self, scope: Option<Arc<Selector>>, grant: Option<Grant>) -> Self {
        Self { scope, grant, ..self.clone() }
    }

    /// How to reach the session `id`, if it was opened with the same key.
    pub fn find(&self, id: &str) -> Option<Transport<P>> {
        let (grant, transport) = self.with(|all| all.get(id).cloned())?;
        let is_same = match (&grant, &self.grant) {
            (None, None) => true,
            (Some(opened), Some(asks)) => opened.is_same(asks),
            _ => false,
        };
        is_same.then_some(transport)
    }
}

impl<P> Engines<P> {
    fn with<T>(&self, change: impl FnOnce(&mut Seats<P>) -> T) -> T {
        change(&mut self.all.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A session's id and its place among the live clients; given back when dropped.
pub(super) struct Seat<P> {
    pub(super) id: String,
    pub(super) engines: Engines<P>,
    pub(super) ticket: Ticket,
}

impl<P: Clone> Seat<P> {
    pub(super) fn new(engines: Engines<P>, ticket: Ticket) -> Self {
        Self { id: random_id(), engines, ticket }
    }

    /// Tells where its requests go from now on.
    pub(super) fn reached_by(&self, transport: Transport<P>) {
        let grant = self.engines.grant.clone();
        self.engines.with(|all| all.insert(self.id.clone(), (grant, transport)));
    }
}

impl<P> Drop for Seat<P> {
    fn drop(&mut self) {
        self.engines.with(|all| all.remove(&self.id));
    }
}

/// An id that nobody guesses.
pub(super) fn random_id() -> String {
    Alphanumeric.sample_string(&mut rand::rng(), ID_LETTERS)
}
