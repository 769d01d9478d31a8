//! Places that clients wait for, each address for its own share first.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::admission::network;

/// A number of places, of which an address may have a part. Cloning shares them.
#[derive(Clone, Debug)]
pub struct Places {
    all: Arc<Semaphore>,
    per_address: usize,
    addresses: Arc<Mutex<HashMap<IpAddr, Weak<Semaphore>>>>,
}

/// A place, given back when dropped.
#[derive(Debug)]
pub struct Place {
    _own: OwnedSemaphorePermit,
    _one: OwnedSemaphorePermit,
    _share: Arc<Semaphore>,
}

impl Places {
    /// `all` places, of which one address may have `per_address`.
    pub fn new(all: usize, per_address: usize) -> Self {
        Self { all: Arc::new(Semaphore::new(all)), per_address, addresses: Arc::default() }
    }

    /// Waits for a place.
    pub async fn take(&self, address: IpAddr) -> Option<Place> {
        let share = self.share(network(address));
        // Neither is ever closed.
        let own = Arc::clone(&share).acquire_owned().await.ok()?;
        let one = Arc::clone(&self.all).acquire_owned().await.ok()?;
        Some(Place { _own: own, _one: one, _share: share })
    }

    fn share(&self, address: IpAddr) -> Arc<Semaphore> {
        let mut addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(share) = addresses.get(&address).and_then(Weak::upgrade) {
            return share;
        }
        addresses.retain(|_, share| share.strong_count() > 0);
        let share = Arc::new(Semaphore::new(self.per_address));
        addresses.insert(address, Arc::downgrade(&share));
        share
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[test]
    fn an_address_waits_for_its_own_share_and_is_forgotten() {
        let places = Places::new(3, 2);
        let [a, b] = [IpAddr::from([127, 0, 0, 1]), IpAddr::from([127, 0, 0, 2])];
        let take = |address| places.take(address).now_or_never().flatten();
        let held = [take(a).unwrap(), take(a).unwrap()];
        assert!(take(a).is_none());
        let other = take(b).unwrap();
        assert!(take(b).is_none(), "none is left");
        drop(held);
        assert!(take(a).is_some() && take(b).is_some());
        drop(other);
        take([127, 0, 0, 3].into()).unwrap();
        assert_eq!(places.addresses.lock().unwrap().len(), 1);
    }
}
