//! How much of the head queries copy at once: a query needs its part of the head in memory, and many at once would need it many
//! times.
//!
//! **Bound.** [`MOST`] samples in all, half of them for one address; a copy that is larger counts as a half, so that two are made at
//! once at most. **Overload.** A query waits, and is refused as others are for which there is no reader.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::{StoreError, budget};

/// 32 MB.
const MOST: usize = 2_000_000;

/// How long a query waits, as for a reader.
const WAIT: Duration = Duration::from_millis(500);

/// What is copied now, by the address for which it is.
pub(crate) struct Copies {
    most: usize,
    wait: Duration,
    taken: Mutex<HashMap<IpAddr, usize>>,
    freed: Condvar,
}

/// The right to a copy; none is needed where nobody has asked.
pub(crate) struct Copy<'c> {
    copies: &'c Copies,
    taken: Option<(IpAddr, usize)>,
}

impl Default for Copies {
    fn default() -> Self {
        Self::new(MOST, WAIT)
    }
}

impl Copies {
    fn new(most: usize, wait: Duration) -> Self {
        Self { most, wait, taken: Mutex::default(), freed: Condvar::new() }
    }

    /// The right to copy `samples` for the address that this thread reads for.
    pub(crate) fn take(&self, samples: usize) -> Result<Copy<'_>, StoreError> {
        let samples = samples.min(self.most / 2);
        let taken = budget::asker().filter(|_| samples > 0).map(|address| (address, samples));
        if let Some((address, samples)) = taken {
            let is_full = |taken: &mut HashMap<_, _>| {
                let own = taken.get(&address).copied().unwrap_or(0);
                own + samples > self.most / 2 || taken.values().sum::<usize>() + samples > self.most
            };
            let waited = self.freed.wait_timeout_while(self.taken(), self.wait, is_full);
            let (mut all, waited) = waited.unwrap_or_else(PoisonError::into_inner);
            if waited.timed_out() && is_full(&mut all) {
                return Err(StoreError::Busy);
            }
            *all.entry(address).or_default() += samples;
        }
        Ok(Copy { copies: self, taken })
    }

    fn taken(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Copy<'_> {
    fn drop(&mut self) {
        let Some((address, samples)) = self.taken else { return };
        let mut all = self.copies.taken();
        if let Some(own) = all.get_mut(&address) {
            *own -= samples;
            if *own == 0 {
                all.remove(&address);
            }
        }
        drop(all);
        self.copies.freed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_copies_half_of_it_and_leaves_the_rest() {
        let copies = Copies::new(10, Duration::from_millis(1));
        let [a, b, c] = [1, 2, 3].map(|last| IpAddr::from([127, 0, 0, last]));
        let take = |address, samples| budget::asked_by(address, || copies.take(samples));
        let first = take(a, 3).ok().unwrap();
        assert!(matches!(take(a, 3).err(), Some(StoreError::Busy)));
        drop(take(a, 2).ok().unwrap());
        let large = take(b, 1_000).ok().unwrap();
        assert!(matches!(take(b, 1).err(), Some(StoreError::Busy)));
        assert!(matches!(take(c, 3).err(), Some(StoreError::Busy)), "no more in all");
        drop(first);
        drop(take(c, 1_000).ok().unwrap());
        drop(large);
        let _own: Vec<_> = (0..3).map(|_| copies.take(1_000).ok().unwrap()).collect();
        assert!(copies.taken().is_empty(), "the program itself copies what it needs");
    }
}
