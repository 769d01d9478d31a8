//! The one event after COMMIT, and who hears of it.
//!
//! Listeners get commits in order, each with its number and time. A listener whose mailbox is full misses commits rather
//! than hold up those to come; what it misses is counted for it, and it notices by itself: `sequences.before` of the next
//! commit is then not the last number that it has. What it missed is in the journal ([`Store::committed_since`]).
//!
//! [`Store::committed_since`]: crate::store::Store::committed_since

use std::sync::{Arc, Mutex, PoisonError};

use actix::prelude::*;
use prometheus_client::metrics::counter::Counter;

use crate::batch::Batch;
use crate::bus::Bus;
use crate::store::{Commit, News, Sequences, Store};

/// Samples that have just become durable.
#[derive(Clone, Debug, Message)]
#[rtype(result = "()")]
pub struct Committed {
    /// How the commit is numbered, and when it was made.
    pub sequences: Sequences,
    /// In the order of their commit.
    pub batches: Arc<[Batch]>,
}

impl Committed {
    /// How many samples there are.
    pub fn samples(&self) -> usize {
        self.batches.iter().map(Batch::len).sum()
    }
}

impl From<Commit> for Committed {
    fn from(Commit { sequences, batches }: Commit) -> Self {
        Self { sequences, batches: Arc::from(batches) }
    }
}

/// What hears of commits without holding them up. Its own bound says how many may wait for it.
pub trait Hears: Send {
    /// Whether it wants to hear at all; one that does not costs nothing.
    fn is_awake(&self) -> bool {
        true
    }

    /// Tells of a commit; whether there was room.
    fn hear(&self, commit: &Committed) -> bool;

    /// Tells that the numbers up to `sequence` are taken by what cannot be told any more.
    fn skip(&self, _sequence: u64) {}
}

impl Hears for Recipient<Committed> {
    fn hear(&self, commit: &Committed) -> bool {
        self.try_send(commit.clone()).is_ok()
    }
}

/// Someone who hears of commits, and what is counted of it.
pub struct Listener {
    hears: Box<dyn Hears>,
    /// Samples of all commits.
    committed: Counter,
    /// Samples of the commits that found no room.
    shed: Counter,
}

impl Listener {
    /// Counts the samples of all commits in `committed`, and those that it had no room for in `shed`.
    pub fn new(hears: impl Hears + 'static, committed: Counter, shed: Counter) -> Self {
        Self { hears: Box::new(hears), committed, shed }
    }

    /// Tells of a commit, without waiting.
    pub fn tell(&self, commit: &Committed) {
        if !self.hears.is_awake() {
            return;
        }
        let samples = commit.samples() as u64;
        self.committed.inc_by(samples);
        if !self.hears.hear(commit) {
            self.shed.inc_by(samples);
        }
    }
}

/// Tells all listeners of commits, in order. Several threads may learn of a commit; the first one announces it. Cloning shares it.
#[derive(Clone)]
pub struct Announcer(Arc<Announced>);

struct Announced {
    store: Store,
    /// Where other servers hear of this one's commits.
    bus: Option<Bus>,
    /// Held while one thread tells: the next one has what came later.
    listeners: Mutex<Vec<Listener>>,
}

impl Announcer {
    /// Tells `listeners` of the commits of `store`, and other servers over the `bus`.
    pub fn new(store: Store, bus: Option<Bus>, listeners: Vec<Listener>) -> Self {
        Self(Arc::new(Announced { store, bus, listeners: Mutex::new(listeners) }))
    }

    /// Tells of a commit that this process has just made, and of those of others before it.
    pub fn committed(&self, commit: Commit) {
        if self.0.store.is_shared() {
            if let Some(bus) = &self.0.bus {
                bus.send(commit);
            }
            return self.announce();
        }
        let listeners = self.0.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        let committed = Committed::from(commit);
        listeners.iter().for_each(|listener| listener.tell(&committed));
    }

    /// Tells of what the store has heard of, in whatever process it was committed.
    pub fn announce(&self) {
        let listeners = self.0.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        for news in self.0.store.take_news() {
            match news {
                News::Commit(commit) => {
                    let committed = Committed::from(commit);
                    listeners.iter().for_each(|listener| listener.tell(&committed));
                }
                News::Skipped(sequence) => {
                    listeners.iter().for_each(|listener| listener.hears.skip(sequence));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use afterglow_wire::Timestamp;

    use super::*;
    use crate::batch::{Sample, SignalId};

    /// Keeps the numbers that it hears, once it is let go.
    struct Slow {
        heard: tokio::sync::mpsc::UnboundedSender<Sequences>,
        go: Option<tokio::sync::oneshot::Receiver<()>>,
    }

    impl Actor for Slow {
        type Context = Context<Self>;

        fn started(&mut self, ctx: &mut Self::Context) {
            ctx.set_mailbox_capacity(1);
            if let Some(go) = self.go.take() {
                ctx.wait(async { drop(go.await) }.into_actor(self));
            }
        }
    }

    impl Handler<Committed> for Slow {
        type Result = ();

        fn handle(&mut self, commit: Committed, _: &mut Self::Context) {
            self.heard.send(commit.sequences).unwrap();
        }
    }

    #[actix::test]
    async fn a_listener_without_room_misses_commits_and_can_tell() {
        let sample = Sample { signal: SignalId(0), timestamp: Timestamp::default(), value: 1.0 };
        let mut batch = Batch::default();
        batch.push(sample);
        let commit = |last| Committed {
            sequences: Sequences { before: last - 1, last, at: Timestamp::default() },
            batches: Arc::from([batch.clone()]),
        };
        let (heard, mut numbers) = tokio::sync::mpsc::unbounded_channel();
        let (go, waits) = tokio::sync::oneshot::channel();
        let slow = Slow { heard, go: Some(waits) }.start();
        tokio::task::yield_now().await;
        let (committed, shed) = (Counter::default(), Counter::default());
        let listener = Listener::new(slow.recipient(), committed.clone(), shed.clone());
        (1..=50).for_each(|number| listener.tell(&commit(number)));
        let missed = shed.get();
        assert!(missed > 0 && committed.get() == 50, "{missed} of {}", committed.get());
        go.send(()).unwrap();
        let mut last = 0;
        for _ in 0..50 - missed {
            last = numbers.recv().await.unwrap().last;
        }
        listener.tell(&commit(51));
        let next = numbers.recv().await.unwrap();
        assert_ne!(next.before, last, "the hole shows");
    }
}
