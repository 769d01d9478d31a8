//! Boards: saved on the server, there after every restart, never overwritten unseen, refused by field.

use serde_json::{Value, json};

use crate::harness::Backend;

/// Texts that must come back as they went in, whatever they look like.
pub(crate) const HOSTILE: [&str; 6] = [
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "\"quotes\" 'single' `back` \\ / ; -- DROP TABLE board",
    "=HYPERLINK(\"http://x\",\"y\")",
    "\u{202e}txet tfel ot thgir\u{202c} שלום",
    "👩‍🚀🏳️‍🌈é e\u{301}",
    "%2e%2e%2f?a=b&c#d",
];

fn board(title: &str) -> String {
    json!({"title": title, "panels": [{"signals": ["host.*"]}]}).to_string()
}

#[test]
fn a_board_is_saved_listed_replaced_and_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let backend = Backend::start(&folder.path().join("a.db"));
    assert_eq!(backend.get("/api/boards").json(), json!([]));
    let saved = backend.send("POST", "/api/boards", &board("Machine room"));
    assert_eq!(saved.status, 201);
    let panel = json!({"id": "1", "kind": "line", "signals": ["host.*"], "width": 6, "height": 4});
    let expected = json!({"id": "machine-room", "version": 1, "title": "Machine room", "panels": [panel]});
    assert_eq!(saved.json(), expected);
    assert_eq!(backend.get("/api/boards/machine-room").json(), expected);

    // What was exported can be imported; its address is taken, so it needs another.
    let taken = backend.send("POST", "/api/boards", &saved.text);
    assert_eq!((taken.status, taken.code()), (409, "conflict".into()));
    let copy = backend.send("POST", "/api/boards", &board("Machine room"));
    assert_eq!(copy.json()["id"], "machine-room-2");

    let mut changed = saved.json();
    changed["title"] = json!("Attic");
    let replaced = backend.send("PUT", "/api/boards/machine-room", &changed.to_string());
    assert_eq!((replaced.status, replaced.json()["version"].as_i64()), (200, Some(2)));
    let list = json!([
        {"id": "machine-room", "version": 2, "title": "Attic"},
        {"id": "machine-room-2", "version": 1, "title": "Machine room"},
    ]);
    assert_eq!(backend.get("/api/boards").json(), list);

    assert_eq!(backend.send("DELETE", "/api/boards/machine-room", "").status, 204);
    for method in ["GET", "DELETE"] {
        let gone = backend.send(method, "/api/boards/machine-room", "");
        assert_eq!((gone.status, gone.code()), (404, "not_found".into()));
    }
    assert_eq!(backend.send("PUT", "/api/boards/machine-room", &board("x")).status, 404);
    backend.close();
}

#[test]
fn nobody_overwrites_what_they_have_not_seen() {
    let folder = tempfile::tempdir().unwrap();
    let backend = Backend::start(&folder.path().join("a.db"));
    let saved = backend.send("POST", "/api/boards", &board("A")).json();
    let put = |title: usize| {
        let mut changed = saved.clone();
        changed["title"] = json!(title.to_string());
        backend.send("PUT", "/api/boards/a", &changed.to_string())
    };
    let answers: Vec<_> = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..8).map(|title| scope.spawn(move || put(title))).collect();
        writers.into_iter().map(|writer| writer.join().unwrap()).collect()
    });
    let now = backend.get("/api/boards/a").json();
    assert_eq!(now["version"], 2);
    let (won, lost): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
    assert_eq!((won.len(), won[0].json()), (1, now.clone()));
    for answer in lost {
        assert_eq!((answer.status, answer.code()), (409, "conflict".into()));
        assert_eq!(answer.json()["error"]["details"]["current"], now);
    }
    backend.close();
}

#[test]
fn what_was_saved_is_there_after_a_restart_and_after_kill_nine() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("a.db");
    let backend = Backend::start(&database);
    let saved = backend.send("POST", "/api/boards", &board("A")).json();
    let revision = backend.get("/api/revision").json();
    backend.kill_nine();
    let backend = Backend::start(&database);
    assert_eq!(backend.get("/api/boards/a").json(), saved);
    assert_ne!(backend.get("/api/revision").json()["boards"], revision["boards"], "pages must ask again");
    backend.close();
    let backend = Backend::start(&database);
    assert_eq!(backend.get("/api/boards/a").json(), saved);
    backend.close();
}

#[test]
fn hostile_texts_come_back_as_they_are_and_as_json() {
    let folder = tempfile::tempdir().unwrap();
    let backend = Backend::start(&folder.path().join("a.db"));
    let longest = "\u{1f469}".repeat(64);
    for text in HOSTILE.into_iter().chain([&*longest]) {
        let threshold = json!({"value": 1, "label": text});
        let panel = json!({"title": text, "signals": [text], "thresholds": [threshold]});
        let saved =
            backend.send("POST", "/api/boards", &json!({"title": text, "panels": [panel]}).to_string());
        assert_eq!(saved.status, 201, "{}", saved.text);
        let saved = saved.json();
        let id = saved["id"].as_str().unwrap();
        assert!(
            id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'),
            "{id}"
        );
        let board = backend.get(&format!("/api/boards/{id}")).json();
        let panel = &board["panels"][0];
        for back in [&board["title"], &panel["title"], &panel["signals"][0], &panel["thresholds"][0]["label"]]
        {
            assert_eq!(back, text);
        }
    }
    let head = backend.raw(b"GET /api/boards HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert!(head.contains("content-type: application/json") && head.contains("nosniff"), "{head}");
    for id in ["..", "%2e%2e%2fa", "a%00b", "%ff", &"x".repeat(5_000), "'%20OR%201=1"] {
        let answer = backend.send("DELETE", &format!("/api/boards/{id}"), "");
        assert!(matches!(answer.status, 404 | 405), "{id}: {}", answer.status);
    }
    assert_eq!(backend.get("/api/boards").json().as_array().unwrap().len(), HOSTILE.len() + 1);
    backend.close();
}

#[test]
fn what_is_not_allowed_is_refused_by_its_field() {
    let folder = tempfile::tempdir().unwrap();
    let backend = Backend::start(&folder.path().join("a.db"));
    let check = |body: Value, field: &str| {
        let answer = backend.send("POST", "/api/boards", &body.to_string());
        assert_eq!((answer.status, answer.field()), (422, ("invalid".into(), field.into())), "{body}");
    };
    check(json!({}), "title");
    check(json!({"title": "x".repeat(257)}), "title");
    check(json!({"title": "x", "panels": 5}), "panels");
    check(json!({"title": "x", "id": "../etc"}), "id");
    check(json!({"title": "x", "id": "everything"}), "id");
    check(json!({"title": "x", "colour": "red"}), "colour");
    check(json!({"title": "x", "panels": [{}, {"width": 13}]}), "panels[1].width");
    check(json!({"title": "x", "panels": [{"min": "0"}]}), "panels[0].min");
    check(json!({"title": "x", "panels": [{"min": 2, "max": 1}]}), "panels[0].max");
    check(json!({"title": "x", "panels": [{"signals": [""]}]}), "panels[0].signals[0]");
    check(
        json!({"title": "x", "panels": [{"thresholds": [{"colour": "url(//x)", "value": 1}]}]}),
        "panels[0].thresholds[0].colour",
    );
    check(json!({"title": "x", "panels": vec![json!({}); 101]}), "panels");
    let saved = backend.send("POST", "/api/boards", &board("x")).json();
    let elsewhere = backend.send("PUT", "/api/boards/y", &saved.to_string());
    assert_eq!((elsewhere.status, elsewhere.field().1), (422, "id".into()));

    let code = |body: &str| backend.send("POST", "/api/boards", body).code();
    assert_eq!(code("{\"title\":"), "malformed_json");
    assert_eq!(code("[]"), "not_an_object");
    assert_eq!(code(&"{\"panels\":".repeat(10_000)), "invalid");
    assert_eq!(code(&format!("{{\"title\":\"{}\"}}", "x".repeat(600_000))), "body_too_large");
    let as_text = backend.send_with("POST", "/api/boards", "", &[("Content-Type", "text/plain")]);
    assert_eq!(as_text.status, 415);
    backend.close();
}

#[test]
fn no_more_boards_are_kept_than_allowed() {
    let folder = tempfile::tempdir().unwrap();
    let backend = Backend::start(&folder.path().join("a.db"));
    for _ in 0..500 {
        assert_eq!(backend.send("POST", "/api/boards", r#"{"title":"A"}"#).status, 201);
    }
    let refused = backend.send("POST", "/api/boards", r#"{"title":"A"}"#);
    assert_eq!((refused.status, refused.code()), (422, "limit_reached".into()));
    assert_eq!(backend.send("DELETE", "/api/boards/a-77", "").status, 204);
    assert_eq!(backend.send("POST", "/api/boards", r#"{"title":"A"}"#).json()["id"], "a-77");
    backend.close();
}

#[test]
fn pages_learn_of_changes_and_of_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let backend = Backend::start(&folder.path().join("a.db"));
    let again = |path: &str, etag: &Option<String>| {
        let headers = [("If-None-Match", etag.as_deref().unwrap())];
        backend.send_with("GET", path, "", &headers).status
    };
    let (revision, list) = (backend.get("/api/revision"), backend.get("/api/boards"));
    assert_eq!((again("/api/revision", &revision.etag), again("/api/boards", &list.etag)), (304, 304));
    assert_eq!(backend.send("POST", "/api/boards", "{}").status, 422);
    assert_eq!(again("/api/revision", &revision.etag), 304, "nothing was saved");
    assert_eq!(backend.send("POST", "/api/annotations", r#"{"text":"x"}"#).status, 201);
    assert_eq!((again("/api/revision", &revision.etag), again("/api/boards", &list.etag)), (200, 304));
    assert_eq!(backend.send("POST", "/api/boards", r#"{"title":"A"}"#).status, 201);
    assert_eq!(again("/api/boards", &list.etag), 200);
    let later = backend.get("/api/revision").json();
    let before = revision.json();
    for (kind, changes) in [("boards", 1), ("annotations", 1), ("metadata", 0)] {
        assert_eq!(later[kind].as_u64().unwrap() - before[kind].as_u64().unwrap(), changes, "{kind}");
    }
    backend.close();
}

#[test]
fn pages_of_other_sites_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let backend = Backend::start(&folder.path().join("a.db"));
    let from = |origin: &str| {
        let headers = [("Origin", origin)];
        backend.send_with("POST", "/api/boards", &board("A"), &headers).status
    };
    assert_eq!(from("http://evil.example"), 403);
    assert_eq!(from("null"), 403);
    assert_eq!(from(&format!("http://{}", backend.address())), 201);
    backend.close();
}

#[test]
fn samples_are_stored_while_many_boards_are_saved() {
    let folder = tempfile::tempdir().unwrap();
    let backend = Backend::start(&folder.path().join("a.db"));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..20 {
                    let status = backend.send("POST", "/api/boards", &board("A")).status;
                    assert_eq!(status, 201);
                }
            });
        }
        for round in 0..100 {
            assert_eq!(backend.post(&format!(r#"{{"signals":{{"a":{round}}}}}"#)).status, 200);
        }
    });
    assert_eq!(backend.get("/api/boards").json().as_array().unwrap().len(), 160);
    backend.close();
}
