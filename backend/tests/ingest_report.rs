//! `GET /api/ingest` tells what arrived and why what was refused was.

use serde_json::json;

use crate::harness::Backend;

#[test]
fn every_request_is_reported_with_its_verdict() {
    let folder = tempfile::tempdir().unwrap();
    let backend = Backend::start(&folder.path().join("a.db"));
    let empty = backend.get("/api/ingest").json();
    assert_eq!((&empty["totals"]["requests"], &empty["requests"]), (&json!(0), &json!([])));

    let bodies = [
        r#"{"signals":{"a":1,"b":2}}"#,
        r#"[{"timestamp":1700000000,"signals":{"a":1,"b":"x","c":1e999}},{"signals":{"b":[]}}]"#,
        r#"{"signals":{"<b>":null}}"#,
        "{",
    ];
    for body in bodies {
        backend.post(body);
    }
    let bytes: usize = bodies.iter().map(|body| body.len()).sum();
    let report = backend.get("/api/ingest").json();
    assert_eq!(
        report["totals"],
        json!({"requests": 4, "failed": 2, "bytes": bytes, "accepted": 3, "rejected": 4, "late": 1})
    );
    assert_eq!(report["rejected_by_code"], json!({"not_a_number": 3, "not_finite": 1, "malformed_json": 1}));
    let verdicts: Vec<_> = report["requests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|request| {
            json!([
                request["status"],
                request["code"],
                request["accepted"],
                request["rejected"],
                request["late"]
            ])
        })
        .collect();
    assert_eq!(
        verdicts,
        [
            json!([400, "malformed_json", 0, 0, 0]),
            json!([400, "not_a_number", 0, 1, 0]),
            json!([200, null, 1, 3, 1]),
            json!([200, null, 2, 0, 0]),
        ]
    );
    let reason = report["requests"][2]["reason"].as_str().unwrap();
    assert!(reason.starts_with("b: the value is a text"), "{reason}");
    assert!(report["requests"][3].get("reason").is_none());
    let source = &report["sources"][0];
    assert_eq!((&source["address"], &source["requests"]), (&json!("127.0.0.1"), &json!(4)));
    // The latest sample that was stored is of 2023.
    assert!(source["skew_micros"].as_i64().unwrap() < -60_000_000, "{source}");
    backend.close();
}

#[test]
fn the_report_is_bounded_and_shows_a_clock_that_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let backend = Backend::start(&folder.path().join("a.db"));
    for _ in 0..250 {
        let now: i64 = backend.get("/api/ingest").json()["now"]
            .as_str()
            .map(|now| now.parse::<afterglow_wire::Timestamp>().unwrap().micros())
            .unwrap();
        let posted = backend.post(&json!({"timestamp": now + 90_000_000, "signals": {"a": 1}}).to_string());
        assert_eq!(posted.status, 200);
    }
    let report = backend.get("/api/ingest").json();
    assert_eq!(
        (&report["totals"]["requests"], report["requests"].as_array().unwrap().len()),
        (&json!(250), 200)
    );
    let skew = report["sources"][0]["skew_micros"].as_i64().unwrap();
    assert!((30_000_000..=90_000_000).contains(&skew), "{skew}");
    backend.close();
}
