//! The extremes of short parts of blocks, kept in memory.
//!
//! A slice of a reduced answer that holds some 2,000 samples is answered from the extremes that a block brings along, one pair for
//! 512 samples. Finer ones on the disk would cost a tenth of what the samples do, so those of [`FINE`] samples are computed when an
//! answer first needs them, and kept for the next.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::StoreError;
use crate::block;
use crate::columns::Columns;

/// Samples of which the lowest and the highest are kept.
pub(super) const FINE: usize = 32;

/// The extremes of the blocks that were asked for last, by the block's number, which never means other samples.
#[derive(Debug)]
pub(super) struct Extremes {
    /// Points that are kept, 16 bytes each; those of 16 times as many samples.
    limit: usize,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    blocks: HashMap<i64, Entry>,
    points: usize,
    /// Counts uses, so that the block that was not asked for the longest is known.
    uses: u64,
}

#[derive(Debug)]
struct Entry {
    extremes: Arc<Columns>,
    last_use: u64,
}

impl Extremes {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, kept: Mutex::default() }
    }

    /// The extremes of a block, of whose `samples` they are computed when they are not kept; `None` when these cannot be read.
    pub(super) fn of_block(
        &self,
        id: i64,
        samples: impl FnOnce() -> Result<Option<Columns>, StoreError>,
    ) -> Result<Option<Arc<Columns>>, StoreError> {
        if let Some(extremes) = self.change(|kept| kept.find(id)) {
            return Ok(Some(extremes));
        }
        // Not while others wait: two that ask at once both compute.
        let Some(samples) = samples()? else { return Ok(None) };
        let extremes = Arc::new(block::extremes_of(&samples, FINE));
        self.change(|kept| kept.keep(id, &extremes, self.limit));
        Ok(Some(extremes))
    }

    fn change<R>(&self, change: impl FnOnce(&mut Kept) -> R) -> R {
        change(&mut self.kept.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Kept {
    fn find(&mut self, id: i64) -> Option<Arc<Columns>> {
        self.uses += 1;
        let entry = self.blocks.get_mut(&id)?;
        entry.last_use = self.uses;
        Some(Arc::clone(&entry.extremes))
    }

    fn keep(&mut self, id: i64, extremes: &Arc<Columns>, limit: usize) {
        self.points += extremes.len();
        let entry = Entry { extremes: Arc::clone(extremes), last_use: self.uses };
        if let Some(before) = self.blocks.insert(id, entry) {
            self.points -= before.extremes.len();
        }
        // There are a few hundred.
        while self.points > limit
            && let Some((&oldest, _)) = self.blocks.iter().min_by_key(|(_, entry)| entry.last_use)
            && let Some(entry) = self.blocks.remove(&oldest)
        {
            self.points -= entry.extremes.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(count: i64) -> Columns {
        Columns::from_sorted((0..count).collect(), (0..count).map(|time| time as f64).collect())
    }

    #[test]
    fn the_block_that_was_not_asked_for_the_longest_makes_room() {
        let mut kept = Kept::default();
        for id in 0..3 {
            assert!(kept.find(id).is_none());
            kept.keep(id, &Arc::new(columns(10)), 30);
        }
        assert!(kept.find(0).is_some());
        kept.keep(3, &Arc::new(columns(5)), 30);
        assert_eq!(kept.points, 25);
        assert!(kept.find(1).is_none());
        assert!([0, 2, 3].iter().all(|id| kept.find(*id).is_some()));
        kept.keep(2, &Arc::new(columns(20)), 30);
        assert_eq!(kept.points, kept.blocks.values().map(|entry| entry.extremes.len()).sum::<usize>());
        assert!(kept.points <= 30);
    }

    #[test]
    fn extremes_are_computed_once_and_only_from_samples_that_can_be_read() {
        let extremes = Extremes::new(1_000);
        let points = |id, samples: Result<Option<Columns>, StoreError>| {
            extremes.of_block(id, || samples).unwrap().map(|extremes| extremes.len())
        };
        assert_eq!(points(1, Ok(Some(columns(100)))), Some(8));
        assert_eq!(points(1, Err(StoreError::Busy)), Some(8));
        assert_eq!(points(2, Ok(None)), None);
    }
}
