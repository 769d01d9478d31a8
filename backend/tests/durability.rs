//! What was acknowledged is there after `kill -9`, once, whenever the kill came.

use std::path::Path;
use std::thread;
use std::time::Duration;

use rand::RngExt as _;

use crate::harness::{Backend, kill_rounds, sql};
use crate::writers::{Pace, Writer, write_until};

/// A request a sample: as many commits as there can be.
const PACE: Pace = Pace { per_post: 1, start: 1_700_000_000_000_000, step: 1 };

fn writers() -> Vec<Writer> {
    (0..8).map(|number| Writer::new("", number)).collect()
}

/// Writes with all writers until the backend is killed at a random moment.
fn round(database: &Path, environment: &[(&str, &str)], writers: &mut [Writer], pace: Pace) {
    let backend = Backend::start_with(database, "127.0.0.1:0", environment);
    let url = backend.url("");
    let until_kill = Duration::from_micros(rand::rng().random_range(1_000..250_000));
    write_until(&url, writers, pace, || {
        thread::park_timeout(until_kill);
        backend.kill_nine();
    });
}

/// What is missing, doubled or wrong; empty when all is well.
fn losses(database: &Path, writers: &[Writer], pace: Pace) -> Vec<String> {
    // Opening again is part of the proof: the write-ahead log and the journal are recovered here.
    let backend = Backend::start(database);
    let stored = backend.samples();
    backend.close();
    let mut losses = Vec::new();
    let integrity = sql(database, "SELECT integrity_check AS value FROM pragma_integrity_check");
    if integrity != ["ok"] {
        losses.push(format!("integrity: {integrity:?}"));
    }
    for Writer { signals, acknowledged } in writers {
        for (index, signal) in signals.iter().enumerate() {
            let samples = stored.get(signal).map(Vec::as_slice).unwrap_or_default();
            let numbered = |(sample, number): (&(String, f64), u32)| {
                sample.1.to_bits() == (Writer::sign(index) * f64::from(number)).to_bits()
            };
            let right = samples.iter().zip(1_u32..).all(numbered);
            let once = samples.is_sorted_by(|a, b| a.0 < b.0);
            // One request more may be stored than was acknowledged: the kill came between commit and answer.
            if !right
                || !once
                || !(*acknowledged..=acknowledged + pace.per_post).contains(&(samples.len() as u64))
            {
                losses.push(format!("{signal}: {} stored, {acknowledged} acknowledged", samples.len()));
            }
        }
    }
    losses
}

#[test]
fn acknowledged_samples_survive_kill_nine() {
    let rounds = kill_rounds(20);
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("a.db");
    let mut writers = writers();
    let (mut longest_log, mut number) = (0, 0);
    let acknowledged = |writers: &[Writer]| writers.iter().map(|writer| writer.acknowledged).sum::<u64>();
    // A slow machine may write nothing at all in a round.
    while number < rounds || acknowledged(&writers) <= 100 {
        assert!(number < 1_000, "hardly anything is written: {}", acknowledged(&writers));
        number += 1;
        round(&database, &[], &mut writers, PACE);
        longest_log = longest_log.max(std::fs::metadata(folder.path().join("a.db-wal")).unwrap().len());
        assert_eq!(losses(&database, &writers, PACE), [""; 0], "after round {number}");
    }
    // What is recovered above has zeros behind it, which must not be taken for samples.
    assert!(longest_log >= 20 << 20, "the log was never made long in advance: {longest_log}");
}

#[test]
fn a_backend_that_answers_before_commit_is_caught() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("a.db");
    let mut writers = writers();
    // Large requests: from the lie to the commit takes as long as they take to encode, so that a kill comes in between.
    let pace = Pace { per_post: 1_000, ..PACE };
    let caught = (0..50).any(|_| {
        round(&database, &[("AFTERGLOW_FAULT", "acknowledge_before_commit")], &mut writers, pace);
        !losses(&database, &writers, pace).is_empty()
    });
    assert!(caught, "the durability test would not notice a backend that lies");
}
