//! A database on a server keeps what is promised of one in a file.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use rand::RngExt as _;

use crate::cluster;
use crate::harness::{Backend, Socket, event, eventually, kill_rounds};
use crate::writers::{Pace, Writer, write_until};

/// Runs statements on the tests' server.
pub(crate) fn sql(database: &str, statements: &str) -> String {
    let psql = cluster::programs().unwrap().join("psql");
    let output = Command::new(psql)
        .args(["--host", cluster::folder(), "--username", "afterglow", "--dbname", database])
        .args([
            "--no-psqlrc",
            "--quiet",
            "--tuples-only",
            "--no-align",
            "--set",
            "ON_ERROR_STOP=1",
            "--command",
        ])
        .arg(statements)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A database of its own for a test; its URL, in place of a path.
pub(crate) fn database(name: &str) -> PathBuf {
    sql("postgres", &format!("CREATE DATABASE {name}"));
    let host = cluster::folder().replace('/', "%2F");
    format!("postgres://afterglow@{host}/{name}").into()
}

fn update(socket: &mut Socket) -> serde_json::Value {
    event(socket)["data"].clone()
}

#[test]
fn a_server_on_postgresql_takes_shows_and_remembers() {
    if !cluster::is_here() {
        return;
    }
    let url = database("whole");
    let backend = Backend::start(&url);
    let mut socket = backend.watch();
    eventually("the session has joined", || backend.metric("afterglow_live_sessions") == 1.0);
    let posted = backend.post(r#"{"timestamp":"2026-01-01T00:00:00Z","signals":{"a":1.5,"b":2}}"#);
    assert_eq!(posted.status, 200, "{}", posted.text);
    assert_eq!(backend.samples()["a"], [("2026-01-01T00:00:00.000000Z".to_owned(), 1.5)]);
    assert!(update(&mut socket).to_string().contains("1.5"));
    let saved = backend.send("POST", "/api/boards", r#"{"title":"B"}"#);
    assert_eq!(saved.status, 201, "{}", saved.text);
    backend.close();
    // Another server may have rules to evaluate by it.
    assert_eq!(sql("whole", "SELECT count(*) FROM journal"), "1", "it is left to be sealed");

    let backend = Backend::start(&url);
    assert_eq!(backend.samples()["b"], [("2026-01-01T00:00:00.000000Z".to_owned(), 2.0)]);
    assert_eq!(backend.get("/api/boards/b").json()["title"], "B");
    backend.close();
}

#[test]
fn acknowledged_samples_survive_kill_nine_on_postgresql() {
    if !cluster::is_here() {
        return;
    }
    const PACE: Pace = Pace { per_post: 1, start: 1_700_000_000_000_000, step: 1 };
    let url = database("killed");
    let mut writers: Vec<_> = (0..8).map(|number| Writer::new("", number)).collect();
    let mut number = 0;
    // A slow machine may write nothing at all in a round.
    while number < kill_rounds(5) || acknowledged(&writers) <= 20 {
        assert!(number < 1_000, "hardly anything is written: {}", acknowledged(&writers));
        number += 1;
        let backend = Backend::start(&url);
        let until_kill = Duration::from_micros(rand::rng().random_range(1_000..250_000));
        write_until(&backend.url(""), &mut writers, PACE, || {
            thread::park_timeout(until_kill);
            backend.kill_nine();
        });
        assert_eq!(losses(&url, &writers), [""; 0], "after round {number}");
    }
}

pub(crate) fn acknowledged(writers: &[Writer]) -> u64 {
    writers.iter().map(|writer| writer.acknowledged).sum()
}

/// What is missing, doubled or wrong; empty when all is well.
pub(crate) fn losses(url: &Path, writers: &[Writer]) -> Vec<String> {
    let backend = Backend::start(url);
    let stored = backend.samples();
    backend.close();
    let mut losses = Vec::new();
    for Writer { signals, acknowledged } in writers {
        for (index, signal) in signals.iter().enumerate() {
            let samples = stored.get(signal).map(Vec::as_slice).unwrap_or_default();
            let right = samples.iter().zip(1_u32..).all(|(sample, number)| {
                sample.1.to_bits() == (Writer::sign(index) * f64::from(number)).to_bits()
            });
            let once = samples.is_sorted_by(|a, b| a.0 < b.0);
            // One more may be stored than was acknowledged: the kill came between commit and answer.
            if !right || !once || !(*acknowledged..=acknowledged + 1).contains(&(samples.len() as u64)) {
                losses.push(format!("{signal}: {} stored, {acknowledged} acknowledged", samples.len()));
            }
        }
    }
    losses
}

#[test]
fn posts_are_refused_while_the_database_cannot_be_reached_and_taken_again_after() {
    if !cluster::is_here() {
        return;
    }
    let url = database("away");
    let backend = Backend::start(&url);
    assert_eq!(backend.post(r#"{"timestamp":1700000000000000,"signals":{"a":1}}"#).status, 200);
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'away'";
    sql("postgres", "ALTER DATABASE away ALLOW_CONNECTIONS false");
    sql("postgres", end);
    let connections = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'away'";
    eventually("all connections have ended", || sql("postgres", connections) == "0");
    let refused = backend.post(r#"{"timestamp":1700000000000001,"signals":{"a":2}}"#);
    assert_eq!((refused.status, refused.code().as_str()), (503, "store_down"), "{}", refused.text);
    assert!(refused.retry_after.is_some());
    let answer = backend.get("/api/telemetry");
    assert_eq!(answer.status, 503, "{}", answer.text);
    sql("postgres", "ALTER DATABASE away ALLOW_CONNECTIONS true");
    eventually("samples are taken again", || {
        backend.post(r#"{"timestamp":1700000000000002,"signals":{"a":3}}"#).status == 200
    });
    let stored: Vec<_> = backend.samples()["a"].iter().map(|(_, value)| *value).collect();
    assert_eq!(stored, [1.0, 3.0], "what was refused is not there");
    backend.close();
}
