//! Thousands of connections that do next to nothing, and never close themselves.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;

use anyhow::Result;

use super::peer::{Place, request};
use crate::websocket;

/// One kind of them.
pub(super) struct Kind {
    pub(super) name: &'static str,
    pub(super) count: u64,
    pub(super) place: Place,
    first: fn() -> Vec<u8>,
    /// Sent at every turn, so that something always comes; nothing for those who read slowly instead.
    more: &'static [u8],
    /// Bytes read at every turn.
    read: usize,
}

pub(super) const KINDS: [Kind; 4] = [
    Kind { name: "slow heads", count: 5_000, place: Place(10), first: half_head, more: b"x", read: 0 },
    Kind { name: "slow bodies", count: 2_000, place: Place(11), first: half_body, more: b" ", read: 0 },
    Kind { name: "slow readers", count: 2_000, place: Place(12), first: long_answer, more: b"", read: 512 },
    Kind { name: "stalled WebSockets", count: 2_000, place: Place(13), first: handshake, more: b"", read: 0 },
];

fn half_head() -> Vec<u8> {
    b"GET /health HTTP/1.1\r\nHost: bench\r\nX-A: ".to_vec()
}

fn half_body() -> Vec<u8> {
    let mut body = request("POST /api/telemetry\nContent-Type: application/json", &[b' '; 100_000]);
    body.truncate(body.len() - 90_000);
    body
}

fn long_answer() -> Vec<u8> {
    request("GET /api/telemetry?from=0&format=json", b"")
}

fn handshake() -> Vec<u8> {
    websocket::handshake("/ws", None).into_bytes()
}

/// Connections of one kind; those that the server has closed, as far as one can see, are none any more.
pub(super) struct Crowd {
    kind: &'static Kind,
    held: Vec<Option<TcpStream>>,
}

impl Crowd {
    pub(super) fn join(kind: &'static Kind, count: u64, server: &str) -> Self {
        let first = (kind.first)();
        let open = || -> Result<TcpStream> {
            let mut stream = kind.place.connect(server)?;
            stream.write_all(&first)?;
            stream.set_nonblocking(true)?;
            Ok(stream)
        };
        Self { kind, held: (0..count).map(|_| open().ok()).collect() }
    }

    /// Does the next to nothing that it does.
    pub(super) fn turn(&mut self) {
        let mut buffer = [0; 512];
        for place in &mut self.held {
            let Some(stream) = place else { continue };
            let sent = if self.kind.more.is_empty() { Ok(1) } else { stream.write(self.kind.more) };
            let read = if self.kind.read == 0 { Ok(1) } else { stream.read(&mut buffer) };
            let is_over = |result: std::io::Result<usize>| match result {
                Ok(bytes) => bytes == 0,
                Err(error) => error.kind() != ErrorKind::WouldBlock,
            };
            if is_over(sent) || is_over(read) {
                *place = None;
            }
        }
    }
}
