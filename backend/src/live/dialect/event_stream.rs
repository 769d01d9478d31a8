//! The events of `/api/stream` as Server-Sent Events. The last event of a step has the position as its id, so that a client
//! can resume there with `Last-Event-ID`.

use afterglow_wire::v1::Position;

use super::{Dialect, Step, update};
use crate::live::newest::Newest;
use crate::live::{Frame, LiveSample};
use crate::signals::Signals;

/// What stands before and after the data of a `telemetry_update`.
const AROUND: [&str; 2] = ["event: telemetry_update\ndata: ", "\n\n"];

pub(super) struct EventStream;

impl Dialect for EventStream {
    fn samples(&self, step: &Step, samples: &mut [LiveSample], signals: &Signals) -> Vec<Frame> {
        with_id(step, update::all(samples, signals, AROUND))
    }

    fn gap(&self, _: &Step) -> Option<Frame> {
        Some(Frame::Text(format!("event: gap\ndata: {}\n\n", update::GAP).into()))
    }

    /// Without an id: a client that comes back now still gets what is left out here.
    fn conflated(&self, step: &Step, newest: &Newest, signals: &Signals) -> Vec<Frame> {
        self.gap(step).into_iter().chain(update::newest(newest, signals, AROUND)).collect()
    }

    fn heartbeat(&self, step: &Step) -> Option<Frame> {
        Some(position_frame(step.after))
    }

    fn changed(&self, _: &Step, revision: &str) -> Option<Frame> {
        Some(Frame::Text(format!("event: changed\ndata: {revision}\n\n").into()))
    }
}

/// Adds the id to the last event.
fn with_id(step: &Step, mut frames: Vec<Frame>) -> Vec<Frame> {
    if let Some(Frame::Text(last)) = frames.last_mut() {
        *last = format!("id: {}\n{last}", event_id(step.after)).into();
    }
    frames
}

/// Has the client know where it is, without an event.
pub fn position_frame(position: Position) -> Frame {
    Frame::Text(format!("id: {}\n\n", event_id(position)).into())
}

fn event_id(position: Position) -> String {
    format!("{}-{}", position.epoch, position.sequence)
}

/// The position that an event's id stands for.
pub fn parse_event_id(id: &str) -> Option<Position> {
    let (epoch, sequence) = id.split_once('-')?;
    Some(Position { epoch: epoch.parse().ok()?, sequence: sequence.parse().ok()? })
}
