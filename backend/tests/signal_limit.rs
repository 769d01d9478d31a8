//! Signals are learned in the commit of their first sample: what is refused takes no place, and the limit holds.

use std::fs;

use crate::harness::{Backend, eventually, sql};
use crate::write_errors::library;

/// The names that have a row.
fn stored_names(database: &std::path::Path) -> Vec<String> {
    sql(database, "SELECT name AS value FROM signal ORDER BY id")
}

#[test]
fn a_refused_request_uses_up_no_signals() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("a.db");
    let backend = Backend::start(&database);
    let junk: Vec<_> = (0..100_000).map(|number| format!(r#""z{number}":1"#)).collect();
    let junk = junk.join(",");
    for (body, code) in [
        (format!(r#"{{"signals":{{{junk}"#), "malformed_json"),
        (format!(r#"{{"signals":{{{junk}}},"timestamp":"x"}}"#), "bad_timestamp"),
        (format!(r#"[{{"signals":{{{junk}}},"timestamp":"2999-01-01"}}]"#), "timestamp_ahead"),
    ] {
        let answer = backend.post(&body);
        assert_eq!((answer.status, answer.code().as_str()), (400, code));
    }
    // Beside a sample that is taken, in the same request.
    let mixed = format!(r#"[{{"signals":{{{junk}}},"timestamp":"x"}},{{"signals":{{"real":1}}}}]"#);
    let receipt = backend.post(&mixed).json();
    assert_eq!((receipt["accepted"].as_u64(), receipt["rejected_count"].as_u64()), (Some(1), Some(1)));
    assert_eq!(backend.post(r#"{"signals":{"my.new.sensor":1}}"#).status, 200);
    assert_eq!(backend.get("/api/signals").json(), serde_json::json!(["my.new.sensor", "real"]));
    backend.close();
    assert_eq!(stored_names(&database), ["real", "my.new.sensor"]);
}

#[test]
fn beyond_the_limit_only_new_signals_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("a.db");
    let start = || Backend::start_with(&database, "127.0.0.1:0", &[("AFTERGLOW_SIGNAL_LIMIT", "3")]);
    let backend = start();
    let receipt = backend.post(r#"{"signals":{"a":1,"b":2,"c":3,"d":4,"a":5}}"#).json();
    assert_eq!((receipt["accepted"].as_u64(), receipt["rejected_count"].as_u64()), (Some(3), Some(1)));
    assert_eq!(receipt["replaced"], 1, "two samples of one signal and instant are one");
    assert_eq!(receipt["rejected"][0]["code"], "too_many_signals");
    assert_eq!(receipt["rejected"][0]["signal"], "d");
    let answer = backend.post(r#"{"signals":{"e":1}}"#);
    assert_eq!((answer.status, answer.code().as_str()), (400, "too_many_signals"), "{}", answer.text);
    assert!(answer.text.contains("limit of 3 signals"), "{}", answer.text);
    backend.close();
    let backend = start();
    assert_eq!(backend.post(r#"{"signals":{"d":1}}"#).code(), "too_many_signals");
    assert_eq!(backend.post(r#"{"signals":{"c":1}}"#).status, 200);
    backend.close();
    assert_eq!(stored_names(&database), ["a", "b", "c"]);
}

#[test]
fn many_senders_near_the_limit_lose_no_known_signal() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("a.db");
    let backend = Backend::start_with(&database, "127.0.0.1:0", &[("AFTERGLOW_SIGNAL_LIMIT", "5")]);
    assert_eq!(backend.post(r#"{"signals":{"known":0}}"#).status, 200);
    std::thread::scope(|scope| {
        for sender in 0..8 {
            let backend = &backend;
            scope.spawn(move || {
                for number in 0..20 {
                    let time = 1_700_000_000 + sender * 100 + number;
                    let body =
                        format!(r#"{{"timestamp":{time},"signals":{{"known":1,"new{sender}.{number}":1}}}}"#);
                    // The last places may be taken while it waits: then it is to be sent again.
                    eventually("it is taken", || {
                        let answer = backend.post(&body);
                        assert!(matches!(answer.status, 200 | 503), "{}", answer.text);
                        answer.status == 200
                    });
                }
            });
        }
    });
    assert_eq!(backend.samples_of("known")["known"].len(), 1 + 8 * 20);
    backend.close();
    assert_eq!(stored_names(&database).len(), 5);
}

#[test]
fn a_commit_that_fails_leaves_no_name() {
    let folder = tempfile::tempdir().unwrap();
    let Some(library) = library(folder.path()) else { return };
    let (database, errors) = (folder.path().join("a.db"), folder.path().join("errors"));
    let trigger = folder.path().join("trigger");
    let environment = [
        ("LD_PRELOAD", library.to_str().unwrap()),
        ("FAULTY_CALL", "write"),
        ("FAULTY_WHILE", trigger.to_str().unwrap()),
        ("AFTERGLOW_SIGNAL_LIMIT", "3"),
    ];
    let backend = Backend::try_start(&database, &environment, &errors).expect("it starts");
    assert_eq!(backend.post(r#"{"signals":{"a":1}}"#).status, 200);
    fs::write(&trigger, "").unwrap();
    for number in 0..5 {
        let answer = backend.post(&format!(r#"{{"signals":{{"lost{number}":1,"lost{number}.b":1}}}}"#));
        assert_eq!((answer.status, answer.code().as_str()), (503, "store_down"), "{}", answer.text);
    }
    assert_eq!(backend.get("/api/signals").json(), serde_json::json!(["a"]));
    fs::remove_file(&trigger).unwrap();
    eventually("samples are taken again", || backend.post(r#"{"signals":{"b":1,"c":1}}"#).status == 200);
    assert_eq!(backend.get("/api/signals").json(), serde_json::json!(["a", "b", "c"]));
    backend.kill_nine();
    let backend = Backend::start(&database);
    assert_eq!(backend.get("/api/signals").json(), serde_json::json!(["a", "b", "c"]));
    backend.close();
    assert_eq!(stored_names(&database), ["a", "b", "c"]);
}
