//! What is stored and still to be evaluated: it is no past.

use std::collections::BTreeSet;

use afterglow_rules::{Engine, Sample};

use crate::store::alerts::Replayed;
use crate::store::{Store, StoreError};

/// Rows of the journal that are read at once.
const ROWS: u32 = 256;

/// The samples of commits that are still to be evaluated, as far as rules look at their signals and their times lie in the past that is read. Where the
/// journal no longer has those commits, they are not evaluated one by one either, and count as past.
pub(super) struct Unseen {
    /// The last commit that was looked at.
    sequence: u64,
    /// Later ones are in no past.
    until: i64,
    /// Signals and times.
    samples: BTreeSet<(u32, i64)>,
}

impl Unseen {
    /// What was committed after the commit numbered `after`, of samples up to `until`. [`Unseen::look`] finds it.
    pub(super) fn new(after: u64, until: i64) -> Self {
        Self { sequence: after, until, samples: BTreeSet::new() }
    }

    /// Adds what has been committed until now, of the signals that the rules of `engine` look at.
    pub(super) fn look(&mut self, store: &Store, engine: &Engine) -> Result<(), StoreError> {
        let last = store.sequence();
        while self.sequence < last {
            match store.replay(self.sequence, ROWS)? {
                Replayed::Commits(commits) => {
                    for commit in commits {
                        self.sequence = commit.last;
                        let samples =
                            commit.samples.iter().map(|sample| (sample.signal.0, sample.timestamp.micros()));
                        self.samples
                            .extend(samples.filter(|(signal, at)| {
                                *at <= self.until && engine.memory(*signal).is_some()
                            }));
                    }
                }
                Replayed::Deleted(sequence) => self.sequence = sequence,
                Replayed::Nothing | Replayed::Sealed => return Ok(()),
            }
        }
        Ok(())
    }

    /// How many there are of a signal.
    pub(super) fn count(&self, signal: u32) -> usize {
        self.samples.range((signal, i64::MIN)..=(signal, i64::MAX)).count()
    }

    /// Whether this sample is among them.
    pub(super) fn has(&self, signal: u32, at: i64) -> bool {
        self.samples.contains(&(signal, at))
    }

    /// Takes them out of samples that were read before the last look.
    pub(super) fn leave_out(&self, samples: &mut Vec<Sample>) {
        samples.retain(|sample| !self.has(sample.signal, sample.at));
    }
}
