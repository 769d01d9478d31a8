//! How long to wait between two steps: what pushing the last one cost, measured.
//!
//! A step has cost what passed from its beginning until most of the clients had taken it. On an idle machine that is a
//! few microseconds a client; where processors are short it is longer, more samples gather for the next step, and each
//! costs less. Clients that have not taken what came before do not count: they must not make the others wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::clock::Stopwatch;

/// The longest pause between the beginnings of two steps: still smooth to the eye.
const LONGEST: Duration = Duration::from_millis(50);

/// From the beginning of a step to the next one passes this many times what it cost: pushing keeps processors busy for at
/// most the inverse of the time.
const TIMES: u32 = 4;

/// The pace of steps.
#[derive(Debug)]
pub(super) struct Pace(Arc<Step>);

/// One step on its way to the clients.
#[derive(Debug)]
pub(super) struct Step {
    began: Stopwatch,
    /// Clients that have still to take it, until most have.
    left: AtomicUsize,
    /// Microseconds until then; 0 before.
    cost: AtomicUsize,
}

impl Pace {
    /// That of nothing sent yet.
    pub(super) fn new() -> Self {
        Self(Step::begin(0))
    }

    /// A step begins; `clients` is how many of its receivers have taken everything before.
    pub(super) fn begin(&mut self, clients: usize) -> Arc<Step> {
        self.0 = Step::begin(clients);
        Arc::clone(&self.0)
    }

    /// How long the next step has still to wait.
    pub(super) fn left(&self) -> Duration {
        let (elapsed, cost) = (self.0.began.elapsed(), self.0.cost.load(Ordering::Relaxed));
        let cost = if cost == 0 { elapsed } else { Duration::from_micros(cost as u64) };
        cost.saturating_mul(TIMES).min(LONGEST).saturating_sub(elapsed)
    }
}

impl Step {
    fn begin(clients: usize) -> Arc<Self> {
        // Nine of ten: a few that stall just now do not count either.
        let most = (clients * 9).div_ceil(10);
        let cost = usize::from(most == 0);
        Arc::new(Self {
            began: Stopwatch::start(),
            left: AtomicUsize::new(most),
            cost: AtomicUsize::new(cost),
        })
    }

    /// A client has taken it.
    pub(super) fn taken(&self) {
        if self.left.fetch_sub(1, Ordering::Relaxed) == 1 {
            let micros = usize::try_from(self.began.elapsed().as_micros()).unwrap_or(usize::MAX);
            self.cost.store(micros.max(1), Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_costs_what_passes_until_most_have_taken_it() {
        let mut pace = Pace::new();
        assert_eq!(pace.left(), Duration::ZERO, "nothing was sent");
        let step = pace.begin(20);
        (0..17).for_each(|_| step.taken());
        assert_eq!(step.cost.load(Ordering::Relaxed), 0);
        assert!(pace.left() > Duration::ZERO, "as long as most have not taken it");
        step.taken();
        let cost = step.cost.load(Ordering::Relaxed);
        assert!(cost > 0);
        (0..2).for_each(|_| step.taken());
        assert_eq!(step.cost.load(Ordering::Relaxed), cost, "the last ones do not count");
        assert!(pace.left() <= Duration::from_micros(cost as u64) * TIMES);
    }

    #[test]
    fn a_step_for_nobody_costs_nothing() {
        let mut pace = Pace::new();
        pace.begin(0);
        assert!(pace.left() <= Duration::from_micros(1) * TIMES);
    }
}
