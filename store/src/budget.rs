//! What a read of the database may use: a time, and only as long as its answer is wanted.
//!
//! A statement runs on the thread that asked for it, and so does SQLite's progress handler: the limits in force are the
//! thread's.

use std::cell::{Cell, RefCell};
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crate::Stopped;
use crate::clock::Stopwatch;

/// Says which instant is the earliest that exists for somebody.
pub type Earliest = Arc<dyn Fn() -> afterglow_wire::Timestamp + Send + Sync>;

/// Hears for how long a reader of the database was held for somebody.
pub type Meter = Arc<dyn Fn(Duration) + Send + Sync>;

#[derive(Clone, Default)]
struct Limits {
    time: Option<(Duration, Stopwatch)>,
    is_unwanted: Option<Rc<dyn Fn() -> bool>>,
    asker: Option<IpAddr>,
    meter: Option<Meter>,
}

thread_local! {
    static LIMITS: RefCell<Limits> = RefCell::default();
    static READING: Cell<bool> = const { Cell::new(false) };
}

/// Does `work`; its reads of a [`Store`](crate::Store) end with [`Stopped::Cancelled`] soon after `is_unwanted` is true.
pub fn while_wanted<R>(is_unwanted: impl Fn() -> bool + 'static, work: impl FnOnce() -> R) -> R {
    with(|limits| limits.is_unwanted = Some(Rc::new(is_unwanted)), work)
}

/// Does `work` for a client at `address`: its reads of samples share the readers that one address may have.
pub fn asked_by<R>(address: IpAddr, work: impl FnOnce() -> R) -> R {
    with(|limits| limits.asker = Some(address), work)
}

/// Does `work`; `meter` hears for how long readers are held for it.
pub(crate) fn metered<R>(meter: Option<Meter>, work: impl FnOnce() -> R) -> R {
    if meter.is_none() { work() } else { with(|limits| limits.meter = meter, work) }
}

/// What hears for how long this thread holds readers.
pub(crate) fn meter() -> Option<Meter> {
    LIMITS.try_with(|limits| limits.borrow().meter.clone()).unwrap_or_default()
}

/// Does `work`, for which a reader is held, maybe on another thread than the one that `meter` is of.
pub(crate) fn timed<R>(meter: Option<&Meter>, work: impl FnOnce() -> R) -> R {
    let Some(meter) = meter else { return work() };
    let held = Stopwatch::start();
    let done = work();
    meter(held.elapsed());
    done
}

/// For whom this thread reads; nobody when the program itself wants to know.
pub(crate) fn asker() -> Option<IpAddr> {
    LIMITS.try_with(|limits| limits.borrow().asker).unwrap_or_default()
}

/// Does `work`; its reads end with [`Stopped::Timeout`] soon after `limit`.
pub(crate) fn limited<R>(limit: Option<Duration>, work: impl FnOnce() -> R) -> R {
    with(|limits| limits.time = limit.map(|limit| (limit, Stopwatch::start())), work)
}

/// Does `work`, which may be interrupted between two steps of a statement.
pub(crate) fn interruptible<R>(work: impl FnOnce() -> R) -> R {
    let _restored = Restored(&READING, READING.replace(true));
    work()
}

/// Whether a statement that runs on this thread must end.
pub(crate) fn interrupts() -> bool {
    READING.try_with(Cell::get).unwrap_or(false) && check().is_err()
}

/// Whether the limits allow to go on.
///
/// # Errors
/// [`Stopped::Timeout`] or [`Stopped::Cancelled`] when they do not.
pub(crate) fn check() -> Result<(), Stopped> {
    let limits = LIMITS.try_with(|limits| limits.borrow().clone()).unwrap_or_default();
    if limits.is_unwanted.is_some_and(|is_unwanted| is_unwanted()) {
        return Err(Stopped::Cancelled);
    }
    match limits.time {
        Some((limit, since)) if since.elapsed() >= limit => Err(Stopped::Timeout(limit)),
        _ => Ok(()),
    }
}

fn with<R>(change: impl FnOnce(&mut Limits), work: impl FnOnce() -> R) -> R {
    let before = LIMITS.with_borrow(Limits::clone);
    let mut limits = before.clone();
    change(&mut limits);
    LIMITS.set(limits);
    let _restored = RestoredLimits(before);
    work()
}

/// Puts the limits back, also after a panic.
struct RestoredLimits(Limits);

impl Drop for RestoredLimits {
    fn drop(&mut self) {
        LIMITS.set(std::mem::take(&mut self.0));
    }
}

struct Restored(&'static std::thread::LocalKey<Cell<bool>>, bool);

impl Drop for Restored {
    fn drop(&mut self) {
        self.0.set(self.1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_meter_hears_of_the_work_that_it_is_for() {
        let heard = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let count = Arc::clone(&heard);
        let counting: Meter = Arc::new(move |_| {
            count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        });
        metered(Some(counting), || {
            timed(meter().as_ref(), || metered(None, || timed(meter().as_ref(), || ())));
        });
        timed(meter().as_ref(), || ());
        assert_eq!(heard.load(std::sync::atomic::Ordering::Relaxed), 2);
    }

    #[test]
    fn limits_end_with_their_work() {
        limited(Some(Duration::ZERO), || {
            assert!(matches!(check(), Err(Stopped::Timeout(Duration::ZERO))));
            assert!(!interrupts(), "only reads are interrupted");
            assert!(interruptible(interrupts));
            limited(None, || check().unwrap());
            while_wanted(|| true, || assert!(matches!(check(), Err(Stopped::Cancelled))));
            assert!(check().is_err());
        });
        check().unwrap();
    }
}
