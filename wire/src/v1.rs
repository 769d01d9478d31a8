//! `afterglow.v1`: the binary subprotocol of `/ws`. docs/wire.md describes it byte by byte.
//!
//! A client sends [`Request`]s as text messages. The server answers with frames, one a binary message: history first
//! (a snapshot), then what is committed from there on (the tail), in columns, each frame at a [`Position`] of the
//! stream. A client that comes back with its last position gets exactly what it missed.

mod bytes;
mod follower;
mod frame;
mod reader;
mod request;
mod writer;

use std::time::Duration;

pub use bytes::Malformed;
pub use follower::{Follower, Progress};
pub use frame::{Flags, Header, Kind, Position};
pub use reader::{Body, Columns, Frame, Names, Slices};
pub use request::{Request, Subscribe};
pub use writer::Writer;

/// The subprotocol's name in `Sec-WebSocket-Protocol`.
pub const PROTOCOL: &str = "afterglow.v1";

/// A server that has nothing to send sends a [`Kind::Heartbeat`] at least this often.
pub const HEARTBEAT: Duration = Duration::from_secs(5);

/// A client that has received nothing for this long takes the connection for dead: several heartbeats are missing.
pub const SILENCE: Duration = Duration::from_secs(20);

#[cfg(test)]
mod tests;
