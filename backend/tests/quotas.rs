//! Quotas of keys: what is too much is refused with which quota it is, and what is not is stored.

use serde_json::json;

use crate::harness::eventually;
use crate::keys::{ask, guarded, id, key};

#[test]
fn a_key_writes_as_fast_and_as_many_signals_as_its_quotas_say() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("a.db");
    // Ten seconds' worth in one request is taken, and the next waits.
    let paced = key(&database, &["--scopes", "write", "--samples-per-second", "1"]);
    let few = key(&database, &["--scopes", "write", "--signals", "few.*", "--most-signals", "2"]);
    let admin = key(&database, &["--scopes", "admin,write,read"]);
    let backend = guarded(&database);
    let post =
        |key: &str, body: serde_json::Value| ask(&backend, key, "POST", "/api/telemetry", &body.to_string());
    let ten: Vec<_> = (0..10).map(|n| json!({"timestamp": 1_700_000_000 + n, "signals": {"a": n}})).collect();
    assert_eq!(post(&paced, json!(ten)).status, 200);
    let refused = post(&paced, json!(ten));
    assert_eq!((refused.status, &*refused.code()), (429, "quota_exceeded"), "{refused:?}");
    let details = refused.json()["error"]["details"].clone();
    assert_eq!(details["limit"], 1);
    let wait: u64 = refused.retry_after.unwrap().parse().unwrap();
    assert!((1..=10).contains(&wait), "{wait}");
    assert_eq!(post(&admin, json!(ten)).status, 200, "others do not wait");
    eventually("it is let in again", || post(&paced, json!({"signals": {"a": 1}})).status == 200);

    let stored = post(&few, json!({"signals": {"few.a": 1, "few.b": 2, "few.c": 3}}));
    assert_eq!(stored.json()["accepted"], 2, "{stored:?}");
    assert_eq!(stored.json()["rejected"][0]["code"], "too_many_signals", "{stored:?}");
    let refused = post(&few, json!({"signals": {"few.d": 1}}));
    assert_eq!(&*refused.code(), "too_many_signals", "{refused:?}");
    assert_eq!(post(&few, json!({"signals": {"few.a": 5, "few.b": 6}})).json()["accepted"], 2);
    assert_eq!(post(&admin, json!({"signals": {"few.c": 1}})).status, 200, "the quota is the key's");

    let usage = ask(&backend, &admin, "GET", "/api/usage", "").json();
    let of = |key: &str| usage["keys"].as_array().unwrap().iter().find(|one| one["id"] == id(key)).unwrap();
    assert_eq!(of(&paced)["samples"], 11);
    assert!(of(&paced)["refused"].as_u64().unwrap() >= 10);
    assert_eq!((&of(&few)["samples"], &of(&few)["most_signals"]), (&json!(4), &json!(2)));
    assert_eq!(usage["signals"], 4);
    // Received is committed, rejected, refused or in flight: the harness compares when it closes a server that is open.
    assert!(backend.terminate().success());
}

#[test]
fn a_key_makes_new_signals_and_reads_as_much_as_its_quotas_say() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("a.db");
    let few = key(&database, &["--scopes", "write,read", "--signals", "few.*", "--new-signals-per-day", "2"]);
    let slow = key(&database, &["--scopes", "read", "--reader-seconds-per-minute", "1"]);
    let admin = key(&database, &["--scopes", "admin,write,read"]);
    let backend = guarded(&database);
    let post =
        |key: &str, body: serde_json::Value| ask(&backend, key, "POST", "/api/telemetry", &body.to_string());
    assert_eq!(post(&admin, json!({"signals": {"few.old": 1, "other": 1}})).status, 200);
    let stored = post(&few, json!({"signals": {"few.old": 1, "few.a": 1, "few.b": 2, "few.c": 3}}));
    assert_eq!(
        (&stored.json()["accepted"], &stored.json()["rejected_count"]),
        (&json!(3), &json!(1)),
        "{stored:?}"
    );
    let rejected = &stored.json()["rejected"][0];
    assert_eq!(rejected["code"], "too_many_signals");
    assert!(rejected["message"].as_str().unwrap().contains("a day"), "{rejected}");
    assert_eq!(&*post(&few, json!({"signals": {"few.d": 1}})).code(), "too_many_signals");
    assert_eq!(post(&few, json!({"signals": {"few.b": 5}})).status, 200, "those that there are go on");

    // More than a minute's worth was read: each query is short, so there are many.
    let until_refused = |path: &str| {
        let mut refused = None;
        eventually("its queries wait", || {
            let mut answers = (0..50).map(|_| ask(&backend, &slow, "GET", path, ""));
            refused = answers.find(|answer| answer.status == 429);
            refused.is_some()
        });
        refused.unwrap()
    };
    let refused = until_refused("/api/signals?details=1");
    assert_eq!(&*refused.code(), "quota_exceeded");
    let details = &refused.json()["error"]["details"];
    assert_eq!((&details["quota"], &details["limit"]), (&json!("reader_seconds_per_minute"), &json!(1)));
    assert!(details["used"].as_f64().unwrap() >= 1.0 && refused.retry_after.is_some(), "{refused:?}");
    // What it may read comes back with time, so the next query may still be one too few.
    assert_eq!(&*until_refused("/api/telemetry?from=0001-01-01").code(), "quota_exceeded");
    assert_eq!(ask(&backend, &slow, "GET", "/api/boards", "").status, 200, "documents are small");
    assert_eq!(ask(&backend, &admin, "GET", "/api/signals?details=1", "").status, 200, "others do not wait");

    let usage = ask(&backend, &admin, "GET", "/api/usage", "").json();
    let of = |key: &str| usage["keys"].as_array().unwrap().iter().find(|one| one["id"] == id(key)).unwrap();
    assert_eq!((&of(&few)["new_signals_today"], &of(&few)["new_signals_per_day"]), (&json!(2), &json!(2)));
    assert_eq!(of(&slow)["reader_seconds_per_minute"], 1);
    assert!(of(&slow)["reader_seconds"].as_f64().unwrap() > 0.5);
}
