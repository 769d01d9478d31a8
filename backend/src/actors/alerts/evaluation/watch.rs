//! What makes time no time: a clock that is set, and a server that takes no samples.

use super::Evaluation;
use crate::clock::Stopwatch;

/// The wall clock was set when it is further from where it should be.
const JUMP_MICROS: i64 = 60 * 1_000_000;

impl Evaluation {
    /// Something is known of the time `at`. Silence counts only while somebody listens: up to the last commit of the process before, and since
    /// this one began.
    pub(super) fn hear(&mut self, at: i64) {
        if self.hears || at < self.begun {
            return;
        }
        self.hears = true;
        let last = self.cursor.map_or(self.begun, |cursor| cursor.at.micros());
        self.engine.deaf(last.min(self.begun), &mut self.changes);
        self.engine.listen(self.begun);
    }

    /// A jump of the clock is no time that passed.
    pub(super) fn watch_clock(&mut self) {
        let (since, before) = self.seen;
        let now = self.parts.clock.now().micros();
        let expected = before.saturating_add(i64::try_from(since.elapsed().as_micros()).unwrap_or(i64::MAX));
        if (now - expected).abs() > JUMP_MICROS {
            log::warn!("the clock was set: what is pending and what is silent begins to count again");
            self.engine.deaf(expected.min(now), &mut self.changes);
            self.engine.reset_clock(now);
            if !self.refuses {
                self.engine.listen(now);
            }
        }
        self.watch_commits(before, now);
        self.seen = (Stopwatch::start(), now);
    }

    /// While samples are refused nobody can be heard: no silence begins. `before` is when that was not yet so.
    fn watch_commits(&mut self, before: i64, now: i64) {
        let refuses = self.parts.metrics.health.refuses_samples();
        match (refuses, std::mem::replace(&mut self.refuses, refuses)) {
            (true, false) => self.engine.deaf(before.min(now), &mut self.changes),
            (false, true) => self.engine.listen(now),
            _ => {}
        }
    }
}
