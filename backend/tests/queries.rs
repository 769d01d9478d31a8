//! Questions: every one has a defined answer, and none holds a reader for ever.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::json;

use crate::harness::{Backend, PATIENCE, eventually};

#[test]
fn every_question_has_a_defined_answer() {
    let folder = tempfile::tempdir().unwrap();
    let backend = Backend::start(&folder.path().join("a.db"));
    backend.post(
        r#"[{"timestamp":1700000000,"signals":{"a":1,"b,\"":2}},{"timestamp":1700000010,"signals":{"a":3}}]"#,
    );
    let check = |path: &str, status: u16, expected: &str| {
        let answer = backend.get(path);
        assert_eq!((answer.status, answer.text.as_str()), (status, expected), "{path}");
    };
    let line = r#"{"a":[{"timestamp":"2023-11-14T22:13:30.000000Z","value":3.0}]}"#;
    check("/api/telemetry?from=1700000001&to=9999-12-31", 200, line);
    check("/api/telemetry?from=0001-01-01&to=1600000000", 200, "{}");
    check("/api/telemetry?from=0001-01-01&signals=nothing", 200, "{}");
    check("/api/telemetry?from=1700000005&signals=*&max_points=1", 200, line);
    check(
        "/api/telemetry?from=1700000000&format=csv",
        200,
        "timestamp,signal,value\n2023-11-14T22:13:20.000000Z,a,1.0\n2023-11-14T22:13:30.000000Z,a,3.0\n\
         2023-11-14T22:13:20.000000Z,\"b,\"\"\",2.0\n",
    );
    let lines = backend.get("/api/telemetry?from=1700000000&format=ndjson").text;
    let again = backend.post_as("application/x-ndjson", "identity", lines.as_bytes()).json();
    assert_eq!(
        (&again["accepted"], &again["rejected_count"]),
        (&json!(3), &json!(0)),
        "an answer can be sent back"
    );
    for bad in ["from=5&to=4", "max_points=0", "max_points=1000000000", "format=xml", "hours=-1", "from=soon"]
    {
        let answer = backend.get(&format!("/api/telemetry?{bad}"));
        assert_eq!((answer.status, answer.code().as_str()), (400, "bad_parameter"), "{bad}");
    }
    backend.close();
}

#[test]
fn an_answer_says_which_signals_are_reduced_and_a_summary_has_their_means() {
    let folder = tempfile::tempdir().unwrap();
    let backend = Backend::start(&folder.path().join("a.db"));
    let readings: Vec<_> = (0..100)
        .map(|n| json!({"timestamp": 1_700_000_000 + n, "signals": {"many": if n == 50 { 1000 } else { 1 }}}))
        .chain([json!({"timestamp": 1_700_000_000, "signals": {"one": 5}})])
        .collect();
    backend.post(&json!(readings).to_string());
    let span = "from=1700000000&to=1700000099";
    let answer = backend.get(&format!("/api/telemetry?{span}&max_points=12&slice=1")).json();
    // 99 seconds in 5 slices, and a microsecond more because they are not anchored to the first sample.
    assert_eq!(answer["many"]["slice"], json!(99_000_000 / 5 + 1));
    assert!(answer["many"]["points"].as_array().unwrap().len() <= 12);
    let one = json!({"points": [{"timestamp": "2023-11-14T22:13:20.000000Z", "value": 5.0}]});
    assert_eq!(answer["one"], one, "it is whole");
    let whole = backend.get(&format!("/api/telemetry?{span}&max_points=100&slice=1")).json();
    assert_eq!(whole["many"]["slice"], json!(null));
    let plain = backend.get(&format!("/api/telemetry?{span}&max_points=100")).json();
    assert_eq!(plain["many"], whole["many"]["points"], "without being asked for, nothing is different");

    let summary = backend.get(&format!("/api/telemetry/summary?{span}")).json();
    let slice = |from: &str, count: u32, max: f64, mean: f64, last: f64| json!({"from": from, "count": count, "min": if count == 1 { last } else { 1.0 }, "max": max, "mean": mean, "last": last});
    assert_eq!(
        summary["many"],
        json!({"slices": [slice("2023-11-14T22:13:20.000000Z", 100, 1e3, 10.99, 1.0)]})
    );
    assert_eq!(summary["one"], json!({"slices": [slice("2023-11-14T22:13:20.000000Z", 1, 5.0, 5.0, 5.0)]}));
    let halves = backend
        .get("/api/telemetry/summary?from=1700000000&to=1700000099999999&slices=2&signals=many")
        .json();
    let expected = [
        slice("2023-11-14T22:13:20.000000Z", 50, 1.0, 1.0, 1.0),
        slice("2023-11-14T22:14:10.000000Z", 50, 1e3, 20.98, 1.0),
    ];
    assert_eq!(halves, json!({"many": {"slices": expected}}));
    for bad in ["slices=0", "slices=1001", "slices=many", "max_points=5", "hours=0"] {
        let answer = backend.get(&format!("/api/telemetry/summary?{bad}"));
        assert_eq!((answer.status, answer.code().as_str()), (400, "bad_parameter"), "{bad}");
    }
    backend.close();
}

#[test]
fn a_signals_details_are_those_of_its_samples() {
    let folder = tempfile::tempdir().unwrap();
    let backend = Backend::start(&folder.path().join("a.db"));
    backend
        .post(r#"[{"timestamp":1700000010,"signals":{"a":3}},{"timestamp":1700000000,"signals":{"a":1}}]"#);
    assert_eq!(
        backend.get("/api/signals?details=1").json(),
        json!([{"name": "a", "first": "2023-11-14T22:13:20.000000Z", "last": "2023-11-14T22:13:30.000000Z",
            "count": 2, "rate": 0.1, "last_value": 3.0}])
    );
    assert_eq!(backend.get("/api/signals?details=maybe").code(), "bad_parameter");
    backend.close();
}

#[test]
fn a_question_that_takes_too_long_is_refused_and_frees_its_reader() {
    let folder = tempfile::tempdir().unwrap();
    let environment = [("AFTERGLOW_READERS", "1"), ("AFTERGLOW_FAULT", "late_queries")];
    let backend = Backend::start_with(&folder.path().join("a.db"), "127.0.0.1:0", &environment);
    backend.post(r#"{"timestamp":1700000000,"signals":{"a":1}}"#);
    for _ in 0..3 {
        let answer = backend.get("/api/telemetry?from=1700000000");
        assert_eq!((answer.status, answer.code().as_str()), (503, "query_timeout"), "{}", answer.text);
        assert!(answer.retry_after.is_some());
        assert_eq!(backend.get("/api/signals").text, r#"["a"]"#, "the only reader is free");
    }
    backend.close();
}

#[test]
fn a_client_that_does_not_read_its_answer_loses_its_reader() {
    let folder = tempfile::tempdir().unwrap();
    let environment = [("AFTERGLOW_READERS", "1"), ("AFTERGLOW_QUERY_SECONDS", "1")];
    let backend = Backend::start_with(&folder.path().join("a.db"), "127.0.0.1:0", &environment);
    // Far more than the sockets' buffers hold.
    for part in 0..5 {
        let objects: Vec<_> = (0..50_000)
            .map(|i| json!({"timestamp": 1_700_000_000 + part * 50_000 + i, "signals": {"a": i}}))
            .collect();
        assert_eq!(backend.post(&json!(objects).to_string()).status, 200);
    }
    let mut stalled = TcpStream::connect(backend.address()).unwrap();
    stalled.set_read_timeout(Some(PATIENCE)).unwrap();
    stalled.write_all(b"GET /api/telemetry?from=1700000000 HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    // Its answer has begun.
    stalled.read_exact(&mut [0; 12]).unwrap();
    let mut asked = 0.0;
    eventually("the reader is free", || {
        let answer = backend.get("/api/telemetry?from=1700000000&max_points=2");
        assert!(answer.status == 200 || (answer.status == 503 && answer.retry_after.is_some()), "{answer:?}");
        asked += 1.0;
        answer.status == 200
    });
    eventually("it is given up", || {
        backend.metric("afterglow_stage_seconds_count{stage=\"query\"}") == asked + 1.0
    });
    let mut rest = Vec::new();
    let _ = stalled.read_to_end(&mut rest);
    assert!(!rest.ends_with(b"0\r\n\r\n"), "an answer that was cut does not look whole");
    backend.close();
}

#[test]
fn clients_that_read_slowly_take_no_reader_from_others() {
    let folder = tempfile::tempdir().unwrap();
    // Nobody is given up.
    let environment = [("AFTERGLOW_QUERY_SECONDS", "3600")];
    let backend = Backend::start_with(&folder.path().join("a.db"), "127.0.0.1:0", &environment);
    for part in 0..5 {
        let objects: Vec<_> = (0..50_000)
            .map(|i| json!({"timestamp": 1_700_000_000 + part * 50_000 + i, "signals": {"a": i}}))
            .collect();
        assert_eq!(backend.post(&json!(objects).to_string()).status, 200);
    }
    let slow = [(); 4].map(|()| {
        let mut client = TcpStream::connect(backend.address()).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        let request = b"GET /api/telemetry?from=1700000000 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        client.write_all(request).unwrap();
        client.read_exact(&mut [0; 12]).unwrap();
        client
    });
    for path in ["/api/boards", "/api/annotations", "/api/revision"] {
        assert_eq!(backend.get(path).status, 200, "{path}");
    }
    for path in ["/api/signals?details=1", "/api/telemetry?from=1700000000&max_points=2"] {
        eventually("the readers are free", || backend.get(path).status == 200);
    }
    // And when they read on they miss nothing.
    for mut client in slow {
        let mut rest = Vec::new();
        client.read_to_end(&mut rest).unwrap();
        assert!(rest.ends_with(b"0\r\n\r\n"), "the answer is whole");
    }
    backend.close();
}
