//! No secret is anywhere but where it was given: not in a log, however much is logged, not in another answer, not in the database or
//! in a copy of it. The real values are looked for, byte by byte.

use std::path::Path;

use serde_json::json;

use crate::harness::{Backend, eventually};
use crate::keys::{afterglow, key};
use crate::people::{Browser, PASSWORD, code};

const CHANNEL_SECRET: &str = "channel-secret-0123456789";

fn contains(bytes: &[u8], secret: &str) -> bool {
    bytes.windows(secret.len()).any(|window| window == secret.as_bytes())
}

/// The part of a key that nobody can guess.
fn random_part(key: &str) -> &str {
    &key[21..64]
}

#[test]
fn no_secret_is_in_logs_answers_the_database_or_a_copy() {
    let folder = tempfile::tempdir().unwrap();
    let (database, log) = (folder.path().join("a.db"), folder.path().join("log"));
    let writer = key(&database, &["--scopes", "write"]);
    let inbox = key(&database, &["--address", "--get"]);
    let settings = [("AFTERGLOW_AUTH", "required"), ("AFTERGLOW_LOG", "trace")];
    let backend = Backend::try_start(&database, &settings, &log).unwrap();
    let mut link = String::new();
    eventually("the link is printed", || {
        let text = std::fs::read_to_string(&log).unwrap();
        link = text.split("Set up: ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap_or("").to_owned();
        text.contains("prints a new one)\n")
    });
    let mut answers = Vec::new();

    // Ways to send a key, right and wrong.
    let bearer = format!("Bearer {writer}");
    let sample = r#"{"signals":{"a":1}}"#;
    for (method, path, headers) in [
        ("POST", "/api/telemetry".to_owned(), vec![("Authorization", bearer.as_str())]),
        ("POST", "/api/telemetry".to_owned(), vec![("X-Api-Key", &writer)]),
        ("GET", "/api/signals".to_owned(), vec![("X-Api-Key", &writer)]),
        ("POST", format!("/api/telemetry?key={writer}"), vec![("X-Api-Key", &writer)]),
        ("PUT", format!("/in/{inbox}"), vec![]),
        ("POST", format!("/in/{inbox}"), vec![]),
        ("POST", format!("/in/{inbox}/more"), vec![]),
        ("POST", format!("/in/{writer}"), vec![]),
        ("GET", format!("/in/{inbox}?b=2"), vec![]),
        ("GET", "/api/signals".to_owned(), vec![("Authorization", &inbox)]),
    ] {
        let body = if method == "GET" { "" } else { sample };
        answers.push(backend.send_with(method, &path, body, &headers).text);
    }

    // People, with everything that they type and get.
    let mut ada = Browser::new(&backend);
    answers.push(ada.setup(&link, "ada", PASSWORD).1.to_string());
    let first_link = link.split_once('#').unwrap().1.to_owned();
    let cookie = ada.cookie.clone().unwrap();
    let made = ada.ask("POST", "/api/keys", r#"{"label":"r","scopes":["read"]}"#).1;
    let reader = made["key"].as_str().unwrap().to_owned();
    let invitation = ada.ask("POST", "/api/members", r#"{"name":"bob","role":"viewer"}"#).1;
    let invitation = invitation["link"].as_str().unwrap().split_once('#').unwrap().1.replace(":bob", "");
    let secret = ada.ask("POST", "/api/codes", &json!({"password": PASSWORD}).to_string()).1;
    let begun = ada.ask("PUT", "/api/codes", &json!({"code": code(&secret, 0)}).to_string()).1;
    let recovery = begun["recovery"][0].as_str().unwrap().to_owned();
    let totp = secret["secret"].as_str().unwrap().to_owned();
    let hook = json!({"id": "ops", "kind": "webhook", "url": "http://127.0.0.1:1/path-secret", "secret": CHANNEL_SECRET});
    for (method, path, body) in [
        ("POST", "/api/channels", hook.to_string()),
        ("POST", "/api/channels/ops/test", String::new()),
        ("GET", "/api/channels/ops/log", String::new()),
        ("GET", "/api/channels", String::new()),
        ("POST", "/api/login", json!({"name": "ada", "password": PASSWORD, "code": "000000"}).to_string()),
        ("POST", "/api/login", format!("{{\"name\":\"ada\",\"password\":\"{PASSWORD}\"")),
        ("GET", "/api/keys", String::new()),
        ("GET", "/api/members", String::new()),
        ("GET", "/api/sessions", String::new()),
        ("GET", "/api/audit", String::new()),
        ("GET", "/api/me", String::new()),
        ("GET", "/api/ingest", String::new()),
        ("GET", "/metrics", String::new()),
    ] {
        answers.push(if body.is_empty() {
            ada.text(method, path)
        } else {
            ada.ask(method, path, &body).1.to_string()
        });
    }

    let copy = folder.path().join("copy.db");
    let output = afterglow(&database, &["backup", "--to", copy.to_str().unwrap()]);
    assert!(output.status.success(), "{output:?}");
    let doctor = afterglow(&database, &["doctor"]);
    answers.push(String::from_utf8(doctor.stdout).unwrap());
    let listed = afterglow(&database, &["access", "key", "list"]);
    answers.push(String::from_utf8(listed.stdout).unwrap());
    assert!(backend.terminate().success());

    // The link is printed on purpose, once, in a line of its own.
    let text = std::fs::read_to_string(&log).unwrap();
    let rest: Vec<_> = text.lines().filter(|line| !line.contains("Set up: ")).collect();
    assert!(rest.len() > 20, "something is logged: {text}");
    let shown = format!("{}\n{}", rest.join("\n"), answers.join("\n"));
    let keys = [&writer, &inbox, &reader].map(|key| random_part(key));
    let stored_as_hashes = [PASSWORD, &cookie, &first_link, &invitation, &recovery];
    let hashed = keys.iter().copied().chain(stored_as_hashes);
    // What the server itself must be able to read is in the file as it is (docs/security.md).
    let kept = [totp.as_str(), CHANNEL_SECRET, "path-secret"];
    for secret in hashed.clone().chain(kept) {
        assert!(secret.len() >= 8, "{secret}");
        let line = shown.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "{secret} is shown");
    }
    let wal = folder.path().join("a.db-wal");
    for file in [&database, &copy, &wal] {
        let bytes = std::fs::read(file).unwrap_or_default();
        for secret in hashed.clone() {
            assert!(!contains(&bytes, secret), "{secret} is in {}", Path::display(file));
        }
    }
    assert!(contains(&std::fs::read(&copy).unwrap(), CHANNEL_SECRET), "what is looked for can be found");
}
