//! Committed samples as live clients see them: who wants which of them, and how each protocol writes them.
//!
//! No actors, no sockets; only `history` asks the store. Clients that speak one protocol and want the same signals are a group; whatever a group
//! sees is encoded once.

mod dialect;
mod frames;
mod group;
mod groups;
pub mod history;
mod newest;
mod parked;
mod recent;
mod replay;
mod selection;
mod signal_index;
#[cfg(test)]
mod tests;

pub use dialect::{Dialect, Protocol, Step, parse_event_id, position_frame};
pub use frames::{Frame, Frames};
pub use group::Group;
pub use groups::{Groups, Member};
pub use recent::Recent;
pub use replay::Replay;
pub use selection::{Selection, SignalSet, Wanted};
pub use signal_index::{GroupId, SignalIndex};

use crate::batch::Sample;
use crate::signals::Signals;

/// A committed sample on its way to the clients.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LiveSample {
    /// The sample.
    pub sample: Sample,
    /// Which instant of which request it belongs to: samples of one timestamp that follow each other in a request have the same
    /// number, whether they were posted in one object or in several.
    pub instant: u32,
    /// Whether a later sample of the signal was committed before.
    pub late: bool,
}

/// How many signals there are.
fn known(signals: &Signals) -> u32 {
    u32::try_from(signals.len()).unwrap_or(u32::MAX)
}
