//! Runs the futures of a client on the thread that waits for them; a thread of its own does the input and output.

use std::cell::RefCell;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use diesel_async::async_connection_wrapper::BlockOn;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::{AbortHandle, unconstrained};
use tokio_postgres::CancelToken;

use super::server::Tls;
use crate::budget;
use crate::clock::Stopwatch;

/// How often it is checked whether a statement that takes long is still wanted.
const LOOK: Duration = Duration::from_millis(10);

static RUNTIME: LazyLock<io::Result<Runtime>> = LazyLock::new(|| {
    Builder::new_multi_thread().worker_threads(1).thread_name("postgres").enable_io().enable_time().build()
});

/// The runtime of all connections.
///
/// # Errors
/// When the system has no thread for it.
pub(super) fn handle() -> Result<&'static Handle, String> {
    match &*RUNTIME {
        Ok(runtime) => Ok(runtime.handle()),
        Err(error) => Err(format!("the connections' thread cannot start: {error}")),
    }
}

/// How a connection's blocking face waits.
pub(crate) struct Driver;

impl BlockOn for Driver {
    fn block_on<F: Future>(&self, future: F) -> F::Output {
        block_on(future)
    }

    fn get_runtime() -> Self {
        Self
    }
}

/// Waits until `future` is ready. Unlike a runtime's own, it may be used on any thread.
pub(super) fn block_on<F: Future>(future: F) -> F::Output {
    // Without a runtime nothing is connected, and what is left ends by itself.
    let _entered = handle().ok().map(Handle::enter);
    let waker = Waker::from(Arc::new(Parked(thread::current())));
    let mut context = Context::from_waker(&waker);
    // A task of a runtime that waits here for long gets no budget in between, without which nothing of tokio is ever ready.
    let mut future = pin!(unconstrained(future));
    let since = Stopwatch::start();
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
        let is_watched = WATCH.with_borrow_mut(|watch| match watch {
            Some(watch) => {
                watch.look(since.elapsed());
                true
            }
            None => false,
        });
        if is_watched { thread::park_timeout(LOOK) } else { thread::park() }
    }
}

struct Parked(Thread);

impl Wake for Parked {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

thread_local! {
    static WATCH: RefCell<Option<Watch>> = const { RefCell::new(None) };
}

/// What a connection's statements are ended by.
pub(super) struct Watch {
    pub(super) cancel: CancelToken,
    pub(super) tls: Tls,
    /// What reads from and writes to the connection's socket.
    pub(super) task: AbortHandle,
    /// How long a statement may take until the connection is taken for dead.
    pub(super) limit: Duration,
    /// Whether the server was asked to end a statement: then the connection is used no more, lest that ends another one.
    pub(super) is_cancelled: bool,
}

impl Watch {
    fn look(&mut self, elapsed: Duration) {
        if elapsed >= self.limit {
            self.task.abort();
        }
        if !self.is_cancelled && budget::interrupts() {
            self.is_cancelled = true;
            let (cancel, tls) = (self.cancel.clone(), self.tls.clone());
            if let Ok(handle) = handle() {
                // Ends by itself; what it asks for may also come too late.
                handle.spawn(async move { drop(cancel.cancel_query(tls).await) });
            }
        }
    }
}

/// Does `work`, whose statements `watch` ends; what comes of it, and whether the connection may be used again.
pub(super) fn watched<R>(watch: Watch, work: impl FnOnce() -> R) -> (R, bool) {
    WATCH.set(Some(watch));
    let _unwatched = Unwatched;
    let done = work();
    (done, WATCH.take().is_none_or(|watch| !watch.is_cancelled))
}

/// Ends the watch, also after a panic.
struct Unwatched;

impl Drop for Unwatched {
    fn drop(&mut self) {
        WATCH.set(None);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use tokio::sync::Mutex;

    use super::*;

    #[test]
    fn a_task_may_wait_for_any_number_of_futures() {
        let (done, is_done) = mpsc::channel();
        let work = move || {
            let runtime = Builder::new_current_thread().build().unwrap();
            runtime.block_on(async {
                let mutex = Mutex::new(());
                // A task has a budget of 128.
                for _ in 0..1_000 {
                    drop(block_on(mutex.lock()));
                }
            });
            done.send(()).unwrap();
        };
        thread::Builder::new().name("task".into()).spawn(work).unwrap();
        is_done.recv_timeout(Duration::from_secs(60)).expect("it waits for ever");
    }
}
