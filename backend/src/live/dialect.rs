//! How each protocol writes samples for its clients: one file per protocol, behind [`Dialect`].

mod event_stream;
mod events;
mod socketio;
mod update;
pub(super) mod v1;

use afterglow_wire::v1::Position;

pub use event_stream::{parse_event_id, position_frame};

use super::newest::Newest;
use super::{Frame, LiveSample};
use crate::batch::SignalId;
use crate::signals::Signals;

/// What a live client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// The legacy text events of a WebSocket.
    Events,
    /// The same events as Server-Sent Events.
    EventStream,
    /// The same events as packets of Socket.IO.
    SocketIo,
    /// [`afterglow_wire::v1`].
    V1,
}

impl Protocol {
    /// How its clients are written to.
    pub fn dialect(self) -> &'static dyn Dialect {
        match self {
            Self::Events => &events::Events,
            Self::EventStream => &event_stream::EventStream,
            Self::SocketIo => &socketio::SocketIo,
            Self::V1 => &v1::V1,
        }
    }
}

/// A step of the stream of commits: from one position to another.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// The position that the client has.
    pub before: Position,
    /// The position that it has afterwards.
    pub after: Position,
    /// The server's clock, microseconds since 1970.
    pub server_time: i64,
}

impl Step {
    /// A step that leaves a client where it is.
    pub fn at(position: Position, server_time: i64) -> Self {
        Self { before: position, after: position, server_time }
    }
}

/// Writes frames in one protocol. Has no state: what has been sent to whom is known elsewhere.
pub trait Dialect: Sync {
    /// Most instants that one step may have; beyond it only the newest value of each signal is sent. Text has a limit because each
    /// instant is a message of its own.
    fn max_instants(&self) -> usize {
        10_000
    }

    /// Gives signals their names. Without frames where samples carry names.
    fn names(&self, _: &Step, _: &Signals, _new: &mut dyn Iterator<Item = SignalId>) -> Vec<Frame> {
        Vec::new()
    }

    /// Writes samples, which are in the order of their commit and may be sorted. No frame for no samples.
    fn samples(&self, step: &Step, samples: &mut [LiveSample], signals: &Signals) -> Vec<Frame>;

    /// Says that commits between the step's positions are not sent; none where frames carry positions, so that clients notice.
    fn gap(&self, _step: &Step) -> Option<Frame> {
        None
    }

    /// Writes the newest values, marked as conflated.
    fn conflated(&self, step: &Step, newest: &Newest, signals: &Signals) -> Vec<Frame>;

    /// Says that nothing was committed up to the step's end.
    fn heartbeat(&self, _step: &Step) -> Option<Frame> {
        None
    }

    /// Says that boards, annotations or metadata have changed; `revision` is JSON.
    fn changed(&self, _step: &Step, _revision: &str) -> Option<Frame> {
        None
    }
}
