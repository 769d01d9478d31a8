//! What of a source cannot be used: counted, and logged so that none of it goes unheard.

use std::collections::HashSet;
use std::fmt::Display;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use afterglow_client::clock;
use afterglow_client::throttle::Throttle;

/// How often further ones of a kind are logged.
const LOG_INTERVAL: Duration = Duration::from_secs(10);

/// Kinds of which the first one is logged at once; a kind is a signal, or a reason that concerns whole rows.
const KINDS: usize = 20;

/// What came of a source so far, in numbers that others read.
#[derive(Debug, Default)]
pub struct Counts {
    used: AtomicU64,
    refused: AtomicU64,
}

impl Counts {
    /// Samples that were given on.
    pub fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// Rows, lines and values that could not be used.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }
}

/// Counts and logs the losses of one source. When it is dropped it says what they came to.
#[derive(Debug)]
pub struct Losses {
    label: String,
    /// What the source consists of: rows or lines.
    unit: &'static str,
    rows: u64,
    values: u64,
    replaced: u64,
    kinds: HashSet<String>,
    log: Throttle,
    counts: Arc<Counts>,
}

impl Losses {
    /// Of the source that logs call `label`; `unit` is what it consists of, in the plural.
    pub fn new(label: String, unit: &'static str, counts: Arc<Counts>) -> Self {
        let log = Throttle::new(LOG_INTERVAL);
        Self { label, unit, rows: 0, values: 0, replaced: 0, kinds: HashSet::new(), log, counts }
    }

    /// A whole row or line cannot be used.
    pub fn row(&mut self, place: impl Display, kind: &str, problem: &str) {
        self.rows += 1;
        self.refuse(kind, place, problem);
    }

    /// A row's value of `signal` cannot be used.
    pub fn value(&mut self, place: impl Display, signal: &str, problem: &str) {
        self.values += 1;
        self.refuse(signal, place, problem);
    }

    /// Samples that later ones of the same signal and instant replace.
    pub fn replaced(&mut self, samples: u64) {
        self.replaced += samples;
    }

    /// Samples that are given on.
    pub fn used(&self, samples: usize) {
        self.counts.used.fetch_add(samples as u64, Ordering::Relaxed);
    }

    /// At the end of the source: says so where it had nothing at all to give on.
    pub fn unless_used(&mut self) {
        if self.counts.used() == 0 && self.counts.refused() == 0 {
            self.row("as a whole", "file", "it has no samples");
        }
    }

    /// Something that is no loss, but that nobody may overlook.
    pub fn note(&self, message: impl Display) {
        log::warn!("{}: {message}", self.label);
    }

    fn refuse(&mut self, kind: &str, place: impl Display, problem: &str) {
        self.counts.refused.fetch_add(1, Ordering::Relaxed);
        let is_first = self.kinds.len() < KINDS && self.kinds.insert(kind.to_owned());
        if is_first {
            log::warn!("{} {place}: {problem}", self.label);
        } else if let Some(held) = self.log.pass(clock::uptime()) {
            log::warn!("{} {place}: {problem} (and {held} more since the last message)", self.label);
        }
    }

    /// The losses in one line; `None` when nothing was lost.
    fn sum(&self) -> Option<String> {
        let unit = self.unit;
        let counts = [
            (self.rows, unit, "refused"),
            (self.values, "values", "refused"),
            (self.replaced, "samples", "replaced by later ones of the same signal and time"),
        ];
        let parts: Vec<_> = counts
            .iter()
            .filter(|(count, ..)| *count > 0)
            .map(|(count, what, fate)| format!("{count} {what} {fate}"))
            .collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    }
}

impl Drop for Losses {
    fn drop(&mut self) {
        if let Some(sum) = self.sum() {
            log::warn!("{}: in all {sum}; {} samples used", self.label, self.counts.used());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_loss_is_in_the_sum() {
        let counts = Arc::new(Counts::default());
        let mut losses = Losses::new("x.csv".into(), "rows", counts.clone());
        assert_eq!(losses.sum(), None);
        for row in 0..50 {
            losses.value(row, "a", "not a number");
        }
        losses.row(50, "bad_timestamp", "no timestamp");
        losses.used(3);
        assert_eq!((counts.used(), counts.refused()), (3, 51));
        assert_eq!(losses.sum().as_deref(), Some("1 rows refused, 50 values refused"));
        losses.replaced(2);
        assert!(losses.sum().is_some_and(|sum| {
            sum.ends_with("2 samples replaced by later ones of the same signal and time")
        }));
    }
}
