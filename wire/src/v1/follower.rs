//! Where a client is in the stream of commits, and what each frame means for it. Keeps no samples and reads no clock.

use super::frame::{Flags, Header, Kind, Position};

/// Follows the stream by the headers of its frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Follower {
    position: Option<Position>,
    state: State,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// No request is answered.
    #[default]
    Waiting,
    /// What was asked for arrives.
    Following,
    /// Something was left out: the position stays where it is.
    Behind,
}

/// What a frame means for a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Nothing: the frame belongs to an earlier request, or follows frames that are missing.
    None,
    /// The answer to a request begins. Unless it is resumed, everything from before is void.
    Began {
        /// Whether the stream goes on exactly at the client's position.
        is_resumed: bool,
    },
    /// A part of something: its content is valid, but it may come again.
    Part,
    /// With this frame, the client has everything up to [`Follower::position`].
    Reached,
    /// Samples were left out. Those of the frame, if there are any, are valid; it is time to subscribe again from the position.
    Behind,
}

impl Follower {
    /// The client has everything up to here; none before the first history was complete.
    pub fn position(&self) -> Option<Position> {
        self.position
    }

    /// Whether the answer to a request is still to come: frames until then are of no use.
    pub fn is_waiting(&self) -> bool {
        self.state == State::Waiting
    }

    /// Whether samples were left out since the last request.
    pub fn is_behind(&self) -> bool {
        self.state == State::Behind
    }

    /// A request has been sent, or the connection is a new one.
    pub fn requested(&mut self) {
        self.state = State::Waiting;
    }

    /// The position is void, because it is asked for other signals from now on.
    pub fn forget(&mut self) {
        self.position = None;
    }

    /// Takes the header of a frame. A [`Kind::Subscribed`] must answer the last request.
    pub fn take(&mut self, header: &Header) -> Progress {
        if header.kind == Kind::Subscribed {
            let is_resumed = header.flags.has(Flags::RESUMED);
            self.position = self.position.filter(|_| is_resumed);
            self.state = State::Following;
            return Progress::Began { is_resumed };
        }
        if self.is_waiting() {
            return Progress::None;
        }
        match header.kind {
            Kind::Snapshot if header.flags.has(Flags::LAST) => {
                self.position = Some(header.position);
                Progress::Reached
            }
            Kind::Tail | Kind::Patch | Kind::Heartbeat => self.advance(header),
            _ => Progress::Part,
        }
    }

    fn advance(&mut self, header: &Header) -> Progress {
        if header.flags.has(Flags::CONFLATED) {
            self.state = State::Behind;
            return Progress::Behind;
        }
        if self.is_behind() {
            return Progress::None;
        }
        let from = header.position.sequence.saturating_sub(u64::from(header.covers));
        let joins =
            self.position.is_some_and(|here| here.epoch == header.position.epoch && from <= here.sequence);
        if !joins {
            self.state = State::Behind;
            return Progress::Behind;
        }
        // All frames of a step but its last cover nothing.
        if header.covers == 0 && header.kind != Kind::Heartbeat {
            return Progress::Part;
        }
        self.position = Some(header.position);
        Progress::Reached
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(kind: Kind, flags: Flags, sequence: u64, covers: u32) -> Header {
        Header { kind, flags, covers, position: Position { epoch: 7, sequence }, server_time: 0 }
    }

    fn subscribed(flags: Flags) -> Header {
        header(Kind::Subscribed, flags, 0, 0)
    }

    /// A client with the history up to commit 5.
    fn follower() -> Follower {
        let mut follower = Follower::default();
        assert_eq!(follower.take(&subscribed(Flags::NONE)), Progress::Began { is_resumed: false });
        assert_eq!(follower.take(&header(Kind::Names, Flags::NONE, 0, 0)), Progress::Part);
        assert_eq!(follower.take(&header(Kind::Snapshot, Flags::NONE, 0, 0)), Progress::Part);
        assert_eq!(follower.take(&header(Kind::Reduced, Flags::NONE, 0, 0)), Progress::Part);
        assert_eq!(follower.position(), None);
        assert_eq!(follower.take(&header(Kind::Snapshot, Flags::LAST, 5, 0)), Progress::Reached);
        follower
    }

    #[test]
    fn steps_advance_and_a_hole_stops() {
        let mut follower = follower();
        assert_eq!(follower.take(&header(Kind::Tail, Flags::NONE, 5, 0)), Progress::Part);
        assert_eq!(follower.take(&header(Kind::Patch, Flags::NONE, 7, 2)), Progress::Reached);
        assert_eq!(follower.take(&header(Kind::Heartbeat, Flags::NONE, 9, 2)), Progress::Reached);
        assert_eq!(follower.take(&header(Kind::Tail, Flags::NONE, 9, 3)), Progress::Reached, "again");
        assert_eq!(follower.take(&header(Kind::Tail, Flags::NONE, 12, 2)), Progress::Behind, "10 is missing");
        assert_eq!(follower.take(&header(Kind::Tail, Flags::NONE, 13, 9)), Progress::None);
        assert_eq!(follower.position().unwrap().sequence, 9);
        assert!(follower.is_behind());
        follower.requested();
        assert_eq!(follower.take(&header(Kind::Tail, Flags::NONE, 13, 9)), Progress::None);
        assert_eq!(follower.take(&subscribed(Flags::RESUMED)), Progress::Began { is_resumed: true });
        assert_eq!(follower.take(&header(Kind::Patch, Flags::NONE, 13, 4)), Progress::Reached);
    }

    #[test]
    fn what_was_left_out_keeps_the_position() {
        let mut follower = follower();
        let conflated = header(Kind::Patch, Flags::CONFLATED, 9, 4);
        assert_eq!(follower.take(&conflated), Progress::Behind);
        assert_eq!(follower.take(&conflated), Progress::Behind);
        assert_eq!(follower.position().unwrap().sequence, 5);
        follower.requested();
        follower.take(&subscribed(Flags::NONE));
        assert_eq!(follower.position(), None, "a history comes");
    }

    #[test]
    fn another_epoch_does_not_join() {
        let mut other = header(Kind::Tail, Flags::NONE, 6, 1);
        other.position.epoch = 8;
        assert_eq!(follower().take(&other), Progress::Behind);
    }
}
