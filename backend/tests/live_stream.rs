//! History and tail are one stream: whatever interrupts it, every committed sample arrives once and none is missing.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use afterglow_client::subscribe::{News, Subscription};
use tungstenite::Message;

use crate::harness::{Backend, PATIENCE, client, close_code, eventually, speak, try_post};

/// All that a subscriber was told, as its user would keep it.
#[derive(Default)]
pub(crate) struct Seen {
    /// Signal and microsecond to value.
    pub(crate) samples: BTreeMap<(String, i64), f64>,
    /// How often a sample was told that was there already.
    pub(crate) doubled: usize,
    /// How often the stream resumed where it was, and how often it began again.
    pub(crate) resumed: usize,
    pub(crate) begun: usize,
    /// How often samples were left out and had to be fetched.
    conflated: usize,
}

impl Seen {
    fn take(&mut self, news: News) {
        match news {
            News::Began { is_resumed: true } => self.resumed += 1,
            News::Began { is_resumed: false } => {
                self.begun += 1;
                self.samples.clear();
            }
            News::Samples(samples) => {
                for (time, value) in samples.times.iter().zip(&samples.values) {
                    let key = (samples.signal.to_string(), *time);
                    self.doubled += usize::from(self.samples.insert(key, *value).is_some());
                }
            }
            News::Conflated => self.conflated += 1,
            _ => {}
        }
    }

    /// Whether the stream has begun, and has resumed after `interruptions`.
    pub(crate) fn is_back_after(&self, interruptions: usize) -> bool {
        self.begun + self.resumed > interruptions
    }

    pub(crate) fn follow(&mut self, subscription: &mut Subscription, until: impl Fn(&Self) -> bool) {
        while !until(self) {
            let news = subscription.receive().unwrap();
            self.take(news);
        }
    }
}

fn subscription(backend: &Backend, patterns: &[&str], window: f64) -> Subscription {
    let patterns = patterns.iter().map(|pattern| (*pattern).to_owned()).collect();
    Subscription::new(&backend.url(""), patterns).unwrap().window(window, None).unwrap()
}

/// Everything since 1970, and more.
const ALL: f64 = 1e10;

fn post(backend: &Backend, signal: &str, number: i64) {
    let time = 1_700_000_000_000_000 + number;
    let answer = backend.post(&format!(r#"{{"timestamp":{time},"signals":{{"{signal}":{number}}}}}"#));
    assert_eq!(answer.status, 200, "{}", answer.text);
}

#[test]
fn a_snapshot_is_followed_by_the_tail_without_a_hole() {
    let folder = tempfile::tempdir().unwrap();
    let backend = Backend::start(&folder.path().join("a.db"));
    (0..10).for_each(|number| post(&backend, "a", number));
    post(&backend, "other", 0);
    let mut subscription = subscription(&backend, &["a*"], ALL);
    let mut seen = Seen::default();
    seen.follow(&mut subscription, |seen| seen.samples.len() == 10);
    // New, late, written again, and of a signal that is new itself.
    for (signal, number) in [("a", 20), ("a", 15), ("a", 3), ("ab", 1), ("other", 1)] {
        post(&backend, signal, number);
    }
    // Late ones may come after the newest of another signal.
    seen.follow(&mut subscription, |seen| seen.samples.len() == 13 && seen.doubled > 0);
    assert_eq!(seen.doubled, 1, "the one that was written again");
    assert!(seen.samples.keys().all(|(signal, _)| signal != "other"));
    backend.close();
}

#[test]
fn every_committed_sample_is_seen_once_across_two_hundred_interruptions() {
    const ROUNDS: usize = 200;
    let folder = tempfile::tempdir().unwrap();
    let backend = Backend::start(&folder.path().join("a.db"));
    let (url, is_over) = (backend.url(""), AtomicBool::new(false));
    let sent = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..2)
            .map(|writer| {
                let (url, is_over) = (&url, &is_over);
                scope.spawn(move || {
                    let agent = client();
                    let mut number = 0_i64;
                    while !is_over.load(Ordering::Relaxed) {
                        // Every fourth is late.
                        let time = 1_700_000_000_000_000 + number - if number % 4 == 3 { 1_000_000_000 } else { 0 };
                        let body = format!(r#"{{"timestamp":{time},"signals":{{"w{writer}":{number},"x{writer}":{number}}}}}"#);
                        assert_eq!(try_post(url, &agent, &body).unwrap().status, 200);
                        number += 1;
                    }
                    number
                })
            })
            .collect();
        let mut subscription = subscription(&backend, &["w*"], ALL);
        let mut seen = Seen::default();
        for round in 0..ROUNDS {
            let enough = seen.samples.len() + 1 + round % 7;
            seen.follow(&mut subscription, |seen| seen.is_back_after(round) && seen.samples.len() >= enough);
            subscription.disconnect();
        }
        is_over.store(true, Ordering::Relaxed);
        let sent: Vec<_> = writers.into_iter().map(|writer| writer.join().unwrap()).collect();
        let total = usize::try_from(sent.iter().sum::<i64>()).unwrap();
        // Everything may have been read before the last interruption.
        seen.follow(&mut subscription, |seen| seen.is_back_after(ROUNDS) && seen.samples.len() >= total);
        assert_eq!((seen.samples.len(), seen.doubled), (total, 0));
        assert_eq!((seen.begun, seen.resumed), (1, ROUNDS), "every return went on where it was");
        for ((signal, time), value) in &seen.samples {
            assert_eq!((*time - 1_700_000_000_000_000).rem_euclid(1_000_000_000), *value as i64, "{signal}");
        }
        sent
    });
    assert!(sent.iter().all(|sent| *sent > 0));
    backend.close();
}

#[test]
fn a_slow_start_is_no_reason_to_leave_anything_out() {
    const PARTS: i64 = 80;
    const PART: i64 = 5_000;
    const LATER: i64 = 500;
    let folder = tempfile::tempdir().unwrap();
    let settings = [("AFTERGLOW_SLOW_SECONDS", "60")];
    let backend = Backend::start_with(&folder.path().join("a.db"), "127.0.0.1:0", &settings);
    // A history of some megabytes: more than waits for a client that has read only its beginning.
    for part in 0..PARTS {
        let times = (part * PART..(part + 1) * PART).map(|i| 1_000_000_000_000_000 + i * 900_000_001);
        let objects: Vec<_> =
            times.map(|time| format!(r#"{{"timestamp":{time},"signals":{{"a":{time}}}}}"#)).collect();
        assert_eq!(backend.post(&format!("[{}]", objects.join(","))).status, 200);
    }
    let mut subscription = subscription(&backend, &["*"], ALL);
    let mut seen = Seen::default();
    seen.follow(&mut subscription, |seen| !seen.samples.is_empty());
    // Far more commits than wait for a client that has subscribed; every other one is late.
    (0..LATER).for_each(|number| post(&backend, "a", if number % 2 == 0 { number } else { -number }));
    let total = usize::try_from(PARTS * PART + LATER).unwrap();
    seen.follow(&mut subscription, |seen| seen.samples.len() >= total);
    assert_eq!((seen.samples.len(), seen.doubled), (total, 0));
    assert_eq!((seen.begun, seen.resumed, seen.conflated), (1, 0, 0));
    backend.close();
}

#[test]
fn a_killed_server_goes_on_where_its_clients_were() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("a.db");
    let mut backend = Backend::start(&database);
    let address = backend.address().to_owned();
    let mut subscription = subscription(&backend, &["*"], ALL);
    let mut seen = Seen::default();
    for round in 0..5 {
        post(&backend, "a", 2 * round);
        let count = usize::try_from(2 * round + 1).unwrap();
        seen.follow(&mut subscription, |seen| seen.samples.len() == count);
        backend.kill_nine();
        backend = Backend::start_with(&database, &address, &[]);
        // While the subscriber is away.
        post(&backend, "a", 2 * round + 1);
        seen.follow(&mut subscription, |seen| seen.samples.len() == count + 1);
    }
    assert_eq!((seen.begun, seen.resumed, seen.doubled), (1, 5, 0), "every return went on where it was");
    backend.close();
}

#[test]
fn a_stopped_server_goes_on_where_its_clients_were_and_sends_the_history_to_those_who_missed_something() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("a.db");
    let mut backend = Backend::start(&database);
    let address = backend.address().to_owned();
    let mut subscription = subscription(&backend, &["*"], ALL);
    let mut seen = Seen::default();
    post(&backend, "a", 0);
    seen.follow(&mut subscription, |seen| seen.samples.len() == 1);
    // Nothing is in the journal after a stop; the client has all that is in the blocks.
    assert!(backend.terminate().success());
    backend = Backend::start_with(&database, &address, &[]);
    seen.follow(&mut subscription, |seen| seen.resumed == 1);
    post(&backend, "a", 1);
    seen.follow(&mut subscription, |seen| seen.samples.len() == 2);
    assert_eq!((seen.begun, seen.resumed, seen.doubled), (1, 1, 0));
    // What is committed while it is away is in blocks as well, where commits cannot be told apart.
    subscription.disconnect();
    post(&backend, "a", 2);
    assert!(backend.terminate().success());
    backend = Backend::start_with(&database, &address, &[]);
    seen.follow(&mut subscription, |seen| seen.samples.len() == 3);
    assert_eq!((seen.begun, seen.resumed), (2, 1));
    backend.close();
}

#[test]
fn a_late_sample_is_late_after_a_restart_as_well() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("a.db");
    let backend = Backend::start(&database);
    post(&backend, "a", 5);
    assert!(backend.terminate().success());
    let backend = Backend::start(&database);
    let mut socket = speak(&backend, "afterglow.v1").unwrap();
    socket.send(Message::text(r#"{"type":"subscribe","id":1,"signals":["*"]}"#)).unwrap();
    eventually("it has joined", || backend.metric("afterglow_live_sessions") == 1.0);
    // Before the last one of the server's run before, and after it.
    let kinds = [4, 6].map(|number| {
        post(&backend, "a", number);
        loop {
            if let Message::Binary(bytes) = socket.read().unwrap()
                && [5, 6].contains(&bytes[0])
            {
                break bytes[0];
            }
        }
    });
    assert_eq!(kinds, [6, 5], "a patch, then the tail");
    backend.close();
}

#[test]
fn what_was_missed_comes_from_the_journal_when_memory_has_it_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let backend = Backend::start(&folder.path().join("a.db"));
    post(&backend, "a", 0);
    let mut subscription = subscription(&backend, &["*"], ALL);
    let mut seen = Seen::default();
    seen.follow(&mut subscription, |seen| seen.samples.len() == 1);
    subscription.disconnect();
    // More than the broadcaster remembers, less than is sealed.
    for part in 0..30 {
        let objects: Vec<_> = (1..=5_000)
            .map(|i| {
                format!(
                    r#"{{"timestamp":{},"signals":{{"a":{i}}}}}"#,
                    1_700_000_000_000_000_i64 + part * 5_000 + i
                )
            })
            .collect();
        assert_eq!(backend.post(&format!("[{}]", objects.join(","))).status, 200);
    }
    seen.follow(&mut subscription, |seen| seen.samples.len() == 150_001);
    assert_eq!((seen.doubled, seen.begun, seen.resumed), (0, 1, 1));
    backend.close();
}

#[test]
fn an_event_stream_goes_on_after_its_last_event() {
    let folder = tempfile::tempdir().unwrap();
    let backend = Backend::start(&folder.path().join("a.db"));
    let open = |last: Option<&str>| {
        let mut stream = TcpStream::connect(backend.address()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let resume = last.map_or_else(String::new, |id| format!("Last-Event-ID: {id}\r\n"));
        let request =
            format!("GET /api/stream?signals=a* HTTP/1.1\r\nHost: {}\r\n{resume}\r\n", backend.address());
        stream.write_all(request.as_bytes()).unwrap();
        BufReader::new(stream)
    };
    let line = |stream: &mut BufReader<TcpStream>, start: &str| loop {
        let mut line = String::new();
        assert!(stream.read_line(&mut line).unwrap() > 0, "the stream ended before {start}");
        if let Some(rest) = line.trim_end().strip_prefix(start) {
            return rest.to_owned();
        }
    };
    let mut stream = open(None);
    line(&mut stream, "event: changed");
    let begun = line(&mut stream, "id: ");
    drop(stream);
    post(&backend, "b", 1);
    post(&backend, "a", 1);
    // A position may come before what is committed after it; the last one before the sample is the sample's.
    let mut stream = open(Some(&begun));
    let mut id = String::new();
    loop {
        let mut line = String::new();
        assert!(stream.read_line(&mut line).unwrap() > 0, "the stream ended before the sample");
        if let Some(position) = line.strip_prefix("id: ") {
            id = position.trim_end().to_owned();
        } else if line.starts_with("data: ") && line.contains(r#""a":1.0"#) {
            break;
        }
    }
    drop(stream);
    post(&backend, "a", 2);
    let mut stream = open(Some(&id));
    assert!(line(&mut stream, "data: ").contains(r#""a":2.0"#));
    drop(stream);
    let mut stream = open(Some("1-1"));
    line(&mut stream, "event: gap");
    drop(stream);
    assert_eq!(
        backend
            .raw(
                format!(
                    "GET /api/stream HTTP/1.1\r\nHost: {}\r\nLast-Event-ID: x\r\nConnection: close\r\n\r\n",
                    backend.address()
                )
                .as_bytes()
            )
            .lines()
            .next(),
        Some("HTTP/1.1 400 Bad Request")
    );
    eventually("nobody watches", || backend.metric("afterglow_live_sessions") == 0.0);
    backend.close();
}

#[test]
fn a_stopping_server_says_goodbye_to_subscribers() {
    let folder = tempfile::tempdir().unwrap();
    let backend = Backend::start(&folder.path().join("a.db"));
    let mut sockets: Vec<_> = (0..5)
        .map(|_| {
            let mut socket = speak(&backend, "afterglow.v1").unwrap();
            socket.send(Message::text(r#"{"type":"subscribe","id":1,"signals":["*"]}"#)).unwrap();
            socket
        })
        .collect();
    // One that has not subscribed.
    sockets.push(speak(&backend, "afterglow.v1").unwrap());
    eventually("all have joined", || backend.metric("afterglow_live_sessions") == 5.0);
    assert!(backend.terminate().success());
    for socket in &mut sockets {
        assert_eq!(close_code(socket), 1001);
    }
}

#[test]
fn clients_of_a_stopped_server_come_back_at_different_times() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("a.db");
    let backend = Backend::start(&database);
    let address = backend.address().to_owned();
    post(&backend, "a", 0);
    let mut clients: Vec<_> =
        (0..8).map(|_| (subscription(&backend, &["*"], ALL), Seen::default())).collect();
    for (subscription, seen) in &mut clients {
        seen.follow(subscription, |seen| seen.samples.len() == 1);
    }
    assert!(backend.terminate().success());
    let mut waits = Vec::new();
    for (subscription, _) in &mut clients {
        let (reason, wait) = loop {
            if let News::Offline { reason, wait } = subscription.receive().unwrap() {
                break (reason, wait);
            }
        };
        assert!(reason.starts_with("closed with 1001"), "{reason}");
        assert!(wait <= Duration::from_millis(250), "{wait:?}");
        waits.push(wait);
    }
    waits.sort_unstable();
    waits.dedup();
    assert_eq!(waits.len(), clients.len(), "each its own: {waits:?}");
    let backend = Backend::start_with(&database, &address, &[]);
    post(&backend, "a", 1);
    for (subscription, seen) in &mut clients {
        seen.follow(subscription, |seen| seen.samples.len() == 2);
    }
    backend.close();
}

#[test]
fn subscribers_know_which_saved_things_there_are() {
    let folder = tempfile::tempdir().unwrap();
    let backend = Backend::start(&folder.path().join("a.db"));
    let next = |subscription: &mut Subscription| loop {
        if let News::Changed(revision) = subscription.receive().unwrap() {
            break serde_json::from_str::<serde_json::Value>(&revision).unwrap();
        }
    };
    let mut subscription = subscription(&backend, &["*"], ALL);
    let first = next(&mut subscription);
    assert_eq!(first, backend.get("/api/revision").json());
    assert_eq!(backend.send("POST", "/api/annotations", r#"{"text":"started the pump"}"#).status, 201);
    let second = next(&mut subscription);
    assert_ne!(second, first);
    assert_eq!(second, backend.get("/api/revision").json());
    // While it is away.
    subscription.disconnect();
    assert_eq!(backend.send("POST", "/api/annotations", r#"{"text":"stopped it"}"#).status, 201);
    assert_eq!(next(&mut subscription), backend.get("/api/revision").json());
    backend.close();
}

#[test]
fn tail_prints_lines_when_piped() {
    let folder = tempfile::tempdir().unwrap();
    let backend = Backend::start(&folder.path().join("a.db"));
    post(&backend, "a", 1);
    let mut tail = std::process::Command::new(env!("CARGO_BIN_EXE_afterglow"))
        .args(["tail", "a*", "--window", "10000000000", "--backend", &backend.url("")])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(tail.stdout.take().unwrap()).lines();
    let line = |number| {
        format!(r#"{{"timestamp":"2023-11-14T22:13:20.00000{number}Z","signals":{{"a":{number}.0}}}}"#)
    };
    assert_eq!(lines.next().unwrap().unwrap(), line(1));
    post(&backend, "b", 2);
    post(&backend, "a", 3);
    assert_eq!(lines.next().unwrap().unwrap(), line(3));
    tail.kill().unwrap();
    tail.wait().unwrap();
    backend.close();
}

#[test]
fn a_history_says_which_signals_are_reduced_where_that_is_asked_for() {
    use afterglow_wire::v1::{Body, Flags, Frame};
    let folder = tempfile::tempdir().unwrap();
    let backend = Backend::start(&folder.path().join("a.db"));
    (0..50).for_each(|number| post(&backend, "many", number));
    post(&backend, "one", 1);
    let reduced = |asked: &str| {
        let mut socket = speak(&backend, "afterglow.v1").unwrap();
        let subscribe =
            format!(r#"{{"type":"subscribe","id":5,"signals":["*"],"window":1e10,"width":6{asked}}}"#);
        socket.send(Message::text(subscribe)).unwrap();
        let mut found = Vec::new();
        loop {
            let Message::Binary(bytes) = socket.read().unwrap() else { continue };
            let Frame { header, body } = Frame::parse(&bytes).unwrap();
            match body {
                Body::Reduced { request: 5, slices } => found.extend(slices.map(Result::unwrap)),
                Body::Snapshot { .. } if header.flags.has(Flags::LAST) => return found,
                _ => {}
            }
        }
    };
    // 49 microseconds in 5 slices, and one more because they are not anchored to the first sample.
    assert_eq!(reduced(r#","slice":true"#), [(0, 49 / 5 + 1)]);
    assert_eq!(reduced(""), []);
    backend.close();
}
