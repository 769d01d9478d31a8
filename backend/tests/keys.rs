//! Keys: what is allowed with one, what exists for it, and that nothing is left of it once it is revoked.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};
use tempfile::TempDir;
use tungstenite::client::IntoClientRequest as _;

use crate::harness::{Answer, Backend, PATIENCE, Socket, close_code, eventually, sql};

/// Runs `afterglow` on a database.
pub(crate) fn afterglow(database: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_afterglow"));
    command.args(arguments).arg("--database").arg(database).output().unwrap()
}

/// Makes a key on the command line.
pub(crate) fn key(database: &Path, arguments: &[&str]) -> String {
    let output = afterglow(database, &[&["access", "key", "create", "--label", "test"], arguments].concat());
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A server that asks for keys.
pub(crate) fn guarded(database: &Path) -> Backend {
    Backend::start_with(database, "127.0.0.1:0", &[("AFTERGLOW_AUTH", "required")])
}

/// One that asks for keys because it is behind a proxy, which says where requests come from.
pub(crate) fn guarded_behind_proxy(database: &Path) -> Backend {
    Backend::start_with(database, "127.0.0.1:0", &[("AFTERGLOW_TRUSTED_PROXIES", "127.0.0.1")])
}

/// Revokes a key on the command line.
pub(crate) fn revoke(database: &Path, key: &str) {
    assert!(afterglow(database, &["access", "key", "revoke", id(key)]).status.success());
}

fn database(folder: &TempDir) -> std::path::PathBuf {
    folder.path().join("a.db")
}

fn bearer(key: &str) -> String {
    format!("Bearer {key}")
}

pub(crate) fn ask(backend: &Backend, key: &str, method: &str, path: &str, body: &str) -> Answer {
    backend.send_with(method, path, body, &[("Authorization", &bearer(key))])
}

fn get(backend: &Backend, key: &str, path: &str) -> Answer {
    ask(backend, key, "GET", path, "")
}

fn post(backend: &Backend, key: &str, body: &Value) -> Answer {
    ask(backend, key, "POST", "/api/telemetry", &body.to_string())
}

/// A socket on `/ws` with a key; of `afterglow.v1` with a protocol.
pub(crate) fn socket(backend: &Backend, key: &str, protocol: Option<&str>) -> Socket {
    let socket = try_socket(backend, key, protocol).unwrap();
    if let tungstenite::stream::MaybeTlsStream::Plain(stream) = socket.get_ref() {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
    }
    socket
}

/// The same where it may be refused.
pub(crate) fn try_socket(
    backend: &Backend,
    key: &str,
    protocol: Option<&str>,
) -> Result<Socket, tungstenite::Error> {
    let mut request = format!("ws://{}/ws", backend.address()).into_client_request()?;
    request.headers_mut().insert("Authorization", bearer(key).parse().unwrap());
    if let Some(protocol) = protocol {
        request.headers_mut().insert("Sec-WebSocket-Protocol", protocol.parse().unwrap());
    }
    tungstenite::connect(request).map(|(socket, _)| socket)
}

/// An answer that does not end, as it comes.
pub(crate) fn stream(backend: &Backend, key: &str, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(backend.address()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let (host, bearer) = (backend.address(), bearer(key));
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: {bearer}\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    stream
}

/// The id of a session of Socket.IO that was just opened.
fn sid(opened: &Answer) -> String {
    let open: Value = serde_json::from_str(&opened.text[1..]).unwrap();
    open["sid"].as_str().unwrap().to_owned()
}

pub(crate) fn id(key: &str) -> &str {
    &key[4..20]
}

#[test]
fn a_key_made_before_the_first_start_opens_what_its_scopes_say() {
    let folder = tempfile::tempdir().unwrap();
    let database = database(&folder);
    let [writer, admin] = ["write", "admin"].map(|scope| key(&database, &["--scopes", scope]));
    let backend = guarded(&database);
    assert_eq!(backend.get("/api/signals").code(), "unauthenticated");
    assert_eq!(backend.get("/health").status, 200);
    assert_eq!(post(&backend, &writer, &json!({"signals": {"a": 1}})).status, 200);
    assert_eq!(get(&backend, &writer, "/api/signals").code(), "forbidden");
    let made = ask(&backend, &admin, "POST", "/api/keys", r#"{"label":"r","scopes":["read"]}"#);
    assert_eq!(made.status, 201, "{}", made.text);
    let reader = made.json()["key"].as_str().unwrap().to_owned();
    assert_eq!(get(&backend, &reader, "/api/signals").json(), json!(["a"]));
    let listed = get(&backend, &admin, "/api/keys");
    assert_eq!(listed.json().as_array().unwrap().len(), 3);
    assert!(!listed.text.contains(&reader[21..]), "a secret is shown once");
    assert_eq!(ask(&backend, &admin, "DELETE", &format!("/api/keys/{}", id(&reader)), "").status, 204);
    assert_eq!(get(&backend, &reader, "/api/signals").status, 401, "right after the answer");
    assert_eq!(ask(&backend, &admin, "DELETE", &format!("/api/keys/{}", id(&reader)), "").status, 404);
    // Another process revokes while the server runs.
    revoke(&database, &writer);
    eventually("the revoked key is refused", || {
        post(&backend, &writer, &json!({"signals": {"a": 1}})).status == 401
    });
}

#[test]
fn no_secret_is_in_the_database() {
    let folder = tempfile::tempdir().unwrap();
    let database = database(&folder);
    let key = key(&database, &["--scopes", "write"]);
    let backend = guarded(&database);
    assert_eq!(post(&backend, &key, &json!({"signals": {"a": 1}})).status, 200);
    assert!(backend.terminate().success());
    let (secret, bytes) = (&key.as_bytes()[21..64], std::fs::read(&database).unwrap());
    assert!(bytes.windows(16).any(|window| window == id(&key).as_bytes()), "the id is there");
    assert!(!bytes.windows(secret.len()).any(|window| window == secret));
}

#[test]
fn a_rotated_key_stays_valid_for_its_grace() {
    let folder = tempfile::tempdir().unwrap();
    let database = database(&folder);
    let [admin, writer] = ["admin", "write"].map(|scope| key(&database, &["--scopes", scope]));
    let backend = guarded(&database);
    let rotate = |key: &str, body: &str| {
        let answer = ask(&backend, &admin, "POST", &format!("/api/keys/{}/rotate", id(key)), body);
        assert_eq!(answer.status, 201, "{}", answer.text);
        assert_eq!(answer.json()["replaces"], id(key));
        answer.json()["key"].as_str().unwrap().to_owned()
    };
    let status = |key: &str| post(&backend, key, &json!({"signals": {"a": 1}})).status;
    let second = rotate(&writer, r#"{"grace":"24h"}"#);
    assert_eq!((status(&writer), status(&second)), (200, 200));
    let third = rotate(&second, "{}");
    assert_eq!((status(&writer), status(&second), status(&third)), (200, 401, 200));
}

#[test]
fn samples_outside_of_the_patterns_are_refused_one_by_one() {
    let folder = tempfile::tempdir().unwrap();
    let database = database(&folder);
    let all = key(&database, &["--scopes", "write"]);
    let some = key(&database, &["--scopes", "write", "--signals", "a.*,b", "--append-only", "10m"]);
    let old = key(&database, &["--scopes", "write", "--no-create"]);
    let backend = guarded(&database);
    let answer = post(&backend, &some, &json!({"signals": {"a.x": 1, "c": 2, "b": 3}})).json();
    assert_eq!(
        (&answer["accepted"], &answer["rejected"][0]["code"]),
        (&json!(2), &json!("forbidden_signal"))
    );
    assert_eq!(answer["rejected"][0]["signal"], "c");
    let answer = post(&backend, &some, &json!({"signals": {"c": 2}}));
    assert_eq!((answer.status, answer.code()), (403, "forbidden_signal".into()));
    let early = json!({"timestamp": "2001-01-01T00:00:00Z", "signals": {"b": 3}});
    assert_eq!(post(&backend, &some, &early).code(), "timestamp_early");
    assert_eq!(post(&backend, &all, &early).status, 200);
    let answer = post(&backend, &old, &json!({"signals": {"b": 4, "new": 5}})).json();
    assert_eq!(
        (&answer["accepted"], &answer["rejected"][0]["code"]),
        (&json!(1), &json!("forbidden_signal"))
    );
    // What was stored in one body is remembered, what was refused is not.
    let body = json!([{"signals": {"c": 1, "b": 1}}, {"signals": {"c": 1, "b": 1}}]);
    assert_eq!(post(&backend, &some, &body).json()["rejected_count"], 2);
    assert_eq!(sql(&database, "SELECT group_concat(name) AS value FROM signal"), ["a.x,b"]);
}

#[test]
fn an_address_writes_and_does_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let database = database(&folder);
    let device = key(&database, &["--address", "--get", "--signals", "temp"]);
    let silent = key(&database, &["--address"]);
    let reader = key(&database, &["--scopes", "read,write"]);
    for auth in ["required", "auto"] {
        let backend = Backend::start_with(&database, "127.0.0.1:0", &[("AFTERGLOW_AUTH", auth)]);
        let answer = backend.get(&format!("/in/{device}?temp=21.5&other=3&timestamp=2001-01-01"));
        let receipt = answer.json();
        assert_eq!(
            (&receipt["accepted"], &receipt["rejected_count"]),
            (&json!(1), &json!(1)),
            "{}",
            answer.text
        );
        let now = afterglow_backend::clock::Clock::real().now().micros() / 1_000_000;
        for (query, status, said) in [
            ("temp=0x1F".to_owned(), 400, r#"\"0x1F\" is not a number"#),
            ("temp=nan".to_owned(), 400, "not_finite"),
            ("temp=true".to_owned(), 200, "\"accepted\":1"),
            ("temp=1&timestamp=2001-01-01&timestamp=2001-01-02".to_owned(), 400, "it is given twice"),
            ("temp=1&timestamp=2001-01-01T08:00:00+01:00".to_owned(), 200, "\"accepted\":1"),
            (format!("temp=1&ts={now}"), 400, "must be called timestamp"),
            ("temp=1&when=08:15:30".to_owned(), 400, "must be called timestamp"),
        ] {
            let answer = backend.get(&format!("/in/{device}?{query}"));
            assert!(answer.status == status && answer.text.contains(said), "{query}: {}", answer.text);
        }
        assert_eq!(backend.send("POST", &format!("/in/{silent}"), r#"{"signals":{"b":1}}"#).status, 200);
        assert_eq!(backend.get(&format!("/in/{silent}?b=1")).status, 405);
        assert_eq!(backend.send("HEAD", &format!("/in/{device}?temp=1"), "").status, 405);
        assert_eq!(backend.get(&format!("/in/{reader}?temp=1")).status, 401, "a key is not for addresses");
        assert_eq!(backend.get("/in/x?temp=1").status, 401);
        if auth == "required" {
            assert_eq!(get(&backend, &device, "/api/signals").status, 401);
            assert_eq!(post(&backend, &device, &json!({"signals": {"temp": 1}})).status, 401);
            // Nor does it, or another key, count as the cookie of a link, which browsers add to requests.
            for key in [&device, &reader] {
                let cookie = format!("ag-share={key}");
                let body = r#"{"signals":{"temp":1}}"#;
                let sent = backend.send_with("POST", "/api/telemetry", body, &[("Cookie", &cookie)]);
                assert_eq!(sent.status, 401, "{sent:?}");
            }
            assert_eq!(
                get(&backend, &reader, "/api/telemetry?from=2001-01-01&signals=temp").json()["temp"][0]["value"],
                21.5
            );
        }
        assert!(backend.terminate().success());
    }
}

#[test]
fn for_a_reader_of_some_signals_no_others_exist() {
    let folder = tempfile::tempdir().unwrap();
    let database = database(&folder);
    let open = Backend::start(&database);
    assert_eq!(open.post(r#"[{"signals":{"a.x":1,"b.canary":2}}]"#).status, 200);
    assert_eq!(open.send("PATCH", "/api/signals/b.canary", r#"{"unit":"V"}"#).status, 200);
    for signals in [r#"["b.canary"]"#, r#"["a.x","b.canary"]"#] {
        let body = format!(r#"{{"text":"note","signals":{signals}}}"#);
        assert_eq!(open.send("POST", "/api/annotations", &body).status, 201);
    }
    open.close();
    let [reader, all] =
        [&["--signals", "a.*"][..], &[]].map(|more| key(&database, &[&["--scopes", "read"], more].concat()));
    let [editor, writer] = [&["--scopes", "edit", "--signals", "a.*"][..], &["--scopes", "write"]]
        .map(|arguments| key(&database, arguments));
    let backend = guarded(&database);
    let paths = [
        "/api/telemetry",
        "/api/telemetry?signals=b.canary,a.x",
        "/api/telemetry?signals=*.*&format=csv",
        "/api/telemetry?format=ndjson",
        "/api/telemetry?slice=1&max_points=10",
        "/api/telemetry/summary?signals=*",
        "/api/signals",
        "/api/signals?details=1",
        "/api/signals?metadata=1",
        "/api/annotations",
    ];
    for path in paths {
        let [seen, everything] = [&reader, &all].map(|key| get(&backend, key, path).text);
        assert!(everything.contains("canary"), "{path}: {everything}");
        assert!(!seen.contains("canary"), "{path}: {seen}");
    }
    let test = r#"{"rule":{"signals":["*"],"is":"above","levels":[{"limit":0}]},"from":0,"to":"2099-01-01"}"#;
    let [seen, everything] =
        [&reader, &all].map(|key| ask(&backend, key, "POST", "/api/rules/test", test).json());
    assert_eq!((&seen["signals"], &everything["signals"]), (&json!(1), &json!(2)), "{seen} {everything}");
    let annotations = get(&backend, &reader, "/api/annotations").json();
    assert_eq!(
        (&annotations["total"], &annotations["annotations"][0]["signals"]),
        (&json!(1), &json!(["a.x"]))
    );
    let change = |method: &str, path: &str, body: &str| ask(&backend, &editor, method, path, body).status;
    assert_eq!(change("PATCH", "/api/signals/b.canary", r#"{"unit":"A"}"#), 404);
    assert_eq!(change("PATCH", "/api/signals/a.x", r#"{"unit":"A"}"#), 200);
    assert_eq!(change("DELETE", "/api/annotations/1", ""), 404);
    assert_eq!(change("DELETE", "/api/annotations/2", ""), 403);
    assert_eq!(change("POST", "/api/annotations", r#"{"text":"x","signals":["b.canary"]}"#), 403);
    assert_eq!(change("POST", "/api/annotations", r#"{"text":"x"}"#), 403);
    assert_eq!(change("POST", "/api/annotations", r#"{"text":"x","signals":["a.*"]}"#), 201);

    let mut v1 = socket(&backend, &reader, Some("afterglow.v1"));
    let subscribe = r#"{"type":"subscribe","id":1,"signals":["*","b.canary"],"window":3600}"#;
    v1.send(tungstenite::Message::text(subscribe)).unwrap();
    let mut events = socket(&backend, &reader, None);
    let mut sse = stream(&backend, &reader, "/api/stream?signals=*");
    let polling = "/socket.io/?EIO=4&transport=polling";
    let session = format!("{polling}&sid={}", sid(&get(&backend, &reader, polling)));
    assert_eq!(get(&backend, &all, &session).status, 400, "another key's session does not exist");
    let connect = backend.send_with("POST", &session, "40", &[("Authorization", &bearer(&reader))]);
    assert_eq!(connect.status, 200, "{}", connect.text);
    // Before anything is written, everybody watches.
    let watched = |key: &str| get(&backend, key, &session).text;
    assert!(watched(&reader).contains("connection_response"));
    eventually("all live clients are counted", || {
        let metrics = key_metrics(&database, &backend);
        metrics.contains("afterglow_live_sessions 4")
    });
    let late = json!([{"signals": {"b.canary": 3, "b.canary2": 4}}, {"signals": {"a.x": 5, "a.last": 6}}]);
    assert_eq!(post(&backend, &writer, &late).status, 200);
    let mut heard = Vec::new();
    while !has(&heard, b"a.last") {
        heard.extend_from_slice(&v1.read().unwrap().into_data());
    }
    assert!(!has(&heard, b"canary"), "v1");
    heard.clear();
    while !has(&heard, b"a.last") {
        heard.extend_from_slice(&events.read().unwrap().into_data());
    }
    assert!(!has(&heard, b"canary"), "events");
    heard.clear();
    let mut piece = [0; 4_096];
    while !has(&heard, b"a.last") {
        let read = sse.read(&mut piece).unwrap();
        assert_ne!(read, 0);
        heard.extend_from_slice(&piece[..read]);
    }
    assert!(!has(&heard, b"canary"), "SSE");
    heard.clear();
    while !has(&heard, b"a.last") {
        heard.extend_from_slice(watched(&reader).as_bytes());
    }
    assert!(!has(&heard, b"canary"), "Socket.IO");
}

/// `/metrics`, with a key of its own.
fn key_metrics(database: &Path, backend: &Backend) -> String {
    thread_local!(static KEY: std::cell::OnceCell<String> = const { std::cell::OnceCell::new() });
    let key = KEY.with(|made| made.get_or_init(|| key(database, &["--scopes", "operator"])).clone());
    let mut text = String::new();
    eventually("the server knows the key", || {
        let answer = get(backend, &key, "/metrics");
        text = answer.text;
        answer.status == 200
    });
    text
}

fn has(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[test]
fn a_revoked_key_closes_everything_that_came_with_it() {
    const SOCKETS: usize = 500;
    let folder = tempfile::tempdir().unwrap();
    let database = database(&folder);
    let [admin, reader, other, writer] =
        ["admin", "read", "read", "write"].map(|scope| key(&database, &["--scopes", scope]));
    let backend = guarded(&database);
    let mut sockets: Vec<_> = (0..SOCKETS)
        .map(|number| socket(&backend, &reader, (number % 2 == 0).then_some("afterglow.v1")))
        .collect();
    let mut sse = stream(&backend, &reader, "/api/stream");
    let mut head = [0; 16];
    sse.read_exact(&mut head).unwrap();
    let polling = "/socket.io/?EIO=4&transport=polling";
    let sid = sid(&get(&backend, &reader, polling));
    let mut waiting = stream(&backend, &reader, &format!("{polling}&sid={sid}"));
    let mut stays = socket(&backend, &other, None);
    assert_eq!(ask(&backend, &admin, "DELETE", &format!("/api/keys/{}", id(&reader)), "").status, 204);
    assert_eq!(post(&backend, &writer, &json!({"signals": {"canary": 1}})).status, 200);
    for socket in &mut sockets {
        assert_eq!(close_code(socket), 4_401);
    }
    let mut rest = String::new();
    sse.read_to_string(&mut rest).unwrap();
    assert!(!rest.contains("canary"), "{rest}");
    let mut answer = [0; 4_096];
    let read = waiting.read(&mut answer).unwrap();
    assert!(answer[..read].ends_with(b"\r\n\r\n1"), "{:?}", String::from_utf8_lossy(&answer[..read]));
    assert_eq!(get(&backend, &reader, &format!("{polling}&sid={sid}")).status, 401);
    while !stays.read().unwrap().into_data().windows(6).any(|window| window == b"canary") {}
}

#[test]
fn a_key_that_is_used_too_often_is_refused_for_a_moment_and_no_other_is() {
    let folder = tempfile::tempdir().unwrap();
    let database = database(&folder);
    let [busy, other] = ["read", "read"].map(|scope| key(&database, &["--scopes", scope]));
    let settings = [("AFTERGLOW_AUTH", "required"), ("AFTERGLOW_REQUESTS_PER_KEY", "1")];
    let backend = Backend::start_with(&database, "127.0.0.1:0", &settings);
    let mut refused = None;
    eventually("the limit is reached", || {
        let answer = get(&backend, &busy, "/api/signals");
        assert!(matches!(answer.status, 200 | 429), "{answer:?}");
        refused = Some(answer).filter(|answer| answer.status == 429);
        refused.is_some()
    });
    let refused = refused.unwrap();
    assert_eq!(refused.code(), "rate_limited");
    let wait: u64 = refused.retry_after.unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    assert_eq!(get(&backend, &other, "/api/signals").status, 200);
    eventually("it is let in again", || get(&backend, &busy, "/api/signals").status == 200);
}
