//! What waits to be sent, where it waits, and what goes next.
//!
//! A closed batch waits in memory. It moves to the spool as soon as one of these is true: the backend fails;
//! it has waited for `hold` without an answer; memory is full. So what a killed producer can lose is at most
//! `batch_age + hold` old while the backend is slow, and `batch_age` old while it is down. The spool is
//! always older than memory, so sending the spool first keeps the order.

use std::collections::VecDeque;
use std::time::Duration;

use afterglow_wire::telemetry::Reading;

use super::batch::{Batch, Batcher};
use super::delivery::{Delivery, Retry};
use super::spool::{Mark, Spool};
use crate::backoff::Backoff;
use crate::throttle::Throttle;

/// The most bytes one request carries, unless one batch alone is larger: far below what a backend takes.
const POST_BYTES: usize = 1024 * 1024;
/// How long to leave a spool alone that could not be written.
const SPOOL_REST: Duration = Duration::from_secs(1);
/// How often one kind of trouble is logged.
const LOG_INTERVAL: Duration = Duration::from_secs(10);

/// The outbox's settings.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// Samples that close a batch.
    pub batch_samples: usize,
    /// The age that closes a batch.
    pub batch_age: Duration,
    /// Samples held in memory at most, the open batch not counted.
    pub memory_samples: usize,
    /// How long a batch stays in memory only.
    pub hold: Duration,
    /// The bound of the wait after the first failure.
    pub retry_base: Duration,
    /// The bound of the wait after many failures.
    pub retry_cap: Duration,
}

/// The producer's defaults.
impl Default for Limits {
    fn default() -> Self {
        Self {
            batch_samples: 500,
            batch_age: Duration::from_millis(50),
            memory_samples: 50_000,
            hold: Duration::from_secs(1),
            retry_base: Duration::from_millis(250),
            retry_cap: Duration::from_secs(5),
        }
    }
}

/// What has happened since the start, in samples except for `retries`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Stored by the backend.
    pub sent: u64,
    /// Refused by the backend for good.
    pub rejected: u64,
    /// Lost to the spool's cap, to damage, or to full memory beside a spool that cannot be written.
    pub dropped: u64,
    /// Failed requests.
    pub retries: u64,
}

#[derive(Debug)]
struct Queued {
    batch: Batch,
    since: Duration,
}

#[derive(Debug)]
enum Flight {
    /// Only in memory.
    Held(Queued),
    /// Also at the front of the spool.
    Spooled(Mark),
}

/// Everything that waits. All times are monotonic, given by the caller.
#[derive(Debug)]
pub struct Outbox {
    limits: Limits,
    batcher: Batcher,
    queue: VecDeque<Queued>,
    flight: Option<Flight>,
    spool: Spool,
    backoff: Backoff,
    /// No request before this.
    resume: Duration,
    /// No spooling before this.
    spool_rest: Duration,
    /// Since when the backend has failed.
    failing: Option<Duration>,
    draining: bool,
    tally: Tally,
    refusals: Throttle,
    failures: Throttle,
    losses: Throttle,
}

impl Outbox {
    /// An outbox that goes on with what `spool` holds.
    pub fn new(limits: Limits, spool: Spool) -> Self {
        Self {
            batcher: Batcher::new(limits.batch_samples, limits.batch_age),
            queue: VecDeque::new(),
            flight: None,
            spool,
            backoff: Backoff::new(limits.retry_base, limits.retry_cap),
            resume: Duration::ZERO,
            spool_rest: Duration::ZERO,
            failing: None,
            draining: false,
            tally: Tally::default(),
            refusals: Throttle::new(LOG_INTERVAL),
            failures: Throttle::new(LOG_INTERVAL),
            losses: Throttle::new(LOG_INTERVAL),
            limits,
        }
    }

    /// Takes samples in. A reading without a timestamp has none to give its samples and is skipped.
    pub fn record(&mut self, readings: Vec<Reading>, now: Duration) {
        for reading in readings {
            let Some(timestamp) = reading.timestamp else { continue };
            for (signal, value) in reading.signals {
                if let Some(batch) = self.batcher.push(timestamp, signal, value, now) {
                    self.queue.push_back(Queued { batch, since: now });
                }
            }
        }
    }

    /// Does what is due and gives the batch to send now, if there is one and none is on its way.
    pub fn turn(&mut self, now: Duration) -> Option<Batch> {
        if self.batcher.due().is_some_and(|due| due <= now) {
            self.close(now);
        }
        if self.spill_due().is_some_and(|due| due <= now) {
            self.spill(now);
        }
        self.shed(now);
        self.next(now)
    }

    /// When [`Self::turn`] has something to do next; none when only new samples or an answer can bring it.
    pub fn wake(&self) -> Option<Duration> {
        let idle = self.flight.is_none() && !(self.queue.is_empty() && self.spool.is_empty());
        [self.batcher.due(), self.spill_due(), idle.then_some(self.resume)].into_iter().flatten().min()
    }

    /// What came of the batch that [`Self::turn`] gave last. `random` in [0, 1) is the wait's jitter.
    pub fn settle(&mut self, delivery: &Delivery, now: Duration, random: f64) {
        let flight = self.flight.take();
        if let Some(retry) = &delivery.retry {
            if let Some(Flight::Held(queued)) = flight {
                self.queue.push_front(queued);
            }
            return self.fail(retry, now, random);
        }
        if let Some(Flight::Spooled(mark)) = flight {
            self.spool.acknowledge(mark);
        }
        self.tally.sent += delivery.stored as u64;
        self.tally.rejected += delivery.rejected as u64;
        self.succeed(delivery, now);
    }

    /// From now on everything goes out at once, without waiting for batches to fill or for back-off.
    pub fn drain(&mut self, now: Duration) {
        self.draining = true;
        self.resume = now;
        // What failed before may work now; what fails from here on is not tried again.
        self.failing = None;
        self.close(now);
    }

    /// Whether draining is over: nothing is left to send, or the backend fails.
    pub fn is_drained(&self) -> bool {
        self.flight.is_none() && (self.failing.is_some() || (self.queue.is_empty() && self.spool.is_empty()))
    }

    /// Ends: what is still in memory goes to the spool. Gives how many samples the next start will find, and
    /// how many are lost because the spool cannot be written.
    pub fn finish(&mut self, now: Duration) -> (u64, u64) {
        self.close(now);
        self.spill(now);
        let held = self.held() as u64;
        self.tally.dropped += held;
        (self.spool.samples(), held)
    }

    /// The counts so far.
    pub const fn tally(&self) -> Tally {
        self.tally
    }

    /// Samples that wait, wherever they do.
    pub fn waiting(&self) -> usize {
        let spooled = usize::try_from(self.spool.samples()).unwrap_or(usize::MAX);
        self.batcher.samples().saturating_add(self.held()).saturating_add(spooled)
    }

    /// Samples in closed batches that are only in memory.
    fn held(&self) -> usize {
        let flying = match &self.flight {
            Some(Flight::Held(queued)) => queued.batch.samples(),
            _ => 0,
        };
        flying + self.queue.iter().map(|queued| queued.batch.samples()).sum::<usize>()
    }

    fn close(&mut self, now: Duration) {
        let since = self.batcher.due().map_or(now, |due| due.min(now));
        if let Some(batch) = self.batcher.close() {
            self.queue.push_back(Queued { batch, since });
        }
    }

    /// When memory has to go to the spool; none when it holds nothing.
    fn spill_due(&self) -> Option<Duration> {
        let oldest = match &self.flight {
            Some(Flight::Held(queued)) => queued,
            _ => self.queue.front()?,
        };
        let full = self.held() > self.limits.memory_samples;
        let due =
            if full || self.failing.is_some() { Duration::ZERO } else { oldest.since + self.limits.hold };
        Some(due.max(self.spool_rest))
    }

    /// Moves everything in memory to the spool: the batch on its way first, then the queue.
    fn spill(&mut self, now: Duration) {
        if let Err(error) = self.try_spill() {
            self.spool_rest = now + SPOOL_REST;
            if self.losses.pass(now).is_some() {
                log::error!(
                    "the spool cannot be written ({error}); {} samples are in memory only",
                    self.held()
                );
            }
        }
        let capped = self.spool.enforce_cap();
        self.lose(capped, "the spool is at its cap", now);
    }

    fn try_spill(&mut self) -> std::io::Result<()> {
        if let Some(Flight::Held(queued)) = &self.flight {
            self.flight = Some(Flight::Spooled(self.spool.append(&queued.batch)?));
        }
        while let Some(queued) = self.queue.front() {
            self.spool.append(&queued.batch)?;
            self.queue.pop_front();
        }
        self.spool.sync()
    }

    /// Drops the oldest of a memory that is too full; only a spool that cannot be written gets it there.
    fn shed(&mut self, now: Duration) {
        let mut lost = 0;
        while self.held() > self.limits.memory_samples
            && let Some(oldest) = self.queue.pop_front()
        {
            lost += oldest.batch.samples() as u64;
        }
        self.lose(lost, "memory is full and the spool cannot be written", now);
    }

    fn lose(&mut self, samples: u64, why: &str, now: Duration) {
        self.tally.dropped += samples;
        if samples > 0 && self.losses.pass(now).is_some() {
            log::error!("{why}: the oldest samples go, {} so far", self.tally.dropped);
        }
    }

    /// The oldest batch, if a request may start now.
    fn next(&mut self, now: Duration) -> Option<Batch> {
        if self.flight.is_some() || now < self.resume || (self.draining && self.failing.is_some()) {
            return None;
        }
        match self.spool.front(POST_BYTES as u64) {
            Ok(Some((batch, mark))) => {
                self.flight = Some(Flight::Spooled(mark));
                return Some(batch);
            }
            Ok(None) => {}
            Err(error) => {
                log::error!("{error}");
                return self.next(now);
            }
        }
        let queued = self.take_queue()?;
        let batch = queued.batch.clone();
        self.flight = Some(Flight::Held(queued));
        Some(batch)
    }

    /// The queue's oldest batches as one, up to a request's size.
    fn take_queue(&mut self) -> Option<Queued> {
        let first = self.queue.pop_front()?;
        let (since, mut bytes, mut batches) = (first.since, first.batch.objects().len(), vec![first.batch]);
        while let Some(more) =
            self.queue.pop_front_if(|next| bytes + next.batch.objects().len() <= POST_BYTES)
        {
            bytes += more.batch.objects().len();
            batches.push(more.batch);
        }
        Some(Queued { batch: Batch::join(&batches), since })
    }

    fn succeed(&mut self, delivery: &Delivery, now: Duration) {
        self.backoff.reset();
        self.resume = now;
        if let Some(since) = self.failing.take() {
            let seconds = now.saturating_sub(since).as_secs_f64();
            log::info!("the backend answers again after {seconds:.1} s; {} samples wait", self.waiting());
        }
        if delivery.rejected > 0 && self.refusals.pass(now).is_some() {
            log::warn!(
                "the backend refused {} samples, {} so far: {}",
                delivery.rejected,
                self.tally.rejected,
                delivery.reasons.join("; ")
            );
        }
    }

    fn fail(&mut self, retry: &Retry, now: Duration, random: f64) {
        self.tally.retries += 1;
        self.failing.get_or_insert(now);
        let wait = self.backoff.next(retry.after, random);
        self.resume = now + wait;
        if self.spill_due().is_some_and(|due| due <= now) {
            self.spill(now);
        }
        if self.failures.pass(now).is_some() {
            log::warn!(
                "the backend does not take samples ({}); {} wait, next try in {:.1} s",
                retry.reason,
                self.waiting(),
                wait.as_secs_f64()
            );
        }
    }
}

#[cfg(test)]
mod tests;
