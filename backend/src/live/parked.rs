//! Samples of signals whose names have not been compared with everybody's patterns yet.

use super::LiveSample;
use crate::memory;

/// Samples that are kept, 40 bytes each.
const SAMPLES: usize = 500_000;

/// Samples that wait until it is known who wants them, in the order of their commit.
#[derive(Debug, Default)]
pub(super) struct Parked {
    samples: Vec<(u64, LiveSample)>,
    /// No sample is of a signal before the one with this number.
    from: usize,
    is_full: bool,
}

impl Parked {
    /// Keeps a sample of a commit, unless there is no room.
    pub(super) fn add(&mut self, commit: u64, live: LiveSample) {
        if self.samples.len() < memory::bound(SAMPLES) {
            self.from = self.from.min(live.sample.signal.0 as usize);
            self.samples.push((commit, live));
        } else {
            self.is_full = true;
        }
    }

    pub(super) fn len(&self) -> usize {
        self.samples.len()
    }

    /// Whether a sample found no room.
    pub(super) fn is_full(&self) -> bool {
        self.is_full
    }

    /// The samples of commits after `since`, of the signals numbered `from` up to and without `to`.
    pub(super) fn of(&self, since: u64, from: usize, to: usize) -> impl Iterator<Item = &LiveSample> {
        let is_meant = move |(commit, live): &&(u64, LiveSample)| {
            *commit > since && (from..to).contains(&(live.sample.signal.0 as usize))
        };
        self.samples.iter().filter(is_meant).map(|(_, live)| live)
    }

    /// Drops the samples of the signals before the one numbered `from`.
    pub(super) fn drop_before(&mut self, from: usize) {
        if self.samples.is_empty() || from <= self.from {
            return;
        }
        self.from = from;
        self.samples.retain(|(_, live)| live.sample.signal.0 as usize >= from);
        if self.samples.is_empty() {
            self.samples = Vec::new();
        }
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}
