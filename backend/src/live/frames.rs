//! Frames on their way to clients, counted while they are in memory.

use std::ops::Deref;
use std::sync::Arc;

use actix_web::web::Bytes;
use bytestring::ByteString;
use prometheus_client::metrics::gauge::Gauge;

/// What is sent to a client at once.
#[derive(Clone, Debug, PartialEq)]
pub enum Frame {
    /// A text message of a WebSocket, or a piece of an event stream.
    Text(ByteString),
    /// A binary message of a WebSocket.
    Binary(Bytes),
}

impl Frame {
    /// Its payload's length in bytes.
    pub fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary(bytes) => bytes.len(),
        }
    }

    /// Whether its payload is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Frames in order, shared by all who get them. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct Frames(Arc<Counted>);

#[derive(Debug)]
struct Counted {
    frames: Vec<Frame>,
    bytes: usize,
    in_memory: Gauge,
}

impl Frames {
    /// Frames whose bytes are part of `in_memory` until the last clone is dropped.
    pub fn new(frames: Vec<Frame>, in_memory: &Gauge) -> Self {
        let bytes = frames.iter().map(Frame::len).sum();
        in_memory.inc_by(i64::try_from(bytes).unwrap_or(i64::MAX));
        Self(Arc::new(Counted { frames, bytes, in_memory: in_memory.clone() }))
    }

    /// The length of all payloads in bytes.
    pub fn bytes(&self) -> usize {
        self.0.bytes
    }
}

impl Deref for Frames {
    type Target = [Frame];

    fn deref(&self) -> &[Frame] {
        &self.0.frames
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.in_memory.dec_by(i64::try_from(self.bytes).unwrap_or(i64::MAX));
    }
}
