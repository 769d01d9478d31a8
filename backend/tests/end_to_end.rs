//! The contract: what goes in comes out, at once and later, in every form that is promised.

use std::io::Write as _;

use serde_json::json;

use crate::harness::{Backend, event, eventually};

#[test]
fn a_posted_object_is_stored_listed_and_seen_live() {
    let folder = tempfile::tempdir().unwrap();
    let backend = Backend::start(&folder.path().join("a.db"));
    let mut socket = backend.watch();
    eventually("the session has joined", || backend.metric("afterglow_live_sessions") == 1.0);

    let posted =
        backend.post(r#"{"timestamp":"2026-01-01T01:00:00+01:00","signals":{"b":2,"a":1.5,"on":true}}"#);
    assert_eq!(posted.status, 200);
    assert_eq!(
        posted.json(),
        json!({"status": "success", "accepted": 3, "rejected_count": 0, "rejected": []})
    );

    let update = event(&mut socket);
    assert_eq!(
        update,
        json!({"event": "telemetry_update", "data": {
            "timestamp": "2026-01-01T00:00:00.000000Z", "signals": {"a": 1.5, "b": 2.0, "on": 1.0}}})
    );
    let point = |value: f64| json!([{"timestamp": "2026-01-01T00:00:00.000000Z", "value": value}]);
    let stored = backend.get("/api/telemetry?from=2026-01-01&to=2026-01-02");
    assert_eq!(stored.json(), json!({"a": point(1.5), "b": point(2.0), "on": point(1.0)}));
    assert_eq!(backend.get("/api/signals").json(), json!(["a", "b", "on"]));
    let health = backend.get("/health").json();
    assert_eq!((&health["status"], &health["sealing_failures"]), (&json!("healthy"), &json!(0)));
    assert_eq!(health["last_commit"]["outcome"], "committed");
    assert_eq!(backend.get("/ready").json(), json!({"status": "ready"}));

    drop(socket);
    eventually("the session has left", || backend.metric("afterglow_live_sessions") == 0.0);
    backend.close();
}

#[test]
fn every_form_of_body_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let backend = Backend::start(&folder.path().join("a.db"));
    let array = r#"[{"timestamp":1700000000,"signals":{"s":1}},{"timestamp":1700000000001,"signals":{"s":2}},
        {"timestamp":1700000000002000,"signals":{"s":3}},{"timestamp":1700000000003000000,"signals":{"s":4}}]"#;
    assert_eq!(backend.post(array).json()["accepted"], 4);
    let lines = "{\"timestamp\":1700000001,\"signals\":{\"s\":5}}\nnot json\n{\"timestamp\":1700000002,\"signals\":{\"s\":6}}\n";
    let answer = backend.post_as("application/x-ndjson; charset=utf-8", "identity", lines.as_bytes()).json();
    assert_eq!((&answer["accepted"], &answer["rejected"][0]["index"]), (&json!(2), &json!(1)));
    assert_eq!(answer["rejected"][0]["code"], "malformed_json");

    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(br#"{"timestamp":1700000003,"signals":{"s":7}}"#).unwrap();
    let gzip = gzip.finish().unwrap();
    assert_eq!(backend.post_as("application/json", "gzip", &gzip).status, 200);
    let zstd = zstd::encode_all(&br#"{"timestamp":1700000004,"signals":{"s":8}}"#[..], 1).unwrap();
    assert_eq!(backend.post_as("application/json", "zstd", &zstd).status, 200);

    let stored = backend.get("/api/telemetry?from=1700000000&to=1700000004&signals=s").json();
    let values: Vec<_> =
        stored["s"].as_array().unwrap().iter().map(|p| p["value"].as_f64().unwrap()).collect();
    assert_eq!(values, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]);
    backend.close();
}

#[test]
fn a_sample_without_time_gets_the_servers_and_is_in_the_last_hour() {
    let folder = tempfile::tempdir().unwrap();
    let backend = Backend::start(&folder.path().join("a.db"));
    backend.post(r#"[{"signals":{"now":1}},{"timestamp":"2020-01-01","signals":{"long ago":1}}]"#);
    let last_hour = backend.get("/api/telemetry").json();
    assert!(last_hour["now"].is_array() && last_hour["long ago"].is_null(), "{last_hour}");
    assert_eq!(backend.get("/api/telemetry?hours=1").json(), last_hour);
    backend.close();
}

#[test]
fn sending_again_stores_nothing_twice_and_the_last_write_wins() {
    let folder = tempfile::tempdir().unwrap();
    let backend = Backend::start(&folder.path().join("a.db"));
    for value in [1, 2, 3] {
        backend.post(&format!(r#"{{"timestamp":1700000000,"signals":{{"s":{value}}}}}"#));
    }
    let stored = backend.get("/api/telemetry?from=1600000000").json();
    assert_eq!(stored["s"], json!([{"timestamp": "2023-11-14T22:13:20.000000Z", "value": 3.0}]));
    backend.close();
}

#[test]
fn a_spike_survives_max_points() {
    let folder = tempfile::tempdir().unwrap();
    let backend = Backend::start(&folder.path().join("a.db"));
    let objects: Vec<_> = (0..5_000)
        .map(
            |i| json!({"timestamp": 1_700_000_000 + i, "signals": {"s": if i == 3_333 { 1e6 } else { 0.5 }}}),
        )
        .collect();
    assert_eq!(backend.post(&json!(objects).to_string()).json()["accepted"], 5_000);
    let stored = backend.get("/api/telemetry?from=1700000000&max_points=100").json();
    let values: Vec<_> =
        stored["s"].as_array().unwrap().iter().map(|p| p["value"].as_f64().unwrap()).collect();
    assert!(values.len() <= 100, "{}", values.len());
    assert!(values.contains(&1e6));
    backend.close();
}

#[test]
fn the_answer_tells_the_truth_per_sample() {
    let folder = tempfile::tempdir().unwrap();
    let backend = Backend::start(&folder.path().join("a.db"));
    let answer = backend.post(r#"[{"signals":{"good":1,"bad":"x"}},7,{"signals":{"late":NaN}}]"#);
    assert_eq!(answer.status, 200);
    let rejected = answer.json()["rejected"].clone();
    let reasons: Vec<_> =
        rejected.as_array().unwrap().iter().map(|r| (&r["index"], &r["signal"], &r["code"])).collect();
    let null = json!(null);
    assert_eq!(
        reasons,
        [
            (&json!(0), &json!("bad"), &json!("not_a_number")),
            (&json!(1), &null, &json!("not_an_object")),
            (&json!(2), &json!("late"), &json!("not_finite")),
        ]
    );
    let answer = backend.post(r#"{"signals":{"bad":NaN}}"#);
    assert_eq!((answer.status, answer.code()), (400, "not_finite".into()));
    assert_eq!(answer.json()["error"]["details"]["rejected"][0]["signal"], "bad");
    backend.close();
}

#[test]
fn the_contract_is_served_and_pages_may_run_only_our_script() {
    let folder = tempfile::tempdir().unwrap();
    let backend = Backend::start(&folder.path().join("a.db"));
    let document = backend.get("/api/openapi.json").json();
    assert!(document["paths"]["/api/telemetry"]["post"].is_object());
    let head = backend.raw(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    let policy = head.lines().find(|line| line.starts_with("content-security-policy: ")).unwrap();
    assert!(!policy.contains("unsafe-inline") && !policy.contains("'unsafe-eval'"), "{policy}");
    backend.close();
}

#[test]
fn only_single_panels_are_framed_and_only_by_those_who_may() {
    let folder = tempfile::tempdir().unwrap();
    let ancestors = |backend: &Backend, address: &str| {
        let head =
            backend.raw(format!("GET {address} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").as_bytes());
        let policy =
            head.lines().find(|line| line.starts_with("content-security-policy: ")).unwrap().to_owned();
        policy.split("frame-ancestors ").nth(1).unwrap().to_owned()
    };
    let backend = Backend::start(&folder.path().join("a.db"));
    assert_eq!(ancestors(&backend, "/?panel=1"), "'self'");
    backend.close();
    let allowed = [("AFTERGLOW_EMBED_FROM", "https://a.example http://b.example:8080")];
    let backend = Backend::start_with(&folder.path().join("b.db"), "127.0.0.1:0", &allowed);
    assert_eq!(
        ancestors(&backend, "/boards/x?kiosk&panel=1"),
        "'self' https://a.example http://b.example:8080"
    );
    for whole in ["/", "/?panels=1", "/?kiosk=panel", "/boards/panel"] {
        assert_eq!(ancestors(&backend, whole), "'self'", "{whole}");
    }
    backend.close();
}

#[test]
fn the_dashboard_comes_compressed_and_is_not_sent_twice() {
    let folder = tempfile::tempdir().unwrap();
    let dist = folder.path().join("dist");
    std::fs::create_dir_all(&dist).unwrap();
    for (name, text) in
        [("index.html", "<p>page"), ("index.html.br", "brotli"), ("a.wasm", "wasm"), ("a.wasm.gz", "gz")]
    {
        std::fs::write(dist.join(name), text).unwrap();
    }
    let environment = [("AFTERGLOW_DASHBOARD_DIR", dist.to_str().unwrap())];
    let backend = Backend::start_with(&folder.path().join("a.db"), "127.0.0.1:0", &environment);
    let get = |path: &str, headers: &str| {
        backend
            .raw(format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n").as_bytes())
    };
    let page = get("/boards/7", "Accept-Encoding: gzip, br\r\n");
    assert!(page.contains("content-encoding: br") && page.ends_with("brotli"), "{page}");
    assert!(page.contains("content-type: text/html; charset=utf-8"), "{page}");
    assert!(get("/", "Accept-Encoding: br;q=0\r\n").ends_with("<p>page"));
    let wasm = get("/a.wasm", "Accept-Encoding: gzip\r\n");
    assert!(
        wasm.contains("content-type: application/wasm") && wasm.contains("content-encoding: gzip"),
        "{wasm}"
    );
    let etag = page.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap();
    let again = get("/", &format!("Accept-Encoding: br\r\nIf-None-Match: {etag}\r\n"));
    assert!(again.starts_with("HTTP/1.1 304"), "{again}");
    assert!(get("/missing.js", "").starts_with("HTTP/1.1 404"));
    assert!(get("/../a.db", "").starts_with("HTTP/1.1 404"));
    assert!(get("/%2e%2e/a.db", "").starts_with("HTTP/1.1 404"));
    backend.close();
}
