//! Every operation of the OpenAPI document as those ask who have no key: members by their cookies, holders of signed tokens, and
//! of tickets. `matrix.rs` has the table, and the keys.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};

use crate::harness::provider::{Key, now, text};
use crate::harness::{Backend, eventually};
use crate::issuers::server;
use crate::keys::{ask, key};
use crate::matrix::{PARAMETERS, POLICY, document, status};
use crate::people::{Browser, PASSWORD};

/// What each role may do, by the scopes of the table.
const ROLES: [(&str, &[&str]); 3] = [
    ("viewer", &["read"]),
    ("editor", &["read", "write", "edit"]),
    ("admin", &["read", "write", "edit", "admin", "operator"]),
];

/// Ends what the asker came with, so it is asked last.
const LAST: &str = "/api/logout";

/// What is only for those who see all signals.
const WHOLE: [&str; 2] = ["/api/rules/seed", "/api/silences/seed"];

/// What a key or a session opens in the table.
fn expected(policy: &str, scopes: &[&str], is_member: bool) -> Option<u16> {
    match policy {
        "everyone" | "login" | "known" => None,
        "address" => Some(401),
        "member" => (!is_member).then_some(403),
        scope => (!scopes.contains(&scope)).then_some(403),
    }
}

/// Asks every operation with `headers`, each answer for `check`.
fn everything(backend: &Backend, headers: &str, mut check: impl FnMut(&str, &str, &str, u16)) {
    let (last, first): (Vec<_>, Vec<_>) = POLICY.iter().partition(|(_, path, _)| *path == LAST);
    for (method, path, policy) in first.into_iter().chain(last) {
        let path =
            PARAMETERS.iter().fold((*path).to_owned(), |path, (name, value)| path.replace(name, value));
        let found = status(backend, method, &path, headers);
        check(method, &path, policy, found);
    }
}

struct Lab {
    folder: tempfile::TempDir,
    backend: Backend,
    reader: String,
    secret: Key,
}

impl Lab {
    /// A server with an application whose tokens count.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (file, secret) = (folder.path().join("secret"), [b'x'; 40]);
        std::fs::write(&file, secret).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        let table = format!(
            "[[issuer]]\nname = \"app\"\nissuer = \"app\"\naudience = \"afterglow\"\nsecret_file = \"{}\"\n",
            file.display()
        );
        let database = folder.path().join("a.db");
        let reader = key(&database, &["--scopes", "read"]);
        let backend = server(&folder, &table);
        let lab = Self { folder, backend, reader, secret: Key::secret(&secret) };
        let listed = document(&lab.backend, &lab.reader);
        let paths = listed["paths"].as_object().unwrap();
        let operations: usize = paths.values().map(|item| item.as_object().unwrap().len()).sum();
        assert_eq!(operations, POLICY.len(), "the table has every operation");
        lab
    }
}

#[test]
fn members_may_do_by_every_operation_what_their_role_says() {
    let lab = Lab::new();
    let database = lab.folder.path().join("a.db");
    let link = crate::keys::afterglow(&database, &["access", "setup-link"]);
    let link = String::from_utf8(link.stdout).unwrap();
    let mut ada = Browser::new(&lab.backend);
    eventually("the link is known", || ada.setup(link.trim(), "ada", PASSWORD).0 == 200);
    for (role, scopes) in ROLES {
        let body = json!({"name": role, "role": role}).to_string();
        let invited = ada.ask("POST", "/api/members", &body).1;
        let mut member = Browser::new(&lab.backend);
        assert_eq!(member.setup(invited["link"].as_str().unwrap(), "", PASSWORD).0, 200);
        let cookie = member.cookie.unwrap();
        let headers = format!("Cookie: ag={cookie}\r\nOrigin: {}\r\n", lab.backend.url(""));
        let mut refused = 0;
        everything(&lab.backend, &headers, |method, path, policy, found| {
            let what = format!("{method} {path} as {role}");
            match expected(policy, scopes, true) {
                // Refusals beyond a hundred a second are not told why.
                Some(403) => {
                    refused += 1;
                    assert!(matches!(found, 403 | 429), "{what}: {found}");
                }
                Some(expected) => assert!(found == expected || found == 429, "{what}: {found}"),
                None if policy == "login" => assert!((400..500).contains(&found), "{what}: {found}"),
                None => assert!(!matches!(found, 401 | 403 | 429), "{what}: {found}"),
            }
        });
        assert!(refused > 0 || role == "admin");
        let over = status(&lab.backend, "GET", "/api/me", &headers);
        assert_eq!(over, 401, "the last operation has ended the session");
    }
}

#[test]
fn cookies_and_tokens_that_are_not_right_open_nothing() {
    let lab = Lab::new();
    let claims = |changes: Value| {
        let mut claims =
            json!({"iss": "app", "aud": "afterglow", "sub": "x", "exp": now() + 600, "signals": ["*"]});
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        claims
    };
    let good = lab.secret.sign(&claims(json!({})));
    let bearer = |token: &str| format!("Authorization: Bearer {token}\r\n");
    everything(&lab.backend, &bearer(&good), |method, path, policy, found| {
        let what = format!("{method} {path} with a token");
        match expected(policy, &["read"], false) {
            // Some say first what is wrong with the request.
            _ if matches!(policy, "login" | "member") => {
                assert!((400..500).contains(&found), "{what}: {found}");
            }
            Some(expected) => assert!(found == expected || found == 429, "{what}: {found}"),
            // Who sees some signals sees no rules and silences, which may be about others.
            None if WHOLE.contains(&path) => assert_eq!(found, 403, "{what}"),
            None => assert!(!matches!(found, 401 | 403 | 429), "{what}: {found}"),
        }
    });
    let other = Key::secret(&[b'y'; 40]);
    let unsigned = {
        let [head, body] = [json!({"alg": "none", "typ": "JWT"}), claims(json!({}))];
        format!("{}.{}.", text(head.to_string().as_bytes()), text(body.to_string().as_bytes()))
    };
    let origin = format!("Origin: {}\r\n", lab.backend.url(""));
    let wrong = [
        ("another audience", bearer(&lab.secret.sign(&claims(json!({"aud": "other"}))))),
        ("another issuer", bearer(&lab.secret.sign(&claims(json!({"iss": "other"}))))),
        ("a time as text", bearer(&lab.secret.sign(&claims(json!({"exp": "9999999999"}))))),
        ("expired", bearer(&lab.secret.sign(&claims(json!({"exp": now() - 600}))))),
        ("another secret", bearer(&other.sign(&claims(json!({}))))),
        ("no signature", bearer(&unsigned)),
        ("a cookie of nobody", format!("Cookie: ag={}\r\n{origin}", "0".repeat(64))),
        ("a key as a cookie", format!("Cookie: ag={}\r\n{origin}", lab.reader)),
        ("a token as a cookie", format!("Cookie: ag={good}\r\n{origin}")),
        ("a key as the cookie of a link", format!("Cookie: ag-share={}\r\n{origin}", lab.reader)),
    ];
    for (what, headers) in &wrong {
        everything(&lab.backend, headers, |method, path, policy, found| {
            let what = format!("{method} {path} with {what}");
            match policy {
                "everyone" => assert_ne!(found, 429, "{what}"),
                "login" => assert!((400..500).contains(&found), "{what}: {found}"),
                _ => assert!(matches!(found, 401 | 429), "{what}: {found}"),
            }
        });
    }
}

#[test]
fn a_ticket_opens_live_connections_and_no_other_operation() {
    let lab = Lab::new();
    for (method, path, policy) in POLICY {
        let made = ask(&lab.backend, &lab.reader, "POST", "/api/tickets", "");
        let ticket = made.json()["ticket"].as_str().unwrap().to_owned();
        let path =
            PARAMETERS.iter().fold((*path).to_owned(), |path, (name, value)| path.replace(name, value));
        let is_live = ["/ws", "/api/stream", "/socket.io/"].contains(&&*path);
        if is_live || *policy == "everyone" || *policy == "login" {
            continue;
        }
        for headers in [
            format!("Sec-WebSocket-Protocol: afterglow.v1, ag.ticket.{ticket}\r\n"),
            format!("Authorization: Bearer {ticket}\r\n"),
            format!("X-Api-Key: {ticket}\r\n"),
            format!("Cookie: ag={ticket}; ag-share={ticket}\r\n"),
        ] {
            let found = status(&lab.backend, method, &path, &headers);
            assert!(matches!(found, 401 | 429), "{method} {path}: {found}");
        }
        let found = status(&lab.backend, method, &format!("{path}?ticket={ticket}"), "");
        assert!(matches!(found, 401 | 429), "{method} {path}: {found}");
    }
}
