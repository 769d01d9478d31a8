//! The legacy text events of `/ws`, as [`afterglow_wire::live::Event`] has them.

use super::{Dialect, Step, update};
use crate::live::newest::Newest;
use crate::live::{Frame, LiveSample};
use crate::signals::Signals;

/// What stands before and after the data of a `telemetry_update`.
const AROUND: [&str; 2] = [r#"{"event":"telemetry_update","data":"#, "}"];

pub(super) struct Events;

impl Dialect for Events {
    fn samples(&self, _: &Step, samples: &mut [LiveSample], signals: &Signals) -> Vec<Frame> {
        update::all(samples, signals, AROUND)
    }

    fn gap(&self, _: &Step) -> Option<Frame> {
        Some(Frame::Text(format!(r#"{{"event":"gap","data":{}}}"#, update::GAP).into()))
    }

    fn conflated(&self, _: &Step, newest: &Newest, signals: &Signals) -> Vec<Frame> {
        update::newest(newest, signals, AROUND)
    }
}
