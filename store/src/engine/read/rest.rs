//! What of an answer is in memory: the head's samples and what remains of expired ones.

use afterglow_wire::Timestamp;

use crate::Query;
use crate::columns::Columns;

/// Where an answer goes on.
#[derive(Clone)]
pub(super) struct Place {
    /// Which of the wanted signals is next.
    pub(super) signal: usize,
    /// Its next instant.
    pub(super) from: Timestamp,
    /// A point that gave way to a sample before that instant.
    pub(super) moved: Columns,
}

impl Place {
    /// The beginning of the wanted signal numbered so.
    pub(super) fn begin(query: &Query, signal: usize) -> Self {
        Self { signal, from: query.span.from, moved: Columns::default() }
    }

    /// The instant `next` of the same signal, before which everything was taken from `rest`.
    pub(super) fn go_on(self, next: i64, rest: &mut Rest) -> Self {
        let moved = rest.points.split_before(next.saturating_add(1));
        Self { from: Timestamp::from_micros(next), moved, ..self }
    }
}

/// What an answer has in memory as a whole, without what has been handed on.
pub(super) struct Rest {
    /// The head's, over bundled ones.
    pub(super) samples: Columns,
    /// What remains of expired ones.
    pub(super) points: Columns,
}

impl Rest {
    /// Whether there is anything before `time`.
    pub(super) fn begins_before(&self, time: i64) -> bool {
        [&self.samples, &self.points]
            .iter()
            .any(|rest| rest.times().first().is_some_and(|first| *first < time))
    }

    /// The first and last instant of what is here and of `stored` blocks.
    pub(super) fn extent(&self, (first, last): (Option<i64>, Option<i64>)) -> Option<(i64, i64)> {
        let here = [self.samples.times(), self.points.times()];
        let first = first.into_iter().chain(here.iter().filter_map(|times| times.first().copied())).min();
        let last = last.into_iter().chain(here.iter().filter_map(|times| times.last().copied())).max();
        first.zip(last)
    }

    /// Takes out what is before `time`, together with a block's samples, which all are.
    pub(super) fn take(&mut self, time: i64, block: &Columns) -> Columns {
        let samples = Columns::merge(block, &self.samples.split_before(time));
        let mut all = Columns::union(&samples, &self.points.split_before(time));
        let taken = all.split_before(time);
        if !all.is_empty() {
            // A point that gave way is no longer before it.
            self.points = Columns::merge(&all, &self.points);
        }
        taken
    }
}
