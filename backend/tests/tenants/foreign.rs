//! Every operation of the OpenAPI document, asked in one tenant about what belongs to another.

use std::io::Read as _;

use serde_json::{Value, json};

use super::{make_tenant, post, tenant_key};
use crate::harness::{Answer, Backend};
use crate::keys::{ask, guarded, id, key, socket, stream};

/// What every text of the first tenant has, and no answer to another may have.
const CANARY: &str = "canary";

/// Operations whose answers do not end, or that a browser alone makes.
const LIVE: [&str; 4] = ["/ws", "/api/stream", "/socket.io/", "/in/{key}"];

/// What stands for the parameter of a path: the id of something of the first tenant. One without a rule fails.
fn parameter(path: &str, made: &Value) -> String {
    let of = |kind: &str| made[kind].as_str().unwrap().to_owned();
    let kinds = [
        ("/api/boards/", "board"),
        ("/api/annotations/", "annotation"),
        ("/api/rules/", "rule"),
        ("/api/silences/", "silence"),
        ("/api/channels/", "channel"),
        ("/api/keys/", "key"),
        ("/api/shares/", "share"),
        ("/api/signals/", "signal"),
        ("/api/members/", "member"),
        ("/api/alerts/", "episode"),
        ("/api/sessions/", "session"),
        ("/api/tenants/", "tenant"),
    ];
    let (_, kind) = kinds.iter().find(|(start, _)| path.starts_with(start)).unwrap_or_else(|| {
        panic!("what stands for the parameter in {path}?");
    });
    of(kind)
}

/// One of every kind, with the canary in each text; the ids.
fn seed(backend: &Backend, key: &str) -> Value {
    let make = |path: &str, body: Value| {
        let answer = ask(backend, key, "POST", path, &body.to_string());
        assert!(matches!(answer.status, 200 | 201), "{path}: {}", answer.text);
        answer.json()
    };
    make("/api/telemetry", json!({"signals": {"canary.signal": 90}}));
    let metadata = json!({"description": "canary"}).to_string();
    assert_eq!(ask(backend, key, "PATCH", "/api/signals/canary.signal", &metadata).status, 200);
    let panel = json!({"title": "canary", "signals": ["canary.signal"]});
    make("/api/boards", json!({"id": "canary-board", "title": "canary board", "panels": [panel]}));
    let note = make("/api/annotations", json!({"text": "canary", "from": 5}));
    let rule = json!({"id": "canary-rule", "title": "canary", "signals": ["canary.*"], "is": "above", "levels": [{"limit": 80}]});
    make("/api/rules", rule);
    let silence = json!({"id": "canary-silence", "signals": ["canary.x"], "to": "2100-01-01T00:00:00Z"});
    make("/api/silences", silence);
    make(
        "/api/channels",
        json!({"id": "canary-channel", "kind": "webhook", "url": "https://canary.invalid/canary", "secret": "canary"}),
    );
    let made = make("/api/keys", json!({"label": "canary", "scopes": ["read"]}));
    let share = make("/api/shares", json!({"board": "canary-board", "label": "canary"}));
    make("/api/members", json!({"name": "canary-member", "role": "admin"}));
    json!({
        "board": "canary-board", "annotation": note["id"].to_string(), "rule": "canary-rule",
        "silence": "canary-silence", "channel": "canary-channel", "key": made["id"], "share": share["id"],
        "signal": "canary.signal", "member": "canary-member", "episode": "canary", "session": "canary",
        "tenant": "first",
    })
}

/// The status and the error's code; texts name what was asked for.
fn kind(answer: &Answer) -> (u16, String) {
    let body: Value = serde_json::from_str(&answer.text).unwrap_or_default();
    (answer.status, body["error"]["code"].as_str().unwrap_or_default().to_owned())
}

#[test]
fn nothing_of_a_tenant_is_in_any_answer_to_another() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("a.db");
    for tenant in ["first", "second"] {
        make_tenant(&database, &[tenant]);
    }
    let all = "write,read,edit,admin";
    let first = tenant_key(&database, "first", all);
    let others = [tenant_key(&database, "second", all), key(&database, &["--scopes", all])];
    let backend = guarded(&database);
    let made = seed(&backend, &first);
    let before = state(&backend, &first);
    assert!(before.iter().all(|text| text.contains(CANARY)), "{before:?}");
    let document = ask(&backend, &first, "GET", "/api/openapi.json", "").json();
    let mut asked = 0;
    for other in &others {
        for (path, item) in document["paths"].as_object().unwrap() {
            if LIVE.contains(&&**path) {
                continue;
            }
            for (method, operation) in item.as_object().unwrap() {
                let method = method.to_ascii_uppercase();
                let example = &operation["requestBody"]["content"]["application/json"]["example"];
                let bodies = match &*method {
                    "GET" | "DELETE" => vec![String::new()],
                    _ if example.is_null() => vec!["{}".to_owned()],
                    _ => vec!["{}".to_owned(), example.to_string()],
                };
                for body in bodies {
                    asked += 1;
                    let Some((start, rest)) = path.split_once('{') else {
                        let answer = ask(&backend, other, &method, path, &body);
                        assert!(!answer.text.contains(CANARY), "{method} {path}: {}", answer.text);
                        continue;
                    };
                    let rest = rest.split_once('}').unwrap().1;
                    let of = |parameter: &str| format!("{start}{parameter}{rest}");
                    let foreign = ask(&backend, other, &method, &of(&parameter(path, &made)), &body);
                    let missing = ask(&backend, other, &method, &of("9999"), &body);
                    assert_eq!(kind(&foreign), kind(&missing), "{method} {path} {body}: {}", foreign.text);
                    assert!(foreign.status >= 400 || method == "PATCH", "{method} {path}: {}", foreign.text);
                    // It may have what was asked for, and nothing else.
                    let text = foreign.text.replace(&parameter(path, &made), "");
                    assert!(!text.contains(CANARY), "{method} {path}: {}", foreign.text);
                }
            }
        }
    }
    assert!(asked > 150, "{asked}");
    assert_eq!(state(&backend, &first), before, "and nothing of it was changed");
}

/// What can be read of everything that could be changed.
fn state(backend: &Backend, key: &str) -> [String; 8] {
    let kinds = ["boards", "annotations", "rules", "silences", "channels", "shares", "members"];
    let read = |path: &str| ask(backend, key, "GET", path, "").text;
    let mut state = kinds.map(|kind| read(&format!("/api/{kind}"))).to_vec();
    state.push(read("/api/telemetry?from=0001-01-01"));
    state.try_into().unwrap()
}

#[test]
fn live_clients_of_a_tenant_see_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("a.db");
    for tenant in ["first", "second"] {
        make_tenant(&database, &[tenant]);
    }
    let [first, second] = ["first", "second"].map(|tenant| tenant_key(&database, tenant, "write,read"));
    let default = key(&database, &["--scopes", "write,read"]);
    let backend = guarded(&database);
    for other in [&second, &default] {
        let mut plain = socket(&backend, other, None);
        let mut events = stream(&backend, other, "/api/stream");
        let mut head = [0; 16];
        events.read_exact(&mut head).unwrap();
        for value in 0..20 {
            assert_eq!(post(&backend, &first, "canary.signal", f64::from(value)), 200);
        }
        assert_eq!(post(&backend, other, "own.signal", 1.0), 200);
        let mut seen = Vec::new();
        while !has(&seen, "own.signal") {
            seen.extend(plain.read().unwrap().into_data());
        }
        let mut piece = [0; 4_096];
        let mut streamed = Vec::new();
        while !has(&streamed, "own.signal") {
            let read = events.read(&mut piece).unwrap();
            assert!(read > 0, "{}", String::from_utf8_lossy(&streamed));
            streamed.extend(&piece[..read]);
        }
        assert!(!has(&seen, CANARY) && !has(&streamed, CANARY));
    }
    // A ticket and an address of one tenant are of no other.
    let ticket =
        ask(&backend, &second, "POST", "/api/tickets", "").json()["ticket"].as_str().unwrap().to_owned();
    let secret = ticket.strip_prefix("second.").unwrap();
    for wrong in [secret.to_owned(), format!("first.{secret}")] {
        assert_eq!(backend.get(&format!("/api/stream?ticket={wrong}")).status, 401);
    }
    let address = key(&database, &["--tenant", "second", "--address"]);
    let body = r#"{"signals":{"by.address":1}}"#;
    crate::harness::eventually("the address counts", || {
        backend.send("POST", &format!("/in/{address}"), body).status == 200
    });
    let names = |key: &str| ask(&backend, key, "GET", "/api/signals", "").text;
    assert!(names(&second).contains("by.address"));
    assert!(!names(&first).contains("by.address") && !names(&default).contains("by.address"));
    assert_ne!(id(&address), id(&second));
}

fn has(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}
