//! Work that would hold an event loop up, on a bounded number of threads.
//!
//! **Bound.** As many threads as the pool has, and at most half of them for one address. What waits is bounded by those who wait:
//! each is a request or a live client, which are bounded themselves. **Overload.** Work of one address waits for that
//! address's own work first, so that others are not behind it.

use std::net::IpAddr;

use tokio::sync::oneshot;

use crate::places::Places;

/// Threads for work. Cloning shares them.
#[derive(Clone, Debug)]
pub struct Pool(Places);

/// The work panicked; the log says why.
#[derive(Debug, PartialEq, Eq)]
pub struct Broken;

impl Pool {
    /// A pool of `threads`, at least one.
    pub fn new(threads: usize) -> Self {
        Self(Places::new(threads.max(1), (threads / 2).max(1)))
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
        let place = self.0.take(address).await;
        let working = blocking(move || {
            let _held = place;
            work()
        });
        working.await.map_err(|broken| {
            log::error!("a thread of the pool broke: {broken}");
            Broken
        })
    }
}

/// Begins `work` at once on a thread that may block; the future has what it returns, or why it broke.
///
/// The thread gets it in a box: a task is compiled once for every kind of work, and is larger than most work.
pub fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> impl Future<Output = Result<T, String>> {
    let (done, result) = oneshot::channel();
    let work: Box<dyn FnOnce() + Send> = Box::new(move || drop(done.send(work())));
    let working = actix_rt::task::spawn_blocking(work);
    async move {
        working.await.map_err(|broken| broken.to_string())?;
        result.await.map_err(|lost| lost.to_string())
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

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
    }
}
