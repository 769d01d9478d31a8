//! A receiver of alerts: a real HTTP server that remembers what it was sent.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::eventually;

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) path: String,
    /// By lower-case name.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
    /// Since the receiver began.
    pub(crate) at: Duration,
}

impl Received {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

/// What the receiver answers: a status line and headers.
type Answer = Box<dyn Fn(usize) -> String + Send + Sync>;

/// A server on a free port; it ends with the test's process.
pub(crate) struct Receiver {
    address: String,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Receiver {
    /// Takes everything.
    pub(crate) fn new() -> Self {
        Self::answering(|_| "200 OK".into())
    }

    /// Answers the request with this number, from 0, with a status and more header lines.
    #[expect(clippy::disallowed_methods, reason = "tests measure their own patience")]
    pub(crate) fn answering(answer: impl Fn(usize) -> String + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let received = Arc::<Mutex<Vec<Received>>>::default();
        let (start, answer): (_, Arc<Answer>) = (Instant::now(), Arc::new(Box::new(answer)));
        let all = Arc::clone(&received);
        thread::Builder::new()
            .name("receiver".into())
            .spawn(move || {
                for stream in listener.incoming().flatten() {
                    let (all, answer) = (Arc::clone(&all), Arc::clone(&answer));
                    let serve = move || drop(serve(stream, start, &all, &answer));
                    thread::Builder::new().spawn(serve).unwrap();
                }
            })
            .unwrap();
        Self { address, received }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn all(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    /// Waits for this many requests.
    pub(crate) fn wait(&self, count: usize) -> Vec<Received> {
        eventually(&format!("{count} requests; there are {:?}", self.all()), || self.all().len() >= count);
        self.all()
    }
}

fn serve(
    mut stream: TcpStream,
    start: Instant,
    all: &Mutex<Vec<Received>>,
    answer: &Answer,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut headers = BTreeMap::new();
    loop {
        line.clear();
        if reader.read_line(&mut line)? == 0 {
            // Its sender was killed in the middle of it.
            return Ok(());
        }
        let Some((name, value)) = line.trim().split_once(':') else { break };
        headers.insert(name.to_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let number = {
        let mut all = all.lock().unwrap();
        let body = String::from_utf8_lossy(&body).into_owned();
        all.push(Received { path, headers, body, at: start.elapsed() });
        all.len() - 1
    };
    let head = answer(number);
    write!(stream, "HTTP/1.1 {head}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
}
