//! What makes time no time: a clock that is set, and a server that takes no samples.

use std::time::Duration;

use afterglow_wire::Timestamp;

use super::Evaluation;
use crate::clock::Stopwatch;
use crate::store::Span;

/// How long a database must take no samples before that is reported: one commit may fail.
const REPORTED_AFTER: Duration = Duration::from_secs(3);

/// That the database takes no samples.
pub(super) struct Refusal {
    since: Timestamp,
    age: Stopwatch,
    is_reported: bool,
}

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
        let cursor = self.cursor.map(|cursor| cursor.at);
        let last = cursor.max(self.heard).map_or(self.begun, Timestamp::micros);
        self.engine.deaf(last.min(self.begun), &mut self.changes);
        self.engine.listen(self.begun);
        if !self.rules.is_empty() {
            // With a rule the cursor moves every second: that is when the process before ended.
            self.unheard(last, self.begun);
        }
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
            self.unheard(expected, now);
        }
        self.watch_commits(before, now);
        self.seen = (Stopwatch::start(), now);
    }

    /// While samples are refused nobody can be heard: no silence begins. `before` is when that was not yet so.
    fn watch_commits(&mut self, before: i64, now: i64) {
        let refuses = self.parts.metrics.health.refuses_samples();
        match (refuses, std::mem::replace(&mut self.refuses, refuses)) {
            (true, false) => {
                self.deaf_since = before.min(now);
                self.engine.deaf(self.deaf_since, &mut self.changes);
            }
            (false, true) => {
                self.engine.listen(now);
                self.unheard(self.deaf_since, now);
            }
            _ => {}
        }
        self.report_store(refuses, Timestamp::from_micros(now));
    }

    /// Keeps that no samples could come in a time, for tests of rules.
    fn unheard(&mut self, from: i64, to: i64) {
        if from < to {
            let instant = Timestamp::from_micros;
            self.unwritten.unheard.push(Span { from: instant(from), to: instant(to) });
        }
    }

    /// Notifies people of a database that takes no samples, and of its recovery.
    fn report_store(&mut self, refuses: bool, now: Timestamp) {
        match (&mut self.refusal, refuses) {
            (None, true) => {
                self.refusal = Some(Refusal { since: now, age: Stopwatch::start(), is_reported: false });
            }
            (Some(refusal), true) if !refusal.is_reported && refusal.age.elapsed() >= REPORTED_AFTER => {
                refusal.is_reported = true;
                let since = refusal.since;
                self.unwritten.notices.extend(self.ledger.of_store(true, since, now));
            }
            (Some(refusal), false) => {
                let (is_reported, since) = (refusal.is_reported, refusal.since);
                self.refusal = None;
                if is_reported {
                    self.unwritten.notices.extend(self.ledger.of_store(false, since, now));
                }
            }
            _ => {}
        }
    }
}
