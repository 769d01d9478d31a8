//! The one gate before every route: who may ask, under which name, and in which form. Each test walks the whole route table,
//! as the OpenAPI document lists it (a unit test holds the two together).

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::Value;

use crate::harness::{Backend, PATIENCE};

/// An operation that every backend here has.
struct Operation {
    method: String,
    path: String,
    permission: String,
}

/// All operations of the contract, with something in place of the paths' parameters.
fn operations(backend: &Backend) -> Vec<Operation> {
    let document = backend.get("/api/openapi.json").json();
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let path = ["{id}", "{name}", "{key}", "{episode}"]
                .iter()
                .fold(path.clone(), |path, parameter| path.replace(parameter, "seed"));
            assert!(!path.contains('{'), "what stands for the parameter in {path}?");
            let permission = operation["x-permission"].as_str().unwrap().to_owned();
            operations.push(Operation { method: method.to_ascii_uppercase(), path, permission });
        }
    }
    assert!(operations.len() >= 19, "{}", operations.len());
    operations
}

/// The operations, the page, its files, and what there is not.
fn everything(backend: &Backend) -> Vec<(String, String)> {
    let operations = operations(backend);
    let mut all: Vec<_> = operations.iter().map(|one| (one.method.clone(), one.path.clone())).collect();
    for path in operations.iter().map(|one| one.path.as_str()).chain([
        "/",
        "/boards/seed",
        "/ingest",
        "/boot.js",
        "/none",
    ]) {
        for method in ["GET", "HEAD", "OPTIONS", "TRACE", "POST", "DELETE"] {
            all.push((method.to_owned(), path.to_owned()));
        }
    }
    all
}

/// A backend with a signal, a board and an annotation.
fn start(folder: &tempfile::TempDir) -> Backend {
    let backend = Backend::start(&folder.path().join("a.db"));
    assert_eq!(backend.post(r#"{"timestamp":1700000000,"signals":{"seed":1}}"#).status, 200);
    assert_eq!(backend.send("POST", "/api/boards", r#"{"title":"seed","panels":[]}"#).status, 201);
    assert_eq!(backend.send("POST", "/api/annotations", r#"{"text":"seed","from":5}"#).status, 201);
    backend
}

/// What can be read of everything that can be changed.
fn state(backend: &Backend) -> [Value; 4] {
    ["/api/signals?details=1", "/api/telemetry?from=0001-01-01", "/api/boards", "/api/annotations"]
        .map(|path| backend.get(path).json())
}

/// Sends a request with a body that would be stored anywhere. An answer without a body ends with its head: the server keeps the
/// connection for a second then, to read what it has not read of the request's body.
fn request(backend: &Backend, method: &str, target: &str, host: &str, headers: &str) -> String {
    let body = r#"{"signals":{"evil":666},"title":"evil","panels":[],"text":"evil"}"#;
    let length = body.len();
    let mut stream = TcpStream::connect(backend.address()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(
        stream,
        "{method} {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
    )
    .unwrap();
    let (mut answer, mut piece) = (Vec::new(), [0; 4096]);
    let has_no_body = |answer: &[u8]| method == "HEAD" || answer.starts_with(b"HTTP/1.1 204");
    while !(has_no_body(&answer) && answer.ends_with(b"\r\n\r\n")) {
        match stream.read(&mut piece) {
            Ok(read) if read > 0 => answer.extend(&piece[..read]),
            _ => break,
        }
    }
    String::from_utf8(answer).unwrap()
}

/// Checks the status, and the code where there is a body.
fn check(answer: &str, status: u16, code: &str, what: &str) {
    assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{what}: {answer}");
    let body = answer.split_once("\r\n\r\n").unwrap().1;
    if !what.starts_with("HEAD") {
        assert!(body.starts_with(&format!(r#"{{"error":{{"code":"{code}""#)), "{what}: {answer}");
    }
}

fn header<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    let head = answer.split("\r\n\r\n").next().unwrap();
    head.lines()
        .find_map(|line| line.split_once(": ").filter(|(key, _)| key.eq_ignore_ascii_case(name)))
        .map(|(_, value)| value)
}

#[test]
fn a_rebound_name_reads_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let backend = start(&folder);
    let before = state(&backend);
    let port = backend.address().rsplit(':').next().unwrap();
    let evil = format!("rebind.evil.example:{port}");
    let own = backend.address();
    for (method, path) in everything(&backend) {
        let what = format!("{method} {path}");
        // A rebound page controls both, and its requests are of the same origin.
        let headers = format!("Origin: http://{evil}\r\nSec-Fetch-Site: same-origin\r\n");
        check(&request(&backend, &method, &path, &evil, &headers), 421, "unknown_host", &what);
        check(&request(&backend, &method, &path, &evil, ""), 421, "unknown_host", &what);
        for (target, host) in [(&*evil, own), (own, &*evil), (&*evil, &*evil)] {
            let absolute = format!("http://{target}{path}");
            check(&request(&backend, &method, &absolute, host, ""), 421, "unknown_host", &what);
        }
    }
    assert_eq!(state(&backend), before);
    let absolute = request(&backend, "GET", &format!("http://{own}/api/signals"), own, "");
    assert!(absolute.starts_with("HTTP/1.1 200"), "{absolute}");
    backend.close();
}

#[test]
fn pages_of_other_sites_read_and_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let backend = start(&folder);
    let before = state(&backend);
    for (method, path) in everything(&backend) {
        for headers in [
            "Origin: https://evil.example\r\n",
            "Origin: null\r\n",
            "Origin: http://127.0.0.1:1\r\n",
            "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\nSec-Fetch-Dest: image\r\n",
            "Sec-Fetch-Site: same-site\r\nSec-Fetch-Mode: cors\r\n",
            "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: websocket\r\n",
        ] {
            let answer = request(&backend, &method, &path, backend.address(), headers);
            check(&answer, 403, "foreign_origin", &format!("{method} {path} {headers}"));
            assert_eq!(header(&answer, "access-control-allow-origin"), None);
        }
    }
    assert_eq!(state(&backend), before);
    backend.close();
}

#[test]
fn a_refusal_does_not_wait_for_the_body() {
    let folder = tempfile::tempdir().unwrap();
    let backend = start(&folder);
    for (host, headers, status) in
        [("evil.example", "", "421"), (backend.address(), "Origin: null\r\n", "403")]
    {
        let head =
            format!("POST /api/telemetry HTTP/1.1\r\nHost: {host}\r\n{headers}Content-Length: 50\r\n\r\n{{");
        let answer = backend.raw(head.as_bytes());
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
    }
    backend.close();
}

#[test]
fn links_of_other_sites_lead_to_the_page_and_to_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let backend = start(&folder);
    for destination in ["document", "iframe"] {
        let headers = format!(
            "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: {destination}\r\n"
        );
        for path in ["/", "/boards/seed", "/boards/seed?panel=1", "/ingest"] {
            let answer = request(&backend, "GET", path, backend.address(), &headers);
            assert!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");
        }
        // A form of another site leads nowhere.
        let form = request(&backend, "POST", "/", backend.address(), &headers);
        check(&form, 403, "foreign_origin", "POST");
        for Operation { method, path, .. } in operations(&backend) {
            let answer = request(&backend, &method, &path, backend.address(), &headers);
            if path == "/api/login/oidc/callback" {
                // Identity providers send browsers back here; one that did not begin here is sent on to the page.
                assert!(answer.starts_with("HTTP/1.1 303") && answer.contains("/login#refused"), "{answer}");
                continue;
            }
            check(&answer, 403, "foreign_origin", &format!("{method} {path}"));
        }
    }
    backend.close();
}

#[test]
fn names_that_are_set_are_ours_and_so_are_addresses_on_other_networks() {
    let folder = tempfile::tempdir().unwrap();
    let named = [
        ("AFTERGLOW_ALLOWED_HOSTS", "telemetry.example.org"),
        ("AFTERGLOW_PUBLIC_URL", "https://public.example"),
        ("AFTERGLOW_INSECURE", "true"),
    ];
    let backend = Backend::start_with(&folder.path().join("a.db"), "0.0.0.0:0", &named);
    let ask = |host: &str, origin: &str| {
        let origin = if origin.is_empty() { String::new() } else { format!("Origin: {origin}\r\n") };
        let answer = request(&backend, "POST", "/api/telemetry", host, &origin);
        answer.split(' ').nth(1).unwrap().to_owned()
    };
    for host in [
        "telemetry.example.org",
        "public.example",
        "192.168.7.7",
        "[fe80::1]:5001",
        "localhost:8080",
        "afterglow",
        "pi.local",
    ] {
        assert_eq!(ask(host, ""), "200", "{host}");
    }
    // A proxy that calls the server by its address.
    assert_eq!(ask("127.0.0.1:5001", "https://public.example"), "200");
    assert_eq!(ask("telemetry.example.org", "https://telemetry.example.org"), "200");
    assert_eq!(ask("127.0.0.1:5001", "https://telemetry.example.org"), "403");
    assert_eq!(ask("evil.example", "https://public.example"), "421");
}

#[test]
fn every_get_has_a_head_and_every_path_tells_its_methods() {
    let folder = tempfile::tempdir().unwrap();
    let backend = start(&folder);
    let operations = operations(&backend);
    let own = backend.address();
    for Operation { path, .. } in &operations {
        let mut methods: Vec<_> =
            operations.iter().filter(|one| one.path == *path).map(|one| one.method.as_str()).collect();
        if methods.contains(&"GET") {
            methods.push("HEAD");
        }
        methods.push("OPTIONS");
        methods.sort_unstable();
        let allow = |answer: &str| {
            let mut allow: Vec<_> = header(answer, "allow").unwrap().split(", ").map(str::to_owned).collect();
            allow.sort_unstable();
            allow
        };
        let options = request(&backend, "OPTIONS", path, own, "");
        assert!(options.starts_with("HTTP/1.1 204"), "{path}: {options}");
        assert_eq!(allow(&options), methods, "{path}");
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "TRACE"]
            .into_iter()
            .filter(|method| !methods.contains(method))
        {
            let answer = request(&backend, method, path, own, "");
            check(&answer, 405, "method_not_allowed", &format!("{method} {path}"));
            assert_eq!(allow(&answer), methods, "{path}");
        }
        if methods.contains(&"GET") {
            let head = backend
                .raw(format!("HEAD {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").as_bytes());
            assert!(head.ends_with("\r\n\r\n"), "no body: {head}");
            // The stream of events has no end to be waited for.
            if path != "/api/stream" {
                let get = request(&backend, "GET", path, own, "");
                assert_eq!(head.split(' ').nth(1), get.split(' ').nth(1), "{path}: {head}");
                assert_eq!(header(&head, "content-type"), header(&get, "content-type"), "{path}");
            }
        }
    }
    backend.close();
}

#[test]
fn a_client_of_http_1_0_gets_no_chunks() {
    let folder = tempfile::tempdir().unwrap();
    let backend = start(&folder);
    assert_eq!(backend.post(r#"{"signals":{"a":1}}"#).status, 200);
    for path in ["/api/telemetry", "/api/signals?details=1", "/api/signals"] {
        let answer =
            backend.raw(format!("GET {path} HTTP/1.0\r\nHost: {}\r\n\r\n", backend.address()).as_bytes());
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(!head.to_lowercase().contains("transfer-encoding"), "{head}");
        assert!(serde_json::from_str::<serde_json::Value>(body).is_ok(), "{path}: {body}");
    }
    backend.close();
}

#[test]
fn what_is_no_page_is_not_answered_with_the_page() {
    let folder = tempfile::tempdir().unwrap();
    let backend = start(&folder);
    for path in [
        "/health/",
        "/metrics/",
        "/api",
        "/api/",
        "/API/signals",
        "/Api/telemetry",
        "/api/nothing",
        "/api/boards/",
        "/api/signals/",
        "/ws/",
        "/nothing",
        "/boards",
        "/boards/a/b",
        "/ingest/more",
        "//",
        "//api/signals",
        "/boot.js/",
        "/.git/config",
    ] {
        for method in ["GET", "POST"] {
            check(
                &request(&backend, method, path, backend.address(), ""),
                404,
                "not_found",
                &format!("{method} {path}"),
            );
        }
    }
    backend.close();
}

/// Senders whose address nobody can change add a slash; it is the same address, with the same parameters and methods.
#[test]
fn the_address_of_samples_may_end_with_a_slash() {
    let folder = tempfile::tempdir().unwrap();
    let backend = start(&folder);
    let answer = request(&backend, "POST", "/api/telemetry/", backend.address(), "");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let answer = request(&backend, "GET", "/api/telemetry/?signals=evil", backend.address(), "");
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("666"), "{answer}");
    let refused = request(&backend, "GET", "/api/telemetry/?signal=evil", backend.address(), "");
    check(&refused, 400, "bad_parameter", "a parameter that is not known");
    check(
        &request(&backend, "PUT", "/api/telemetry/", backend.address(), ""),
        405,
        "method_not_allowed",
        "PUT",
    );
}

#[test]
fn parameters_that_are_not_known_or_given_twice_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let backend = start(&folder);
    let refused = |method: &str, path: &str, name: &str| {
        let answer = request(&backend, method, path, backend.address(), "");
        check(&answer, 400, "bad_parameter", &format!("{method} {path}"));
        assert!(answer.contains(&format!(r#""message":"{name}="#)), "{answer}");
    };
    for Operation { method, path, permission } in operations(&backend) {
        // Clients of Socket.IO add parameters of their own to every request, and so do identity providers (RFC 6749, 4.1.2).
        let takes_any = permission == "public" || permission == "contract" || path.starts_with("/in/");
        if !takes_any && path != "/socket.io/" && path != "/api/login/oidc/callback" {
            refused(&method, &format!("{path}?hour=1"), "hour");
            refused(&method, &format!("{path}?%68our=1"), "hour");
        }
    }
    for (path, name) in [
        ("/api/telemetry?signals=a&signals=b", "signals"),
        ("/api/telemetry?from=1&%66rom=2", "from"),
        ("/api/signals?details=1&details=1", "details"),
        ("/api/annotations?tags=a&tags=a", "tags"),
        ("/api/stream?signals=a&signals=b", "signals"),
    ] {
        refused("GET", path, name);
    }
    backend.close();
}

#[test]
fn every_answer_says_that_it_is_for_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let backend = start(&folder);
    let mut requests = everything(&backend);
    requests.retain(|(method, path)| (method.as_str(), path.as_str()) != ("GET", "/api/stream"));
    for (method, path) in requests {
        for host in [backend.address(), "evil.example"] {
            let answer = request(&backend, &method, &path, host, "");
            check_isolation(&path, &answer);
        }
    }
    // The stream of events has no end to be waited for.
    let mut stream = TcpStream::connect(backend.address()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "GET /api/stream HTTP/1.1\r\nHost: {}\r\n\r\n", backend.address()).unwrap();
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        head.extend(byte);
    }
    let head = String::from_utf8(head).unwrap();
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    check_isolation("/api/stream", &head);
    drop(stream);
    let boards = request(&backend, "GET", "/api/boards", backend.address(), "");
    assert_eq!(header(&boards, "cache-control"), Some("no-cache, private"), "only who asked may keep it");
    let metrics = request(&backend, "GET", "/metrics", backend.address(), "");
    assert_eq!(header(&metrics, "cache-control"), Some("no-store, private"));
    backend.close();
}

/// Checks the headers that keep an answer for who asked.
fn check_isolation(path: &str, answer: &str) {
    let expected = [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
    ];
    for (name, value) in expected {
        assert_eq!(header(answer, name), Some(value), "{path}: {answer}");
    }
    let policy = header(answer, "content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none';") && policy.contains("frame-ancestors "), "{policy}");
    assert!(!policy.contains("ws:"), "the page speaks with its own server only: {policy}");
    let cache = header(answer, "cache-control").unwrap();
    if path.starts_with("/api/") {
        assert!(policy.ends_with("frame-ancestors 'none'"), "{policy}");
        assert!(["no-store, private", "no-cache, private"].contains(&cache), "{path}: {answer}");
    }
}

#[test]
fn refusals_name_their_request_and_other_answers_do_where_the_client_did() {
    let folder = tempfile::tempdir().unwrap();
    let backend = start(&folder);
    let id = |path: &str, header: &str| {
        let host = backend.address();
        let answer = backend.raw(
            format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{header}Connection: close\r\n\r\n").as_bytes(),
        );
        answer.lines().find_map(|line| line.strip_prefix("x-request-id: ").map(str::to_owned))
    };
    assert_eq!(id("/health", ""), None);
    assert_eq!(id("/health", "X-Request-Id: trace-7\r\n").as_deref(), Some("trace-7"));
    assert_eq!(id("/api/none", "X-Request-Id: trace-8\r\n").as_deref(), Some("trace-8"));
    let [first, second] = [id("/api/none", ""), id("/api/none", "X-Request-Id: two words\r\n")];
    assert!(first.is_some() && second.is_some() && first != second, "{first:?} {second:?}");
    assert_eq!(first.unwrap().len(), 16);
}
