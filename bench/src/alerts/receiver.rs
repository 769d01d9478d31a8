//! A receiver of webhooks that notes when each alert was first named.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use anyhow::Result;

/// It ends with this program.
pub(super) struct Receiver {
    address: String,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// When the first request that names an alert had arrived.
    named: HashMap<String, Instant>,
    messages: Vec<Message>,
}

/// A request.
#[derive(Clone, Copy)]
pub(super) struct Message {
    pub(super) at: Instant,
    /// How many alerts it says that fire, of ours.
    pub(super) firing: u64,
}

impl Receiver {
    /// `member` is the member of the body's objects that names an alert.
    pub(super) fn new(member: &'static str) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?.to_string();
        let state = Arc::<Mutex<State>>::default();
        let all = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let all = Arc::clone(&all);
                thread::spawn(move || while serve(&stream, member, &all).unwrap_or(false) {});
            }
        });
        Ok(Self { address, state })
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// When an alert was first named.
    pub(super) fn named(&self, alert: &str) -> Option<Instant> {
        lock(&self.state).named.get(alert).copied()
    }

    pub(super) fn messages(&self) -> Vec<Message> {
        lock(&self.state).messages.clone()
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Answers one request; whether the connection stays open.
fn serve(mut stream: &TcpStream, member: &str, all: &Mutex<State>) -> Result<bool> {
    let mut reader = BufReader::new(stream);
    let (mut line, mut length, mut keeps) = (String::new(), 0, true);
    loop {
        line.clear();
        if reader.read_line(&mut line)? == 0 {
            return Ok(false);
        }
        let lower = line.trim().to_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse()?;
        }
        keeps &= lower != "connection: close";
        if lower.is_empty() {
            break;
        }
    }
    let at = Instant::now();
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")?;
    let body = String::from_utf8_lossy(&body);
    let mut state = lock(all);
    for alert in texts(&body, member) {
        state.named.entry(alert.to_owned()).or_insert(at);
    }
    let firing = number(&body, "firing").unwrap_or(0);
    state.messages.push(Message { at, firing });
    Ok(keeps)
}

/// Every text that `member` has in a body, which has no blanks between its parts.
fn texts<'b>(body: &'b str, member: &str) -> impl Iterator<Item = &'b str> {
    body.split(&format!("\"{member}\":\""))
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .collect::<Vec<_>>()
        .into_iter()
}

/// The first number that `member` has.
fn number(body: &str, member: &str) -> Option<u64> {
    let (_, rest) = body.split_once(&format!("\"{member}\":"))?;
    rest.split(|character: char| !character.is_ascii_digit()).next()?.parse().ok()
}
