//! **Role.** Makes batches durable: whatever arrived while one commit ran goes into the next (group commit).
//! **Receives.** [`Record`] from the HTTP workers, through [`Handle`]; [`Drain`] from the pipeline.
//! **Sends.** The outcome to each request after COMMIT; [`Committed`] to `Broadcaster`.
//! **Bound.** [`MAILBOX`] requests, [`WAITING_SAMPLES`] samples waiting, one commit in flight.
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

/// Requests that may wait in the mailbox. Far more than the HTTP workers run at once; its bound is for the case
/// that this actor is starved.
const MAILBOX: usize = 4_096;

/// Samples that may wait for the next commit: about a second of the fastest disk, and 96 MB at 24 bytes each.
const WAITING_SAMPLES: usize = 4_000_000;

/// Samples of one commit; the rest goes into the next, so that no request waits for a giant transaction.
const COMMIT_SAMPLES: usize = 500_000;

/// Asks for a batch to be made durable; answered through `done` once it is, or is known not to be.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Record {
    batch: Batch,
    done: oneshot::Sender<Result<(), Refusal>>,
}

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
        let (done, outcome) = oneshot::channel();
        self.address.try_send(Record { batch, done }).map_err(|_| queue_full())?;
        outcome.await.unwrap_or_else(|_| {
            Err(Refusal {
                code: Code::StoreDown,
                message: "the server lost its writer and is stopping".into(),
            })
        })
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
    /// Whether commits run; they go on until nothing waits.
    committing: bool,
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
        let ingest = Self {
            waiting: Arc::new(Groups::new(WAITING_SAMPLES, COMMIT_SAMPLES)),
            committer: Committer { store, broadcaster, metrics: metrics.clone(), acknowledge_early },
            committing: false,
            drained: Vec::new(),
            _lifeline: lifeline,
        };
        Handle { address: ingest.start(), draining: Arc::new(AtomicBool::new(false)), metrics }
    }

    /// Starts to commit what waits, unless that is being done.
    fn commit(&mut self, ctx: &mut Context<Self>) {
        let waiting = self.waiting.len();
        self.committer.metrics.depth(Queue::Ingest, waiting);
        if self.committing {
            return;
        }
        if waiting == 0 {
            for drained in self.drained.drain(..) {
                let _ = drained.send(());
            }
            return;
        }
        self.committing = true;
        let (waiting, committer) = (Arc::clone(&self.waiting), self.committer.clone());
        let commits = actix_rt::task::spawn_blocking(move || {
            let mut answered = 0;
            while let Some(group) = waiting.take(answered) {
                answered = group.len();
                committer.commit(group);
            }
        });
        ctx.spawn(commits.into_actor(self).map(|ended, ingest, ctx| {
            if let Err(panic) = ended {
                log::error!("the writer broke and the process stops: {panic}");
                return ctx.terminate();
            }
            ingest.committing = false;
            // Something may have come between the last look and now.
            ingest.commit(ctx);
        }));
    }
}

impl Committer {
    /// Makes a group durable, then answers it, then shows it live.
    fn commit(&self, group: Vec<Record>) {
        let (batches, mut waiters): (Vec<_>, Vec<_>) = group.into_iter().map(|r| (r.batch, r.done)).unzip();
        if self.acknowledge_early {
            waiters.drain(..).for_each(|waiter| drop(waiter.send(Ok(()))));
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

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
    }
}

impl Handler<Record> for Ingest {
    type Result = ();

    fn handle(&mut self, record: Record, ctx: &mut Self::Context) {
        match self.waiting.push(record.batch.len(), record) {
            Ok(()) => self.commit(ctx),
            Err(record) => drop(record.done.send(Err(queue_full()))),
        }
    }
}

impl Handler<Drain> for Ingest {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Drain, ctx: &mut Self::Context) -> Self::Result {
        let (drained, done) = oneshot::channel();
        self.drained.push(drained);
        self.commit(ctx);
        Box::pin(async move {
            let _ = done.await;
        })
    }
}

fn queue_full() -> Refusal {
    Refusal { code: Code::QueueFull, message: "samples arrive faster than they can be stored".into() }
}
