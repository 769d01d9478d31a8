//! How many readers one client may have: while it has as many, its further reads wait as others wait for a reader.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::{StoreError, budget};

/// Readers by the address that they read for.
pub(crate) struct Shares {
    most: usize,
    wait: Duration,
    held: Mutex<HashMap<IpAddr, usize>>,
    freed: Condvar,
}

/// The right to a reader; none is needed where nobody has asked.
pub(crate) struct Share<'s> {
    shares: &'s Shares,
    address: Option<IpAddr>,
}

impl Shares {
    /// The most readers for one address; for one more, a query waits as long as `wait`.
    pub(crate) fn new(most: usize, wait: Duration) -> Self {
        Self { most, wait, held: Mutex::default(), freed: Condvar::new() }
    }

    /// The right to a reader for the address that this thread reads for.
    pub(crate) fn take(&self) -> Result<Share<'_>, StoreError> {
        let address = budget::asker();
        if let Some(address) = address {
            let is_full = |held: &mut HashMap<_, _>| held.get(&address).copied().unwrap_or(0) >= self.most;
            let waited = self.freed.wait_timeout_while(self.held(), self.wait, is_full);
            let (mut held, waited) = waited.unwrap_or_else(PoisonError::into_inner);
            if waited.timed_out() && is_full(&mut held) {
                return Err(StoreError::Busy);
            }
            *held.entry(address).or_default() += 1;
        }
        Ok(Share { shares: self, address })
    }

    fn held(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        let Some(address) = self.address else { return };
        let mut held = self.shares.held();
        if let Some(count) = held.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                held.remove(&address);
            }
        }
        drop(held);
        self.shares.freed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_waits_only_for_its_own_readers() {
        let shares = Shares::new(1, Duration::from_millis(1));
        let [a, b] = [IpAddr::from([127, 0, 0, 1]), IpAddr::from([127, 0, 0, 2])];
        budget::asked_by(a, || {
            let held = shares.take().ok().unwrap();
            assert!(matches!(shares.take().err(), Some(StoreError::Busy)));
            budget::asked_by(b, || assert!(shares.take().is_ok()));
            drop(held);
            assert!(shares.take().is_ok());
        });
        let _any: Vec<_> = (0..5).map(|_| shares.take().ok().unwrap()).collect();
        assert!(shares.held().is_empty());
    }
}
