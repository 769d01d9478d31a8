//! Every operation of the OpenAPI document, asked by every kind of principal in every way to send a key. What is expected stands
//! here, not in the server: an operation without a row fails.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::path::Path;

use serde_json::{Value, json};

use crate::harness::{Backend, PATIENCE, eventually};
use crate::keys::{guarded_behind_proxy, key, revoke};

/// Who may: everyone, all with a valid key, those with a scope, those who log in, members, or nobody with a key in a header.
pub(crate) const POLICY: &[(&str, &str, &str)] = &[
    ("POST", "/api/telemetry", "write"),
    ("GET", "/api/telemetry", "read"),
    ("GET", "/api/telemetry/summary", "read"),
    ("GET", "/api/signals", "read"),
    ("DELETE", "/api/telemetry", "admin"),
    ("PATCH", "/api/signals/{name}", "edit"),
    ("DELETE", "/api/signals/{name}", "admin"),
    ("GET", "/api/boards", "read"),
    ("POST", "/api/boards", "edit"),
    ("GET", "/api/boards/{id}", "read"),
    ("PUT", "/api/boards/{id}", "edit"),
    ("DELETE", "/api/boards/{id}", "edit"),
    ("GET", "/api/annotations", "read"),
    ("POST", "/api/annotations", "edit"),
    ("DELETE", "/api/annotations/{id}", "edit"),
    ("POST", "/api/rules/test", "read"),
    ("GET", "/api/rules", "read"),
    ("POST", "/api/rules", "edit"),
    ("GET", "/api/rules/{id}", "read"),
    ("PUT", "/api/rules/{id}", "edit"),
    ("DELETE", "/api/rules/{id}", "edit"),
    ("GET", "/api/alerts", "read"),
    ("GET", "/api/alerts/history", "read"),
    ("POST", "/api/alerts/{episode}/ack", "edit"),
    ("DELETE", "/api/alerts/{episode}/ack", "edit"),
    ("GET", "/api/silences", "read"),
    ("POST", "/api/silences", "edit"),
    ("GET", "/api/silences/{id}", "read"),
    ("PUT", "/api/silences/{id}", "edit"),
    ("DELETE", "/api/silences/{id}", "edit"),
    ("POST", "/api/silences/{id}/end", "edit"),
    ("GET", "/api/channels", "admin"),
    ("POST", "/api/channels", "admin"),
    ("GET", "/api/channels/{id}", "admin"),
    ("PUT", "/api/channels/{id}", "admin"),
    ("DELETE", "/api/channels/{id}", "admin"),
    ("POST", "/api/channels/{id}/test", "admin"),
    ("GET", "/api/channels/{id}/log", "admin"),
    ("GET", "/api/revision", "read"),
    ("GET", "/api/keys", "admin"),
    ("POST", "/api/keys", "admin"),
    ("DELETE", "/api/keys/{id}", "admin"),
    ("POST", "/api/keys/{id}/rotate", "admin"),
    ("GET", "/api/shares", "admin"),
    ("POST", "/api/shares", "admin"),
    ("POST", "/api/shares/open", "login"),
    ("DELETE", "/api/shares/{id}", "admin"),
    ("POST", "/api/tickets", "read"),
    ("GET", "/api/audit", "admin"),
    ("GET", "/api/usage", "admin"),
    ("GET", "/api/ingest", "admin"),
    ("GET", "/api/login", "everyone"),
    ("POST", "/api/login", "login"),
    ("GET", "/api/login/oidc", "login"),
    ("POST", "/api/login/oidc", "member"),
    ("DELETE", "/api/login/oidc", "member"),
    ("POST", "/api/login/oidc/logout", "login"),
    ("GET", "/api/login/oidc/callback", "everyone"),
    ("POST", "/api/setup", "login"),
    ("POST", "/api/logout", "member"),
    ("GET", "/api/me", "known"),
    ("POST", "/api/password", "member"),
    ("POST", "/api/codes", "member"),
    ("PUT", "/api/codes", "member"),
    ("DELETE", "/api/codes", "member"),
    ("GET", "/api/sessions", "member"),
    ("DELETE", "/api/sessions", "member"),
    ("DELETE", "/api/sessions/{id}", "member"),
    ("GET", "/api/members", "admin"),
    ("POST", "/api/members", "admin"),
    ("PATCH", "/api/members/{name}", "admin"),
    ("DELETE", "/api/members/{name}", "admin"),
    ("POST", "/api/members/{name}/reset", "admin"),
    ("GET", "/api/tenants", "operator"),
    ("POST", "/api/tenants", "operator"),
    ("PATCH", "/api/tenants/{name}", "operator"),
    ("DELETE", "/api/tenants/{name}", "operator"),
    ("GET", "/api/openapi.json", "known"),
    ("GET", "/api/stream", "read"),
    ("GET", "/ws", "read"),
    ("GET", "/socket.io/", "read"),
    ("POST", "/socket.io/", "read"),
    ("POST", "/in/{key}", "address"),
    ("GET", "/in/{key}", "address"),
    ("GET", "/health", "everyone"),
    ("GET", "/ready", "everyone"),
    ("GET", "/metrics", "operator"),
];

/// What stands for the parameters of paths; one without a rule fails.
pub(crate) const PARAMETERS: &[(&str, &str)] =
    &[("{id}", "seed"), ("{name}", "seed"), ("{key}", "seed"), ("{episode}", "seed")];

const SCOPES: [&str; 5] = ["write", "read", "edit", "admin", "operator"];

/// The status of an answer, whose body may be endless.
pub(crate) fn status(backend: &Backend, method: &str, path: &str, headers: &str) -> u16 {
    let mut stream = TcpStream::connect(backend.address()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let body = if matches!(method, "POST" | "PUT" | "PATCH") { "{}" } else { "" };
    let (host, length) = (backend.address(), body.len());
    let head = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {length}\r\n");
    let kind = "Content-Type: application/json\r\nConnection: close\r\n";
    write!(stream, "{head}{kind}{headers}\r\n{body}").unwrap();
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).unwrap();
    line.split(' ').nth(1).unwrap_or_else(|| panic!("{method} {path}: {line:?}")).parse().unwrap()
}

fn base64(text: &str) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut encoded = String::new();
    for three in text.as_bytes().chunks(3) {
        let bits =
            three.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        for place in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * place) & 63) as usize];
            encoded.push(if place <= three.len() { char::from(letter) } else { '=' });
        }
    }
    encoded
}

#[test]
fn every_operation_is_closed_to_all_but_those_who_may() {
    let folder = tempfile::tempdir().unwrap();
    let database: &Path = &folder.path().join("a.db");
    let valid = SCOPES.map(|scope| (scope, key(database, &["--scopes", scope])));
    let all = SCOPES.join(",");
    let expired = key(database, &["--scopes", &all, "--expires-in", "1s"]);
    let [revoked, elsewhere] = [&[][..], &["--addresses", "192.0.2.0/24"]]
        .map(|more| key(database, &[&["--scopes", &all], more].concat()));
    revoke(database, &revoked);
    let address = key(database, &["--address"]);
    // Of the right form, with a check sum that is right and an id that is known, but of another key.
    let mixed = format!("{}{}", &valid[0].1[..20], &valid[1].1[20..]);
    let backend = guarded_behind_proxy(database);
    eventually("the key has expired", || {
        let headers = format!("X-Forwarded-For: 10.0.0.1\r\nAuthorization: Bearer {expired}\r\n");
        status(&backend, "GET", "/api/signals", &headers) == 401
    });

    let early =
        json!({"label": "early", "scopes": ["read", "write"], "not_before": "2100-01-01"}).to_string();
    let headers = [("X-Forwarded-For", "10.0.0.4"), ("X-Api-Key", &*valid[3].1)];
    let early = backend.send_with("POST", "/api/keys", &early, &headers).json();
    let early = early["key"].as_str().unwrap();
    let invalid = [
        ("expired", &*expired),
        ("revoked", &revoked),
        ("not valid yet", early),
        ("from elsewhere", &elsewhere),
        ("mixed", &mixed),
    ];
    let garbage = [("for addresses", &*address), ("garbage", "garbage"), ("empty", "")];
    let valid = valid.iter().map(|(scope, key)| (*scope, &**key));
    let principals: Vec<(&str, &str)> = valid.clone().chain(invalid).chain(garbage).collect();

    let some_key = format!("X-Forwarded-For: 10.0.0.2\r\nX-Api-Key: {}\r\n", principals[0].1);
    assert_eq!(status(&backend, "GET", "/api/openapi.json", &some_key), 200);
    let document: Value = document(&backend, principals[0].1);
    let mut asked = BTreeSet::new();
    let mut client = 0_u32;
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys().map(|method| method.to_ascii_uppercase()) {
            let row = POLICY.iter().find(|(of, at, _)| *of == method && at == path);
            let (of, at, policy) = row.unwrap_or_else(|| panic!("who may {method} {path}?"));
            asked.insert((of, at));
            let path = PARAMETERS.iter().fold(path.clone(), |path, (name, value)| path.replace(name, value));
            assert!(!path.contains('{'), "what stands for the parameter in {path}?");
            let mut check = |who: &str, headers: &str| {
                // Each from an address of its own: those that are refused often get 429.
                client += 1;
                let [_, a, b, c] = client.to_be_bytes();
                let headers = format!("X-Forwarded-For: 10.{a}.{b}.{c}\r\n{headers}");
                let found = status(&backend, &method, &path, &headers);
                let is_valid = SCOPES.contains(&who);
                if *policy == "login" || *policy == "member" && is_valid {
                    // No key is a password, and no holder of one is a member.
                    assert!((400..500).contains(&found), "{method} {path} as {who}: {found}");
                    return;
                }
                let expected = match *policy {
                    "everyone" => None,
                    "address" => Some(401),
                    _ if !is_valid => Some(401),
                    "known" => None,
                    scope => (scope != who).then_some(403),
                };
                match expected {
                    Some(expected) => assert_eq!(found, expected, "{method} {path} as {who}: {headers}"),
                    None => assert!(found != 401 && found != 403, "{method} {path} as {who}: {found}"),
                }
            };
            check("none", "");
            for (who, key) in &principals {
                check(who, &format!("Authorization: Bearer {key}\r\n"));
                check(who, &format!("Authorization: Basic {}\r\n", base64(&format!("user:{key}"))));
                check(who, &format!("X-Api-Key: {key}\r\n"));
            }
        }
    }
    assert_eq!(asked.len(), POLICY.len(), "each row is of an operation");
    // What is not in the table: never less strict.
    for path in [
        "//api/signals",
        "/api//signals",
        "/%61pi/signals",
        "/api/signals/",
        "/api%2fsignals",
        "/api/signals;x",
        "/api/./signals",
    ] {
        let found = status(&backend, "GET", path, "X-Forwarded-For: 10.0.0.3\r\n");
        assert!(matches!(found, 400 | 401 | 404), "{path}: {found}");
    }
}

pub(crate) fn document(backend: &Backend, key: &str) -> Value {
    backend.send_with("GET", "/api/openapi.json", "", &[("X-Api-Key", key)]).json()
}
