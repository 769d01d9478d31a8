//! The client that goes on as usual while others attack: it posts, asks and watches, and notes how long each took.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::peer::Place;
use crate::figures::{percentile, show};
use crate::server::Server;
use crate::websocket::{self, Opcode, client_frame, first_frame};

/// Where it is: nobody else is there.
pub(super) const PLACE: Place = Place(3);

/// From the beginning of one round to that of the next.
const ROUND: Duration = Duration::from_millis(25);

/// Signals of each post.
const SIGNALS: usize = 200;

/// What it waits for, in the order of [`Seen::micros`].
pub(super) const KINDS: [&str; 4] = ["posts", "/health", "boards", "live"];

/// What it saw.
#[derive(Default)]
pub(super) struct Seen {
    micros: [Vec<u32>; 4],
    /// Answers other than 200.
    pub(super) refused: usize,
    /// The server's resident memory, the most that was seen.
    pub(super) peak: u64,
    /// Its open files, the most that were seen.
    pub(super) files: usize,
}

impl Seen {
    /// The 99th percentile of each kind in milliseconds.
    pub(super) fn p99(&mut self) -> [f64; 4] {
        self.micros.each_mut().map(|micros| {
            micros.sort_unstable();
            percentile(micros, 99) / 1e3
        })
    }

    /// The same as cells of a table.
    pub(super) fn cells(&mut self) -> [String; 4] {
        self.p99().map(show)
    }

    /// Adds what was seen in another stretch of time.
    pub(super) fn add(&mut self, other: Self) {
        for (all, some) in self.micros.iter_mut().zip(other.micros) {
            all.extend(some);
        }
        self.refused += other.refused;
        self.peak = self.peak.max(other.peak);
        self.files = self.files.max(other.files);
    }

    fn note(&mut self, kind: usize, took: Duration) {
        self.micros[kind].push(u32::try_from(took.as_micros()).unwrap_or(u32::MAX));
    }
}

/// Goes on for as long as `time`.
pub(super) fn go_on(server: &Server, time: Duration) -> Result<Seen> {
    let mut seen = Seen::default();
    let mut live = Live::open(&server.address)?;
    let start = Instant::now();
    let mut number = 0_u64;
    while start.elapsed() < time {
        let round = Instant::now();
        number += 1;
        let others: String = (1..SIGNALS).map(|signal| format!(",\"s{signal}\":{number}")).collect();
        let body = format!("{{\"signals\":{{\"ordinary\":{number}{others}}}}}");
        let (status, took) = PLACE.ask(&server.address, "POST /api/telemetry", body.as_bytes())?;
        seen.note(0, took);
        if status == 200 {
            live.wait_for(&format!("\"ordinary\":{number}."))?;
            seen.note(3, round.elapsed());
        }
        seen.refused += usize::from(status != 200);
        for (kind, head) in [(1, "GET /health"), (2, "GET /api/boards")] {
            let (status, took) = PLACE.ask(&server.address, head, b"")?;
            seen.note(kind, took);
            seen.refused += usize::from(status != 200);
        }
        seen.peak = seen.peak.max(server.memory("VmRSS")?);
        seen.files = seen.files.max(server.files()?);
        thread::sleep(ROUND.saturating_sub(round.elapsed()));
    }
    Ok(seen)
}

/// A live client that watches everything.
struct Live {
    stream: TcpStream,
    rest: Vec<u8>,
    chunk: Vec<u8>,
}

impl Live {
    fn open(server: &str) -> Result<Self> {
        let mut stream = PLACE.connect(server)?;
        stream.write_all(websocket::handshake("/ws", None).as_bytes())?;
        let mut live = Self { stream, rest: Vec::new(), chunk: vec![0; 256 * 1024] };
        loop {
            live.read()?;
            if let Some(end) = websocket::accepted(&live.rest)? {
                live.rest.drain(..end);
                return Ok(live);
            }
        }
    }

    /// Reads until a message has `text`.
    fn wait_for(&mut self, text: &str) -> Result<()> {
        loop {
            let mut used = 0;
            let mut has_come = false;
            while let Some((opcode, payload, length)) = first_frame(&self.rest[used..])? {
                used += length;
                match opcode {
                    Opcode::Text => {
                        has_come |= payload.windows(text.len()).any(|window| window == text.as_bytes());
                    }
                    Opcode::Ping => self.stream.write_all(&client_frame(Opcode::Pong, payload))?,
                    Opcode::Close => bail!("the live client was closed: {payload:?}"),
                    _ => {}
                }
            }
            self.rest.drain(..used);
            if has_come {
                return Ok(());
            }
            self.read()?;
        }
    }

    fn read(&mut self) -> Result<()> {
        let read = self.stream.read(&mut self.chunk)?;
        if read == 0 {
            bail!("the live client was cut off");
        }
        self.rest.extend_from_slice(&self.chunk[..read]);
        Ok(())
    }
}
