//! The legacy events as packets of Socket.IO 5, for both of its transports.

use super::{Dialect, Step, update};
use crate::live::newest::Newest;
use crate::live::{Frame, LiveSample};
use crate::signals::Signals;

/// What stands before and after the data of a `telemetry_update`: 4 is a message of Engine.IO, 2 an event of Socket.IO.
const AROUND: [&str; 2] = [r#"42["telemetry_update","#, "]"];

pub(super) struct SocketIo;

impl Dialect for SocketIo {
    fn samples(&self, _: &Step, samples: &mut [LiveSample], signals: &Signals) -> Vec<Frame> {
        update::all(samples, signals, AROUND)
    }

    fn gap(&self, _: &Step) -> Option<Frame> {
        Some(Frame::Text(format!(r#"42["gap",{}]"#, update::GAP).into()))
    }

    fn conflated(&self, _: &Step, newest: &Newest, signals: &Signals) -> Vec<Frame> {
        update::newest(newest, signals, AROUND)
    }
}
