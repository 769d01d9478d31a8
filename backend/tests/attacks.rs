//! Attacks from one address, while a client at another address goes on: it notices nothing, memory is bounded, and files are closed.
//!
//! A second each, and no figure is judged but memory. With `AFTERGLOW_ATTACK_SECONDS` they last longer, and a table is printed:
//! `AFTERGLOW_ATTACK_SECONDS=10 cargo test --release -p afterglow-backend --test guarantees attacks -- --nocapture`.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use afterglow_backend::clock::Stopwatch;
use socket2::{Domain, Socket, Type};

use crate::harness::{Backend, PATIENCE, Stop};

/// Where the attacks come from, and where the client is that goes on.
const ATTACKER: &str = "127.0.0.2:0";
const ORDINARY: &str = "127.0.0.3:0";

/// Resident memory that no attack exceeds.
const MEMORY: u64 = 400 << 20;

fn connect(backend: &Backend, from: &str) -> TcpStream {
    let address = |text: &str| text.parse::<SocketAddr>().unwrap().into();
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    // A client that does not read is full soon.
    socket.set_recv_buffer_size(16 << 10).unwrap();
    socket.bind(&address(from)).unwrap();
    socket.connect(&address(backend.address())).unwrap();
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// The status of one request.
fn ask(backend: &Backend, from: &str, head: &str, body: &[u8]) -> u16 {
    let mut stream = connect(backend, from);
    let head =
        format!("{head} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
    // What is refused may be cut off.
    let _ = stream.write_all(&[head.as_bytes(), body].concat());
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    answer.get(9..12).and_then(|status| std::str::from_utf8(status).ok()?.parse().ok()).unwrap_or(0)
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

/// Sends what never ends, or is never read, and keeps the connections.
fn hold(backend: &Backend, count: usize, request: impl Fn(usize) -> Vec<u8>, until: &AtomicBool) {
    let held: Vec<_> = (0..count)
        .take_while(|_| !until.load(Ordering::Relaxed))
        .map(|number| {
            let mut stream = connect(backend, ATTACKER);
            stream.set_write_timeout(Some(Duration::from_secs(1))).unwrap();
            let _ = stream.write_all(&request(number));
            stream
        })
        .collect();
    while !until.load(Ordering::Relaxed) {
        thread::park_timeout(Duration::from_millis(10));
    }
    drop(held);
}

/// Asks again and again, on a few connections at once.
fn repeat(backend: &Backend, head: &str, body: &[u8], until: &AtomicBool) {
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !until.load(Ordering::Relaxed) {
                    ask(backend, ATTACKER, head, body);
                }
            });
        }
    });
}

type Attack = Box<dyn Fn(&Backend, &AtomicBool) + Sync>;

fn attacks() -> Vec<(&'static str, Attack)> {
    let get = |target: &str| format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n").into_bytes();
    let patterns: Vec<_> = (0..100).map(|number| format!("*{}b{number}*", "a".repeat(110))).collect();
    let matching = format!("GET /api/telemetry?signals={}", patterns.join(","));
    let tags = format!("GET /api/annotations?tags={}", vec!["a"; 10_000].join(","));
    let empty = gzip(b"");
    let members = empty.repeat((8 << 20) / empty.len());
    let samples = gzip(format!(r#"{{"signals":{{{}}}}}"#, vec![r#""w":1"#; 150_000].join(",")).as_bytes());
    vec![
        ("patterns (F4)", Box::new(move |backend, until| repeat(backend, &matching, b"", until))),
        ("tags (F5)", Box::new(move |backend, until| repeat(backend, &tags, b"", until))),
        ("slow readers (F6)", {
            let whole = get("/api/telemetry?from=0&format=json");
            Box::new(move |backend, until| hold(backend, 200, |_| whole.clone(), until))
        }),
        ("subscriptions (F7)", {
            let stream = move |number| get(&format!("/api/stream?signals=*,u{number}"));
            Box::new(move |backend, until| hold(backend, 200, stream, until))
        }),
        ("sets of signals (F7)", {
            let stream = move |number| get(&format!("/api/stream?signals=s*{number}"));
            Box::new(move |backend, until| hold(backend, 200, stream, until))
        }),
        ("bodies (F8)", {
            let mut body =
                b"POST /api/telemetry HTTP/1.1\r\nHost: x\r\nContent-Length: 8388608\r\n\r\n".to_vec();
            body.resize(body.len() + (8 << 20) - 1, b' ');
            Box::new(move |backend, until| hold(backend, 60, |_| body.clone(), until))
        }),
        (
            "details (F9)",
            Box::new(|backend, until| repeat(backend, "GET /api/signals?details=1", b"", until)),
        ),
        ("gzip members (F10)", {
            let head = "POST /api/telemetry HTTP/1.1\r\nContent-Encoding: gzip\r\nX:";
            Box::new(move |backend, until| repeat(backend, head, &members, until))
        }),
        ("gzip ratio (F10)", {
            let head = "POST /api/telemetry HTTP/1.1\r\nContent-Encoding: gzip\r\nX:";
            Box::new(move |backend, until| repeat(backend, head, &samples, until))
        }),
        ("half heads", {
            let half = b"GET /health HTTP/1.1\r\nHost: x\r\nX-A: ".to_vec();
            Box::new(move |backend, until| hold(backend, 1_000, |_| half.clone(), until))
        }),
    ]
}

/// What the ordinary client saw, in milliseconds.
#[derive(Default)]
struct Seen([Vec<f64>; 4]);

impl Seen {
    /// The 99th percentile of one kind.
    fn p99(&self, kind: usize) -> f64 {
        let mut times = self.0[kind].clone();
        times.sort_by(f64::total_cmp);
        times.get(times.len() * 99 / 100).copied().unwrap_or(f64::NAN)
    }
}

/// Posts, asks and watches for as long as `seconds`.
fn ordinary(backend: &Backend, seconds: f64) -> Seen {
    let mut seen = Seen::default();
    let request = format!("ws://{}/ws", backend.address());
    let (mut socket, _) = tungstenite::client(request, connect(backend, ORDINARY)).unwrap();
    socket.read().unwrap();
    let whole = Stopwatch::start();
    let mut number = 0;
    while number == 0 || whole.elapsed().as_secs_f64() < seconds {
        number += 1;
        let body = format!(
            r#"{{"signals":{{"ordinary":{number}{}}}}}"#,
            (0..200).map(|s| format!(r#","s{s}":{number}"#)).collect::<String>()
        );
        let stopwatch = Stopwatch::start();
        let millis = |stopwatch: &Stopwatch| stopwatch.elapsed().as_secs_f64() * 1e3;
        assert_eq!(ask(backend, ORDINARY, "POST /api/telemetry", body.as_bytes()), 200);
        seen.0[0].push(millis(&stopwatch));
        let expected = format!(r#""ordinary":{number}."#);
        // The events of attackers' samples come too.
        while !matches!(socket.read().unwrap(), tungstenite::Message::Text(text) if text.contains(&expected))
        {
        }
        seen.0[3].push(millis(&stopwatch));
        for (kind, target) in [(1, "GET /health"), (2, "GET /api/boards")] {
            let stopwatch = Stopwatch::start();
            assert_eq!(ask(backend, ORDINARY, target, b""), 200, "{target}");
            seen.0[kind].push(millis(&stopwatch));
        }
    }
    seen
}

#[test]
fn a_client_elsewhere_does_not_notice_attacks() {
    let seconds = std::env::var("AFTERGLOW_ATTACK_SECONDS").ok().and_then(|seconds| seconds.parse().ok());
    let folder = tempfile::tempdir().unwrap();
    let backend = Backend::start(&folder.path().join("a.db"));
    let names: Vec<_> = (0..2_000).map(|number| format!(r#""{}{number}":1"#, "a".repeat(240))).collect();
    assert_eq!(backend.post(&format!(r#"{{"signals":{{{}}}}}"#, names.join(","))).status, 200);
    for part in 0..4_i64 {
        let lines = (0..50_000).map(|i| {
            format!(
                r#"{{"timestamp":{},"signals":{{"old":{i}.25}}}}"#,
                1_700_000_000_000_000 + part * 50_000 + i
            )
        });
        let body = lines.collect::<Vec<_>>().join("\n");
        assert_eq!(backend.post_as("application/x-ndjson", "identity", body.as_bytes()).status, 200);
    }
    let state = |backend: &Backend| (backend.resident() >> 20, backend.files());
    let calm = ordinary(&backend, seconds.unwrap_or(1.0));
    let row = |name: &str, seen: &Seen, states: [(u64, usize); 3]| {
        if seconds.is_some() {
            let [posts, health, boards, live] = [0, 1, 2, 3].map(|kind| seen.p99(kind));
            println!("| {name} | {posts:.1} | {health:.1} | {boards:.1} | {live:.1} | {states:?} |");
        }
    };
    if seconds.is_some() {
        println!(
            "| attack | posts, p99 ms | /health | boards | live | (MB, files) before, during, after |\n|---|---|---|---|---|---|"
        );
    }
    row("none", &calm, [state(&backend); 3]);
    for (name, attack) in attacks() {
        let (before, until) = (state(&backend), AtomicBool::new(false));
        let (seen, during) = thread::scope(|scope| {
            scope.spawn(|| attack(&backend, &until));
            let stop = Stop(&until);
            let seen = ordinary(&backend, seconds.unwrap_or(1.0));
            let during = state(&backend);
            drop(stop);
            (seen, during)
        });
        crate::harness::eventually("files are closed", || backend.files() <= before.1 + 8);
        assert!(during.0 << 20 <= MEMORY, "{name}: {} MB", during.0);
        row(name, &seen, [before, during, state(&backend)]);
    }
    backend.close();
}
