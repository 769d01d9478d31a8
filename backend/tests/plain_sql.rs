//! Plain SQL on PostgreSQL finds the samples that a query by HTTP gets, up to the last commit, or says that it cannot.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use crate::cluster;
use crate::harness::{Backend, Stop, client, eventually, kill_rounds, try_post};
use crate::postgres::{database, sql};

/// Sealing, and merges that make blocks, many times a second.
const BUSY: [(&str, &str); 3] =
    [("AFTERGLOW_SEAL_SAMPLES", "400"), ("AFTERGLOW_BLOCK_SAMPLES", "700"), ("AFTERGLOW_LOOK_MILLIS", "20")];

/// 2023-11-14T22:13:20Z.
const START: i64 = 1_700_000_000_000_000;

/// The same text as in answers.
const INSTANT: &str = r#"to_char("timestamp" AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"#;

type Points = Vec<(String, u64)>;

fn points(lines: &str) -> Points {
    let point = |line: &str| {
        let (time, value) = line.split_once('|').unwrap();
        (time.to_owned(), value.parse::<f64>().unwrap().to_bits())
    };
    lines.lines().map(point).collect()
}

/// What the function gives of a signal up to an instant.
fn by_function(database: &str, signal: &str, to: i64) -> Points {
    points(&sql(
        database,
        &format!("SELECT {INSTANT}, value FROM afterglow('{signal}', '-infinity', afterglow_time({to}))"),
    ))
}

/// What a view gives of a signal.
fn by_view(database: &str, view: &str, signal: &str) -> Points {
    let samples =
        format!("SELECT {INSTANT}, value FROM {view} WHERE signal = '{signal}' ORDER BY \"timestamp\"");
    points(&sql(database, &samples))
}

fn by_http(backend: &Backend, signal: &str) -> Points {
    let samples = backend.samples_of(signal).remove(signal).unwrap_or_default();
    samples.into_iter().map(|(time, value)| (time, value.to_bits())).collect()
}

/// Makes a function that says whether the view can be read.
fn make_trial(database: &str) {
    sql(
        database,
        "CREATE FUNCTION trial() RETURNS text LANGUAGE plpgsql AS $$ BEGIN \
             RETURN (SELECT count(*) FROM telemetry)::text; \
         EXCEPTION WHEN object_not_in_prerequisite_state THEN RETURN 'cannot be read'; END $$",
    );
}

/// Posts numbers from 1 on, ten at once, until told to stop; every fifth is written again.
fn write(url: &str, acknowledged: &AtomicU64, stop: &AtomicBool) {
    let agent = client();
    let mut next = 1;
    while !stop.load(Ordering::Relaxed) {
        let object = |number: i64| {
            let value = if number % 5 == 0 { -number } else { number };
            format!(r#"{{"timestamp":{},"signals":{{"a":{value},"b":-0.0}}}}"#, START + number)
        };
        let first: Vec<_> = (next..next + 10).map(|number| object(number).replace('-', "")).collect();
        let again: Vec<_> = (next..next + 10).map(object).collect();
        for objects in [first, again] {
            let answer = try_post(url, &agent, &format!("[{}]", objects.join(","))).unwrap();
            assert_eq!(answer.status, 200, "{}", answer.text);
        }
        next += 10;
        acknowledged.store(next.cast_unsigned() - 1, Ordering::Release);
    }
}

#[test]
fn sql_finds_what_http_does_while_samples_are_sealed() {
    if !cluster::is_here() {
        return;
    }
    let url = database("plain");
    let backend = Backend::start_with(&url, "127.0.0.1:0", &BUSY);
    sql("plain", "SELECT sql_history(true)");
    let (acknowledged, stop, address) = (AtomicU64::new(0), AtomicBool::new(false), backend.url(""));
    let has = |table: &str| sql("plain", &format!("SELECT EXISTS (SELECT FROM {table})")) == "t";
    thread::scope(|scope| {
        scope.spawn(|| write(&address, &acknowledged, &stop));
        let _stop = Stop(&stop);
        let (mut blocks, mut bundles, mut round) = (false, false, 0);
        let least = kill_rounds(15);
        // Until not only the journal was read.
        while round < least || !blocks || !bundles {
            let before = acknowledged.load(Ordering::Acquire);
            eventually("more is written", || acknowledged.load(Ordering::Acquire) > before + 200);
            let last = acknowledged.load(Ordering::Acquire);
            let found = by_function("plain", "a", START + last.cast_signed());
            let mut answered = by_http(&backend, "a");
            answered.truncate(found.len());
            assert_eq!(found.len() as u64, last, "in round {round}");
            assert_eq!(found, answered, "in round {round}");
            (blocks, bundles) = (blocks || has("block"), bundles || has("bundle"));
            round += 1;
            assert!(round < least + 100, "blocks: {blocks}, bundles: {bundles}");
        }
    });
    // The last commit, one far in the past, and a hole.
    let late = r#"[{"timestamp":"0001-01-01T00:00:00Z","signals":{"a":1e-300}},{"timestamp":1700000000000001,"signals":{"a":2.5}}]"#;
    assert_eq!(backend.post(late).status, 200);
    let hole = "/api/telemetry?signals=a&from=2023-11-14T22:13:20.000100Z&to=2023-11-14T22:13:20.000300Z";
    let deleted = backend.send("DELETE", hole, "");
    assert_eq!(deleted.status, 200, "{}", deleted.text);
    for signal in ["a", "b"] {
        let answered = by_http(&backend, signal);
        assert!(answered.len() > 1_000);
        assert_eq!(by_function("plain", signal, i64::MAX / 4), answered);
        assert_eq!(by_view("plain", "telemetry", signal), answered);
    }
    backend.close();
}

#[test]
fn sql_that_cannot_read_samples_says_so_until_they_are_written_for_it() {
    if !cluster::is_here() {
        return;
    }
    let url = database("unread");
    let backend = Backend::start_with(&url, "127.0.0.1:0", &BUSY);
    make_trial("unread");
    let objects: Vec<_> =
        (0..3_000).map(|n| format!(r#"{{"timestamp":{},"signals":{{"a":{n}.5}}}}"#, START + n)).collect();
    assert_eq!(backend.post(&format!("[{}]", objects.join(","))).status, 200);
    eventually("it is sealed", || sql("unread", "SELECT count(*) FROM journal") == "0");
    assert_eq!(sql("unread", "SELECT trial()"), "cannot be read");
    // What is in the journal can always be read.
    assert_eq!(backend.post(r#"{"timestamp":"2026-01-01T00:00:00Z","signals":{"a":1}}"#).status, 200);
    assert_eq!(sql("unread", "SELECT value FROM afterglow('a', '2025-12-31')"), "1");
    sql("unread", "SELECT sql_history(true)");
    eventually("all is written", || sql("unread", "SELECT trial()") == "3001");
    assert_eq!(by_view("unread", "telemetry", "a"), by_http(&backend, "a"));
    sql("unread", "SELECT sql_history(false)");
    assert_eq!(sql("unread", "SELECT trial()"), "cannot be read");
    backend.close();
}

#[test]
fn sql_finds_the_minutes_of_expired_samples() {
    if !cluster::is_here() {
        return;
    }
    let url = database("expired");
    let settings = [&BUSY[..], &[("AFTERGLOW_KEEP_RAW", "1s")]].concat();
    let backend = Backend::start_with(&url, "127.0.0.1:0", &settings);
    sql("expired", "SELECT sql_history(true)");
    let objects: Vec<_> = (0..3_000)
        .map(|n| format!(r#"{{"timestamp":{},"signals":{{"a":{}}}}}"#, START + n * 7_000_000, n % 50))
        .collect();
    assert_eq!(backend.post(&format!("[{}]", objects.join(","))).status, 200);
    eventually("all has expired", || {
        sql(
            "expired",
            "SELECT (SELECT count(*) FROM journal) + (SELECT count(*) FROM block) + (SELECT count(*) FROM bundle)",
        ) == "0"
    });
    let answered = by_http(&backend, "a");
    assert!(answered.len() > 100 && answered.len() < 1_000, "{}", answered.len());
    assert_eq!(by_view("expired", "telemetry", "a"), answered);
    // Rows go with the samples that they are copies of.
    sql("expired", "CALL sql_rows('a')");
    assert_eq!(backend.post(&format!(r#"{{"timestamp":{START},"signals":{{"a":7,"b":8}}}}"#)).status, 200);
    eventually("all rows have expired", || sql("expired", "SELECT count(*) FROM sample_row") == "0");
    backend.close();
}

#[test]
fn chosen_signals_are_rows_up_to_the_last_commit() {
    if !cluster::is_here() {
        return;
    }
    let url = database("rows");
    let backend = Backend::start_with(&url, "127.0.0.1:0", &BUSY);
    sql("rows", "SELECT sql_history(true)");
    let (acknowledged, stop, address) = (AtomicU64::new(0), AtomicBool::new(false), backend.url(""));
    let more = |than: u64| {
        let before = acknowledged.load(Ordering::Acquire);
        eventually("more is written", || acknowledged.load(Ordering::Acquire) > before + than);
    };
    thread::scope(|scope| {
        scope.spawn(|| write(&address, &acknowledged, &stop));
        let _stop = Stop(&stop);
        more(1_000);
        // While samples come, are written again and are sealed.
        sql("rows", "CALL sql_rows('a*')");
        for round in 0..kill_rounds(5) {
            more(200);
            let last = acknowledged.load(Ordering::Acquire);
            let count = sql("rows", "SELECT count(*) FROM telemetry_rows WHERE signal = 'a'");
            assert!(count.parse::<u64>().unwrap() >= last, "{count} of {last} in round {round}");
        }
    });
    assert_eq!(by_view("rows", "telemetry_rows", "a"), by_http(&backend, "a"));
    // Ahead of time, so that no commit has to wait for those who maintain the table.
    let ahead = "SELECT to_regclass('sample_row_' || to_char(now() AT TIME ZONE 'UTC' + interval '7 days', 'YYYY_MM')) IS NOT NULL";
    eventually("the next month has its partition", || sql("rows", ahead) == "t");
    // A new signal that is meant, one that is not, and instants of every partition; the last value of an instant counts.
    let objects = r#"[{"timestamp":"0001-01-01T00:00:00Z","signals":{"ab":1e-300,"ba":1}},
        {"timestamp":"2020-02-29T23:59:59.999999Z","signals":{"ab":5}},{"timestamp":"2020-02-29T23:59:59.999999Z","signals":{"ab":6}},
        {"timestamp":"2024-01-01T00:00:00Z","signals":{"ab":-0.0,"a":9}},{"timestamp":"2024-01-01T00:00:00Z","signals":{"a":10}}]"#;
    let posted = backend.post(objects);
    assert_eq!(posted.status, 200, "{}", posted.text);
    assert_eq!(by_view("rows", "telemetry_rows", "ab").len(), 3);
    let hole = "/api/telemetry?signals=a&from=2023-11-14T22:13:20.000100Z&to=2023-11-14T22:13:20.000300Z";
    let deleted = backend.send("DELETE", hole, "");
    assert_eq!(deleted.status, 200, "{}", deleted.text);
    for signal in ["a", "ab"] {
        assert_eq!(by_view("rows", "telemetry_rows", signal), by_http(&backend, signal), "{signal}");
    }
    assert!(
        by_view("rows", "telemetry_rows", "b").is_empty()
            && by_view("rows", "telemetry_rows", "ba").is_empty()
    );
    let months = "SELECT string_agg(part, ' ' ORDER BY part) FROM (SELECT DISTINCT tableoid::regclass::text AS part FROM sample_row) AS p";
    assert_eq!(
        sql("rows", months),
        "sample_row_2020_02 sample_row_2023_11 sample_row_2024_01 sample_row_before"
    );
    // The owner of the table must be the server's role, or commits would fail.
    sql("rows", "CREATE ROLE rows_guest SUPERUSER");
    let refused = "DO $$ BEGIN SET LOCAL ROLE rows_guest; PERFORM sample_choose('c', true); RAISE 'it was let in'; \
        EXCEPTION WHEN insufficient_privilege THEN NULL; END $$";
    sql("rows", refused);
    // Two patterns mean it; the rows go with the last one.
    sql("rows", "CALL sql_rows('*b')");
    sql("rows", "CALL sql_rows('a*', false)");
    assert!(by_view("rows", "telemetry_rows", "a").is_empty());
    assert_eq!(by_view("rows", "telemetry_rows", "ab"), by_http(&backend, "ab"));
    assert_eq!(by_view("rows", "telemetry_rows", "b"), by_http(&backend, "b"), "what was stored before");
    sql("rows", "CALL sql_rows('*b', false)");
    assert_eq!(sql("rows", "SELECT count(*) FROM sample_row"), "0");
    backend.close();
}
