//! Rows that cannot be read: each is counted and logged once, and passed over from then on.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Tables and numbers of the rows that could not be read since the start.
#[derive(Debug, Default)]
pub(super) struct Damaged(Mutex<BTreeSet<(&'static str, i64)>>);

impl Damaged {
    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.lock().len()
    }

    /// Whether a row is known to be damaged.
    pub(super) fn contains(&self, table: &'static str, id: i64) -> bool {
        self.lock().contains(&(table, id))
    }

    /// Counts and logs a row, the first time.
    pub(super) fn report(&self, table: &'static str, id: i64, why: &impl Display) {
        if !self.lock().insert((table, id)) {
            return;
        }
        log::error!(
            "{table} {id} cannot be read and is left out: {why}; `afterglow doctor` lists all of them"
        );
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<(&'static str, i64)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
