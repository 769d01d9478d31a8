//! Requests that are sent before earlier ones are answered: all are answered, in order, and they hold next to nothing meanwhile.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::json;
use socket2::{Domain, Socket, Type};

use crate::harness::authority::{Authority, NAME};
use crate::harness::{Backend, PATIENCE, eventually, serve};

/// Clients that send requests and read no answer.
const CLIENTS: usize = 300;

/// Requests that each of them has to send.
const REQUESTS: usize = 500;

/// A connection with small buffers, which does not wait when they are full.
fn connect(backend: &Backend) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4 << 10).unwrap();
    socket.set_send_buffer_size(16 << 10).unwrap();
    socket.connect(&backend.address().parse::<SocketAddr>().unwrap().into()).unwrap();
    socket.set_nonblocking(true).unwrap();
    socket.into()
}

/// What the process holds more for each of [`CLIENTS`] that send `request` as often as they can, up to [`REQUESTS`] times.
fn held(backend: &Backend, request: &str) -> u64 {
    let requests = request.repeat(REQUESTS);
    // What the first connections cost is not theirs.
    drop((0..CLIENTS).map(|_| connect(backend)).collect::<Vec<_>>());
    let before = backend.resident();
    let mut clients: Vec<_> = (0..CLIENTS).map(|_| (connect(backend), 0)).collect();
    let (mut most, mut is_over) = (before, false);
    while !is_over {
        is_over = true;
        for (stream, sent) in &mut clients {
            match stream.write(&requests.as_bytes()[*sent..]) {
                Ok(0) => {}
                Ok(length) => (*sent, is_over) = (*sent + length, false),
                Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
            }
        }
        assert_eq!(backend.get("/health").status, 200);
        most = most.max(backend.resident());
    }
    most.saturating_sub(before) / CLIENTS as u64
}

#[test]
fn answers_that_nobody_reads_are_not_made_before_their_turn() {
    let folder = tempfile::tempdir().unwrap();
    let backend = Backend::start(&folder.path().join("a.db"));
    let signals: serde_json::Map<_, _> =
        (0..40).map(|number| (format!("s{number:0>200}"), json!(1))).collect();
    assert_eq!(backend.post(&json!({ "signals": signals }).to_string()).status, 200);
    let request = format!("GET /api/signals HTTP/1.1\r\nHost: x\r\nX-Padding: {}\r\n\r\n", "x".repeat(2_000));
    let each = held(&backend, &request);
    assert!(each < 128 << 10, "{each} bytes for each client");
    backend.close();
}

#[test]
fn answers_without_a_body_are_not_made_before_their_turn_either() {
    let folder = tempfile::tempdir().unwrap();
    let backend = Backend::start(&folder.path().join("a.db"));
    let tag = backend.get("/api/boards").etag.unwrap();
    let request = format!("GET /api/boards HTTP/1.1\r\nHost: x\r\nIf-None-Match: {tag}\r\n\r\n");
    let closing = request.replace("Host: x", "Host: x\r\nConnection: close");
    assert!(backend.raw(closing.as_bytes()).starts_with("HTTP/1.1 304"));
    let each = held(&backend, &request);
    assert!(each < 128 << 10, "{each} bytes for each client");
    backend.close();
}

/// Requests of all kinds, and the statuses and what else their answers have. The last closes the connection.
fn requests(host: &str) -> (String, Vec<(u16, &'static str)>) {
    let post = "POST /api/telemetry HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";
    let sample = r#"{"signals":{"a":1}}"#;
    let blank = "{\r\n\r\n\"signals\":\r\n\r\n{\"b\":\r\n\r\n1}}\r\n\r\n";
    let kinds = [
        ("GET /health HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), 200, "\"healthy\""),
        (format!("{post}Content-Length: {}\r\n\r\n{sample}", sample.len()), 200, "\"accepted\":1"),
        (format!("{post}Content-Length: {}\r\n\r\n{blank}", blank.len()), 200, "\"accepted\":1"),
        (
            format!(
                "{post}Transfer-Encoding: chunked\r\n\r\n5\r\n{}\r\ne;x=y\r\n{}\r\n0\r\nX-Trailer: 1\r\n\r\n",
                &sample[..5],
                &sample[5..]
            ),
            200,
            "\"accepted\":1",
        ),
        ("HEAD /api/signals HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), 200, ""),
        ("\r\n\r\nGET /api/nothing HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), 404, "\"not_found\""),
        (format!("{post}Content-Length: 3\r\n\r\n{{\r\n"), 400, "\"malformed_json\""),
        ("DELETE /api/signals HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".to_owned(), 405, ""),
        ("GET /api/telemetry?format=csv&from=0001-01-01 HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), 200, ""),
    ];
    let last = "GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".to_owned();
    let all: Vec<_> =
        kinds.iter().cloned().cycle().take(5 * kinds.len()).chain([(last, 200, "\"status\"")]).collect();
    let text = all.iter().enumerate().map(|(number, (text, ..))| {
        text.replace("Host: x\r\n", &format!("Host: {host}\r\nX-Request-Id: n{number}.\r\n"))
    });
    (text.collect(), all.iter().map(|(_, status, says)| (*status, *says)).collect())
}

/// Compares what was answered with what had to be.
fn compare(answers: &str, wanted: &[(u16, &str)]) {
    let parts: Vec<_> = answers.split("HTTP/1.1 ").skip(1).collect();
    for (number, (part, (status, says))) in parts.iter().zip(wanted).enumerate() {
        let named = format!("x-request-id: n{number}.");
        assert!(
            part.starts_with(&status.to_string()) && part.contains(&named) && part.contains(says),
            "{number}: {status} {says}, not {part}"
        );
    }
    assert_eq!(parts.len(), wanted.len());
}

#[test]
fn all_requests_that_wait_are_answered_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let backend = Backend::start(&folder.path().join("a.db"));
    let (text, wanted) = requests("x");
    for piece in [text.len(), 3_000, 700, 97, 11] {
        let mut stream = TcpStream::connect(backend.address()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        for piece in text.as_bytes().chunks(piece) {
            stream.write_all(piece).unwrap();
        }
        let mut answers = String::new();
        stream.read_to_string(&mut answers).unwrap();
        compare(&answers, &wanted);
    }
    backend.close();
}

#[test]
fn all_requests_that_wait_are_answered_in_order_in_tls() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    authority.issue(folder.path());
    let mut command = serve(&folder.path().join("a.db"), "127.0.0.1:0");
    command
        .env("AFTERGLOW_TLS_CERT", folder.path().join("cert.pem"))
        .env("AFTERGLOW_TLS_KEY", folder.path().join("key.pem"))
        .env("AFTERGLOW_ALLOWED_HOSTS", NAME);
    let backend = Backend::spawn(command);
    let (text, wanted) = requests(NAME);
    for piece in [text.len(), 700, 97] {
        let mut stream = authority.connect(backend.address()).unwrap();
        for piece in text.as_bytes().chunks(piece) {
            stream.write_all(piece).unwrap();
        }
        let mut answers = String::new();
        stream.read_to_string(&mut answers).unwrap();
        compare(&answers, &wanted);
    }
    assert!(backend.terminate().success());
}

#[test]
fn a_client_that_says_that_nothing_follows_gets_all_answers() {
    let folder = tempfile::tempdir().unwrap();
    let backend = Backend::start(&folder.path().join("a.db"));
    let (text, wanted) = requests("x");
    let mut stream = TcpStream::connect(backend.address()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(text.replace("Connection: close\r\n", "").as_bytes()).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answers = String::new();
    stream.read_to_string(&mut answers).unwrap();
    compare(&answers, &wanted);
    backend.close();
}

#[test]
fn a_head_that_comes_in_parts_is_answered_as_one_that_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let backend = Backend::start(&folder.path().join("a.db"));
    for (padding, piece, status) in [(10, 1, "200"), (100_000, 1_000, "200"), (140_000, 1_000, "431")] {
        let padding = "x".repeat(padding);
        let request = format!("GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX: {padding}\r\n\r\n");
        let mut stream = TcpStream::connect(backend.address()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        for piece in request.as_bytes().chunks(piece) {
            // What is too long is refused before its end.
            let _ = stream.write_all(piece);
        }
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(String::from_utf8_lossy(&answer), format!("HTTP/1.1 {status}"));
    }
    let mut stream = TcpStream::connect(backend.address()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(b"GET /health HTTP/1.1\r\n").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(stream.read(&mut [0]).unwrap(), 0, "closed");
    backend.close();
}

/// What has come of a body is passed on before an answer begins, unless the connection is lost.
#[test]
fn connections_that_are_reset_within_a_request_are_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let backend = Backend::start(&folder.path().join("a.db"));
    let request = "POST /api/telemetry HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc";
    assert_eq!(backend.get("/health").status, 200);
    let before = backend.files();
    for _ in 0..500 {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.connect(&backend.address().parse::<SocketAddr>().unwrap().into()).unwrap();
        socket.set_linger(Some(Duration::ZERO)).unwrap();
        (&socket).write_all(request.as_bytes()).unwrap();
    }
    eventually("all connections are closed", || backend.files() <= before + 8);
    backend.close();
}

/// What is no request at all is refused at once, and so is a head that is too long, also on a connection that was used before.
#[test]
fn what_never_becomes_a_request_is_refused_without_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let backend = Backend::start(&folder.path().join("a.db"));
    let good = "GET /health HTTP/1.1\r\nHost: x\r\n\r\n";
    let long = format!("GET / HTTP/1.1\r\nX: {}", "a".repeat(132 << 10));
    for (before, bad) in [("", "\u{16}\u{3}\u{1}"), (good, "\u{16}\u{3}\u{1}"), ("", &long), (good, &long)] {
        let mut stream = TcpStream::connect(backend.address()).unwrap();
        // Less than the time that a head may take.
        stream.set_read_timeout(Some(Duration::from_secs(9))).unwrap();
        let _ = stream.write_all(format!("{before}{bad}").as_bytes());
        let mut answers = Vec::new();
        match stream.read_to_end(&mut answers) {
            Ok(_) => {}
            Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
        }
        let answers = String::from_utf8_lossy(&answers);
        let refused = answers.strip_prefix("HTTP/1.1 200").unwrap_or(&answers);
        assert_eq!(answers.starts_with("HTTP/1.1 200"), !before.is_empty());
        assert!(refused.contains("HTTP/1.1 4"), "{answers}");
    }
    backend.close();
}
