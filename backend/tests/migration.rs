//! A database of the first schema opens in today's program with every sample as it was; interrupted, it goes on.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use rand::RngExt as _;

use crate::harness::{Backend, kill_rounds, serve, sql};

type Samples = BTreeMap<String, Vec<(String, u64)>>;

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

/// A copy of the database that tests may change.
fn copy(folder: &tempfile::TempDir) -> PathBuf {
    let database = folder.path().join("a.db");
    std::fs::copy(golden("schema-1.db"), &database).unwrap();
    database
}

/// Signal to its samples, in order, bit for bit.
fn samples(csv: &str) -> Samples {
    let mut all = Samples::new();
    for line in csv.lines().skip(1) {
        let (time, rest) = line.split_once(',').unwrap();
        let (signal, value) = rest.rsplit_once(',').unwrap();
        let value: f64 = value.parse().unwrap();
        all.entry(signal.to_owned()).or_default().push((time.to_owned(), value.to_bits()));
    }
    all
}

fn expected() -> Samples {
    samples(&std::fs::read_to_string(golden("schema-1.csv")).unwrap())
}

fn check(database: &Path, expected: &Samples) {
    for _ in 0..2 {
        let backend = Backend::start(database);
        let answer = backend.get("/api/telemetry?from=0001-01-01&format=csv");
        assert_eq!(answer.status, 200);
        let stored = samples(&answer.text);
        for (signal, samples) in expected {
            assert_eq!(stored.get(signal), Some(samples), "{signal}");
        }
        assert_eq!(stored.len(), expected.len(), "signals that nobody sent");
        assert_eq!(backend.metric("afterglow_damaged_blocks"), 0.0);
        // It takes new samples of old signals, and of new ones.
        let names = backend.get("/api/signals").json();
        assert_eq!(names.as_array().unwrap().len(), expected.len());
        backend.close();
    }
    let integrity = sql(database, "SELECT integrity_check AS value FROM pragma_integrity_check");
    assert_eq!(integrity, ["ok"]);
    let left = sql(database, "SELECT name AS value FROM sqlite_schema WHERE name IN ('sample')");
    assert_eq!(left, [""; 0], "the first schema's table is gone");
    let vacuum = sql(database, "SELECT CAST(auto_vacuum AS TEXT) AS value FROM pragma_auto_vacuum");
    assert_eq!(vacuum, ["2"], "free pages can be given back");
}

#[test]
fn a_database_of_the_first_schema_keeps_every_sample_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    let database = copy(&folder);
    let expected = expected();
    assert_eq!(expected.values().map(Vec::len).sum::<usize>(), 448, "the golden file is whole");
    check(&database, &expected);

    let backend = Backend::start(&database);
    let answer = backend.post(r#"{"timestamp":1740000000,"signals":{"plain":7,"new":8}}"#);
    assert_eq!(answer.status, 200, "{}", answer.text);
    let stored = backend.samples();
    assert_eq!((stored["plain"].len(), stored["new"].len()), (expected["plain"].len() + 1, 1));
    backend.close();
}

#[test]
fn a_migration_that_dies_after_every_block_comes_to_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let database = copy(&folder);
    let environment = [("AFTERGLOW_FAULT", "crash:convert_part")];
    let errors = folder.path().join("errors");
    let mut deaths = 0;
    let backend = loop {
        match Backend::try_start(&database, &environment, &errors) {
            Ok(backend) => break backend,
            Err(code) => {
                assert_eq!(code, None, "it is killed: {}", std::fs::read_to_string(&errors).unwrap());
            }
        }
        deaths += 1;
        assert!(deaths < 100, "it does not get on");
    };
    backend.kill_nine();
    assert_eq!(deaths, expected().len(), "a block for each signal");
    check(&database, &expected());
}

/// Adds signals with enough rows that a conversion takes a while.
fn grow(database: &Path, expected: &mut Samples) {
    let mut connection = SqliteConnection::establish(database.to_str().unwrap()).unwrap();
    let first = expected.len();
    for number in first..first + 3 {
        connection
            .batch_execute(&format!(
                "INSERT INTO signal VALUES ({number}, 'grown{number}', 0);
                 WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 39999)
                 INSERT INTO sample (signal_id, timestamp, value, created_at)
                 SELECT {number}, 1700000000000000 + i * 1000000, i * 0.1, 0 FROM n;"
            ))
            .unwrap();
        let samples = (0..40_000_i64).map(|i| {
            let time = afterglow_wire::Timestamp::from_micros(1_700_000_000_000_000 + i * 1_000_000);
            (time.to_string(), (i as f64 * 0.1).to_bits())
        });
        expected.insert(format!("grown{number}"), samples.collect());
    }
}

#[test]
fn a_migration_that_is_killed_at_any_moment_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (grown, database) = (folder.path().join("grown.db"), folder.path().join("a.db"));
    std::fs::copy(golden("schema-1.db"), &grown).unwrap();
    let mut expected = expected();
    grow(&grown, &mut expected);
    for _ in 0..kill_rounds(4).div_ceil(4) {
        for left_over in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(folder.path().join(format!("a.db{left_over}")));
        }
        std::fs::copy(&grown, &database).unwrap();
        // Longer each time, until a migration finishes.
        let (mut patience, mut kills) = (Duration::from_millis(20), 0);
        loop {
            let mut child = serve(&database, "127.0.0.1:0").stdout(Stdio::null()).spawn().unwrap();
            thread::park_timeout(patience.mul_f64(rand::rng().random_range(0.2..1.0)));
            child.kill().unwrap();
            child.wait().unwrap();
            kills += 1;
            let tables = sql(&database, "SELECT name AS value FROM sqlite_schema WHERE name = 'sample'");
            if tables.is_empty() && kills > 3 {
                break;
            }
            patience = patience.mul_f64(1.3);
        }
        check(&database, &expected);
    }
}
