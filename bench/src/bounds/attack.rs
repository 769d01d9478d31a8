//! What an attacker does, and the variations of it. They follow the findings of the review that set the bounds.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::Result;

use super::peer::{Place, request};
use crate::websocket::{self, Opcode, client_frame};

/// Where attacks come from.
const PLACE: Place = Place(2);

/// How often those who hold connections read, and look whether they were closed.
const TURN: Duration = Duration::from_millis(100);

/// One way to attack, for some time.
pub(super) enum Deed {
    /// Sends a request again and again, on as many connections at once.
    Repeat { connections: usize, request: Vec<u8> },
    /// Keeps as many connections, each with a request of its number; what is closed is opened again.
    Hold {
        connections: usize,
        request: Box<dyn Fn(usize) -> Vec<u8> + Sync>,
        /// Sent when a WebSocket has been accepted.
        message: Vec<u8>,
        /// Bytes that each reads at every turn.
        read: usize,
    },
}

impl Deed {
    /// Asks again and again, on four connections at once.
    pub(super) fn repeat(head: &str, body: &[u8]) -> Self {
        Self::Repeat { connections: 4, request: request(head, body) }
    }

    /// Asks on as many connections and reads no answer.
    pub(super) fn hold(connections: usize, request: impl Fn(usize) -> Vec<u8> + Sync + 'static) -> Self {
        Self::Hold { connections, request: Box::new(request), message: Vec::new(), read: 0 }
    }

    /// Subscribes on as many WebSockets to `signals`, with more members of the message.
    pub(super) fn subscribe(connections: usize, signals: &[String], more: &str, read: usize) -> Self {
        let list: Vec<_> = signals.iter().map(|signal| format!("\"{signal}\"")).collect();
        let text = format!("{{\"type\":\"subscribe\",\"id\":1,\"signals\":[{}]{more}}}", list.join(","));
        let handshake = websocket::handshake("/ws", Some("afterglow.v1")).into_bytes();
        Self::Hold {
            connections,
            request: Box::new(move |_| handshake.clone()),
            message: client_frame(Opcode::Text, text.as_bytes()),
            read,
        }
    }

    /// What it is, in a line.
    pub(super) fn about(&self) -> String {
        let beginning =
            |request: &[u8]| String::from_utf8_lossy(&request[..request.len().min(60)]).replace("\r\n", " ");
        match self {
            Self::Repeat { connections, request } => {
                format!("{connections} x {} bytes, {}", request.len(), beginning(request))
            }
            Self::Hold { connections, request, message, read } => {
                let request = request(0);
                let bytes = request.len() + message.len();
                format!("{connections} held, {bytes} bytes, {read} read at a time, {}", beginning(&request))
            }
        }
    }

    /// Attacks the server at `address` until told.
    pub(super) fn run(&self, address: &str, until: &AtomicBool) {
        let goes_on = || !until.load(Ordering::Relaxed);
        match self {
            Self::Repeat { connections, request } => thread::scope(|scope| {
                for _ in 0..*connections {
                    scope.spawn(|| {
                        while goes_on() {
                            // What is refused may be cut off.
                            let _ = repeat(address, request, until);
                        }
                    });
                }
            }),
            Self::Hold { connections, request, message, read } => {
                let mut held: Vec<Option<TcpStream>> = (0..*connections).map(|_| None).collect();
                let mut buffer = vec![0; *read];
                while goes_on() {
                    for (number, connection) in held.iter_mut().enumerate().take_while(|_| goes_on()) {
                        if connection.as_mut().is_none_or(|stream| is_closed(stream, &mut buffer)) {
                            *connection = open(address, &request(number), message).ok();
                        }
                    }
                    thread::sleep(TURN);
                }
            }
        }
    }
}

fn repeat(address: &str, request: &[u8], until: &AtomicBool) -> Result<()> {
    let mut stream = PLACE.connect(address)?;
    stream.set_read_timeout(Some(TURN))?;
    let _ = stream.write_all(request);
    let mut buffer = vec![0; 64 * 1024];
    while !until.load(Ordering::Relaxed) {
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Err(error) if !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => break,
            _ => {}
        }
    }
    Ok(())
}

/// Sends a request, and a message once it is accepted.
fn open(address: &str, request: &[u8], message: &[u8]) -> Result<TcpStream> {
    let mut stream = PLACE.connect(address)?;
    stream.set_write_timeout(Some(Duration::from_secs(1)))?;
    let _ = stream.write_all(request);
    if !message.is_empty() {
        let mut answer = [0; 256];
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        let _ = stream.read(&mut answer)?;
        stream.write_all(message)?;
    }
    stream.set_nonblocking(true)?;
    Ok(stream)
}

/// Reads as much as fits into `buffer`. Without any it cannot be seen that a connection is closed.
fn is_closed(stream: &mut TcpStream, buffer: &mut [u8]) -> bool {
    if buffer.is_empty() {
        return false;
    }
    match stream.read(buffer) {
        Ok(read) => read == 0,
        Err(error) => error.kind() != ErrorKind::WouldBlock,
    }
}
