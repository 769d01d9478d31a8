//! Bad requests: each gets its named error, nothing else suffers, memory stays flat.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};

use crate::harness::{Answer, Backend, PATIENCE, eventually};

fn start(folder: &tempfile::TempDir) -> Backend {
    Backend::start_with(&folder.path().join("a.db"), "127.0.0.1:0", &[("AFTERGLOW_BODY_SECONDS", "1")])
}

fn check(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status, answer.code().as_str()), (status, code), "{}", answer.text);
    assert!(answer.json()["error"]["message"].as_str().is_some_and(|message| message.len() > 10));
}

#[test]
fn unusable_bodies_get_their_named_error() {
    let folder = tempfile::tempdir().unwrap();
    let backend = start(&folder);
    let long_name = "x".repeat(257);
    for (body, code) in [
        ("", "empty_body"),
        ("   ", "empty_body"),
        ("{", "malformed_json"),
        ("{}{}", "malformed_json"),
        ("[1,", "malformed_json"),
        ("null", "not_an_object"),
        ("\"text\"", "not_an_object"),
        ("[[]]", "not_an_object"),
        ("{}", "bad_signals"),
        (r#"{"signals":[]}"#, "bad_signals"),
        (r#"{"signals":{}}"#, "empty_signals"),
        ("[]", "empty_signals"),
        (r#"{"signals":{"a":{"b":1}}}"#, "not_a_number"),
        (r#"{"signals":{"a":"1"}}"#, "not_a_number"),
        (r#"{"signals":{"a":NaN}}"#, "not_finite"),
        (r#"{"signals":{"a":-Infinity}}"#, "not_finite"),
        (r#"{"signals":{"a":1e999}}"#, "not_finite"),
        (r#"{"signals":{"":1}}"#, "bad_signal_name"),
        (&format!(r#"{{"signals":{{"{long_name}":1}}}}"#), "bad_signal_name"),
        (r#"{"signals":{"a\u0007":1}}"#, "bad_signal_name"),
        (r#"{"timestamp":"tomorrow","signals":{"a":1}}"#, "bad_timestamp"),
        (r#"{"timestamp":{},"signals":{"a":1}}"#, "bad_timestamp"),
        (r#"{"timestamp":"2126-01-01","signals":{"a":1}}"#, "timestamp_ahead"),
    ] {
        check(&backend.post(body), 400, code);
    }
    assert_eq!(backend.get("/api/signals").text, "[]");
    backend.close();
}

#[test]
fn wrong_types_and_encodings_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let backend = start(&folder);
    let good = br#"{"signals":{"a":1}}"#;
    check(&backend.post_as("text/html", "identity", good), 415, "unsupported_media_type");
    check(&backend.post_as("application/json", "br", good), 415, "unsupported_media_type");
    check(&backend.post_as("application/json", "gzip", good), 400, "bad_encoding");
    check(&backend.post_as("application/json", "zstd", good), 400, "bad_encoding");
    check(&backend.get("/api/nothing"), 404, "not_found");
    check(&backend.get("/api/telemetry?max_points=0"), 400, "bad_parameter");
    check(&backend.get("/api/alerts?signal=*a*b*c*d*"), 400, "bad_parameter");
    check(&backend.get(&format!("/api/alerts?signal={}", "%5C*".repeat(200))), 400, "bad_parameter");
    check(&backend.get("/ws"), 400, "not_a_websocket");
    let put = backend.raw(b"PUT /api/telemetry HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert!(put.starts_with("HTTP/1.1 405") && put.contains("method_not_allowed"), "{put}");
    backend.close();
}

#[test]
fn bodies_that_are_too_large_are_refused_and_memory_stays_flat() {
    let folder = tempfile::tempdir().unwrap();
    let backend = start(&folder);
    assert_eq!(backend.post(r#"{"signals":{"a":1}}"#).status, 200);
    let before = backend.resident();
    let ten_megabytes = vec![b' '; 10 << 20];
    let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    for _ in 0..128 {
        bomb.write_all(&vec![b' '; 1 << 20]).unwrap();
    }
    let bomb = bomb.finish().unwrap();
    assert!(bomb.len() < 140_000, "{}", bomb.len());
    let zstd_bomb = zstd::encode_all(&vec![b' '; 128 << 20][..], 3).unwrap();
    for _ in 0..5 {
        check(&backend.post_as("application/json", "identity", &ten_megabytes), 413, "body_too_large");
        check(&backend.post_as("application/json", "gzip", &bomb), 413, "body_too_large");
        check(&backend.post_as("application/json", "zstd", &zstd_bomb), 413, "body_too_large");
    }
    let grown = backend.resident().saturating_sub(before);
    assert!(grown < 64 << 20, "{grown} bytes more");
    assert_eq!(backend.post(r#"{"signals":{"a":2}}"#).status, 200);
    backend.close();
}

#[test]
fn a_body_in_one_byte_chunks_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let backend = start(&folder);
    let mut request =
        b"POST /api/telemetry HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
            .to_vec();
    for byte in br#"{"signals":{"a":1}}"# {
        request.extend_from_slice(&[b'1', b'\r', b'\n', *byte, b'\r', b'\n']);
    }
    request.extend_from_slice(b"0\r\n\r\n");
    let answer = backend.raw(&request);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    backend.close();
}

#[test]
fn a_body_that_never_ends_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let backend = start(&folder);
    let answer =
        backend.raw(b"POST /api/telemetry HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n{\"signals\"");
    assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("body_timeout"), "{answer}");
    backend.close();
}

#[test]
fn a_body_that_breaks_off_stores_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let backend = start(&folder);
    let mut stream = TcpStream::connect(backend.address()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let request =
        b"POST /api/telemetry HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n{\"signals\":{\"a\":1}}";
    stream.write_all(request).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let _ = stream.read_to_end(&mut Vec::new());
    assert_eq!(backend.get("/api/signals").text, "[]");
    backend.close();
}

#[test]
fn connections_that_say_nothing_do_not_stop_others() {
    let folder = tempfile::tempdir().unwrap();
    let backend = start(&folder);
    let silent: Vec<_> = (0..200).map(|_| TcpStream::connect(backend.address()).unwrap()).collect();
    eventually("a request is answered", || backend.post(r#"{"signals":{"a":1}}"#).status == 200);
    drop(silent);
    backend.close();
}
