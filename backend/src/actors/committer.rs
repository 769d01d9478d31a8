//! **Role.** Makes batches durable: whatever arrived while one commit ran goes into the next (group commit).
//! **Receives.** Batches from the intake, through [`Handle`] and its queue; [`Drain`] from the pipeline.
//! **Sends.** The outcome to each request after COMMIT; then the commit to [`Announcer`].
//! **Bound.** [`WAITING_REQUESTS`] requests and [`WAITING_SAMPLES`] samples waiting, of one address half, and its largest request;
//! addresses take turns. One commit in flight.
//! **Overload.** Refuse: the request is answered 503 `queue_full` and may be sent again. Towards listeners: shed, each for
//! itself; they notice by the commit's number and read the journal.
//! **Restart.** None: a panic while committing stops the process, which loses nothing that was acknowledged.

mod queue;

use std::net::IpAddr;
use std::sync::Arc;
use std::thread;

use actix::prelude::*;
use afterglow_wire::Code;
use afterglow_wire::limits::REQUEST_SAMPLES;
use tokio::sync::oneshot;

use crate::admission::network;
use crate::batch::Batch;
use crate::clock::Stopwatch;
use crate::committed::Announcer;
use crate::fault;
use crate::lifeline::Lifeline;
use crate::memory;
use crate::metrics::{Metrics, Queue, Stage};
use crate::refusal::Refusal;
use crate::store::{Store, StoreError};
use queue::{CommitQueue, Limits, PushError};

/// Requests that may wait for the next commit: far more than a disk flush lets gather.
const WAITING_REQUESTS: usize = 16_384;

/// Samples that may wait for the next commit: about a second of the fastest disk, and 96 MB at 24 bytes each.
const WAITING_SAMPLES: usize = 4_000_000;

/// Samples of one commit but for a request that has more; the rest goes into the next, so that no request waits for a giant transaction.
const COMMIT_SAMPLES: usize = 100_000;

/// A batch that waits to be made durable, and the channel on which its outcome is sent.
struct Record {
    batch: Batch,
    waiter: Waiter,
}

/// Who waits for a batch: counts its samples as in flight until it is answered, whether or not the request still waits.
/// Dropped without an answer, it counts them as refused.
struct Waiter {
    samples: usize,
    done: Option<oneshot::Sender<Result<(), Refusal>>>,
    metrics: Metrics,
}

impl Waiter {
    fn new(samples: usize, done: oneshot::Sender<Result<(), Refusal>>, metrics: &Metrics) -> Self {
        metrics.in_flight.inc_by(i64::try_from(samples).unwrap_or(i64::MAX));
        Self { samples, done: Some(done), metrics: metrics.clone() }
    }

    fn answer(mut self, outcome: Result<(), Refusal>) {
        if let Some(done) = self.end(outcome.is_ok()) {
            // A client that has gone away does not take its samples back.
            let _ = done.send(outcome);
        }
    }

    fn end(&mut self, is_committed: bool) -> Option<oneshot::Sender<Result<(), Refusal>>> {
        let done = self.done.take()?;
        self.metrics.in_flight.dec_by(i64::try_from(self.samples).unwrap_or(i64::MAX));
        let counter = if is_committed { &self.metrics.committed } else { &self.metrics.refused };
        counter.inc_by(self.samples as u64);
        Some(done)
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        self.end(false);
    }
}

/// Asks to hear when everything that was taken is committed, after the queue has been closed.
#[derive(Message)]
#[rtype(result = "()")]
struct Drain;

/// The way for batches to reach [`Committer`].
#[derive(Clone)]
pub struct Handle {
    waiting: Arc<CommitQueue<Record>>,
    address: Addr<Committer>,
    metrics: Metrics,
}

impl Handle {
    /// Waits until `batch` is durable, which a client at `sender` has sent.
    ///
    /// # Errors
    /// `queue_full`, `draining`, `disk_full` or `store_down`; nothing of the batch was stored then.
    pub async fn record(&self, sender: Option<IpAddr>, batch: Batch) -> Result<(), Refusal> {
        let stopwatch = Stopwatch::start();
        let outcome = self.submit(sender.map(network), batch).await;
        self.metrics.observe(Stage::Record, stopwatch.elapsed());
        outcome
    }

    async fn submit(&self, sender: Option<IpAddr>, batch: Batch) -> Result<(), Refusal> {
        let refusal = |code, message: &str| Refusal::new(code, message);
        let (done, outcome) = oneshot::channel();
        let waiter = Waiter::new(batch.len(), done, &self.metrics);
        self.waiting.push(sender, batch.len(), Record { batch, waiter }).map_err(|error| match error {
            PushError::Full => refusal(Code::QueueFull, "samples arrive faster than they can be stored"),
            PushError::Closed => refusal(Code::Draining, "the server is stopping"),
        })?;
        let lost = |_| Err(refusal(Code::StoreDown, "the writer is lost; the server is stopping"));
        outcome.await.unwrap_or_else(lost)
    }

    /// Refuses everything from now on, then waits until all that was accepted is on the disk.
    pub async fn drain(&self) {
        self.waiting.close();
        let _ = self.address.send(Drain).await;
    }

    /// Whether the server has begun to stop.
    pub fn is_draining(&self) -> bool {
        self.waiting.is_closed()
    }
}

/// Makes batches durable, many requests in one commit.
pub struct Committer {
    waiting: Arc<CommitQueue<Record>>,
    /// What the thread needs that commits; gone once it runs.
    commits: Option<Commits>,
    /// Whether that thread is done: the queue is closed, and all that was in it is on the disk.
    finished: bool,
    /// Those that wait for that thread to finish.
    drained: Vec<oneshot::Sender<()>>,
    /// Tells the pipeline when this actor is gone.
    _lifeline: Lifeline,
}

/// What commits need; runs on a thread of its own, since commits block.
struct Commits {
    store: Store,
    announcer: Announcer,
    metrics: Metrics,
    /// Whether tests want a backend that lies.
    acknowledge_early: bool,
}

impl Committer {
    /// Starts the actor; must be called within an actix system. One `part`th of [`WAITING_SAMPLES`] may wait, and the largest request.
    pub fn start(
        store: Store,
        announcer: Announcer,
        metrics: Metrics,
        part: usize,
        lifeline: Lifeline,
    ) -> Handle {
        let acknowledge_early = fault::acknowledges_before_commit();
        let most = (memory::bound(WAITING_SAMPLES) / part).max(REQUEST_SAMPLES);
        let own_samples = (most / 2).max(REQUEST_SAMPLES);
        let limits = Limits { requests: WAITING_REQUESTS, samples: most, own_samples };
        let waiting = Arc::new(CommitQueue::new(limits, COMMIT_SAMPLES));
        let committer = Self {
            waiting: Arc::clone(&waiting),
            commits: Some(Commits { store, announcer, metrics: metrics.clone(), acknowledge_early }),
            finished: false,
            drained: Vec::new(),
            _lifeline: lifeline,
        };
        Handle { waiting, address: committer.start(), metrics }
    }

    fn tell_drained(&mut self) {
        if self.finished {
            for drained in self.drained.drain(..) {
                let _ = drained.send(());
            }
        }
    }
}

impl Commits {
    /// Commits groups until the queue is closed and empty; whether it could until the end.
    fn run(&self, waiting: &CommitQueue<Record>) -> bool {
        if let Err(error) = self.store.reserve_log() {
            log::warn!("commits may be slower at first: {error}");
        }
        let mut answered = 0;
        while let Some(group) = waiting.take(answered) {
            answered = group.len();
            self.metrics.depth(Queue::Ingest, waiting.len());
            self.commit(group);
            if self.store.is_lost() {
                return false;
            }
        }
        true
    }

    /// Makes a group durable, then answers it, then tells the listeners.
    fn commit(&self, group: Vec<Record>) {
        let (batches, mut waiters): (Vec<_>, Vec<_>) = group.into_iter().map(|r| (r.batch, r.waiter)).unzip();
        if batches.len() > 1 && !self.store.signals().have_room(&batches) {
            // One batch too many of new names must not sink the others.
            let records = batches.into_iter().zip(waiters).map(|(batch, waiter)| Record { batch, waiter });
            return records.for_each(|record| self.commit(vec![record]));
        }
        if self.acknowledge_early {
            waiters.drain(..).for_each(|waiter| waiter.answer(Ok(())));
            fault::linger();
        }
        let stopwatch = Stopwatch::start();
        self.metrics.health.commit_began();
        let committed = self.store.commit(batches);
        // Too many signals are no fault of the database.
        let failed = committed.as_ref().err().filter(|error| !matches!(error, StoreError::NoRoom));
        self.metrics.health.commit_ended(failed.map_or(Ok(()), |error| Err(error.code())));
        let outcome = committed.map_err(|error| {
            log::error!("a commit failed: {error}");
            Refusal::new(error.code(), error.to_string())
        });
        self.metrics.observe(Stage::Commit, stopwatch.elapsed());
        let answer = outcome.as_ref().map_err(Refusal::clone).map(|_| ());
        for waiter in waiters {
            waiter.answer(answer.clone());
        }
        if let Ok(commit) = outcome {
            self.announcer.committed(commit);
        }
    }
}

impl Actor for Committer {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let Some(commits) = self.commits.take() else { return };
        let waiting = Arc::clone(&self.waiting);
        let (ended, end) = oneshot::channel();
        let run = move || {
            if commits.run(&waiting) {
                // Nobody hears it when the pipeline has given up waiting.
                let _ = ended.send(());
            }
        };
        if let Err(error) = thread::Builder::new().name("commits".into()).spawn(run) {
            log::error!("the writer cannot start and the process stops: {error}");
            return ctx.terminate();
        }
        ctx.spawn(end.into_actor(self).map(|ended, committer, ctx| match ended {
            Ok(()) => {
                committer.finished = true;
                committer.tell_drained();
            }
            Err(_) => {
                log::error!("the writer broke and the process stops");
                ctx.terminate();
            }
        }));
    }
}

impl Handler<Drain> for Committer {
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

#[cfg(test)]
mod tests {
    use afterglow_wire::Timestamp;
    use futures_util::FutureExt as _;

    use super::*;
    use crate::batch::Sample;
    use crate::clock::Clock;
    use crate::store::{HEAD_SAMPLES, StoreConfig};

    #[actix_rt::test]
    async fn samples_of_a_request_that_no_longer_waits_are_counted_all_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let config = StoreConfig {
            database: folder.path().join("a.db").into(),
            readers: 1,
            signal_limit: 1,
            read_limit: None,
            head_samples: HEAD_SAMPLES,
        };
        let store = Store::open(&config, Clock::real()).unwrap();
        let metrics = Metrics::default();
        let (lost, _losses) = tokio::sync::mpsc::unbounded_channel();
        let lifeline = Lifeline::new("committer", lost);
        let announcer = Announcer::new(store.clone(), None, Vec::new());
        let handle = Committer::start(store.clone(), announcer, metrics.clone(), 1, lifeline);
        let mut batch = Batch::default();
        let signal = store.signals().number(&mut batch, "a").unwrap();
        batch.push(Sample { signal, timestamp: Timestamp::from_micros(1), value: 0.5 });
        // It waits for the disk, and is dropped.
        assert!(handle.record(None, batch).now_or_never().is_none_or(|outcome| outcome.is_ok()));
        handle.drain().await;
        assert_eq!(metrics.in_flight.get(), 0);
        assert_eq!((metrics.committed.get(), metrics.refused.get()), (1, 0));
    }
}
