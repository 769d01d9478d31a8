//! **Role.** Makes batches durable: whatever arrived while one commit ran goes into the next (group commit).
//! **Receives.** Batches from the HTTP workers, through [`Handle`] and its queue; [`Begin`] when that queue has nobody who
//! serves it; [`Drain`] from the pipeline.
//! **Sends.** The outcome to each request after COMMIT; [`Committed`] to `Broadcaster`.
//! **Bound.** [`WAITING_REQUESTS`] requests and [`WAITING_SAMPLES`] samples waiting, one commit in flight.
//! **Overload.** Refuse: the request is answered 503 `queue_full` and may be sent again. Towards `Broadcaster`: shed.
//! **Restart.** None: a panic while committing stops the process, which loses nothing that was acknowledged.

mod groups;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use actix::prelude::*;
use afterglow_wire::Code;
use tokio::sync::oneshot;

use super::broadcaster::{Broadcaster, Committed};
use crate::batch::Batch;
use crate::clock::Stopwatch;
use crate::fault;
use crate::metrics::{Metrics, Queue, Stage};
use crate::pipeline::Lifeline;
use crate::store::Store;
use groups::Groups;

/// Requests that may wait for the next commit: far more than a disk flush lets gather.
const WAITING_REQUESTS: usize = 16_384;

/// Samples that may wait for the next commit: about a second of the fastest disk, and 96 MB at 24 bytes each.
const WAITING_SAMPLES: usize = 4_000_000;

/// Samples of one commit; the rest goes into the next, so that no request waits for a giant transaction.
const COMMIT_SAMPLES: usize = 500_000;

/// A batch that waits to be made durable, and where its outcome is told.
struct Record {
    batch: Batch,
    done: oneshot::Sender<Result<(), Refusal>>,
}

/// Asks to begin committing, because something waits and nobody commits. A running commit goes on by itself while
/// requests come, so that under load none of them costs a message.
#[derive(Message)]
#[rtype(result = "()")]
struct Begin;

/// Asks to commit everything that waits; answered when it is done.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Drain;

/// Why a batch was not stored. Nothing of it was.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// What the door answers with.
    pub code: Code,
    /// Why.
    pub message: String,
}

/// The way for requests to reach `Ingest`.
#[derive(Clone)]
pub struct Handle {
    waiting: Arc<Groups<Record>>,
    address: Addr<Ingest>,
    draining: Arc<AtomicBool>,
    metrics: Metrics,
}

impl Handle {
    /// Waits until `batch` is durable.
    ///
    /// # Errors
    /// `queue_full`, `draining`, `disk_full` or `store_down`; nothing of the batch was stored then.
    pub async fn record(&self, batch: Batch) -> Result<(), Refusal> {
        let (samples, stopwatch) = (batch.len(), Stopwatch::start());
        let in_flight = i64::try_from(samples).unwrap_or(i64::MAX);
        self.metrics.in_flight.inc_by(in_flight);
        let outcome = self.submit(batch).await;
        self.metrics.in_flight.dec_by(in_flight);
        let counter = if outcome.is_ok() { &self.metrics.committed } else { &self.metrics.refused };
        counter.inc_by(samples as u64);
        self.metrics.observe(Stage::Record, stopwatch.elapsed());
        outcome
    }

    async fn submit(&self, batch: Batch) -> Result<(), Refusal> {
        if self.is_draining() {
            return Err(Refusal { code: Code::Draining, message: "the server is stopping".into() });
        }
        let lost = || Refusal {
            code: Code::StoreDown,
            message: "the writer is lost; the server is stopping".into(),
        };
        let (done, outcome) = oneshot::channel();
        match self.waiting.push(batch.len(), Record { batch, done }) {
            Ok(false) => {}
            Ok(true) => self.address.try_send(Begin).map_err(|_| lost())?,
            Err(_) => {
                let message = "samples arrive faster than they can be stored".into();
                return Err(Refusal { code: Code::QueueFull, message });
            }
        }
        outcome.await.unwrap_or_else(|_| Err(lost()))
    }

    /// Refuses everything from now on, then waits until all that was accepted is on the disk.
    pub async fn drain(&self) {
        self.draining.store(true, Ordering::SeqCst);
        let _ = self.address.send(Drain).await;
    }

    /// Whether the server has begun to stop.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::SeqCst)
    }
}

/// See the file's first lines.
pub struct Ingest {
    /// Shared with the commits, which take from it what has gathered.
    waiting: Arc<Groups<Record>>,
    committer: Committer,
    /// Whoever waits for the queue to become empty.
    drained: Vec<oneshot::Sender<()>>,
    /// Tells the pipeline when this actor is gone.
    _lifeline: Lifeline,
}

/// What commits need; runs on a thread that may block.
#[derive(Clone)]
struct Committer {
    store: Store,
    broadcaster: Addr<Broadcaster>,
    metrics: Metrics,
    /// Whether tests want a backend that lies.
    acknowledge_early: bool,
}

impl Ingest {
    /// Starts the actor; must be called within an actix system.
    pub fn start(
        store: Store,
        broadcaster: Addr<Broadcaster>,
        metrics: Metrics,
        lifeline: Lifeline,
    ) -> Handle {
        let acknowledge_early = fault::acknowledges_before_commit();
        let waiting = Arc::new(Groups::new(WAITING_REQUESTS, WAITING_SAMPLES, COMMIT_SAMPLES));
        let ingest = Self {
            waiting: Arc::clone(&waiting),
            committer: Committer { store, broadcaster, metrics: metrics.clone(), acknowledge_early },
            drained: Vec::new(),
            _lifeline: lifeline,
        };
        Handle { waiting, address: ingest.start(), draining: Arc::new(AtomicBool::new(false)), metrics }
    }

    /// Commits groups until nothing waits.
    fn begin(&mut self, ctx: &mut Context<Self>) {
        let (waiting, committer) = (Arc::clone(&self.waiting), self.committer.clone());
        let commits = actix_rt::task::spawn_blocking(move || {
            let mut answered = 0;
            while let Some(group) = waiting.take(answered) {
                answered = group.len();
                committer.metrics.depth(Queue::Ingest, waiting.len());
                committer.commit(group);
            }
        });
        ctx.spawn(commits.into_actor(self).map(|ended, ingest, ctx| match ended {
            Ok(()) => ingest.tell_drained(),
            Err(panic) => {
                log::error!("the writer broke and the process stops: {panic}");
                ctx.terminate();
            }
        }));
    }

    fn tell_drained(&mut self) {
        if self.waiting.is_idle() {
            for drained in self.drained.drain(..) {
                let _ = drained.send(());
            }
        }
    }
}

impl Committer {
    /// Makes a group durable, then answers it, then shows it live.
    fn commit(&self, group: Vec<Record>) {
        let (batches, mut waiters): (Vec<_>, Vec<_>) = group.into_iter().map(|r| (r.batch, r.done)).unzip();
        if self.acknowledge_early {
            waiters.drain(..).for_each(|waiter| drop(waiter.send(Ok(()))));
            fault::linger();
        }
        let stopwatch = Stopwatch::start();
        let outcome = self.store.commit(&batches).map_err(|error| {
            log::error!("a commit failed: {error}");
            Refusal { code: error.code(), message: error.to_string() }
        });
        self.metrics.observe(Stage::Commit, stopwatch.elapsed());
        for waiter in waiters {
            // A client that has gone away does not take its samples back.
            let _ = waiter.send(outcome.clone());
        }
        if outcome.is_ok() {
            self.broadcast(batches);
        }
    }

    fn broadcast(&self, batches: Vec<Batch>) {
        let samples = batches.iter().map(Batch::len).sum::<usize>() as u64;
        self.metrics.broadcast.inc_by(samples);
        if self.broadcaster.try_send(Committed { batches: Arc::from(batches) }).is_err() {
            self.metrics.broadcast_shed.inc_by(samples);
        }
    }
}

impl Actor for Ingest {
    type Context = Context<Self>;
}

impl Handler<Begin> for Ingest {
    type Result = ();

    fn handle(&mut self, _: Begin, ctx: &mut Self::Context) {
        self.begin(ctx);
    }
}

impl Handler<Drain> for Ingest {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Drain, _: &mut Self::Context) -> Self::Result {
        let (drained, done) = oneshot::channel();
        self.drained.push(drained);
        self.tell_drained();
        Box::pin(async move {
            let _ = done.await;
        })
    }
}
