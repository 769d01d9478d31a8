//! Work that would hold an event loop up, on a bounded number of threads.
//!
//! **Bound.** As many threads as the pool has, and at most half of them for one address. What waits is bounded by those who wait:
//! each is a request or a live client, which are bounded themselves. **Overload.** Work of one address waits for that
//! address's own work first, so that others are not behind it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::Semaphore;

/// Threads for work. Cloning shares them.
#[derive(Clone, Debug)]
pub struct Pool {
    threads: Arc<Semaphore>,
    per_address: usize,
    addresses: Arc<Mutex<HashMap<IpAddr, Weak<Semaphore>>>>,
}

/// The work panicked; the log says why.
#[derive(Debug, PartialEq, Eq)]
pub struct Broken;

impl Pool {
    /// A pool of `threads`, at least one.
    pub fn new(threads: usize) -> Self {
        let threads = threads.max(1);
        Self {
            threads: Arc::new(Semaphore::new(threads)),
            per_address: (threads / 2).max(1),
            addresses: Arc::default(),
        }
    }

    /// Does `work` for a client at `address` when a thread is free. Work that has begun ends also when this future is dropped.
    ///
    /// # Errors
    /// When `work` panics.
    pub async fn run<T: Send + 'static>(
        &self,
        address: IpAddr,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Broken> {
        let share = self.share(address);
        // Neither is ever closed.
        let own = Arc::clone(&share).acquire_owned().await.map_err(|_| Broken)?;
        let thread = Arc::clone(&self.threads).acquire_owned().await.map_err(|_| Broken)?;
        let working = actix_rt::task::spawn_blocking(move || {
            let _held = (own, thread, share);
            work()
        });
        working.await.map_err(|broken| {
            log::error!("a thread of the pool broke: {broken}");
            Broken
        })
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
    use tokio::sync::oneshot;

    use super::*;

    #[actix_rt::test]
    async fn an_address_has_half_of_the_threads() {
        let pool = Pool::new(2);
        let [a, b] = [IpAddr::from([127, 0, 0, 1]), IpAddr::from([127, 0, 0, 2])];
        let (release, held) = oneshot::channel::<()>();
        let mut first = Box::pin(pool.run(a, move || drop(held.blocking_recv())));
        assert!((&mut first).now_or_never().is_none());
        let mut second = Box::pin(pool.run(a, || 2));
        assert!((&mut second).now_or_never().is_none());
        assert_eq!(pool.run(b, || 3).await, Ok(3), "another address does not wait");
        assert!((&mut second).now_or_never().is_none());
        release.send(()).unwrap();
        first.await.unwrap();
        assert_eq!(second.await, Ok(2));
        assert_eq!(pool.run(b, || panic!("on purpose")).await, Err::<(), _>(Broken));
        pool.run(IpAddr::from([127, 0, 0, 3]), || ()).await.unwrap();
        assert_eq!(pool.addresses.lock().unwrap().len(), 1, "what is not used is forgotten");
    }
}
