//! Thousands of connections that do next to nothing, and never close themselves.
//!
//! Strangers know nothing of each other: they come one after another, and what they do falls on different moments. Were all to
//! write at the same moment, once a second, the figures would show how long the server takes for thousands of reads in a row.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use clap::ValueEnum;

use super::peer::{Place, request};
use crate::fanout::allow_many_sockets;
use crate::server::{Server, free_port};
use crate::websocket;

/// In which all of them come, evenly. Less than the server gives a head: there is a moment at which all are there.
pub(super) const JOINING: Duration = Duration::from_secs(5);

/// From one deed of a connection to its next.
const TURN: Duration = Duration::from_secs(1);

/// Parts of a turn, in each of which as many connections do something.
const PARTS: usize = 500;

/// Which kinds come.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Who {
    Heads,
    Bodies,
    Readers,
    Sockets,
}

/// One kind of them.
pub(super) struct Kind {
    pub(super) who: Who,
    pub(super) name: &'static str,
    pub(super) count: u64,
    place: Place,
    first: fn() -> Vec<u8>,
    /// Sent at every turn, so that something always comes; nothing for those who read slowly instead.
    more: &'static [u8],
    /// Bytes read at every turn.
    read: usize,
}

pub(super) const KINDS: [Kind; 4] = [
    Kind {
        who: Who::Heads,
        name: "slow heads",
        count: 5_000,
        place: Place(10),
        first: half_head,
        more: b"x",
        read: 0,
    },
    Kind {
        who: Who::Bodies,
        name: "slow bodies",
        count: 2_000,
        place: Place(11),
        first: half_body,
        more: b" ",
        read: 0,
    },
    Kind {
        who: Who::Readers,
        name: "slow readers",
        count: 2_000,
        place: Place(12),
        first: long_answer,
        more: b"",
        read: 512,
    },
    Kind {
        who: Who::Sockets,
        name: "stalled WebSockets",
        count: 2_000,
        place: Place(13),
        first: handshake,
        more: b"",
        read: 0,
    },
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

/// One connection.
struct Stranger {
    kind: &'static Kind,
    stream: TcpStream,
}

impl Stranger {
    fn join(kind: &'static Kind, server: &str) -> Result<Self> {
        let mut stream = kind.place.connect(server)?;
        stream.write_all(&(kind.first)())?;
        stream.set_nonblocking(true)?;
        Ok(Self { kind, stream })
    }

    /// Does the next to nothing that it does; whether the connection is there, as far as one can see.
    fn turn(&mut self) -> bool {
        let mut buffer = [0; 512];
        let sent = if self.kind.more.is_empty() { Ok(1) } else { self.stream.write(self.kind.more) };
        let read = if self.kind.read == 0 { Ok(1) } else { self.stream.read(&mut buffer) };
        let is_over = |result: std::io::Result<usize>| match result {
            Ok(bytes) => bytes == 0,
            Err(error) => error.kind() != ErrorKind::WouldBlock,
        };
        !is_over(sent) && !is_over(read)
    }
}

/// Comes to `server`, as many of each kind as `counts` says, and stays until told; returns the CPU time that it took itself.
pub(super) fn stay(counts: &[u64], server: &str, until: &AtomicBool) -> Duration {
    // Each kind's connections are spread over all of them.
    let mut order: Vec<_> = KINDS
        .iter()
        .zip(counts)
        .flat_map(|(kind, count)| {
            (0..*count).map(move |number| ((number * 2 + 1) as f64 / *count as f64, kind))
        })
        .collect();
    order.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (start, count) = (Instant::now(), order.len());
    let mut coming = order.into_iter().map(|(_, kind)| kind).enumerate().peekable();
    let mut strangers: Vec<Option<Stranger>> = Vec::with_capacity(count);
    for part in 0_u32.. {
        if until.load(Ordering::Relaxed) {
            break;
        }
        let due = count as f64 * start.elapsed().as_secs_f64() / JOINING.as_secs_f64();
        while let Some((_, kind)) = coming.next_if(|(number, _)| (*number as f64) < due) {
            strangers.push(Stranger::join(kind, server).ok());
        }
        for stranger in strangers.iter_mut().skip(part as usize % PARTS).step_by(PARTS) {
            if stranger.as_mut().is_some_and(|stranger| !stranger.turn()) {
                *stranger = None;
            }
        }
        thread::sleep((TURN * part / PARTS as u32).saturating_sub(start.elapsed()));
    }
    cpu()
}

/// CPU time of this thread.
fn cpu() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.cast_unsigned(), u32::try_from(time.tv_nsec).unwrap_or_default())
}

/// A program that takes every connection and never reads: where a crowd costs this machine what it must, and the server nothing.
pub(super) fn elsewhere(folder: &Path) -> Result<Server> {
    let port = free_port()?;
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["nobody", &format!("127.0.0.1:{port}")]);
    Server::launch_until(command, folder, port, |address| TcpStream::connect(address).is_ok())
}

/// Is that program, until it is killed.
pub(crate) fn nobody(address: &str) -> Result<()> {
    allow_many_sockets()?;
    let taken: Result<Vec<_>, _> = TcpListener::bind(address)?.incoming().collect();
    bail!("no more connections are taken: {:?}", taken.err())
}
