//! A real listener that answers as told, and a real producer process in a folder of its own.

mod backend;
mod producer;

use std::time::{Duration, Instant};

pub use backend::{Backend, Mode};
pub use producer::Producer;

/// The longest any test waits for anything: far more than a loaded machine needs.
const DEADLINE: Duration = Duration::from_secs(60);
/// How often a condition is checked.
const GLANCE: Duration = Duration::from_millis(5);

pub const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Checks until `condition` returns something, or panics with `what` after the deadline.
pub fn poll<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = condition() {
            return found;
        }
        assert!(start.elapsed() < DEADLINE, "waited in vain for {what}");
        std::thread::sleep(GLANCE);
    }
}
