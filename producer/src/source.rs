//! Real input: this machine, recorded files, the lines of programs.

pub mod csv;
pub mod exec;
pub mod host;
pub mod line;
pub mod losses;

use std::sync::Arc;
use std::time::Duration;

use afterglow_wire::telemetry::Reading;
use tokio::sync::mpsc;

/// How many items a source's thread may be ahead of its generator; then the thread waits.
pub const AHEAD: usize = 64;

/// A reading, and when to send it.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// The time since the stream's start at which to send it; at once when absent.
    pub due: Option<Duration>,
    /// What to send; it has a timestamp.
    pub reading: Reading,
}

/// Items that a thread reads from the world. It ends when the source does.
#[derive(Debug)]
pub struct Stream {
    /// The items, in their order.
    pub items: mpsc::Receiver<Item>,
    /// Whether the source can wait for the backend without harm: a file can, a program's clock cannot.
    pub patient: bool,
    /// What came of it so far.
    pub counts: Arc<losses::Counts>,
    /// The program behind it, killed with the stream.
    _child: Option<exec::EndOnDrop>,
}
