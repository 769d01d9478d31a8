//! Commits that came over the bus before others that must come first.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::batch::Batch;
use crate::clock::Stopwatch;
use crate::store::Commit;

/// Commits that are kept, and samples of them; about 32 MB.
const COMMITS: usize = 256;
const SAMPLES: usize = 1_000_000;

/// How long what is missing may still come over the bus.
const PATIENCE: Duration = Duration::from_millis(15);

/// Early commits, each by the number before it.
#[derive(Default)]
pub struct Early {
    commits: BTreeMap<u64, Commit>,
    samples: usize,
    /// Since something is missing.
    since: Option<Stopwatch>,
}

impl Early {
    /// Keeps a commit; whether there was room. What is not kept is read from the database.
    pub fn keep(&mut self, commit: Commit) -> bool {
        self.since.get_or_insert_with(Stopwatch::start);
        let samples = samples(&commit);
        if self.commits.len() >= COMMITS || self.samples + samples > SAMPLES {
            return false;
        }
        self.samples += samples;
        if let Some(twice) = self.commits.insert(commit.sequences.before, commit) {
            self.samples -= self::samples(&twice);
        }
        true
    }

    /// The commit that comes after the number `known`, when it is here.
    pub fn next(&mut self, known: u64) -> Option<Commit> {
        while let Some(first) = self.commits.first_entry().filter(|first| *first.key() <= known) {
            let commit = first.remove();
            self.samples -= samples(&commit);
            if commit.sequences.before == known {
                return Some(commit);
            }
        }
        if self.commits.is_empty() {
            self.since = None;
        }
        None
    }

    /// For how long what is missing may still come; none when nothing is.
    pub fn patience(&self) -> Option<Duration> {
        self.since.map(|since| PATIENCE.saturating_sub(since.elapsed()))
    }

    /// What was missing has been looked for in the database; what is missing yet may come for another while.
    pub fn wait_again(&mut self) {
        self.since = (!self.commits.is_empty()).then(Stopwatch::start);
    }
}

/// How many samples a commit has.
pub(super) fn samples(commit: &Commit) -> usize {
    commit.batches.iter().map(Batch::len).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::{Sample, SignalId};
    use crate::store::Sequences;
    use afterglow_wire::Timestamp;

    fn commit(before: u64, samples: usize) -> Commit {
        let mut batch = Batch::default();
        let sample = Sample { signal: SignalId(0), timestamp: Timestamp::default(), value: 1.0 };
        (0..samples).for_each(|_| batch.push(sample));
        let sequences = Sequences { before, last: before + 1, at: Timestamp::default() };
        Commit { sequences, batches: vec![batch] }
    }

    #[test]
    fn commits_come_out_in_order_once_what_is_before_them_is_here() {
        let mut early = Early::default();
        assert!(early.patience().is_none());
        for before in [3, 5, 2, 3] {
            assert!(early.keep(commit(before, 1)));
        }
        assert!(early.next(1).is_none() && early.patience().is_some());
        assert_eq!(early.next(2).unwrap().sequences.before, 2);
        assert_eq!(early.next(3).unwrap().sequences.before, 3);
        assert!(early.next(4).is_none() && early.patience().is_some(), "4 is missing");
        assert!(early.next(6).is_none(), "the database had it");
        assert!(early.patience().is_none());
        assert_eq!((early.commits.len(), early.samples), (0, 0));
    }

    #[test]
    fn no_more_are_kept_than_fit() {
        let mut early = Early::default();
        let kept = (0..1_000).filter(|before| early.keep(commit(10 + before, 1))).count();
        assert_eq!(kept, COMMITS);
        let mut early = Early::default();
        let kept = (0..10).filter(|before| early.keep(commit(10 + before, SAMPLES / 4))).count();
        assert_eq!(kept, 4);
        assert!(early.patience().is_some(), "what was dropped is fetched soon");
    }
}
