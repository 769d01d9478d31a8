//! `afterglow.v1`: the binary subprotocol of `/ws`. docs/wire.md describes it byte by byte.
//!
//! A client sends [`Request`]s as text messages. The server answers with frames, one a binary message: history first
//! (a snapshot), then what is committed from there on (the tail), in columns, each frame at a [`Position`] of the
//! stream. A client that comes back with its last position gets exactly what it missed.

mod bytes;
mod frame;
mod reader;
mod request;
mod writer;

pub use bytes::Malformed;
pub use frame::{Flags, Header, Kind, Position};
pub use reader::{Body, Columns, Frame, Names};
pub use request::{Request, Subscribe};
pub use writer::Writer;

/// The subprotocol's name in `Sec-WebSocket-Protocol`.
pub const PROTOCOL: &str = "afterglow.v1";

#[cfg(test)]
mod tests;
