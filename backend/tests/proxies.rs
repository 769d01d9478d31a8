//! Proxies in front: what they say is believed from trusted addresses alone, and an open server notices one that it does not know.

use crate::harness::{Backend, eventually, serve};

fn get(backend: &Backend, path: &str, headers: &str) -> String {
    backend.raw(format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n").as_bytes())
}

#[test]
fn an_open_server_behind_an_unknown_proxy_refuses_every_request() {
    let folder = tempfile::tempdir().unwrap();
    let backend = Backend::start(&folder.path().join("a.db"));
    for header in [
        "Forwarded: for=1.2.3.4",
        "X-Forwarded-For: 1.2.3.4",
        "X-Forwarded-Proto: https",
        "X-Real-IP: 1.2.3.4",
        "Via: 1.1 proxy",
    ] {
        for path in ["/", "/api/signals", "/health", "/ws", "/none"] {
            let answer = get(&backend, path, &format!("{header}\r\n"));
            assert!(answer.starts_with("HTTP/1.1 403 ") && answer.contains("proxy_not_trusted"), "{answer}");
        }
    }
    let post = "POST /api/telemetry HTTP/1.1\r\nHost: x\r\nVia: 1.1 p\r\nContent-Length: 50\r\n\r\n{";
    assert!(backend.raw(post.as_bytes()).contains("proxy_not_trusted"), "the body is not waited for");
    assert!(get(&backend, "/api/signals", "").starts_with("HTTP/1.1 200 "));
    assert!(get(&backend, "/api/signals", "X-Request-Id: 1\r\n").starts_with("HTTP/1.1 200 "));
    backend.close();
}

#[test]
fn a_server_that_is_meant_to_be_open_takes_requests_through_any_proxy_and_believes_none() {
    let folder = tempfile::tempdir().unwrap();
    let backend =
        Backend::start_with(&folder.path().join("a.db"), "127.0.0.1:0", &[("AFTERGLOW_INSECURE", "true")]);
    let answer = get(&backend, "/api/signals", "X-Forwarded-For: 1.2.3.4\r\nX-Forwarded-Proto: https\r\n");
    assert!(answer.starts_with("HTTP/1.1 200 ") && !answer.contains("strict-transport"), "{answer}");
    assert!(!backend.get("/api/ingest").text.contains("1.2.3.4"));
    backend.close();
}

#[test]
fn a_trusted_proxys_word_counts_for_address_scheme_and_host() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = serve(&folder.path().join("a.db"), "127.0.0.1:0");
    command.env("AFTERGLOW_TRUSTED_PROXIES", "127.0.0.1 10.0.0.0/8").env("AFTERGLOW_INSECURE", "true");
    command.env("AFTERGLOW_ALLOWED_HOSTS", "x a.example").env("AFTERGLOW_LIVE_CLIENTS_PER_ADDRESS", "1");
    let backend = Backend::spawn(command);
    let body = r#"{"signals":{"a":1}}"#;
    let headers = [("X-Forwarded-For", "6.6.6.6, 203.0.113.7, 10.1.2.3"), ("X-Forwarded-Proto", "https")];
    assert_eq!(backend.send_with("POST", "/api/telemetry", body, &headers).status, 200);
    let report = backend.get("/api/ingest").text;
    assert!(report.contains("203.0.113.7") && !report.contains("6.6.6.6"), "{report}");

    let answer =
        get(&backend, "/api/signals", "X-Forwarded-For: 203.0.113.7\r\nX-Forwarded-Proto: https\r\n");
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("strict-transport-security"), "{answer}");
    let unknown = get(&backend, "/api/signals", "X-Forwarded-Host: evil.example\r\n");
    assert!(unknown.starts_with("HTTP/1.1 421 "), "{unknown}");
    let own = "X-Forwarded-Host: a.example\r\nOrigin: https://a.example\r\n";
    assert!(get(&backend, "/api/signals", own).starts_with("HTTP/1.1 200 "));
    let foreign = "X-Forwarded-Host: a.example\r\nOrigin: https://evil.example\r\n";
    assert!(get(&backend, "/api/signals", foreign).contains("foreign_origin"));

    // Clients behind one proxy do not share the places of one address.
    let watch = |address: &str| {
        let mut request = tungstenite::client::IntoClientRequest::into_client_request(format!(
            "ws://{}/ws",
            backend.address()
        ))
        .unwrap();
        request.headers_mut().insert("X-Forwarded-For", address.parse().unwrap());
        tungstenite::connect(request).map(|(socket, _)| socket)
    };
    let first = watch("203.0.113.7").unwrap();
    assert!(watch("203.0.113.7").is_err(), "its place is taken");
    let second = watch("203.0.113.8").unwrap();
    drop((first, second));
    eventually("both have left", || backend.metric("afterglow_live_sessions") == 0.0);
    backend.close();
}
