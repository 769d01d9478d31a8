//! More than can be stored: refused with 503 and Retry-After, never queued without bound, never lost in silence.

use std::collections::BTreeSet;
use std::sync::mpsc;
use std::thread;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;

use crate::harness::{Answer, Backend, eventually};

#[test]
fn samples_beyond_the_bound_are_refused_and_welcome_later() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("a.db");
    let backend = Backend::start(&database);
    assert_eq!(backend.post(r#"{"signals":{"a":1}}"#).status, 200);

    // Another program holds the database's write lock: commits wait, then fail.
    let mut other = SqliteConnection::establish(database.to_str().unwrap()).unwrap();
    other.batch_execute("BEGIN IMMEDIATE").unwrap();
    let many = format!(r#"{{"timestamp":1700000000,"signals":{{{}}}}}"#, vec![r#""a":1"#; 250_000].join(","));
    let mut missing = BTreeSet::from(["queue_full", "store_down"]);
    thread::scope(|scope| {
        let (answered, answers) = mpsc::channel();
        for _ in 0..32 {
            let (answered, backend, many) = (answered.clone(), &backend, &many);
            scope.spawn(move || answered.send(backend.post(many)).unwrap());
        }
        drop(answered);
        for answer in answers {
            assert!(answer.status == 200 || answer.retry_after.is_some(), "{answer:?}");
            // Once both were seen it has lasted long enough.
            if missing.remove(&*answer.code()) && missing.is_empty() {
                other.batch_execute("ROLLBACK").unwrap();
            }
        }
    });
    assert!(missing.is_empty(), "nobody was answered with {missing:?}");
    eventually("samples are taken again", || backend.post(r#"{"signals":{"a":2}}"#).status == 200);
    backend.close();
}

/// Samples of a request.
const PART: usize = 250;

/// Posts the numbers from `first` on.
fn post(backend: &Backend, first: usize) -> Answer {
    let object =
        |number: usize| format!(r#"{{"timestamp":{},"signals":{{"a":{number}}}}}"#, 1_700_000_000 + number);
    backend.post(&format!("[{}]", (first..first + PART).map(object).collect::<Vec<_>>().join(",")))
}

/// The numbers that are stored.
fn numbers(backend: &Backend) -> Vec<f64> {
    backend.samples().remove("a").unwrap().into_iter().map(|(_, value)| value).collect()
}

#[test]
fn samples_that_find_no_room_in_memory_are_refused_until_others_are_sealed() {
    const ROOM: usize = 1_000;
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("a.db");
    let room = ROOM.to_string();
    let start = |seal_samples| {
        let bounds = [
            ("AFTERGLOW_HEAD_SAMPLES", room.as_str()),
            ("AFTERGLOW_SEAL_SAMPLES", seal_samples),
            ("AFTERGLOW_LOOK_MILLIS", "300"),
        ];
        Backend::start_with(&database, "127.0.0.1:0", &bounds)
    };
    let expect_refusal = |answer: &Answer| {
        assert_eq!((answer.status, answer.code().as_str()), (503, "queue_full"), "{}", answer.text);
        assert!(answer.retry_after.is_some() && answer.text.contains("sealed"), "{answer:?}");
    };

    // Nothing is sealed, so what is too much stays too much.
    let backend = start("1000000");
    let mut stored = 0;
    while stored < ROOM {
        assert_eq!(post(&backend, stored).status, 200);
        stored += PART;
    }
    (0..3).for_each(|_| expect_refusal(&post(&backend, stored)));
    assert_eq!(numbers(&backend).len(), ROOM, "what is stored can be read");
    backend.kill_nine();

    // As much is in memory again after a start; sealing makes room, again and again.
    let backend = start("500");
    let mut refused = 0;
    eventually("more is stored than there is room for, and some of it was refused", || {
        let answer = post(&backend, stored);
        if answer.status == 200 {
            stored += PART;
        } else {
            expect_refusal(&answer);
            refused += 1;
        }
        stored >= 5 * ROOM && refused >= 3
    });
    assert_eq!(backend.metric("afterglow_samples_refused_total"), (refused * PART) as f64);
    assert_eq!(numbers(&backend), (0..stored).map(|number| number as f64).collect::<Vec<_>>());
    backend.close();
}
