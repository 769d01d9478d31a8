//! A tenant cannot tell whether it has neighbours: what it is answered are the bytes that a server without them answers.

use std::path::Path;

use serde_json::{Value, json};

use crate::harness::Backend;
use crate::keys::{afterglow, ask, guarded, id};
use crate::tenants::{make_tenant, tenant_key};

/// Operations whose answers do not end, or that a browser alone makes: `live_clients_of_a_tenant_see_no_other` is about these.
const LIVE: [&str; 5] = ["/ws", "/api/stream", "/socket.io/", "/in/{key}", "/api/login/oidc/callback"];

/// What is the process's, and the same for everyone (docs/security.md).
const OF_THE_PROCESS: [&str; 1] = ["/health"];

/// What differs between two moments of one server, by its name in the answer of one path.
const VOLATILE: [(&str, &[&str]); 6] = [
    // When the process started, and how long its readers took.
    ("/api/usage", &["since", "reader_seconds"]),
    // When samples came, and how long that took.
    (
        "/api/ingest",
        &[
            "since",
            "now",
            "requests_per_second",
            "samples_per_second",
            "last",
            "at",
            "source",
            "took_micros",
            "skew_micros",
        ],
    ),
    // When something was done, and what follows from that.
    ("/api/audit", &["at", "hash"]),
    // Revisions count from the time at which the process started.
    ("/api/revision", &["boards", "annotations", "metadata", "rules", "alerts", "silences", "channels"]),
    ("/api/keys", &["last_used"]),
    ("/api/shares", &["last_used"]),
];

/// Parameters that make an answer have something to say.
const PARAMETERS: [(&str, &[&str]); 3] = [
    (
        "/api/telemetry",
        &["?from=0001-01-01", "?from=0001-01-01&format=csv", "?from=0001-01-01&slice=1&max_points=9"],
    ),
    ("/api/telemetry/summary", &["?signals=*&from=0001-01-01"]),
    ("/api/signals", &["?details=1", "?metadata=1"]),
];

/// Removes the value of `name` from a text of JSON.
fn without(text: &str, name: &str) -> String {
    let mark = format!("\"{name}\":");
    let mut parts = text.split(&*mark);
    let mut masked = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find([',', '}', '\n']).unwrap_or(part.len());
        masked.extend([&*mark, &part[end..]]);
    }
    masked
}

/// The whole answer, head and body, but for the time; HTTP/1.0 has no chunks, whose sizes mean nothing.
fn answer(backend: &Backend, key: &str, path: &str) -> String {
    let head = "Host: x\r\nX-Request-Id: alone\r\n";
    let answer =
        backend.raw(format!("GET {path} HTTP/1.0\r\n{head}Authorization: Bearer {key}\r\n\r\n").as_bytes());
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{path}: {answer}"));
    let mut head: Vec<_> =
        head.lines().filter(|line| !line.to_ascii_lowercase().starts_with("date:")).collect();
    head.sort_unstable();
    let path = path.split('?').next().unwrap_or_default();
    let names = VOLATILE.iter().find(|(of, _)| *of == path).map_or(&[][..], |(_, names)| names);
    let body = names.iter().fold(body.to_owned(), |body, name| without(&body, name));
    // A document's validator is its revision (above); a masked body may have had another length.
    let is_masked = |line: &&str| {
        let line = line.to_ascii_lowercase();
        line.starts_with("etag:") || !names.is_empty() && line.starts_with("content-length:")
    };
    head.retain(|line| !is_masked(line));
    format!("{}\n\n{body}", head.join("\n"))
}

/// One of everything. What has an id that the server chooses is made in the same order on both sides.
fn seed(backend: &Backend, key: &str, word: &str) {
    let make = |method: &str, path: &str, body: Value| {
        let answer = ask(backend, key, method, path, &body.to_string());
        assert!(matches!(answer.status, 200 | 201), "{method} {path}: {}", answer.text);
    };
    for value in 0..50 {
        let signals = json!({format!("{word}.x"): value, format!("{word}.y"): 90 - value});
        make("POST", "/api/telemetry", json!({"timestamp": 1_700_000_000 + value, "signals": signals}));
    }
    make("PATCH", &format!("/api/signals/{word}.x"), json!({"unit": word}));
    let panel = json!({"title": word, "signals": [format!("{word}.*")]});
    make("POST", "/api/boards", json!({"id": "board", "title": word, "panels": [panel]}));
    make("POST", "/api/annotations", json!({"text": word, "from": 1_700_000_000}));
    let rule = json!({"id": "rule", "title": word, "signals": [format!("{word}.x")], "is": "above", "levels": [{"limit": 1e9}]});
    make("POST", "/api/rules", rule);
    make(
        "POST",
        "/api/silences",
        json!({"id": "silence", "signals": ["none"], "to": "2100-01-01T00:00:00Z"}),
    );
    let hook = json!({"id": "channel", "kind": "webhook", "url": "https://x.invalid/", "secret": word});
    make("POST", "/api/channels", hook);
    make("POST", "/api/shares", json!({"board": "board", "label": word}));
    make("POST", "/api/members", json!({"name": word, "role": "admin"}));
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn a_tenant_with_neighbours_is_answered_as_one_that_is_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (alone, crowded) = (folder.path().join("alone"), folder.path().join("crowded"));
    std::fs::create_dir(&alone).unwrap();
    let database = alone.join("a.db");
    make_tenant(&database, &["acme"]);
    let own = tenant_key(&database, "acme", "write,read,edit,admin");
    let backend = guarded(&database);
    seed(&backend, &own, "own");
    assert!(backend.terminate().success());
    // The same files, to which neighbours come, who are as large as it is and larger.
    copy(&alone, &crowded);
    let shared = crowded.join("a.db");
    make_tenant(&shared, &["first"]);
    make_tenant(&shared, &["zebra"]);
    let neighbours = ["first", "zebra"].map(|name| tenant_key(&shared, name, "write,read,edit,admin"));
    let default = crate::keys::key(&shared, &["--scopes", "write,read,edit,admin"]);
    let (alone, crowded) = (guarded(&database), guarded(&shared));
    for neighbour in neighbours.iter().chain([&default]) {
        seed(&crowded, neighbour, "canary");
        let lines: Vec<_> = (0..300).map(|n| json!({"signals": {format!("canary.{n}"): n}})).collect();
        assert_eq!(ask(&crowded, neighbour, "POST", "/api/telemetry", &json!(lines).to_string()).status, 200);
    }
    // Then the same happens in both.
    for backend in [&alone, &crowded] {
        let sample = json!({"timestamp": 1_700_001_000, "signals": {"own.new": 1, "own.x": 2}}).to_string();
        assert_eq!(ask(backend, &own, "POST", "/api/telemetry", &sample).status, 200);
        assert_eq!(ask(backend, &own, "DELETE", "/api/annotations/1", "").status, 204);
    }
    let document = ask(&alone, &own, "GET", "/api/openapi.json", "").json();
    let (mut compared, mut told, mut differ) = (0, 0, Vec::new());
    for (path, item) in document["paths"].as_object().unwrap() {
        if item.get("get").is_none() || LIVE.contains(&&**path) || OF_THE_PROCESS.contains(&&**path) {
            continue;
        }
        // Once of what it has, once of what a neighbour has or nobody.
        let known = path
            .replace("/api/boards/{id}", "/api/boards/board")
            .replace("/api/rules/{id}", "/api/rules/rule")
            .replace("/api/silences/{id}", "/api/silences/silence")
            .replace("/api/channels/{id}", "/api/channels/channel");
        assert!(!known.contains('{'), "what stands for the parameter in {path}?");
        let missing = path.replace("{id}", "canary");
        let more = PARAMETERS.iter().find(|(of, _)| of == path).map_or(&[][..], |(_, more)| more);
        let more = more.iter().map(|parameters| format!("{known}{parameters}"));
        for path in [known.clone(), missing].into_iter().chain(more) {
            let [expected, found] = [&alone, &crowded].map(|backend| answer(backend, &own, &path));
            if found != expected {
                differ.push(format!("{path}\n{expected}\n{found}"));
            }
            assert!(!found.contains("canary") || path.contains("canary"), "{path}: {found}");
            compared += 1;
            told += usize::from(found.contains("own"));
        }
    }
    assert!(differ.is_empty(), "{}", differ.join("\n\n"));
    assert!(compared > 30 && told > 10, "{compared} {told}");
    // What it writes is answered alike, too.
    for (method, path, body) in [
        (
            "POST",
            "/api/telemetry",
            r#"{"timestamp":1700002000,"signals":{"own.x":1,"own.other":"no number"}}"#,
        ),
        ("POST", "/api/boards", r#"{"id":"board","title":"again","panels":[]}"#),
        ("DELETE", "/api/telemetry?signals=canary.*", ""),
        ("DELETE", "/api/signals/canary.1", ""),
        ("DELETE", "/api/shares/0000000000000000", ""),
    ] {
        let [expected, found] = [&alone, &crowded].map(|backend| ask(backend, &own, method, path, body));
        assert_eq!((found.status, found.text), (expected.status, expected.text), "{method} {path}");
    }
    let verified =
        [&database, &shared].map(|database| afterglow(database, &["audit", "verify", "--tenant", "acme"]));
    assert!(verified.iter().all(|output| output.status.success()), "{verified:?}");
    assert_ne!(id(&own), id(&neighbours[0]));
}
