//! A proxy before NATS that loses, repeats and reorders what servers are sent of each other.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

/// A port that leads to NATS, and what was done to the messages that came from there.
pub(crate) struct Lossy {
    port: u16,
    counts: Arc<Counts>,
}

/// How many messages were treated how.
#[derive(Default)]
struct Counts {
    lost: AtomicUsize,
    doubled: AtomicUsize,
    late: AtomicUsize,
}

impl Lossy {
    /// Each tenth message is lost, each tenth comes twice, and each tenth after the next one; which, is drawn from `seed`.
    pub(crate) fn to_port(nats: u16, seed: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let lossy = Self { port: listener.local_addr().unwrap().port(), counts: Arc::default() };
        let counts = Arc::clone(&lossy.counts);
        let accept = move || {
            for (number, client) in listener.incoming().flatten().enumerate() {
                let Ok(server) = TcpStream::connect(("127.0.0.1", nats)) else { continue };
                let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                let (counts, random) = (Arc::clone(&counts), StdRng::seed_from_u64(seed + number as u64));
                thread::Builder::new().spawn(move || pass(from, to)).unwrap();
                thread::Builder::new().spawn(move || disturb(server, client, &counts, random)).unwrap();
            }
        };
        thread::Builder::new().spawn(accept).unwrap();
        lossy
    }

    pub(crate) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// How many messages were lost, doubled, and late.
    pub(crate) fn counts(&self) -> [usize; 3] {
        let Counts { lost, doubled, late } = &*self.counts;
        [lost, doubled, late].map(|count| count.load(Ordering::Relaxed))
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream) {
    let _ = std::io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Both);
}

/// Passes on what NATS says, message by message.
fn disturb(server: TcpStream, mut client: TcpStream, counts: &Counts, mut random: StdRng) {
    let count = |counter: &AtomicUsize| {
        counter.fetch_add(1, Ordering::Relaxed);
    };
    let mut server = BufReader::new(server);
    let mut late = Vec::new();
    while let Some((bytes, is_message)) = next(&mut server) {
        let mut bytes = bytes;
        if is_message {
            match random.random_range(0..10) {
                0 => {
                    count(&counts.lost);
                    continue;
                }
                1 => {
                    count(&counts.doubled);
                    bytes.extend_from_within(..);
                }
                2 if late.is_empty() => {
                    count(&counts.late);
                    late = bytes;
                    continue;
                }
                _ => {}
            }
            bytes.append(&mut late);
        }
        if client.write_all(&bytes).is_err() {
            break;
        }
    }
    let _ = client.shutdown(Shutdown::Both);
}

/// The next thing that NATS says, and whether it is a message.
fn next(server: &mut BufReader<TcpStream>) -> Option<(Vec<u8>, bool)> {
    let mut bytes = Vec::new();
    server.read_until(b'\n', &mut bytes).ok().filter(|length| *length > 0)?;
    let line = std::str::from_utf8(&bytes).ok()?;
    if !line.starts_with("MSG ") {
        return Some((bytes, false));
    }
    let length: usize = line.trim_end().rsplit(' ').next()?.parse().ok()?;
    let head = bytes.len();
    bytes.resize(head + length + 2, 0);
    server.read_exact(&mut bytes[head..]).ok()?;
    Some((bytes, true))
}
