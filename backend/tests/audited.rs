//! Every operation of the OpenAPI document that may change something leaves one entry in the audit log, or stands here with the
//! reason why it does not. One without a line fails.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::harness::{Backend, eventually};
use crate::people::{Browser, PASSWORD, code, start};

/// Operations that leave no entry.
const WITHOUT: &[(&str, &str, &str)] = &[
    ("POST", "/api/telemetry", "samples are what is kept, not how it is kept"),
    ("POST", "/in/{key}", "as above"),
    ("POST", "/socket.io/", "a live client speaks; it changes nothing"),
    ("POST", "/api/rules/test", "a question with a body"),
    ("POST", "/api/tickets", "stands for who asks, for 30 seconds"),
    ("POST", "/api/shares/open", "makes a cookie of what the link has"),
    ("POST", "/api/login/oidc", "what it begins leaves an entry when the browser is back"),
    ("DELETE", "/api/login/oidc", "there is no provider; oidc:: has it"),
    ("POST", "/api/login/oidc/logout", "there is no provider; oidc:: has it"),
    ("POST", "/api/codes", "the secret counts once a code of it is shown, which leaves an entry"),
];

/// What is done by whom, and what of it is found.
struct Walk<'b> {
    backend: &'b Backend,
    /// An admin who only looks.
    reader: Browser<'b>,
    seen: i64,
    walked: BTreeSet<(String, String)>,
}

impl Walk<'_> {
    fn entries(&mut self) -> Vec<Value> {
        let text = self.reader.text("GET", "/api/audit");
        let entries = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let new: Vec<_> = entries.filter(|entry| entry["id"].as_i64().unwrap() > self.seen).collect();
        self.seen = new.last().map_or(self.seen, |entry| entry["id"].as_i64().unwrap());
        new
    }

    /// Does one operation, which must succeed, and leave one entry: `action` on `object`.
    fn step(
        &mut self,
        browser: &mut Browser<'_>,
        operation: &str,
        name: &str,
        body: &Value,
        (action, object): (&str, &str),
    ) -> Value {
        let (method, path) = operation.split_once(' ').unwrap();
        let target = match path.split_once('{') {
            None => path.to_owned(),
            Some((before, rest)) => format!("{before}{name}{}", rest.split_once('}').unwrap().1),
        };
        let target = if name.starts_with('?') { format!("{path}{name}") } else { target };
        let (status, answer) =
            browser.ask(method, &target, &if body.is_null() { String::new() } else { body.to_string() });
        assert!((200..300).contains(&status), "{operation}: {status} {answer}");
        let entries = self.entries();
        let [entry] = &entries[..] else { panic!("{operation} left {entries:?}") };
        assert_eq!((&entry["action"], &entry["object"]), (&json!(action), &json!(object)), "{operation}");
        assert_eq!(entry["who"], "member:ada", "{operation}");
        assert_eq!(entry["address"], "127.0.0.1", "{operation}");
        self.walked.insert((method.to_owned(), path.to_owned()));
        answer
    }
}

#[test]
fn every_operation_that_changes_something_leaves_an_entry() {
    let folder = tempfile::tempdir().unwrap();
    let (backend, link) = start(folder.path());
    let [mut ada, mut reader] = std::array::from_fn(|_| Browser::new(&backend));
    assert_eq!(reader.setup(&link, "eve", PASSWORD).0, 200);
    let (_, invited) = reader.ask("POST", "/api/members", r#"{"name":"ada","role":"admin"}"#);
    let ada_link = invited["link"].as_str().unwrap().to_owned();
    let document = reader.ask("GET", "/api/openapi.json", "").1;
    let mut walk = Walk { backend: &backend, reader, seen: 0, walked: BTreeSet::new() };
    let actions: Vec<_> = walk.entries().iter().map(|entry| entry["action"].clone()).collect();
    assert_eq!(actions, ["member.link", "password.choose", "member.create"]);

    let token = ada_link.split_once('#').unwrap().1.split(':').next().unwrap();
    let choose = json!({"token": token, "password": PASSWORD});
    walk.step(&mut ada, "POST /api/setup", "", &choose, ("password.choose", "ada"));
    walk.step(&mut ada, "POST /api/logout", "", &Value::Null, ("session.end", "ada"));
    let login = json!({"name": "ada", "password": PASSWORD});
    walk.step(&mut ada, "POST /api/login", "", &login, ("session.begin", "ada"));

    documents(&mut walk, &mut ada);
    alerts(&mut walk, &mut ada);
    keys_and_people(&mut walk, &mut ada, &login);

    let changing = document["paths"].as_object().unwrap().iter().flat_map(|(path, item)| {
        let methods = item.as_object().unwrap().keys().map(|method| method.to_ascii_uppercase());
        methods.filter(|method| method != "GET").map(|method| (method, path.clone()))
    });
    let without = WITHOUT.iter().map(|(method, path, _)| ((*method).to_owned(), (*path).to_owned()));
    let known: BTreeSet<_> = walk.walked.iter().cloned().chain(without).collect();
    assert_eq!(
        changing.collect::<BTreeSet<_>>(),
        known,
        "each changes something, or says why it has no entry"
    );
    assert!(backend.terminate().success());
}

fn documents(walk: &mut Walk<'_>, ada: &mut Browser<'_>) {
    assert_eq!(ada.ask("POST", "/api/telemetry", r#"{"signals":{"a":1,"b":1}}"#).0, 200);
    let none = Value::Null;
    walk.step(ada, "PATCH /api/signals/{name}", "a", &json!({"unit": "K"}), ("metadata.change", "a"));
    let mut board = walk.step(ada, "POST /api/boards", "", &json!({"title": "one"}), ("board.create", "one"));
    board["title"] = "two".into();
    walk.step(ada, "PUT /api/boards/{id}", "one", &board, ("board.replace", "one"));
    walk.step(ada, "DELETE /api/boards/{id}", "one", &none, ("board.delete", "one"));
    let note = json!({"text": "x", "from": 5});
    let note = walk.step(ada, "POST /api/annotations", "", &note, ("annotation.create", "1"));
    assert_eq!(note["id"], 1);
    walk.step(ada, "DELETE /api/annotations/{id}", "1", &none, ("annotation.delete", "1"));
    walk.step(ada, "DELETE /api/telemetry", "?signals=b", &none, ("samples.delete", "b"));
    walk.step(ada, "DELETE /api/signals/{name}", "b", &none, ("signal.delete", "b"));
}

fn alerts(walk: &mut Walk<'_>, ada: &mut Browser<'_>) {
    let none = Value::Null;
    let rule =
        json!({"id": "hot", "title": "Hot", "signals": ["oven"], "is": "above", "levels": [{"limit": 80}]});
    let mut rule = walk.step(ada, "POST /api/rules", "", &rule, ("rule.create", "hot"));
    rule["title"] = "Hotter".into();
    walk.step(ada, "PUT /api/rules/{id}", "hot", &rule, ("rule.replace", "hot"));
    assert_eq!(ada.ask("POST", "/api/telemetry", r#"{"signals":{"oven":90}}"#).0, 200);
    let mut episode = String::new();
    eventually("the alert fires", || {
        let alerts = ada.ask("GET", "/api/alerts", "").1;
        episode = alerts["firing"][0]["id"].as_str().unwrap_or_default().to_owned();
        !episode.is_empty()
    });
    let ack = json!({"by": "ada"});
    walk.step(ada, "POST /api/alerts/{episode}/ack", &episode, &ack, ("alert.ack", &episode));
    walk.step(ada, "DELETE /api/alerts/{episode}/ack", &episode, &none, ("alert.take_back", &episode));
    walk.step(ada, "DELETE /api/rules/{id}", "hot", &none, ("rule.delete", "hot"));
    let silence = json!({"id": "works", "signals": ["oven"], "to": "2100-01-01T00:00:00Z"});
    let mut silence = walk.step(ada, "POST /api/silences", "", &silence, ("silence.create", "works"));
    silence["title"] = "Works".into();
    walk.step(ada, "PUT /api/silences/{id}", "works", &silence, ("silence.replace", "works"));
    walk.step(ada, "POST /api/silences/{id}/end", "works", &none, ("silence.replace", "works"));
    walk.step(ada, "DELETE /api/silences/{id}", "works", &none, ("silence.delete", "works"));
    // Nobody listens there.
    let channel = json!({"id": "ops", "kind": "webhook", "url": "http://127.0.0.1:1/", "secret": "hush"});
    let mut channel = walk.step(ada, "POST /api/channels", "", &channel, ("channel.create", "ops"));
    channel["title"] = "Ops".into();
    walk.step(ada, "PUT /api/channels/{id}", "ops", &channel, ("channel.replace", "ops"));
    walk.step(ada, "POST /api/channels/{id}/test", "ops", &none, ("channel.test", "ops"));
    walk.step(ada, "DELETE /api/channels/{id}", "ops", &none, ("channel.delete", "ops"));
}

fn keys_and_people(walk: &mut Walk<'_>, ada: &mut Browser<'_>, login: &Value) {
    let none = Value::Null;
    let (status, made) = ada.ask("POST", "/api/keys", r#"{"label":"w","scopes":["write"]}"#);
    assert_eq!((status, walk.entries().len()), (201, 1));
    walk.walked.insert(("POST".into(), "/api/keys".into()));
    let key = made["id"].as_str().unwrap();
    walk.step(ada, "POST /api/keys/{id}/rotate", key, &json!({}), ("key.rotate", key));
    walk.step(ada, "DELETE /api/keys/{id}", key, &none, ("key.revoke", key));
    assert_eq!(ada.ask("POST", "/api/boards", r#"{"title":"shared"}"#).0, 201);
    let (status, made) = ada.ask("POST", "/api/shares", r#"{"board":"shared"}"#);
    let actions: Vec<_> = walk.entries().iter().map(|entry| entry["action"].clone()).collect();
    assert_eq!((status, actions), (201, vec![json!("board.create"), json!("share.create")]));
    walk.walked.insert(("POST".into(), "/api/shares".into()));
    let share = made["id"].as_str().unwrap();
    walk.step(ada, "DELETE /api/shares/{id}", share, &none, ("share.revoke", share));

    walk.step(ada, "POST /api/tenants", "", &json!({"name": "acme"}), ("tenant.create", "acme"));
    let limits = json!({"limits": {"signals": 5}});
    walk.step(ada, "PATCH /api/tenants/{name}", "acme", &limits, ("tenant.limits", "acme"));
    walk.step(ada, "DELETE /api/tenants/{name}", "acme", &none, ("tenant.delete", "acme"));

    let bob = json!({"name": "bob", "role": "viewer"});
    walk.step(ada, "POST /api/members", "", &bob, ("member.create", "bob"));
    walk.step(ada, "POST /api/members/{name}/reset", "bob", &none, ("member.link", "bob"));
    walk.step(ada, "PATCH /api/members/{name}", "bob", &json!({"role": "editor"}), ("member.role", "bob"));
    walk.step(ada, "DELETE /api/members/{name}", "bob", &none, ("member.remove", "bob"));

    let mut there = Browser::new(walk.backend);
    walk.step(&mut there, "POST /api/login", "", login, ("session.begin", "ada"));
    let sessions = ada.ask("GET", "/api/sessions", "").1;
    let other = sessions.as_array().unwrap().iter().find(|session| session["is_this"] == false).unwrap();
    let other = other["id"].as_str().unwrap();
    walk.step(ada, "DELETE /api/sessions/{id}", other, &none, ("session.end", "ada"));
    walk.step(ada, "DELETE /api/sessions", "", &none, ("session.end", "ada"));
    let new = json!({"old": PASSWORD, "new": "another horse battery"});
    walk.step(ada, "POST /api/password", "", &new, ("password.change", "ada"));
    let confirmation = json!({"password": "another horse battery"});
    let (status, secret) = ada.ask("POST", "/api/codes", &confirmation.to_string());
    assert_eq!((status, walk.entries()), (200, vec![]));
    let first = json!({"code": code(&secret, 0)});
    walk.step(ada, "PUT /api/codes", "", &first, ("codes.begin", "ada"));
    walk.step(ada, "DELETE /api/codes", "", &confirmation, ("codes.end", "ada"));
}
