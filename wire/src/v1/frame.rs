//! What every frame begins with.

use serde::{Deserialize, Serialize};

use super::bytes::{Malformed, Reader};

/// Where in the stream of commits something is. Positions of different epochs cannot be compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// Which run of the server numbered the commits: another one numbers them afresh.
    pub epoch: u64,
    /// The number of the last commit that is included; 0 before the first.
    pub sequence: u64,
}

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// The first frame of a connection: its header says where the stream is.
    Welcome = 1,
    /// A subscription begins; what follows belongs to it.
    Subscribed = 2,
    /// Names of signals, before the first frame that refers to them by their numbers.
    Names = 3,
    /// A piece of the history that was asked for.
    Snapshot = 4,
    /// Samples just committed, each later than all of its signal that were committed before it in this epoch.
    Tail = 5,
    /// Samples in any order of time: late ones, and what a resumed client missed.
    Patch = 6,
    /// Nothing new; the header says until where.
    Heartbeat = 7,
    /// A request that cannot be answered.
    Refused = 8,
    /// Something other than samples has changed on the server, such as a board or a signal's unit.
    Changed = 9,
    /// Which signals of the history are reduced, and to which slices, where the request asked for that.
    Reduced = 10,
}

impl Kind {
    fn of(byte: u8) -> Result<Self, Malformed> {
        Ok(match byte {
            1 => Self::Welcome,
            2 => Self::Subscribed,
            3 => Self::Names,
            4 => Self::Snapshot,
            5 => Self::Tail,
            6 => Self::Patch,
            7 => Self::Heartbeat,
            8 => Self::Refused,
            9 => Self::Changed,
            10 => Self::Reduced,
            _ => return Err(Malformed("an unknown kind of frame")),
        })
    }
}

/// What else is to be known of a frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags(u8);

impl Flags {
    /// None of them.
    pub const NONE: Self = Self(0);
    /// `Snapshot`: the last piece.
    pub const LAST: Self = Self(1);
    /// `Snapshot`: samples were left out, the lowest and highest of each stretch were not.
    pub const REDUCED: Self = Self(2);
    /// `Patch`: only the newest value of each signal, because this client reads too slowly.
    pub const CONFLATED: Self = Self(4);
    /// `Subscribed`: no snapshot comes, only what was missed since the position that the client named.
    pub const RESUMED: Self = Self(8);

    /// Whether all of `flags` are set.
    pub const fn has(self, flags: Self) -> bool {
        self.0 & flags.0 == flags.0
    }

    /// Both together.
    #[must_use]
    pub const fn with(self, flags: Self) -> Self {
        Self(self.0 | flags.0)
    }
}

/// The first [`Header::BYTES`] bytes of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// What follows.
    pub kind: Kind,
    /// What else is to be known of it.
    pub flags: Flags,
    /// How many commits the frame carries on from: with a frame before it, the client has everything up to
    /// `position.sequence - covers`, and with this one everything up to `position.sequence`.
    pub covers: u32,
    /// What the client has with this frame.
    pub position: Position,
    /// The server's clock when the frame was made, microseconds since 1970.
    pub server_time: i64,
}

impl Header {
    /// How long a header is.
    pub const BYTES: usize = 32;

    pub(super) fn write(&self, bytes: &mut Vec<u8>) {
        bytes.extend([self.kind as u8, self.flags.0, 0, 0]);
        bytes.extend(self.covers.to_le_bytes());
        bytes.extend(self.position.epoch.to_le_bytes());
        bytes.extend(self.position.sequence.to_le_bytes());
        bytes.extend(self.server_time.to_le_bytes());
    }

    pub(super) fn read(bytes: &mut Reader<'_>) -> Result<Self, Malformed> {
        let [kind, flags, _, _] = bytes.array()?;
        Ok(Self {
            kind: Kind::of(kind)?,
            flags: Flags(flags),
            covers: u32::from_le_bytes(bytes.array()?),
            position: Position {
                epoch: u64::from_le_bytes(bytes.array()?),
                sequence: u64::from_le_bytes(bytes.array()?),
            },
            server_time: i64::from_le_bytes(bytes.array()?),
        })
    }
}
