//! What a subscription has, and what it makes of frames. Knows no socket.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use afterglow_wire::ErrorBody;
use afterglow_wire::v1::{
    Body, Columns, Flags, Follower, Frame, Header, Kind, Malformed, Position, Progress,
};

use super::{Interrupted, News, Samples};

/// Names, position, and news that nobody has asked for yet.
#[derive(Debug, Default)]
pub(super) struct State {
    names: HashMap<u32, Arc<str>>,
    follower: Follower,
    news: VecDeque<News>,
    /// What belongs to a step of the stream that has not arrived as a whole: when the connection breaks within it, all of
    /// it comes again.
    step: Vec<News>,
}

/// What is to be done after a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Read on.
    Read,
    /// Subscribe again from the position: samples were left out.
    Resume,
}

impl State {
    pub(super) fn position(&self) -> Option<Position> {
        self.follower.position()
    }

    pub(super) fn next(&mut self) -> Option<News> {
        self.news.pop_front()
    }

    /// A request has been sent.
    pub(super) fn requested(&mut self) {
        self.follower.requested();
        self.step.clear();
    }

    /// Takes a frame.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Result<Next, Interrupted> {
        let Frame { header, body } = Frame::parse(bytes).map_err(broken)?;
        if let Body::Refused { error, .. } = body {
            return Err(refused(error));
        }
        let progress = self.follower.take(&header);
        match progress {
            Progress::Began { is_resumed } => {
                if !is_resumed {
                    self.names.clear();
                }
                self.news.push_back(News::Began { is_resumed });
                return Ok(Next::Read);
            }
            Progress::None => return Ok(Next::Read),
            Progress::Behind if header.flags.has(Flags::CONFLATED) => {
                self.news.push_back(News::Conflated);
                return Ok(Next::Resume);
            }
            Progress::Behind => return Err(Interrupted::Broken("frames are missing".into())),
            Progress::Part | Progress::Reached => {}
        }
        let is_history = header.kind == Kind::Snapshot;
        match body {
            Body::Names(names) => {
                for name in names {
                    let (signal, name) = name.map_err(broken)?;
                    self.names.insert(signal, name.into());
                }
            }
            Body::Snapshot { columns, .. } | Body::Samples(columns) => self.samples(columns, &header)?,
            Body::Nothing if header.kind == Kind::Heartbeat => self.step.push(News::Idle(header.server_time)),
            Body::Changed(what) => self.news.push_back(News::Changed(what.to_owned())),
            Body::Nothing | Body::Subscribed { .. } | Body::Refused { .. } | Body::Reduced { .. } => {}
        }
        if is_history && progress == Progress::Reached {
            self.step.push(News::Live);
        }
        // A history that is interrupted begins again with everything void, so its pieces need not wait.
        if is_history || progress == Progress::Reached {
            self.news.extend(self.step.drain(..));
        }
        Ok(Next::Read)
    }

    fn samples(&mut self, mut columns: Columns<'_>, header: &Header) -> Result<(), Interrupted> {
        let (mut times, mut values) = (Vec::new(), Vec::new());
        while let Some(signal) = columns.next(&mut times, &mut values).map_err(broken)? {
            let name = self.names.get(&signal);
            let signal = name.ok_or_else(|| Interrupted::Broken(format!("signal {signal} has no name")))?;
            self.step.push(News::Samples(Samples {
                signal: Arc::clone(signal),
                times: std::mem::take(&mut times),
                values: std::mem::take(&mut values),
                is_history: header.kind == Kind::Snapshot,
                server_time: header.server_time,
            }));
        }
        Ok(())
    }
}

fn broken(error: Malformed) -> Interrupted {
    Interrupted::Broken(error.to_string())
}

fn refused(error: &str) -> Interrupted {
    let said = serde_json::from_str::<ErrorBody>(error);
    Interrupted::Refused(said.map_or_else(|_| error.to_owned(), |body| body.error.message))
}

#[cfg(test)]
mod tests {
    use afterglow_wire::v1::Writer;

    use super::*;

    fn header(kind: Kind, sequence: u64, covers: u32) -> Header {
        Header { kind, flags: Flags::NONE, covers, position: Position { epoch: 7, sequence }, server_time: 0 }
    }

    fn samples(header: Header) -> Vec<u8> {
        let mut writer = Writer::new(&header);
        if header.kind == Kind::Snapshot {
            writer.request(1);
        }
        writer.columns(3, &[header.position.sequence.cast_signed()], &[0.5]);
        writer.finish()
    }

    fn begin(state: &mut State, flags: Flags) {
        state.requested();
        let mut subscribed = Writer::new(&Header { flags, ..header(Kind::Subscribed, 0, 0) });
        subscribed.request(1);
        state.take(&subscribed.finish()).unwrap();
        let mut names = Writer::new(&header(Kind::Names, 0, 0));
        names.name(3, "a");
        state.take(&names.finish()).unwrap();
    }

    /// A state with the history up to commit 5.
    fn filled() -> State {
        let mut state = State::default();
        begin(&mut state, Flags::NONE);
        state.take(&samples(Header { flags: Flags::LAST, ..header(Kind::Snapshot, 5, 0) })).unwrap();
        state
    }

    fn times(state: &mut State) -> Vec<i64> {
        let news = std::iter::from_fn(|| state.next());
        news.filter_map(|news| match news {
            News::Samples(samples) => Some(samples.times[0]),
            _ => None,
        })
        .collect()
    }

    #[test]
    fn a_hole_is_noticed_and_nothing_comes_twice() {
        let mut state = filled();
        state.take(&samples(header(Kind::Tail, 7, 2))).unwrap();
        state.take(&samples(header(Kind::Patch, 8, 3))).unwrap();
        assert_eq!(state.position(), Some(Position { epoch: 7, sequence: 8 }));
        assert!(state.take(&samples(header(Kind::Tail, 10, 1))).is_err(), "9 is missing");
        begin(&mut state, Flags::RESUMED);
        state.take(&samples(header(Kind::Patch, 10, 2))).unwrap();
        assert_eq!(times(&mut state), [5, 7, 8, 10]);
    }

    #[test]
    fn a_step_that_was_cut_is_told_once() {
        let mut state = filled();
        state.take(&samples(header(Kind::Tail, 5, 0))).unwrap();
        begin(&mut state, Flags::RESUMED);
        state.take(&samples(header(Kind::Tail, 5, 0))).unwrap();
        state.take(&samples(header(Kind::Tail, 9, 4))).unwrap();
        assert_eq!(times(&mut state), [5, 5, 9], "the snapshot's, the first piece once, the last piece");
    }

    #[test]
    fn what_was_conflated_is_fetched() {
        let mut state = filled();
        let conflated = Header { flags: Flags::CONFLATED, ..header(Kind::Patch, 9, 4) };
        assert_eq!(state.take(&samples(conflated)).unwrap(), Next::Resume);
        state.requested();
        state.take(&samples(header(Kind::Tail, 10, 1))).unwrap();
        begin(&mut state, Flags::RESUMED);
        state.take(&samples(header(Kind::Patch, 10, 5))).unwrap();
        assert_eq!(times(&mut state), [5, 10]);
    }

    #[test]
    fn a_frame_of_another_epoch_does_not_join() {
        let mut state = filled();
        let mut other = header(Kind::Tail, 6, 1);
        other.position.epoch = 8;
        assert!(state.take(&samples(other)).is_err());
    }

    #[test]
    fn a_signal_without_a_name_is_an_error() {
        let mut state = filled();
        let mut writer = Writer::new(&header(Kind::Tail, 6, 1));
        writer.columns(4, &[1], &[1.0]);
        assert!(state.take(&writer.finish()).is_err());
    }
}
