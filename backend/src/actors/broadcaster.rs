//! **Role.** Hands every committed sample to every live client, encoded once for all.
//! **Receives.** [`Committed`] from `Ingest`; [`Join`] and [`Leave`] from `Session`; [`CloseAll`] from the pipeline.
//! **Sends.** [`Push`] to each `Session`, the same bytes to all.
//! **Bound.** [`MAILBOX`] committed groups; per client one queue of pushes and one value per signal.
//! **Overload.** Shed: a client whose queue is full gets only the newest value per signal once it has room, is told
//! so, and is closed with 4008 after [`PATIENCE`].
//! **Restart.** None: when it is lost the process stops.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix::prelude::*;
use afterglow_wire::close;
use bytestring::ByteString;

use super::session::{Close, Push, Session};
use crate::batch::Batch;
use crate::clock::Stopwatch;
use crate::live::{self, Newest};
use crate::metrics::{Metrics, Stage};
use crate::pipeline::Lifeline;
use crate::store::Signals;

/// Committed groups that may wait: each is at least one disk flush long, so this is a good second of them.
const MAILBOX: usize = 1_024;

/// How often a client that fell behind is offered the newest values; each offer costs their encoding.
const CATCH_UP: Duration = Duration::from_millis(250);

/// How long a client may stay behind before it is closed.
const PATIENCE: Duration = Duration::from_secs(10);

/// Samples that have just become durable.
#[derive(Clone, Message)]
#[rtype(result = "()")]
pub struct Committed {
    /// In the order of their commit.
    pub batches: Arc<[Batch]>,
}

/// A client that wants every committed sample from now on.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Join {
    /// The client's number.
    pub client: u64,
    /// Its session.
    pub session: Addr<Session>,
    /// Set when the client is given up: a session whose socket is full cannot receive messages, but reads this as
    /// soon as it runs again.
    pub evicted: Arc<AtomicBool>,
}

/// A client that has gone.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Leave {
    /// The client's number.
    pub client: u64,
}

/// Closes every client because the server stops; answered when all have been told.
#[derive(Message)]
#[rtype(result = "()")]
pub struct CloseAll;

struct Client {
    session: Addr<Session>,
    evicted: Arc<AtomicBool>,
    /// What it has not got because its queue was full, and since when.
    behind: Option<(Stopwatch, Newest)>,
}

/// See the file's first lines.
pub struct Broadcaster {
    signals: Signals,
    metrics: Metrics,
    clients: HashMap<u64, Client>,
    _lifeline: Lifeline,
}

impl Broadcaster {
    /// Starts the actor; must be called within an actix system.
    pub fn start(signals: Signals, metrics: Metrics, lifeline: Lifeline) -> Addr<Self> {
        Actor::start(Self { signals, metrics, clients: HashMap::new(), _lifeline: lifeline })
    }

    fn count_sessions(&self) {
        self.metrics.sessions.set(i64::try_from(self.clients.len()).unwrap_or(i64::MAX));
    }

    /// Offers the newest values to those who fell behind, and closes those who stay behind.
    fn catch_up(&mut self) {
        let (signals, metrics) = (&self.signals, &self.metrics);
        self.clients.retain(|number, client| client.catch_up(*number, signals, metrics));
        self.count_sessions();
    }
}

impl Client {
    fn push(&mut self, frames: &Arc<[ByteString]>, batches: &[Batch], metrics: &Metrics) {
        if let Some((_, newest)) = &mut self.behind {
            newest.add(batches);
        } else if self.session.try_send(Push { frames: Arc::clone(frames) }).is_ok() {
            metrics.frames.inc_by(frames.len() as u64);
        } else {
            let mut newest = Newest::default();
            newest.add(batches);
            self.behind = Some((Stopwatch::start(), newest));
            metrics.conflations.inc();
        }
    }

    /// Whether the client stays.
    fn catch_up(&mut self, number: u64, signals: &Signals, metrics: &Metrics) -> bool {
        let Some((since, newest)) = &mut self.behind else { return true };
        let frames: Arc<[ByteString]> = newest.events(signals).into();
        let sent = frames.len() as u64;
        if self.session.try_send(Push { frames }).is_ok() {
            metrics.frames.inc_by(sent);
            self.behind = None;
            return true;
        }
        if since.elapsed() < PATIENCE {
            return true;
        }
        log::info!("live client {number} read too slowly and is closed");
        metrics.evictions.inc();
        self.evicted.store(true, Ordering::Relaxed);
        false
    }
}

impl Actor for Broadcaster {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
        ctx.run_interval(CATCH_UP, |broadcaster, _| broadcaster.catch_up());
    }
}

impl Handler<Committed> for Broadcaster {
    type Result = ();

    fn handle(&mut self, Committed { batches }: Committed, _: &mut Self::Context) {
        if self.clients.is_empty() {
            return;
        }
        let stopwatch = Stopwatch::start();
        let frames: Arc<[ByteString]> = live::events(&batches, &self.signals).into();
        for client in self.clients.values_mut() {
            client.push(&frames, &batches, &self.metrics);
        }
        self.metrics.observe(Stage::Broadcast, stopwatch.elapsed());
    }
}

impl Handler<Join> for Broadcaster {
    type Result = ();

    fn handle(&mut self, Join { client, session, evicted }: Join, _: &mut Self::Context) {
        self.clients.insert(client, Client { session, evicted, behind: None });
        self.count_sessions();
    }
}

impl Handler<Leave> for Broadcaster {
    type Result = ();

    fn handle(&mut self, Leave { client }: Leave, _: &mut Self::Context) {
        self.clients.remove(&client);
        self.count_sessions();
    }
}

impl Handler<CloseAll> for Broadcaster {
    type Result = ();

    fn handle(&mut self, _: CloseAll, _: &mut Self::Context) {
        for (_, client) in self.clients.drain() {
            // A session too slow to take this is ended together with the server's sockets.
            let _ =
                client.session.try_send(Close { code: close::GOING_AWAY, reason: "the server is stopping" });
        }
        self.count_sessions();
    }
}
