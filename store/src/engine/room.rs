//! Room in the head: a commit that finds none waits while a sealing makes some.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long a commit waits for a sealing to end.
const PATIENCE: Duration = Duration::from_secs(5);

/// Who makes room, and who waits for it.
#[derive(Debug, Default)]
pub(super) struct Room {
    /// How many sealings are under way.
    sealings: Mutex<usize>,
    ended: Condvar,
}

/// A sealing that is under way, until dropped.
pub(super) struct Expected<'r>(&'r Room);

impl Room {
    /// A sealing begins.
    pub(super) fn expected(&self) -> Expected<'_> {
        *self.lock() += 1;
        Expected(self)
    }

    /// Waits until there `is_room`, as long as a sealing is under way and for at most [`PATIENCE`]; whether there is.
    pub(super) fn wait(&self, is_room: impl Fn() -> bool) -> bool {
        let waits = |sealings: &mut usize| *sealings > 0 && !is_room();
        drop(self.ended.wait_timeout_while(self.lock(), PATIENCE, waits));
        is_room()
    }

    fn lock(&self) -> MutexGuard<'_, usize> {
        self.sealings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Expected<'_> {
    fn drop(&mut self) {
        *self.0.lock() -= 1;
        self.0.ended.notify_all();
    }
}
