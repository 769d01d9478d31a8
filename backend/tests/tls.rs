//! TLS in the server itself: certificates come and go without a failed request, and no client in TLS has more of the server than
//! one without.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rustix::process::Signal;
use tungstenite::{Connector, Message};

use crate::harness::authority::{Authority, NAME, Stream};
use crate::harness::{Backend, PATIENCE, eventually, serve, try_post};

/// Starts a backend with a certificate from `folder`.
fn start(folder: &Path, environment: &[(&str, &str)]) -> Backend {
    let mut command = serve(&folder.join("a.db"), "127.0.0.1:0");
    command
        .env("AFTERGLOW_TLS_CERT", folder.join("cert.pem"))
        .env("AFTERGLOW_TLS_KEY", folder.join("key.pem"));
    command.env("AFTERGLOW_ALLOWED_HOSTS", NAME).envs(environment.iter().copied());
    Backend::spawn(command)
}

/// Sends a GET and reads the answer's head, and of its body what comes with it.
fn exchange(stream: &mut Stream, host: &str, path: &str) -> String {
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    while !answer.windows(4).any(|four| four == b"\r\n\r\n") {
        let mut chunk = [0; 4096];
        let read = stream.read(&mut chunk).unwrap();
        assert!(read > 0, "closed after {:?}", String::from_utf8_lossy(&answer));
        answer.extend_from_slice(&chunk[..read]);
    }
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn a_certificate_is_replaced_under_load_and_a_broken_one_is_not_taken() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let first = authority.issue(folder.path());
    let backend = start(folder.path(), &[]);
    let address = backend.address().to_owned();
    assert_eq!(authority.shown(&address), first);
    let mut old = authority.connect(&address).unwrap();
    assert!(exchange(&mut old, NAME, "/health").starts_with("HTTP/1.1 200"));
    let health = || {
        let mut answer = authority.agent(false).get(backend.url("/health")).call().unwrap();
        answer.body_mut().read_to_string().unwrap()
    };
    let (stop, sent) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|threads| {
        for keep in [false, false, true] {
            let (agent, url, stop, sent) = (authority.agent(keep), backend.url(""), &stop, &sent);
            threads.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let answer = try_post(&url, &agent, r#"{"signals":{"a":1}}"#);
                    assert_eq!(answer.expect("no handshake and no request fails").status, 200);
                    sent.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let replace = || {
            let before = sent.load(Ordering::Relaxed);
            eventually("requests go on", || sent.load(Ordering::Relaxed) > before + 10);
            let second = authority.issue(folder.path());
            backend.signal(Signal::HUP);
            eventually("new connections get the new certificate", || authority.shown(&address) == second);

            // Half of a pair, then no pair at all.
            std::fs::write(folder.path().join("cert.pem"), first_pem(folder.path())).unwrap();
            backend.signal(Signal::HUP);
            eventually("the health says so", || health().contains(r#""certificate_outdated":true"#));
            assert_eq!(authority.shown(&address), second);
            let third = authority.issue(folder.path());
            eventually("a new pair is noticed without a signal", || authority.shown(&address) == third);
            eventually("the health is good again", || !health().contains("certificate_outdated"));
            let before = sent.load(Ordering::Relaxed);
            eventually("requests go on", || sent.load(Ordering::Relaxed) > before + 10);
        };
        let replaced = std::panic::catch_unwind(std::panic::AssertUnwindSafe(replace));
        stop.store(true, Ordering::Relaxed);
        replaced.unwrap();
    });
    assert!(exchange(&mut old, NAME, "/health").starts_with("HTTP/1.1 200"), "its connection goes on");
    assert!(backend.terminate().success());
}

/// A certificate of another key.
fn first_pem(folder: &Path) -> String {
    let other = folder.join("other");
    std::fs::create_dir_all(&other).unwrap();
    Authority::new().issue(&other);
    std::fs::read_to_string(other.join("cert.pem")).unwrap()
}

#[test]
fn a_pair_that_cannot_be_used_does_not_start() {
    let folder = tempfile::tempdir().unwrap();
    Authority::new().issue(folder.path());
    std::fs::write(folder.path().join("cert.pem"), first_pem(folder.path())).unwrap();
    let (certificate, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    let environment =
        [("AFTERGLOW_TLS_CERT", certificate.to_str().unwrap()), ("AFTERGLOW_TLS_KEY", key.to_str().unwrap())];
    let errors = folder.path().join("errors");
    for environment in [&environment[..], &environment[..1]] {
        let started = Backend::try_start(&folder.path().join("a.db"), environment, &errors);
        assert_eq!(started.err(), Some(Some(2)), "{}", std::fs::read_to_string(&errors).unwrap());
        assert!(std::fs::read_to_string(&errors).unwrap().contains("together"));
    }
}

#[test]
fn a_handshake_that_does_not_end_is_closed_and_delays_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    authority.issue(folder.path());
    let backend = start(folder.path(), &[]);
    let mut stalled: Vec<_> = (0..300).map(|_| TcpStream::connect(backend.address()).unwrap()).collect();
    stalled[0].write_all(&[0x16, 3, 1]).unwrap();
    let mut other = authority.connect(backend.address()).unwrap();
    assert!(exchange(&mut other, NAME, "/health").starts_with("HTTP/1.1 200"));
    for stream in &mut stalled {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut text = Vec::new();
        // A reset is as good an end.
        let closed = stream.read_to_end(&mut text);
        assert!(
            !matches!(&closed, Err(error) if error.kind() == std::io::ErrorKind::WouldBlock),
            "{closed:?}"
        );
    }
    assert!(backend.terminate().success());
}

#[test]
fn the_kernel_cuts_a_client_in_tls_that_never_reads() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    authority.issue(folder.path());
    let backend = start(folder.path(), &[("AFTERGLOW_SLOW_SECONDS", "1"), ("AFTERGLOW_LIVE_CLIENTS", "1")]);
    let watch = || {
        let tcp = TcpStream::connect(backend.address()).unwrap();
        let connector = Connector::Rustls(authority.config());
        let request = format!("wss://{NAME}/ws");
        tungstenite::client_tls_with_config(request, tcp, None, Some(connector))
            .map(|(socket, _)| socket)
            .ok()
    };
    let mut stalled = watch().unwrap();
    assert!(matches!(stalled.read().unwrap(), Message::Text(_)));
    let agent = authority.agent(true);
    let signals: Vec<_> = (0..2_000).map(|signal| format!(r#""s{signal}":1.5"#)).collect();
    let mut sent = 0;
    eventually("its place is free: its session stands still and cannot end itself", || {
        for _ in 0..20 {
            let body =
                format!(r#"{{"timestamp":{},"signals":{{{}}}}}"#, 1_700_000_000 + sent, signals.join(","));
            assert_eq!(try_post(&backend.url(""), &agent, &body).unwrap().status, 200);
            sent += 1;
        }
        watch().is_some()
    });
    drop(stalled);
    assert!(backend.terminate().success());
}

#[test]
fn browsers_are_told_to_stay_in_tls_only_in_tls() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    authority.issue(folder.path());
    let backend = start(folder.path(), &[]);
    let mut stream = authority.connect(backend.address()).unwrap();
    let port = backend.address().rsplit(':').next().unwrap();
    for path in ["/", "/api/signals", "/none"] {
        let answer = exchange(&mut authority.connect(backend.address()).unwrap(), NAME, path).to_lowercase();
        assert!(answer.contains("\r\nstrict-transport-security: max-age=31536000\r\n"), "{answer}");
    }
    // Every program on a machine shares its name with all others.
    let local = exchange(&mut stream, &format!("localhost:{port}"), "/health").to_lowercase();
    assert!(local.starts_with("http/1.1 200") && !local.contains("strict-transport"), "{local}");
    let plain = Backend::start(&folder.path().join("b.db"));
    assert!(!plain.raw(b"GET / HTTP/1.0\r\nHost: x\r\n\r\n").to_lowercase().contains("strict-transport"));
    assert!(backend.terminate().success());
}

#[test]
fn the_plain_port_leads_readers_to_the_page_and_takes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    Authority::new().issue(folder.path());
    let mut backend = start(
        folder.path(),
        &[("AFTERGLOW_REDIRECT_LISTEN", "127.0.0.1:0"), ("AFTERGLOW_PUBLIC_URL", "https://afterglow.test")],
    );
    let line = backend.next_line();
    let plain = line.strip_prefix("redirecting from http://").expect("the second line").to_owned();
    let ask = |request: &str| {
        let mut stream = TcpStream::connect(&plain).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(stream, "{request} HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 0\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    for (request, target) in
        [("GET /", "/"), ("HEAD /ingest", "/ingest"), ("GET /boards/1?from=-1h", "/boards/1?from=-1h")]
    {
        let answer = ask(request);
        assert!(answer.starts_with("HTTP/1.1 308 "), "{answer}");
        assert!(answer.contains(&format!("\r\nlocation: https://afterglow.test{target}\r\n")), "{answer}");
    }
    for request in [
        "POST /",
        "POST /api/telemetry",
        "GET /api/signals",
        "GET /ws",
        "GET /socket.io/?EIO=4&transport=polling",
        "GET /health",
        "GET //evil.example/",
        "PUT /boards/1",
    ] {
        let answer = ask(request);
        assert!(
            answer.starts_with("HTTP/1.1 403 ") && answer.contains("https_required"),
            "{request}: {answer}"
        );
        assert!(!answer.contains("\r\nlocation:"), "{answer}");
    }
    assert!(backend.terminate().success());
}
