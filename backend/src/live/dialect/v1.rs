//! Samples as frames of [`afterglow_wire::v1`].

use actix_web::web::Bytes;
use afterglow_wire::v1::{Flags, Header, Kind, Writer};

use super::{Dialect, Step};
use crate::batch::SignalId;
use crate::live::newest::Newest;
use crate::live::{Frame, LiveSample};
use crate::signals::Signals;

/// A frame that has grown to this many bytes is sent and another one begun: clients may refuse larger messages.
pub(in crate::live) const FRAME: usize = 48 * 1024;

/// Samples of one signal that go into a frame at once; each takes ten bytes and more.
const RUN: usize = FRAME / 16;

pub(in crate::live) struct V1;

impl Dialect for V1 {
    /// A step of samples is a few frames, however many instants it has.
    fn max_instants(&self) -> usize {
        usize::MAX
    }

    fn names(&self, step: &Step, signals: &Signals, new: &mut dyn Iterator<Item = SignalId>) -> Vec<Frame> {
        let begin = || Writer::new(&header(step, Kind::Names, Flags::NONE));
        let (mut frames, mut writer) = (Vec::new(), begin());
        for signal in new {
            if let Some(name) = signals.name(signal) {
                writer.name(signal.0, &name);
            }
            if writer.len() >= FRAME {
                frames.push(binary(std::mem::replace(&mut writer, begin()).finish()));
            }
        }
        if !writer.is_empty() {
            frames.push(binary(writer.finish()));
        }
        frames
    }

    fn samples(&self, step: &Step, samples: &mut [LiveSample], _: &Signals) -> Vec<Frame> {
        columns(step, samples, Flags::NONE)
    }

    fn conflated(&self, step: &Step, newest: &Newest, _: &Signals) -> Vec<Frame> {
        columns(step, &mut newest.live_samples(), Flags::CONFLATED)
    }

    fn heartbeat(&self, step: &Step) -> Option<Frame> {
        Some(binary(Writer::new(&last(step, Kind::Heartbeat, Flags::NONE)).finish()))
    }

    fn changed(&self, step: &Step, revision: &str) -> Option<Frame> {
        let mut writer = Writer::new(&header(step, Kind::Changed, Flags::NONE));
        writer.text(revision);
        Some(binary(writer.finish()))
    }
}

/// A message of bytes.
pub(in crate::live) fn binary(bytes: Vec<u8>) -> Frame {
    Frame::Binary(Bytes::from(bytes))
}

/// The header of a frame that does not complete the step.
pub(in crate::live) fn header(step: &Step, kind: Kind, flags: Flags) -> Header {
    Header { kind, flags, covers: 0, position: step.before, server_time: step.server_time }
}

/// The header of the frame that completes the step.
fn last(step: &Step, kind: Kind, flags: Flags) -> Header {
    let covered = step.after.sequence.saturating_sub(step.before.sequence);
    let covers = u32::try_from(covered).unwrap_or(u32::MAX);
    Header { kind, flags, covers, position: step.after, server_time: step.server_time }
}

/// Only the last frame announces the position: a client that loses the connection in between asks for the whole step again.
fn columns(step: &Step, samples: &mut [LiveSample], flags: Flags) -> Vec<Frame> {
    // Stable: of several samples with one identity the last one stays last.
    samples.sort_by_key(|live| (live.late, live.sample.signal, live.sample.timestamp));
    let mut frames: Vec<(Kind, Writer)> = Vec::new();
    let (mut times, mut values) = (Vec::new(), Vec::new());
    for run in samples.chunk_by(|a, b| (a.late, a.sample.signal) == (b.late, b.sample.signal)) {
        let kind = if run[0].late { Kind::Patch } else { Kind::Tail };
        for part in run.chunks(RUN) {
            times.clear();
            values.clear();
            for same in part.chunk_by(|a, b| a.sample.timestamp == b.sample.timestamp) {
                times.push(same[0].sample.timestamp.micros());
                values.push(same[same.len() - 1].sample.value);
            }
            if frames.last().is_none_or(|(last, writer)| *last != kind || writer.len() >= FRAME) {
                frames.push((kind, Writer::new(&header(step, kind, flags))));
            }
            if let Some((_, writer)) = frames.last_mut() {
                writer.columns(run[0].sample.signal.0, &times, &values);
            }
        }
    }
    let last = frames.pop().map(|(kind, writer)| binary(writer.finish_as(&last(step, kind, flags))));
    frames.into_iter().map(|(_, writer)| binary(writer.finish())).chain(last).collect()
}
