use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Instant;

use afterglow_wire::telemetry::Reading;

use super::poll;

/// How the backend answers.
#[derive(Clone, Copy, Debug)]
pub enum Mode {
    /// 200, and remembers the samples.
    Store,
    /// 503 with Retry-After in seconds.
    Busy { retry_after: u32 },
    /// Reads the request and never answers.
    Silent,
    /// 413 for a body of more than `bytes`, else as `Store`.
    AtMost { bytes: usize },
    /// This status, for good.
    Refuse { status: u16 },
}

/// What the backend has seen.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    pub samples: usize,
    pub signals: BTreeSet<String>,
    pub timestamps: BTreeSet<i64>,
    /// The values of signal `n`, each of which came with the timestamp 1,700,000,000 s + itself.
    pub numbers: BTreeSet<u32>,
    pub refusals: Vec<Instant>,
}

struct State {
    mode: Mode,
    seen: Seen,
    open: Vec<TcpStream>,
    away: bool,
}

/// A small HTTP server on a real socket.
pub struct Backend {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    acceptor: Option<JoinHandle<()>>,
}

impl Backend {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = State { mode: Mode::Store, seen: Seen::default(), open: Vec::new(), away: false };
        let state = Arc::new(Mutex::new(state));
        let acceptor = Some(accept(listener, Arc::clone(&state)));
        Self { address, state, acceptor }
    }

    pub fn address(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn set(&self, mode: Mode) {
        self.state.lock().unwrap().mode = mode;
    }

    pub fn seen(&self) -> Seen {
        self.state.lock().unwrap().seen.clone()
    }

    pub fn wait_for(&self, what: &str, condition: impl Fn(&Seen) -> bool) {
        poll(what, || condition(&self.state.lock().unwrap().seen).then_some(()));
    }

    /// Closes the port and every connection: the next attempt is refused by the system.
    pub fn go_away(&mut self) {
        self.state.lock().unwrap().away = true;
        // Wakes the acceptor, which then drops the listener.
        drop(TcpStream::connect(self.address));
        self.acceptor.take().unwrap().join().unwrap();
        for stream in self.state.lock().unwrap().open.drain(..) {
            let _ = stream.shutdown(std::net::Shutdown::Both);
        }
    }

    /// Listens on the same port again.
    pub fn come_back(&mut self) {
        self.state.lock().unwrap().away = false;
        let listener = poll("the port", || TcpListener::bind(self.address).ok());
        self.acceptor = Some(accept(listener, Arc::clone(&self.state)));
    }
}

#[expect(clippy::disallowed_methods, reason = "the server of a test")]
fn accept(listener: TcpListener, state: Arc<Mutex<State>>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(stream) = stream else { continue };
            let mut guard = state.lock().unwrap();
            if guard.away {
                return;
            }
            guard.open.push(stream.try_clone().unwrap());
            drop(guard);
            let state = Arc::clone(&state);
            std::thread::spawn(move || serve(&stream, &state));
        }
    })
}

fn serve(stream: &TcpStream, state: &Mutex<State>) {
    let mut input = BufReader::new(stream);
    let mut output = stream;
    while let Some(body) = request(&mut input) {
        let Some(answer) = answer(&body, &mut state.lock().unwrap()) else { continue };
        if output.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

fn request(input: &mut impl BufRead) -> Option<Vec<u8>> {
    let (mut length, mut line, mut first) = (0, String::new(), true);
    loop {
        line.clear();
        if input.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if std::mem::take(&mut first) {
            assert!(line.starts_with("POST /api/telemetry HTTP/1.1"), "{line}");
        }
        let lower = line.to_ascii_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line == "\r\n" {
            let mut body = vec![0; length];
            input.read_exact(&mut body).ok()?;
            return Some(body);
        }
    }
}

fn answer(body: &[u8], state: &mut State) -> Option<String> {
    let whole = |status: &str, more: &str, body: &str| {
        Some(format!("HTTP/1.1 {status}\r\n{more}content-length: {}\r\n\r\n{body}", body.len()))
    };
    match state.mode {
        Mode::Silent => return None,
        Mode::Busy { retry_after } => {
            state.seen.refusals.push(Instant::now());
            return whole("503 Service Unavailable", &format!("retry-after: {retry_after}\r\n"), "");
        }
        Mode::Refuse { status } => return whole(&format!("{status} Refused"), "", "no"),
        Mode::AtMost { bytes } if body.len() > bytes => return whole("413 Content Too Large", "", ""),
        Mode::Store | Mode::AtMost { .. } => {}
    }
    let readings: Vec<Reading> = serde_json::from_slice(body).unwrap();
    let accepted: usize = readings.iter().map(|reading| reading.signals.len()).sum();
    state.seen.samples += accepted;
    for reading in readings {
        let seconds = reading.timestamp.unwrap().micros() / 1_000_000;
        state.seen.timestamps.insert(reading.timestamp.unwrap().micros());
        for (signal, value) in reading.signals {
            if signal == "n" {
                let number = u32::try_from(seconds - 1_700_000_000).unwrap();
                assert_eq!(value, f64::from(number), "a value strayed from its timestamp");
                state.seen.numbers.insert(number);
            }
            state.seen.signals.insert(signal);
        }
    }
    whole("200 OK", "", &format!(r#"{{"status":"success","accepted":{accepted},"rejected":[]}}"#))
}
