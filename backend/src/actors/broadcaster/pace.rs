//! How long to wait between two steps: what pushing the last one cost, measured.
//!
//! A step has cost what passed from its beginning until most of the clients had taken it. On an idle machine that is a
//! few microseconds a client; where processors are short it is longer, more samples gather for the next step, and each
//! costs less. Clients that have not taken what came before do not count: they must not make the others wait. Where there are no
//! others, samples gather as long as they may: a queue has a number of places.

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
    /// Microseconds until then; [`UNKNOWN`] before.
    cost: AtomicUsize,
}

const UNKNOWN: usize = usize::MAX;

impl Pace {
    /// That of nothing sent yet.
    pub(super) fn new() -> Self {
        Self(Step::new(0, Some(Duration::ZERO)))
    }

    /// A step begins; `clients` is how many of its receivers have taken everything before.
    pub(super) fn begin(&mut self, clients: usize) -> Arc<Step> {
        self.0 = Step::begin(clients);
        Arc::clone(&self.0)
    }

    /// How long the next step has still to wait.
    pub(super) fn left(&self) -> Duration {
        left(self.0.began.elapsed(), self.0.cost())
    }
}

/// How long to wait, `elapsed` after the beginning of a step that cost as much; at least what has passed where that is not known yet.
fn left(elapsed: Duration, cost: Option<Duration>) -> Duration {
    cost.unwrap_or(elapsed).saturating_mul(TIMES).min(LONGEST).saturating_sub(elapsed)
}

impl Step {
    fn begin(clients: usize) -> Arc<Self> {
        // Nine of ten: a few that stall just now do not count either.
        let most = (clients * 9).div_ceil(10);
        Self::new(most, (most == 0).then_some(LONGEST))
    }

    fn new(left: usize, cost: Option<Duration>) -> Arc<Self> {
        Arc::new(Self {
            began: Stopwatch::start(),
            left: AtomicUsize::new(left),
            cost: AtomicUsize::new(cost.map_or(UNKNOWN, micros)),
        })
    }

    /// A client has taken it.
    pub(super) fn taken(&self) {
        if self.left.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.cost.store(micros(self.began.elapsed()), Ordering::Relaxed);
        }
    }

    fn cost(&self) -> Option<Duration> {
        let micros = self.cost.load(Ordering::Relaxed);
        (micros != UNKNOWN).then(|| Duration::from_micros(micros as u64))
    }
}

fn micros(duration: Duration) -> usize {
    usize::try_from(duration.as_micros()).unwrap_or(UNKNOWN - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_costs_what_passes_until_most_have_taken_it() {
        let step = Pace::new().begin(20);
        (0..17).for_each(|_| step.taken());
        assert_eq!(step.cost(), None);
        step.taken();
        let cost = step.cost();
        assert!(cost.is_some_and(|cost| cost <= step.began.elapsed()));
        (0..2).for_each(|_| step.taken());
        assert_eq!(step.cost(), cost, "the last ones do not count");
    }

    #[test]
    fn the_first_step_begins_at_once() {
        let pace = Pace::new();
        assert_eq!((pace.left(), pace.0.cost()), (Duration::ZERO, Some(Duration::ZERO)));
    }

    #[test]
    fn what_nobody_can_take_yet_gathers_for_the_longest_pause() {
        assert_eq!(Pace::new().begin(0).cost(), Some(LONGEST));
    }

    #[test]
    fn the_pause_is_a_multiple_of_the_cost_up_to_a_limit() {
        let millis = Duration::from_millis;
        assert_eq!(left(millis(3), Some(millis(2))), millis(5));
        assert_eq!(left(millis(9), Some(millis(2))), millis(0));
        assert_eq!(left(millis(3), None), millis(9), "as long as most have not taken it");
        assert_eq!(left(millis(20), Some(millis(30))), millis(30), "at most the longest pause");
        assert_eq!(left(millis(60), None), millis(0));
    }
}
