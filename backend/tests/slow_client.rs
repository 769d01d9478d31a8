//! A client that does not read costs a bounded amount, is seen off, and nobody else notices.

use afterglow_client::subscribe::{News, Subscription};
use tungstenite::Message;
use tungstenite::client::IntoClientRequest as _;

use crate::harness::{Backend, Socket, client, eventually, try_post};

/// Signals of one object: few objects fill every buffer.
const SIGNALS: usize = 2_000;

fn subscribe(backend: &Backend) -> Socket {
    let mut request = format!("ws://{}/ws", backend.address()).into_client_request().unwrap();
    request.headers_mut().insert("Sec-WebSocket-Protocol", "afterglow.v1".parse().unwrap());
    let (mut socket, _) = tungstenite::connect(request).unwrap();
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
    eventually("the client that does not read is given up", || {
        for _ in 0..20 {
            assert_eq!(try_post(&url, &agent, &object(sent)).unwrap().status, 200);
            sent += 1;
        }
        backend.metric("afterglow_live_evictions_total") == 1.0
    });
    let mut seen = Vec::new();
    while seen.len() < sent {
        match normal.receive().unwrap() {
            News::Samples(samples) => seen.extend(samples.values),
            News::Idle(_) => {}
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
            News::Idle(_) | News::Began { is_resumed: true } => {}
            other => panic!("{other:?}"),
        }
    }
    assert!(conflated && seen.iter().all(|count| *count == SIGNALS), "each sample once");
    backend.close();
}
