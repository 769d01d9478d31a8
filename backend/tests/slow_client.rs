//! A client that does not read costs a bounded amount, is seen off, and nobody else notices.

use std::io::Write as _;
use std::net::TcpStream;

use afterglow_client::subscribe::{News, Subscription};
use tungstenite::Message;

use crate::harness::{Backend, Socket, client, close_code, eventually, speak, try_post};

/// Signals of one object: few objects fill every buffer.
const SIGNALS: usize = 2_000;

fn subscribe(backend: &Backend) -> Socket {
    let mut socket = speak(backend, "afterglow.v1").unwrap();
    socket.send(Message::text(r#"{"type":"subscribe","id":1,"signals":["*"]}"#)).unwrap();
    socket
}

fn object(number: usize) -> String {
    let signals: Vec<_> = (0..SIGNALS).map(|signal| format!(r#""s{signal}":{number}.5"#)).collect();
    format!(r#"{{"timestamp":{},"signals":{{{}}}}}"#, 1_700_000_000 + number, signals.join(","))
}

#[test]
fn a_client_that_never_reads_is_cut_and_the_others_miss_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let settings = [("AFTERGLOW_SLOW_SECONDS", "1"), ("AFTERGLOW_LIVE_CLIENTS", "2")];
    let backend = Backend::start_with(&folder.path().join("a.db"), "127.0.0.1:0", &settings);
    let stalled = subscribe(&backend);
    let mut normal = Subscription::new(&backend.url(""), vec!["s0".into()]).unwrap();
    while normal.receive().unwrap() != News::Live {}
    eventually("both have joined", || backend.metric("afterglow_live_sessions") == 2.0);
    let (agent, url) = (client(), backend.url(""));
    let mut sent = 0;
    // By the broadcaster; on a slow machine perhaps by the kernel.
    eventually("the client that does not read is given up", || {
        for _ in 0..20 {
            assert_eq!(try_post(&url, &agent, &object(sent)).unwrap().status, 200);
            sent += 1;
        }
        backend.metric("afterglow_live_sessions") == 1.0
    });
    let mut seen = Vec::new();
    while seen.len() < sent {
        match normal.receive().unwrap() {
            News::Samples(samples) => seen.extend(samples.values),
            News::Idle(_) | News::Changed(_) => {}
            other => panic!("a client that reads noticed: {other:?}"),
        }
    }
    assert!(seen.iter().enumerate().all(|(number, value)| *value == number as f64 + 0.5));
    // Its place is free once the kernel has cut the connection: its session stands still and cannot end itself.
    eventually("the connection is cut", || joins(&backend));
    drop(stalled);
    backend.close();
}

/// Whether there is a place for one more.
fn joins(backend: &Backend) -> bool {
    tungstenite::connect(format!("ws://{}/ws", backend.address())).is_ok()
}

#[test]
fn a_client_that_reads_again_too_late_is_told_why_it_was_given_up() {
    let folder = tempfile::tempdir().unwrap();
    // The kernel would cut it after three times as long.
    let settings = [("AFTERGLOW_SLOW_SECONDS", "5")];
    let backend = Backend::start_with(&folder.path().join("a.db"), "127.0.0.1:0", &settings);
    let mut late = subscribe(&backend);
    eventually("it has joined", || backend.metric("afterglow_live_sessions") == 1.0);
    let (agent, url) = (client(), backend.url(""));
    let mut sent = 0;
    eventually("it is given up", || {
        for _ in 0..20 {
            assert_eq!(try_post(&url, &agent, &object(sent)).unwrap().status, 200);
            sent += 1;
        }
        backend.metric("afterglow_live_evictions_total") == 1.0
    });
    assert_eq!(close_code(&mut late), 4008);
    backend.close();
}

#[test]
fn a_client_that_pauses_is_told_what_it_missed() {
    let folder = tempfile::tempdir().unwrap();
    let settings = [("AFTERGLOW_SLOW_SECONDS", "60")];
    let backend = Backend::start_with(&folder.path().join("a.db"), "127.0.0.1:0", &settings);
    let mut paused = Subscription::new(&backend.url(""), vec!["*".into()]).unwrap();
    while paused.receive().unwrap() != News::Live {}
    let (agent, url) = (client(), backend.url(""));
    let mut sent = 0;
    eventually("the client falls behind", || {
        for _ in 0..20 {
            assert_eq!(try_post(&url, &agent, &object(sent)).unwrap().status, 200);
            sent += 1;
        }
        backend.metric("afterglow_live_conflations_total") >= 1.0
    });
    // It reads again: what was conflated is fetched, and nothing is missing.
    let (mut seen, mut conflated) = (vec![0_usize; sent], false);
    while seen.iter().any(|count| *count < SIGNALS) {
        match paused.receive().unwrap() {
            News::Samples(samples) => {
                samples.values.iter().for_each(|value| seen[(value - 0.5) as usize] += 1);
            }
            News::Conflated => conflated = true,
            News::Idle(_) | News::Changed(_) | News::Began { is_resumed: true } => {}
            other => panic!("{other:?}"),
        }
    }
    assert!(conflated && seen.iter().all(|count| *count == SIGNALS), "each sample once");
    backend.close();
}

#[test]
fn snapshots_that_nobody_reads_leave_a_reader_for_queries() {
    let folder = tempfile::tempdir().unwrap();
    let settings = [("AFTERGLOW_SLOW_SECONDS", "60"), ("AFTERGLOW_READERS", "2")];
    let backend = Backend::start_with(&folder.path().join("a.db"), "127.0.0.1:0", &settings);
    let (agent, url) = (client(), backend.url(""));
    // More than all buffers between the database and a client have room for.
    for number in 0..500 {
        assert_eq!(try_post(&url, &agent, &object(number)).unwrap().status, 200);
    }
    let _stalled: Vec<_> = (0..4)
        .map(|_| {
            let mut socket = speak(&backend, "afterglow.v1").unwrap();
            let request = r#"{"type":"subscribe","id":1,"signals":["*"],"window":1e10}"#;
            socket.send(Message::text(request)).unwrap();
            socket
        })
        .collect();
    for _ in 0..100 {
        let answer = backend.get("/api/telemetry?signals=s0&from=2023-01-01&format=csv");
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
    backend.close();
}

/// An event stream that is not read.
fn stalled_stream(backend: &Backend, signals: &str) -> TcpStream {
    let mut stream = TcpStream::connect(backend.address()).unwrap();
    let receives = socket2::SockRef::from(&stream);
    receives.set_recv_buffer_size(4_096).unwrap();
    write!(stream, "GET /api/stream?signals={signals} HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    stream
}

#[test]
fn streams_that_nobody_reads_share_frames_and_their_bytes_are_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let settings = [("AFTERGLOW_SLOW_SECONDS", "60")];
    let backend = Backend::start_with(&folder.path().join("a.db"), "127.0.0.1:0", &settings);
    let (agent, url) = (client(), backend.url(""));
    assert_eq!(try_post(&url, &agent, &object(0)).unwrap().status, 200);
    // One set of signals in thirty spellings, and some sets that differ.
    let same = (0..30).map(|number| format!("s*,u{number}"));
    let different = (1..6).map(|number| format!("s{number}*"));
    let streams: Vec<_> = same.chain(different).map(|signals| stalled_stream(&backend, &signals)).collect();
    eventually("all are live", || backend.metric("afterglow_live_sessions") == 35.0);
    let groups = backend.metric("afterglow_live_groups");
    assert_eq!(groups, 6.0);
    let before = backend.resident();
    let mut sent = 1;
    eventually("all fall behind", || {
        for _ in 0..10 {
            assert_eq!(try_post(&url, &agent, &object(sent)).unwrap().status, 200);
            sent += 1;
        }
        backend.metric("afterglow_live_conflations_total") >= 35.0
    });
    assert!(backend.metric("afterglow_live_frame_bytes") <= f64::from(16 << 20));
    let grown = backend.resident().saturating_sub(before);
    assert!(grown < 128 << 20, "{grown} bytes more");
    drop(streams);
    eventually("what waited for them is gone", || {
        assert_eq!(try_post(&url, &agent, &object(sent)).unwrap().status, 200);
        backend.metric("afterglow_live_sessions") == 0.0
            && backend.metric("afterglow_live_frame_bytes") == 0.0
    });
    backend.close();
}

#[test]
fn a_snapshot_that_nobody_reads_leaves_a_reader_also_where_there_is_one() {
    let folder = tempfile::tempdir().unwrap();
    let settings =
        [("AFTERGLOW_SLOW_SECONDS", "60"), ("AFTERGLOW_READERS", "1"), ("AFTERGLOW_SEAL_SAMPLES", "1000")];
    let backend = Backend::start_with(&folder.path().join("a.db"), "127.0.0.1:0", &settings);
    let (agent, url) = (client(), backend.url(""));
    for number in 0..500 {
        assert_eq!(try_post(&url, &agent, &object(number)).unwrap().status, 200);
    }
    let _stalled: Vec<_> = (0..2)
        .map(|_| {
            let mut socket = speak(&backend, "afterglow.v1").unwrap();
            let request = r#"{"type":"subscribe","id":1,"signals":["*"],"window":1e10}"#;
            socket.send(Message::text(request)).unwrap();
            socket
        })
        .collect();
    for _ in 0..20 {
        let answer = backend.get("/api/telemetry?signals=s0&from=2023-01-01&format=csv");
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
    eventually("sealing goes on", || backend.metric("afterglow_samples_unsealed") == 0.0);
    backend.close();
}
