//! What was deleted is gone: from every tier, whatever happens to the process, and for those who watch.

use std::path::Path;

use afterglow_client::subscribe::Subscription;
use serde_json::json;

use crate::harness::{Answer, Backend, event, eventually, sql};
use crate::live_stream::Seen;
use crate::tools::{done, run};

/// Some samples are sealed, and some signals have enough of them for a block.
const SEALED: [(&str, &str); 3] =
    [("AFTERGLOW_SEAL_SAMPLES", "1500"), ("AFTERGLOW_BLOCK_SAMPLES", "700"), ("AFTERGLOW_LOOK_MILLIS", "20")];

const START: i64 = 1_700_000_000;

fn start(database: &Path, fault: &str) -> Backend {
    let environment: Vec<_> = SEALED.into_iter().chain([("AFTERGLOW_FAULT", fault)]).collect();
    Backend::start_with(database, "127.0.0.1:0", &environment)
}

/// Stores a sample a second: 1,000 of `much`, of which all but the last 100 are sealed, and as many of `kept`; 50 of `few`.
fn fill(database: &Path) {
    let backend = start(database, "");
    let post = |from: i64, to: i64| {
        let objects: Vec<_> = (from..to)
            .map(|i| {
                let signals = if i < 50 {
                    json!({"much": i, "kept": i, "few": i})
                } else {
                    json!({"much": i, "kept": i})
                };
                json!({"timestamp": START + i, "signals": signals}).to_string()
            })
            .collect();
        assert_eq!(backend.post(&format!("[{}]", objects.join(","))).status, 200);
    };
    post(0, 900);
    let rows = |table: &str| {
        sql(database, &format!("SELECT CAST(count(*) AS TEXT) AS value FROM {table}"))[0] != "0"
    };
    eventually("they are sealed", || rows("block") && rows("bundle"));
    post(900, 1_000);
    backend.kill_nine();
}

fn delete(backend: &Backend, query: &str) -> Answer {
    backend.send("DELETE", &format!("/api/telemetry?{query}"), "")
}

/// How many samples each signal has.
fn counts(backend: &Backend) -> Vec<(String, usize)> {
    backend.samples().into_iter().map(|(name, samples)| (name, samples.len())).collect()
}

fn of(counts: &[(&str, usize)]) -> Vec<(String, usize)> {
    counts.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
}

#[test]
fn what_was_deleted_stays_deleted_when_the_process_is_killed_and_what_comes_later_counts() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("a.db");
    fill(&database);
    let backend = start(&database, "");
    let query = format!("signals=much,few&from={}&to={}", START + 10, START + 949);
    let would = delete(&backend, &format!("{query}&dry_run=1"));
    let expected = json!({"signals": 2, "samples": 980, "expired": 0, "damaged": 0, "dry_run": true, "names_kept": true});
    assert_eq!((would.status, would.json()), (200, expected));
    assert_eq!(
        counts(&backend),
        of(&[("few", 50), ("kept", 1_000), ("much", 1_000)]),
        "a dry run deletes nothing"
    );

    let deleted = delete(&backend, &query).json();
    assert_eq!((deleted["samples"].as_u64(), deleted["dry_run"].as_bool()), (Some(980), Some(false)));
    let left = of(&[("few", 10), ("kept", 1_000), ("much", 60)]);
    assert_eq!(counts(&backend), left, "in the very next answer");
    backend.kill_nine();

    let backend = start(&database, "");
    assert_eq!(counts(&backend), left);
    let again = format!(r#"{{"timestamp":{},"signals":{{"much":7}}}}"#, START + 500);
    assert_eq!(backend.post(&again).status, 200);
    backend.kill_nine();

    let backend = start(&database, "");
    assert_eq!(counts(&backend), of(&[("few", 10), ("kept", 1_000), ("much", 61)]));
    assert_eq!(delete(&backend, &format!("signals=kept&from={START}")).status, 200);
    assert_eq!(backend.get("/api/signals").json(), json!(["few", "much"]));
    backend.close();
    done("doctor", &database, &[]);
}

#[test]
fn a_deletion_that_the_process_did_not_survive_is_completed() {
    for point in ["crash:deletion_begun", "crash:deletion_part", "crash:deletion_done"] {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("a.db");
        fill(&database);
        let mut backend = start(&database, point);
        assert!(backend.try_send("DELETE", "/api/telemetry?signals=*e*&to=1700000899").is_none(), "{point}");
        assert!(!backend.wait().success());
        let backend = start(&database, "");
        let left = of(&[("much", 1_000)]);
        let counted: Vec<_> = counts(&backend).into_iter().filter(|(name, _)| name != "kept").collect();
        assert_eq!(counted, left, "{point}");
        assert_eq!(backend.samples_of("kept")["kept"].len(), 100, "{point}");
        backend.close();
        done("doctor", &database, &[]);
        let rows = sql(&database, "SELECT CAST(count(*) AS TEXT) AS value FROM deletion");
        assert_eq!(rows, ["0"], "{point}");
    }
}

#[test]
fn the_name_of_a_deleted_signal_keeps_its_place_as_the_answer_says() {
    let folder = tempfile::tempdir().unwrap();
    let backend =
        Backend::start_with(&folder.path().join("a.db"), "127.0.0.1:0", &[("AFTERGLOW_SIGNAL_LIMIT", "1")]);
    assert_eq!(backend.post(r#"{"signals":{"a":1}}"#).status, 200);
    let deleted = backend.send("DELETE", "/api/signals/a", "").json();
    assert_eq!((deleted["samples"].as_u64(), deleted["names_kept"].as_bool()), (Some(1), Some(true)));
    assert_eq!(backend.get("/api/signals").json(), json!([]));
    assert_eq!(backend.post(r#"{"signals":{"b":1}}"#).code(), "too_many_signals");
    assert_eq!(backend.post(r#"{"signals":{"a":1}}"#).status, 200);
    backend.close();
}

#[test]
fn a_signal_goes_with_its_metadata() {
    let folder = tempfile::tempdir().unwrap();
    let backend = Backend::start(&folder.path().join("a.db"));
    assert_eq!(backend.post(r#"{"signals":{"a/b*c":1,"other":2}}"#).status, 200);
    assert_eq!(backend.send("PATCH", "/api/signals/a%2Fb%2Ac", r#"{"unit":"V"}"#).status, 200);
    assert_eq!(backend.send("DELETE", "/api/signals/none", "").code(), "not_found");
    let would = backend.send("DELETE", "/api/signals/a%2Fb%2Ac?dry_run=1", "").json();
    assert_eq!((would["samples"].as_u64(), would["dry_run"].as_bool()), (Some(1), Some(true)));
    assert_ne!(backend.get("/api/signals?metadata=1").json(), json!({}));
    assert_eq!(backend.send("DELETE", "/api/signals/a%2Fb%2Ac", "").json()["samples"], 1);
    assert_eq!(backend.get("/api/signals").json(), json!(["other"]));
    assert_eq!(backend.get("/api/signals?metadata=1").json(), json!({}));
    assert_eq!(backend.post(r#"{"signals":{"a/b*c":1}}"#).status, 200, "it may come back");
    assert_eq!(backend.get("/api/signals").json(), json!(["a/b*c", "other"]));
    backend.close();
}

#[test]
fn those_who_watch_begin_again_without_what_was_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let backend = Backend::start(&folder.path().join("a.db"));
    for number in 0..10 {
        let body = format!(r#"{{"timestamp":{},"signals":{{"a":{number},"b":{number}}}}}"#, START + number);
        assert_eq!(backend.post(&body).status, 200);
    }
    let subscription = |patterns: &[&str]| {
        let patterns = patterns.iter().map(|pattern| (*pattern).to_owned()).collect();
        Subscription::new(&backend.url(""), patterns).unwrap().window(1e10, None).unwrap()
    };
    let mut stays = subscription(&["*"]);
    let mut seen = Seen::default();
    seen.follow(&mut stays, |seen| seen.samples.len() == 20);
    let mut returns = subscription(&["*"]);
    let mut returned = Seen::default();
    returned.follow(&mut returns, |seen| seen.samples.len() == 20);
    returns.disconnect();
    let mut text = backend.watch();
    eventually("it has joined", || backend.metric("afterglow_live_sessions") >= 2.0);

    // Nothing is committed after it.
    assert_eq!(delete(&backend, &format!("signals=a&from={}", START + 5)).json()["samples"], 5);
    seen.follow(&mut stays, |seen| seen.begun == 2 && seen.samples.len() == 15);
    returned.follow(&mut returns, |seen| seen.begun == 2 && seen.samples.len() == 15);
    assert_eq!(event(&mut text)["event"], "gap", "the old events say that they are not whole");
    assert_eq!(backend.post(r#"{"signals":{"a":1}}"#).status, 200);
    seen.follow(&mut stays, |seen| seen.samples.len() == 16);
    assert_eq!((seen.begun, seen.resumed), (2, 0));
    backend.close();
}

#[test]
fn the_tool_deletes_what_it_says() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("a.db");
    assert_eq!(run("delete", &database, &["--signals", "a"]).code, Some(2), "there is no database");
    assert!(!database.exists());
    fill(&database);
    let backend = Backend::start(&database);
    let in_use = run("delete", &database, &["--signals", "much"]);
    assert_eq!(in_use.code, Some(3));
    assert!(in_use.err.contains("in use"), "{}", in_use.err);
    backend.close();
    assert_eq!(run("delete", &database, &[]).code, Some(2), "nothing is named");
    assert_eq!(run("delete", &database, &["--signals", "much", "--from", "9", "--to", "8"]).code, Some(2));
    let part = ["--signals", "much,few", "--to", "1700000099"];
    let would = done("delete", &database, &[&part[..], &["--dry-run"]].concat());
    assert_eq!(would, "would be deleted: 150 samples of 2 signals\n");
    assert_eq!(done("delete", &database, &part), "deleted: 150 samples of 2 signals\n");
    assert_eq!(done("delete", &database, &["--signals", "kept"]), "deleted: 1,000 samples of 1 signals\n");
    assert_eq!(done("export", &database, &[]).lines().count(), 1 + 900);
    done("doctor", &database, &[]);
}
