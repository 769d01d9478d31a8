//! What was acknowledged is there after `kill -9`, once, whenever the kill came.

use std::path::Path;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use rand::RngExt as _;

use crate::harness::{Backend, client, sql, try_post};

const WRITERS: usize = 8;

/// The highest number of each writer that was acknowledged; it counts up from 1 without a hole.
type Acknowledged = [u64; WRITERS];

/// Writes with all writers until the backend is killed at a random moment.
fn round(database: &Path, environment: &[(&str, &str)], acknowledged: &mut Acknowledged) {
    let backend = Backend::start_with(database, "127.0.0.1:0", environment);
    let url = backend.url("");
    let until_kill = Duration::from_micros(rand::rng().random_range(1_000..250_000));
    thread::scope(|scope| {
        for (writer, acknowledged) in acknowledged.iter_mut().enumerate() {
            let url = &url;
            scope.spawn(move || {
                let agent = client();
                loop {
                    let next = *acknowledged + 1;
                    let time = 1_700_000_000_000_000 + next;
                    let body = format!(
                        r#"{{"timestamp":{time},"signals":{{"a{writer}":{next},"b{writer}":-{next}}}}}"#
                    );
                    match try_post(url, &agent, &body) {
                        Some(answer) => assert_eq!(answer.status, 200, "{}", answer.text),
                        None => break,
                    }
                    *acknowledged = next;
                }
            });
        }
        thread::park_timeout(until_kill);
        backend.kill_nine();
    });
}

/// What is missing, doubled or wrong; empty when all is well.
fn losses(database: &Path, acknowledged: &Acknowledged) -> Vec<String> {
    // Opening again is part of the proof: the write-ahead log and the journal are recovered here.
    let backend = Backend::start(database);
    let stored = backend.samples();
    backend.close();
    let mut losses = Vec::new();
    let integrity = sql(database, "SELECT integrity_check AS value FROM pragma_integrity_check");
    if integrity != ["ok"] {
        losses.push(format!("integrity: {integrity:?}"));
    }
    for (writer, acknowledged) in acknowledged.iter().enumerate() {
        for (signal, sign) in [(format!("a{writer}"), 1.0), (format!("b{writer}"), -1.0)] {
            let samples = stored.get(&signal).map(Vec::as_slice).unwrap_or_default();
            let right =
                samples.iter().zip(1_u32..).all(|((_, value), number)| *value == sign * f64::from(number));
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
fn acknowledged_samples_survive_kill_nine() {
    // More rounds by AFTERGLOW_KILL_ROUNDS, for a night.
    let rounds =
        std::env::var("AFTERGLOW_KILL_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(20);
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("a.db");
    let mut acknowledged = [0; WRITERS];
    for number in 0..rounds {
        round(&database, &[], &mut acknowledged);
        assert_eq!(losses(&database, &acknowledged), [""; 0], "after round {number}");
    }
    assert!(acknowledged.iter().sum::<u64>() > 100, "hardly anything was written: {acknowledged:?}");
}

#[test]
fn a_backend_that_answers_before_commit_is_caught() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("a.db");
    let mut acknowledged = [0; WRITERS];
    let found = Mutex::new(Vec::new());
    let caught = (0..50).any(|_| {
        round(&database, &[("AFTERGLOW_FAULT", "acknowledge_before_commit")], &mut acknowledged);
        let losses = losses(&database, &acknowledged);
        found.lock().unwrap().extend(losses.iter().cloned());
        !losses.is_empty()
    });
    assert!(caught, "the durability test would not notice a backend that lies");
}
