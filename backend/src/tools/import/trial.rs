//! What an import would store, for `--dry-run`.

use std::collections::BTreeMap;

use afterglow_wire::{Timestamp, printable};

use super::super::progress::number;
use super::super::{ToolError, say};
use crate::batch::{Batch, SignalId};
use crate::signals::Signals;

/// Signals that are listed; the others are only counted.
const LISTED: usize = 100;

/// Counts samples by signal.
pub(super) struct Trial {
    signals: Signals,
    found: BTreeMap<u32, Found>,
}

/// What was found of a signal.
struct Found {
    samples: u64,
    first: Timestamp,
    last: Timestamp,
    lowest: f64,
    highest: f64,
}

impl Trial {
    /// Of samples that are judged with `signals`, which are nobody else's.
    pub(super) fn new(signals: Signals) -> Self {
        Self { signals, found: BTreeMap::new() }
    }

    /// Counts a batch.
    pub(super) fn take(&mut self, mut batch: Batch) {
        if let Some(learned) = self.signals.learn(std::slice::from_mut(&mut batch)) {
            learned.keep();
        }
        for sample in batch.samples() {
            let (at, value) = (sample.timestamp, sample.value);
            let new = Found { samples: 0, first: at, last: at, lowest: value, highest: value };
            let found = self.found.entry(sample.signal.0).or_insert(new);
            found.samples += 1;
            (found.first, found.last) = (found.first.min(at), found.last.max(at));
            (found.lowest, found.highest) = (found.lowest.min(value), found.highest.max(value));
        }
    }

    /// A line for each signal.
    pub(super) fn say(&self) -> Result<(), ToolError> {
        for (signal, found) in self.found.iter().take(LISTED) {
            let name = self.signals.name(SignalId(*signal)).unwrap_or_default();
            say(&format!(
                "{}: {} samples, {} to {}, {} to {}",
                printable(&name),
                number(found.samples),
                found.first,
                found.last,
                found.lowest,
                found.highest
            ))?;
        }
        match self.found.len().saturating_sub(LISTED) {
            0 => Ok(()),
            more => say(&format!("and {more} more signals")),
        }
    }
}
