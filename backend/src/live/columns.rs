//! Samples as frames of [`afterglow_wire::v1`].

use actix_web::web::Bytes;
use afterglow_wire::v1::{Flags, Header, Kind, Position, Writer};

use super::{Frame, Passing};
use crate::signals::Signals;

/// A frame that has grown to this many bytes is sent and another one begun: clients may refuse larger messages.
pub(super) const FRAME: usize = 48 * 1024;

/// Samples of one signal that go into a frame at once; each takes ten bytes and more.
const RUN: usize = FRAME / 16;

/// A step of the stream: from one position to another.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// The position that the client has.
    pub before: Position,
    /// The position that it has afterwards.
    pub after: Position,
    /// The server's clock.
    pub server_time: i64,
}

impl Step {
    pub(super) fn header(&self, kind: Kind, flags: Flags) -> Header {
        Header { kind, flags, covers: 0, position: self.before, server_time: self.server_time }
    }

    fn last(&self, kind: Kind, flags: Flags) -> Header {
        let covered = self.after.sequence.saturating_sub(self.before.sequence);
        let covers = u32::try_from(covered).unwrap_or(u32::MAX);
        Header { kind, flags, covers, position: self.after, server_time: self.server_time }
    }

    /// A frame without samples that only announces the position.
    pub fn heartbeat(&self) -> Frame {
        binary(Writer::new(&self.last(Kind::Heartbeat, Flags::NONE)).finish())
    }

    /// The names of the signals numbered from `from` up to and without `to` that `wanted` accepts.
    pub fn names(&self, signals: &Signals, from: u32, to: u32, wanted: impl Fn(&str) -> bool) -> Vec<Frame> {
        let begin = || Writer::new(&self.header(Kind::Names, Flags::NONE));
        let (mut frames, mut writer) = (Vec::new(), begin());
        for (signal, name) in (from..to).zip(signals.range(from, to)) {
            if wanted(&name) {
                writer.name(signal, &name);
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

    /// Samples in the order in which they were committed. Only the last frame announces the position: a client that
    /// loses the connection in between asks for the whole step again.
    pub fn samples(&self, samples: &mut [Passing], flags: Flags) -> Vec<Frame> {
        // Stable: of several samples with one identity the last one stays last.
        samples.sort_by_key(|passing| (passing.late, passing.sample.signal, passing.sample.timestamp));
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
                    frames.push((kind, Writer::new(&self.header(kind, flags))));
                }
                if let Some((_, writer)) = frames.last_mut() {
                    writer.columns(run[0].sample.signal.0, &times, &values);
                }
            }
        }
        let last = frames.pop().map(|(kind, writer)| binary(writer.finish_as(&self.last(kind, flags))));
        frames.into_iter().map(|(_, writer)| binary(writer.finish())).chain(last).collect()
    }
}

/// A message of bytes.
pub(super) fn binary(bytes: Vec<u8>) -> Frame {
    Frame::Binary(Bytes::from(bytes))
}

/// Says that something other than samples has changed, at the position that the client has.
pub(super) fn changed(position: Position, server_time: i64, what: &str) -> Frame {
    let step = Step { before: position, after: position, server_time };
    let mut writer = Writer::new(&step.header(Kind::Changed, Flags::NONE));
    writer.text(what);
    binary(writer.finish())
}
