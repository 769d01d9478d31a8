//! **Role.** Turns the journal's samples into compressed ones and merges small runs of them, beside commits and queries.
//! **Receives.** Nothing; it checks the journal every [`LOOK`].
//! **Sends.** Nothing.
//! **Bound.** One sealing at a time, and beside it one merge, in short transactions.
//! **Overload.** When sealing does not keep up, commits wait for it at the store's limit of unsealed samples, and are refused
//! (503) when it does not end. Merging that does not keep up merges more at once.
//! **Restart.** A sealing that fails is tried again after [`RETRY`], a merge after the next sealing; the process stops when this
//! actor is lost.

use std::time::Duration;

use actix::prelude::*;

use crate::clock::Stopwatch;
use crate::fault;
use crate::lifeline::Lifeline;
use crate::memory;
use crate::metrics::{Metrics, Stage};
use crate::store::{Store, StoreError};

/// How often the journal's size is checked.
const LOOK: Duration = Duration::from_millis(250);

/// Samples that are worth a sealing: large blocks, and a journal of some megabytes that is read in a moment at a start.
const ENOUGH_SAMPLES: usize = 500_000;

/// With many signals more are waited for, so that each signal's part is not tiny,
const ENOUGH_PER_SIGNAL: usize = 2_048;

/// up to what memory allows: 32 MB, twice while one generation is sealed.
const MOST_SAMPLES: usize = 2_000_000;

/// However few there are, samples are sealed after this time.
const AGE: Duration = Duration::from_secs(3_600);

/// After a sealing that failed: each attempt compresses everything again, and a full disk stays full for a while.
const RETRY: Duration = Duration::from_secs(2);

/// Turns the journal's samples into compressed blocks, concurrently with commits and queries.
pub struct Compactor {
    store: Store,
    metrics: Metrics,
    sealing: bool,
    merging: bool,
    /// Whether the last sealing failed, and what it had begun is still to be sealed.
    failed: bool,
    /// How many samples are enough, if a test has a say in it.
    enough: Option<usize>,
    /// What that is divided by otherwise.
    part: usize,
    /// Since the last sealing, or since this server leads; none while another one does, which seals.
    since: Option<Stopwatch>,
    /// Whether no deletion waits that was interrupted while another server led, or before the start.
    is_resumed: bool,
    _lifeline: Lifeline,
}

impl Compactor {
    /// Starts the actor; must be called within an actix system. One `part`th of the samples that would be enough are.
    pub fn start(store: Store, metrics: Metrics, part: usize, lifeline: Lifeline) -> Addr<Self> {
        let enough = fault::seal_samples();
        Actor::start(Self {
            store,
            metrics,
            sealing: false,
            merging: false,
            failed: false,
            enough,
            part,
            since: None,
            is_resumed: false,
            _lifeline: lifeline,
        })
    }

    fn look(&mut self, ctx: &mut Context<Self>) {
        let unsealed = self.store.unsealed();
        self.metrics.unsealed.set(i64::try_from(unsealed).unwrap_or(i64::MAX));
        self.metrics.damaged_blocks.set(i64::try_from(self.store.damaged()).unwrap_or(i64::MAX));
        let leads = self.store.leads();
        let since = age(&mut self.since, leads);
        if !leads {
            (self.failed, self.is_resumed) = (false, false);
            return;
        }
        let due = if self.failed {
            since >= RETRY
        } else {
            let enough = self.enough.unwrap_or_else(|| enough(self.store.signals().len()) / self.part);
            !self.is_resumed || is_due(unsealed, enough, since)
        };
        if self.sealing || !due {
            return;
        }
        self.sealing = true;
        self.since = Some(Stopwatch::start());
        let (store, metrics) = (self.store.clone(), self.metrics.clone());
        let resumes = !self.is_resumed;
        let seal = actix_rt::task::spawn_blocking(move || {
            if resumes {
                return store.resume_deletion().map(|()| None);
            }
            let stopwatch = Stopwatch::start();
            let outcome = store.seal();
            metrics.observe(Stage::Seal, stopwatch.elapsed());
            outcome.map(Some)
        });
        ctx.spawn(seal.into_actor(self).map(|outcome, compactor, ctx| {
            compactor.sealing = false;
            compactor.failed = !matches!(outcome, Ok(Ok(_)));
            compactor.metrics.health.sealing_ended(!compactor.failed);
            match outcome {
                Ok(Ok(Some(signals))) => {
                    log::debug!("sealed samples of {signals} signals");
                    compactor.merge(ctx);
                }
                Ok(Ok(None)) => compactor.is_resumed = true,
                // Also where it is the deletion that comes before.
                Ok(Err(error)) => log::error!("sealing failed and is tried again: {error}"),
                Err(panic) => {
                    log::error!("the compactor broke and the process stops: {panic}");
                    ctx.terminate();
                }
            }
        }));
    }

    /// Merges what sealings have left, on another thread than the next sealing.
    fn merge(&mut self, ctx: &mut Context<Self>) {
        if self.merging {
            return;
        }
        self.merging = true;
        let (store, metrics) = (self.store.clone(), self.metrics.clone());
        let merge = actix_rt::task::spawn_blocking(move || {
            let stopwatch = Stopwatch::start();
            while store.merge()? {}
            metrics.observe(Stage::Merge, stopwatch.elapsed());
            Ok::<_, StoreError>(())
        });
        ctx.spawn(merge.into_actor(self).map(|outcome, compactor, ctx| {
            compactor.merging = false;
            match outcome {
                Ok(Ok(())) => {}
                Ok(Err(error)) => log::error!("merging failed and is tried again later: {error}"),
                Err(panic) => {
                    log::error!("the compactor broke and the process stops: {panic}");
                    ctx.terminate();
                }
            }
        }));
    }
}

/// How many samples of `signals` signals are worth a sealing.
fn enough(signals: usize) -> usize {
    (signals * ENOUGH_PER_SIGNAL).clamp(memory::bound(ENOUGH_SAMPLES), memory::bound(MOST_SAMPLES))
}

/// How long this server has led without a sealing: what the one that led before has left is not older for that.
fn age(since: &mut Option<Stopwatch>, leads: bool) -> Duration {
    if !leads {
        *since = None;
        return Duration::ZERO;
    }
    since.get_or_insert_with(Stopwatch::start).elapsed()
}

/// Whether a sealing is worth its while.
fn is_due(unsealed: usize, enough: usize, since: Duration) -> bool {
    unsealed >= enough || (unsealed > 0 && since >= AGE)
}

impl Actor for Compactor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        // A merge may have been interrupted when the process ended.
        self.merge(ctx);
        ctx.run_interval(fault::look_interval().unwrap_or(LOOK), Self::look);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sealing_is_due_by_size_or_by_age() {
        let (soon, late) = (Duration::from_secs(1), AGE);
        assert!(!is_due(0, enough(1), late));
        assert!(!is_due(499_999, enough(1), soon));
        assert!(is_due(500_000, enough(1), soon));
        assert!(is_due(1, enough(1), late));
        assert!(!is_due(1_000_000, enough(500), soon), "2,048 for each of 500 signals");
        assert!(is_due(2_000_000, enough(100_000), soon));
    }

    #[test]
    fn a_server_that_does_not_lead_has_not_waited_for_a_sealing() {
        let mut since = Some(Stopwatch::start());
        assert_eq!(age(&mut since, false), Duration::ZERO);
        assert!(since.is_none(), "it counts from when it leads");
        age(&mut since, true);
        assert!(since.is_some());
    }
}
