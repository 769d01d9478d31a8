//! The last commits, for clients that were away for a moment and for those whose history was read meanwhile.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::batch::Batch;
use crate::store::Sequences;

/// Samples kept: 2.4 MB at 24 bytes each. What is older is read from the journal.
const SAMPLES: usize = 100_000;

/// Commits kept, however small they are: some seconds of the fastest disk.
const COMMITS: usize = 4_096;

/// The last commits in order, without a hole.
#[derive(Debug, Default)]
pub struct Recent {
    commits: VecDeque<(Sequences, usize, Arc<[Batch]>)>,
    samples: usize,
}

impl Recent {
    /// Adds the next commit and drops the oldest beyond the bounds.
    pub fn push(&mut self, sequences: Sequences, batches: Arc<[Batch]>) {
        if self.commits.back().is_some_and(|(last, ..)| last.last != sequences.before) {
            // A commit was shed on its way here: what came before it does not join with what comes after.
            self.commits.clear();
            self.samples = 0;
        }
        let samples = batches.iter().map(Batch::len).sum();
        self.commits.push_back((sequences, samples, batches));
        self.samples += samples;
        while self.samples > SAMPLES || self.commits.len() > COMMITS {
            let Some((_, samples, _)) = self.commits.pop_front() else { break };
            self.samples -= samples;
        }
    }

    /// The commits after the one numbered `sequence`; `None` when not all of them are here.
    pub fn since(&self, sequence: u64) -> Option<impl Iterator<Item = &Batch>> {
        let start = self.commits.iter().position(|(commit, ..)| commit.before == sequence)?;
        Some(self.commits.iter().skip(start).flat_map(|(.., batches)| batches.iter()))
    }

    /// Everything that is here.
    pub fn all(&self) -> impl Iterator<Item = &Batch> {
        self.commits.iter().flat_map(|(.., batches)| batches.iter())
    }
}

#[cfg(test)]
mod tests {
    use afterglow_wire::Timestamp;

    use super::*;
    use crate::batch::{Sample, SignalId};

    fn push(recent: &mut Recent, before: u64, last: u64, samples: usize) {
        let mut batch = Batch::default();
        for _ in 0..samples {
            batch.push(Sample { signal: SignalId(0), timestamp: Timestamp::default(), value: last as f64 });
        }
        let at = Timestamp::default();
        recent.push(Sequences { before, last, at }, Arc::from([batch]));
    }

    fn since(recent: &Recent, sequence: u64) -> Option<Vec<f64>> {
        Some(recent.since(sequence)?.flat_map(Batch::samples).map(|sample| sample.value).collect())
    }

    #[test]
    fn only_what_is_whole_is_told() {
        let mut recent = Recent::default();
        push(&mut recent, 0, 1, 1);
        push(&mut recent, 1, 3, 2);
        push(&mut recent, 3, 4, 1);
        assert_eq!(since(&recent, 1), Some(vec![3.0, 3.0, 4.0]));
        assert_eq!(since(&recent, 3), Some(vec![4.0]));
        assert_eq!(since(&recent, 2), None, "within a commit");
        assert_eq!(since(&recent, 4), None, "nothing is known of what comes after the last");
        push(&mut recent, 5, 6, 1);
        assert_eq!(since(&recent, 1), None, "a commit is missing");
        assert_eq!(since(&recent, 5), Some(vec![6.0]));
        push(&mut recent, 6, 7, SAMPLES + 1);
        assert_eq!(since(&recent, 6), None, "too many samples");
        push(&mut recent, 7, 8, 1);
        assert_eq!(since(&recent, 7), Some(vec![8.0]));
    }
}
