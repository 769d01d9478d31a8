//! An HTTP client that costs little itself: one thread a connection, keep-alive, one request at a time.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::server::Server;

/// What a run came to.
pub(crate) struct Outcome {
    pub(crate) requests: u64,
    pub(crate) samples: u64,
    pub(crate) wall: Duration,
    /// Of the server.
    pub(crate) cpu: Duration,
}

impl Outcome {
    pub(crate) fn requests_per_second(&self) -> f64 {
        as_float(self.requests) / self.wall.as_secs_f64()
    }

    pub(crate) fn samples_per_second(&self) -> f64 {
        as_float(self.samples) / self.wall.as_secs_f64()
    }

    pub(crate) fn cpu_micros_per_sample(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / as_float(self.samples)
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
fn as_float(number: u64) -> f64 {
    number as f64
}

/// POSTs bodies to `path` on `connections` connections for `time`. `body(n)` makes the n-th body of the run, with
/// `samples` samples; bodies are made while the clock runs, by the client, so it must be cheap.
pub(crate) fn run(
    server: &Server,
    path: &str,
    connections: u64,
    time: Duration,
    samples: u64,
    body: impl Fn(u64, &mut Vec<u8>) + Sync,
) -> Result<Outcome> {
    let (next, requests) = (AtomicU64::new(0), AtomicU64::new(0));
    let (start, cpu) = (Instant::now(), server.cpu()?);
    thread::scope(|scope| {
        let threads: Vec<_> = (0..connections)
            .map(|_| {
                scope.spawn(|| -> Result<()> {
                    let mut connection = Connection::open(&server.address)?;
                    let mut bytes = Vec::new();
                    while start.elapsed() < time {
                        bytes.clear();
                        body(next.fetch_add(1, Ordering::Relaxed), &mut bytes);
                        connection.post(path, &bytes)?;
                        requests.fetch_add(1, Ordering::Relaxed);
                    }
                    Ok(())
                })
            })
            .collect();
        threads.into_iter().try_for_each(|thread| thread.join().unwrap_or_else(|_| bail!("a client broke")))
    })?;
    let requests = requests.into_inner();
    Ok(Outcome {
        requests,
        samples: requests * samples,
        wall: start.elapsed(),
        cpu: server.cpu()?.saturating_sub(cpu),
    })
}

struct Connection {
    stream: TcpStream,
    request: Vec<u8>,
    answer: Vec<u8>,
}

impl Connection {
    fn open(address: &str) -> Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, request: Vec::new(), answer: Vec::new() })
    }

    fn post(&mut self, path: &str, body: &[u8]) -> Result<()> {
        self.request.clear();
        write!(self.request, "POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n")?;
        write!(self.request, "Content-Length: {}\r\n\r\n", body.len())?;
        self.request.extend_from_slice(body);
        self.stream.write_all(&self.request)?;
        self.read_answer()
    }

    fn read_answer(&mut self) -> Result<()> {
        self.answer.clear();
        let mut chunk = [0; 4096];
        loop {
            let read = self.stream.read(&mut chunk)?;
            if read == 0 {
                bail!("the server closed the connection");
            }
            self.answer.extend_from_slice(&chunk[..read]);
            let Some(head) = self.answer.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
            let text = std::str::from_utf8(&self.answer[..head])?.to_ascii_lowercase();
            let length = text.lines().find_map(|line| line.strip_prefix("content-length:"));
            let length: usize = length.map_or(Ok(0), |length| length.trim().parse()).context("a length")?;
            if self.answer.len() >= head + 4 + length {
                let status = text.split(' ').nth(1).unwrap_or_default();
                if !status.starts_with('2') {
                    bail!("answered {status}: {}", String::from_utf8_lossy(&self.answer));
                }
                return Ok(());
            }
        }
    }
}
