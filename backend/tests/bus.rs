//! Servers of one database send each other their commits over NATS, which makes live views faster. Whether NATS works, stops or is abused,
//! viewers get exactly what the database has.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::thread;

use afterglow_backend::clock::Stopwatch;
use afterglow_client::subscribe::Subscription;
use rustix::process::Signal;

use crate::cluster;
use crate::harness::authority::Authority;
use crate::harness::nats::{self, Nats};
use crate::harness::{Backend, client, event, eventually, try_post};
use crate::live_stream::Seen;
use crate::nodes::rounds;
use crate::postgres::database;

const START: i64 = 1_700_000_000_000_000;

/// Where the fixed part of a frame ends.
const HEAD: usize = 34;

fn is_here() -> bool {
    cluster::is_here() && nats::is_here()
}

/// Starts a server that is connected to the bus.
fn node(url: &Path, nats: &Nats, more: &[(&str, &str)]) -> Backend {
    let bus = nats.url();
    let node = Backend::start_with(url, "127.0.0.1:0", &[&[("AFTERGLOW_BUS", bus.as_str())], more].concat());
    eventually("the bus is connected", || node.metric("afterglow_bus_connected") == 1.0);
    node
}

pub(crate) fn frames(node: &Backend, outcome: &str) -> f64 {
    node.metric(&format!("afterglow_bus_frames_total{{outcome=\"{outcome}\"}}"))
}

pub(crate) fn post(node: &Backend, signal: &str, number: i64) {
    let time = START + number;
    let answer = node.post(&format!(r#"{{"timestamp":{time},"signals":{{"{signal}":{number}}}}}"#));
    assert_eq!(answer.status, 200, "{}", answer.text);
}

pub(crate) fn values(node: &Backend, signal: &str) -> Vec<f64> {
    let mut samples = node.samples_of(signal);
    samples.remove(signal).unwrap_or_default().into_iter().map(|(_, value)| value).collect()
}

#[test]
fn what_one_server_takes_is_brought_to_the_others() {
    if !is_here() {
        return;
    }
    let (url, nats) = (database("brought"), Nats::start());
    let nodes = [node(&url, &nats, &[]), node(&url, &nats, &[])];
    let mut number = 0;
    eventually("commits are brought both ways", || {
        nodes.iter().for_each(|node| {
            post(node, "a", number);
            number += 1;
        });
        nodes.iter().all(|node| frames(node, "taken") >= 5.0 && frames(node, "sent") >= 5.0)
    });
    eventually("it is relied on", || nodes.iter().all(|node| node.metric("afterglow_bus_relied_on") == 1.0));
    let all: Vec<_> = (0..number).map(|number| number as f64).collect();
    for node in &nodes {
        assert_eq!(values(node, "a"), all);
        assert_eq!(frames(node, "refused"), 0.0);
    }
    // Too long for a frame: it is fetched.
    let many: Vec<_> = (0..60_000)
        .map(|at| format!(r#"{{"timestamp":{},"signals":{{"long":{at}}}}}"#, START + at))
        .collect();
    let answer = nodes[0].post(&format!("[{}]", many.join(",")));
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(values(&nodes[1], "long").len(), many.len());
    nodes.into_iter().for_each(Backend::close);
}

/// Posts to one server, sample by sample, and watches the other one: each is seen. Says how long that took, from before the post.
fn watch(writer: &Backend, reader: &Backend, name: &str) {
    let mut socket = reader.watch();
    eventually("the session has joined", || reader.metric("afterglow_live_sessions") == 1.0);
    let mut took: Vec<_> = (0..rounds(50) as i64)
        .map(|round| {
            let stopwatch = Stopwatch::start();
            let time = START + round;
            let posted = writer.post(&format!(r#"{{"timestamp":{time},"signals":{{"a":{round}.25}}}}"#));
            assert_eq!(posted.status, 200, "{}", posted.text);
            let expected = format!("{round}.25");
            while !event(&mut socket)["data"].to_string().contains(&expected) {}
            stopwatch.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    took.sort_by(f64::total_cmp);
    let percentile = |part: f64| took[((took.len() - 1) as f64 * part) as usize];
    let [half, most, all] = [0.5, 0.99, 1.0].map(percentile);
    eprintln!("{name}: {} posts, p50 {half:.1} ms, p99 {most:.1} ms, longest {all:.1} ms", took.len());
}

#[test]
fn a_viewer_of_another_server_sees_each_post_with_a_bus_and_without() {
    if !is_here() {
        return;
    }
    let nats = Nats::start();
    let url = database("watched_with");
    let nodes = [node(&url, &nats, &[]), node(&url, &nats, &[])];
    watch(&nodes[0], &nodes[1], "with a bus");
    nodes.into_iter().for_each(Backend::close);
    let url = database("watched_without");
    let nodes = [Backend::start(&url), Backend::start(&url)];
    watch(&nodes[0], &nodes[1], "without a bus");
    nodes.into_iter().for_each(Backend::close);
}

/// A frame as another server sent it, as if there were another commit after it, with other values.
fn forged(frame: &[u8]) -> Vec<u8> {
    let mut forged = frame.to_vec();
    let last = u64::from_le_bytes(frame[17..25].try_into().unwrap());
    forged[9..17].copy_from_slice(&last.to_le_bytes());
    forged[17..25].copy_from_slice(&(last + 1).to_le_bytes());
    // The last byte of the value before the signature: its sign.
    let sign = forged.len() - 33;
    assert!(sign > HEAD);
    forged[sign] ^= 0x80;
    forged
}

/// Two servers, of which the second one believes as it does; posts to the first one, and what it then sent.
fn overheard(
    url: &Path,
    nats: &Nats,
    fault: &[(&str, &str)],
) -> ([Backend; 2], nats::Client, String, Vec<u8>) {
    let nodes = [node(url, nats, &[]), node(url, nats, fault)];
    let mut listener = nats.client();
    post(&nodes[0], "a", 1);
    let (subject, frame) = listener.next();
    // It knows the signal.
    assert_eq!(values(&nodes[1], "a"), [1.0]);
    (nodes, listener, subject, frame)
}

#[test]
fn a_forged_or_replayed_frame_is_not_shown_and_is_counted() {
    if !is_here() {
        return;
    }
    let (url, nats) = (database("forged"), Nats::start());
    let (nodes, mut attacker, subject, frame) = overheard(&url, &nats, &[]);
    let known = frames(&nodes[1], "known");
    attacker.send(&subject, &frame);
    eventually("it is known", || frames(&nodes[1], "known") > known);
    for (number, bytes) in [&forged(&frame)[..], &frame[1..], &frame[..40], b""].into_iter().enumerate() {
        attacker.send(&subject, bytes);
        eventually("it is refused", || frames(&nodes[1], "refused") == number as f64 + 1.0);
    }
    post(&nodes[0], "a", 2);
    for node in &nodes {
        assert_eq!(values(node, "a"), [1.0, 2.0]);
    }
    nodes.into_iter().for_each(Backend::close);
}

#[test]
fn a_server_that_believes_everything_is_noticed() {
    if !is_here() {
        return;
    }
    let (url, nats) = (database("gullible"), Nats::start());
    let (nodes, mut attacker, subject, frame) =
        overheard(&url, &nats, &[("AFTERGLOW_FAULT", "ignore_signatures")]);
    attacker.send(&subject, &forged(&frame));
    eventually("it shows what nobody has sent", || values(&nodes[1], "a") == [-1.0]);
}

/// Posts to a server without a bus and then to one with it, until `is_over` of what the third one, which has it, misses then.
fn missed(nodes: &[Backend; 3], rounds: usize, is_over: impl Fn(usize) -> bool) -> usize {
    let mut missed = 0;
    for round in 0..rounds as i64 {
        post(&nodes[2], "quiet", round);
        post(&nodes[0], "loud", round);
        let seen = values(&nodes[1], "quiet").len() + values(&nodes[1], "loud").len();
        missed = 2 * (round as usize + 2) - seen;
        if is_over(missed) {
            break;
        }
    }
    missed
}

fn two_with_and_one_without(url: &Path, nats: &Nats, fault: &[(&str, &str)]) -> [Backend; 3] {
    let nodes = [node(url, nats, &[]), node(url, nats, fault), Backend::start(url)];
    // All know the signals.
    for signal in ["quiet", "loud"] {
        post(&nodes[2], signal, -1);
        assert_eq!(values(&nodes[1], signal), [-1.0]);
    }
    nodes
}

#[test]
fn a_server_without_a_bus_beside_two_with_it_is_heard_by_both() {
    if !is_here() {
        return;
    }
    let (url, nats) = (database("beside"), Nats::start());
    let nodes = two_with_and_one_without(&url, &nats, &[]);
    assert_eq!(missed(&nodes, 60, |missed| missed > 0), 0);
    assert!(frames(&nodes[1], "received") >= 60.0);
    assert_eq!(values(&nodes[2], "loud").len(), 61);
    nodes.into_iter().for_each(Backend::close);
}

#[test]
fn a_server_that_takes_frames_in_any_order_is_noticed() {
    if !is_here() {
        return;
    }
    let (url, nats) = (database("unordered"), Nats::start());
    let nodes = two_with_and_one_without(&url, &nats, &[("AFTERGLOW_FAULT", "ignore_before")]);
    assert!(missed(&nodes, 1_000, |missed| missed > 0) > 0);
}

/// Posts numbers to a server, one after another, until `is_over`; each is acknowledged at once. How many there are.
pub(crate) fn write(url: &str, signal: &str, acknowledged: &AtomicI64, is_over: &AtomicBool) -> i64 {
    let agent = client();
    let mut number = 0;
    while !is_over.load(Ordering::Relaxed) {
        let body = format!(r#"{{"timestamp":{},"signals":{{"{signal}":{number}}}}}"#, START + number);
        let answer = try_post(url, &agent, &body).expect("an answer");
        assert_eq!(answer.status, 200, "posts do not notice the bus: {}", answer.text);
        number += 1;
        acknowledged.fetch_add(1, Ordering::Relaxed);
    }
    number
}

#[test]
fn nothing_is_missed_while_the_bus_stands_still_dies_and_comes_back() {
    if !is_here() {
        return;
    }
    let (url, mut nats) = (database("broken"), Nats::start());
    let nodes = [node(&url, &nats, &[]), node(&url, &nats, &[])];
    let (acknowledged, is_over) = (AtomicI64::new(0), AtomicBool::new(false));
    let total = AtomicI64::new(i64::MAX);
    let written = |more: i64| {
        let enough = acknowledged.load(Ordering::Relaxed) + more;
        eventually("posts go on", || acknowledged.load(Ordering::Relaxed) >= enough);
    };
    let brought = |what: &str| {
        let before: Vec<_> = nodes.iter().map(|node| frames(node, "taken")).collect();
        eventually(what, || nodes.iter().zip(&before).all(|(node, before)| frames(node, "taken") > *before));
    };
    thread::scope(|scope| {
        let writers: Vec<_> = nodes
            .iter()
            .zip(["w0", "w1"])
            .map(|(node, signal)| {
                let (to, acknowledged, is_over) = (node.url(""), &acknowledged, &is_over);
                scope.spawn(move || write(&to, signal, acknowledged, is_over))
            })
            .collect();
        let viewers: Vec<_> = nodes
            .iter()
            .map(|node| {
                let mut subscription = Subscription::new(&node.url(""), vec!["w*".to_owned()])
                    .unwrap()
                    .window(1e10, None)
                    .unwrap();
                let total = &total;
                scope.spawn(move || {
                    let mut seen = Seen::default();
                    seen.follow(&mut subscription, |seen| {
                        seen.samples.len() as i64 >= total.load(Ordering::Relaxed)
                    });
                    seen
                })
            })
            .collect();
        brought("the bus brings commits");
        nats.signal(Signal::STOP);
        written(100);
        nats.signal(Signal::CONT);
        brought("it brings them again");
        nats.kill_nine();
        written(100);
        for node in &nodes {
            eventually("it is known to be gone", || node.metric("afterglow_bus_connected") == 0.0);
        }
        written(100);
        nats.start_again();
        for node in &nodes {
            eventually("it is connected again", || node.metric("afterglow_bus_connected") == 1.0);
        }
        brought("it brings them once more");
        is_over.store(true, Ordering::Relaxed);
        let sent: i64 = writers.into_iter().map(|writer| writer.join().unwrap()).sum();
        total.store(sent, Ordering::Relaxed);
        // A viewer may have them all already: one more commit lets it look.
        for (number, node) in nodes.iter().enumerate() {
            post(node, "w_last", number as i64);
        }
        for viewer in viewers {
            let seen = viewer.join().unwrap();
            assert_eq!((seen.begun, seen.resumed, seen.doubled), (1, 0, 0));
            for (number, signal) in ["w0", "w1"].into_iter().enumerate() {
                let values: Vec<_> = seen
                    .samples
                    .range((signal.to_owned(), i64::MIN)..=(signal.to_owned(), i64::MAX))
                    .map(|(_, value)| *value)
                    .collect();
                assert_eq!(values, self::values(&nodes[number], signal), "{signal}");
            }
        }
    });
    nodes.into_iter().for_each(Backend::close);
}

#[test]
fn a_bus_that_lets_nobody_in_is_said_once_and_everything_goes_on() {
    if !is_here() {
        return;
    }
    let (url, nats) = (database("locked"), Nats::start_with(&["--auth", "s3cret"]));
    let folder = tempfile::tempdir().unwrap();
    let errors = folder.path().join("errors");
    let bus = nats.url();
    let outside = Backend::try_start(&url, &[("AFTERGLOW_BUS", &bus)], &errors).unwrap();
    let inside = node(&url, &nats, &[("AFTERGLOW_BUS", &bus.replace("//", "//s3cret@"))]);
    let said = || std::fs::read_to_string(&errors).unwrap().matches("the bus at nats://127.0.0.1:").count();
    eventually("the log has it", || said() == 1);
    post(&inside, "a", 1);
    assert_eq!(values(&outside, "a"), [1.0]);
    post(&outside, "a", 2);
    assert_eq!(values(&inside, "a"), [1.0, 2.0]);
    assert_eq!(outside.metric("afterglow_bus_connected"), 0.0);
    assert_eq!(said(), 1, "not for each attempt");
    outside.close();
    inside.close();
}

#[test]
fn frames_are_encrypted_for_a_server_that_knows_the_authority() {
    if !is_here() {
        return;
    }
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let authority = Authority::new();
    authority.issue(folder.path());
    let file = |folder: &tempfile::TempDir, name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (certificate, key) = (file(&folder, "cert.pem"), file(&folder, "key.pem"));
    let nats = Nats::start_with(&["--tls", "--tlscert", &certificate, "--tlskey", &key]);
    let (url, bus) = (database("encrypted"), nats.url().replace("nats://", "tls://"));
    let known = authority.file(folder.path());
    let settings = [("AFTERGLOW_BUS", bus.as_str()), ("AFTERGLOW_BUS_CA", known.to_str().unwrap())];
    let nodes = [node(&url, &nats, &settings), node(&url, &nats, &settings)];
    let mut number = 0;
    eventually("commits are brought both ways", || {
        nodes.iter().for_each(|node| {
            post(node, "a", number);
            number += 1;
        });
        nodes.iter().all(|node| frames(node, "taken") >= 5.0)
    });
    // One that trusts somebody else has no bus, and misses nothing.
    let (unknown, errors) = (Authority::new().file(other.path()), other.path().join("errors"));
    let settings = [("AFTERGLOW_BUS", bus.as_str()), ("AFTERGLOW_BUS_CA", unknown.to_str().unwrap())];
    let outside = Backend::try_start(&url, &settings, &errors).unwrap();
    let said = || std::fs::read_to_string(&errors).unwrap();
    eventually("the log has it", || said().contains("the bus at tls://127.0.0.1:"));
    assert_eq!(outside.metric("afterglow_bus_connected"), 0.0);
    assert_eq!(values(&outside, "a"), (0..number).map(|number| number as f64).collect::<Vec<_>>());
    outside.close();
    nodes.into_iter().for_each(Backend::close);
}
