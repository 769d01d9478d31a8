//! Live clients: what they see, what they may send, and how they are seen off.

use std::io::Write as _;
use std::net::TcpStream;

use tungstenite::Message;
use tungstenite::client::IntoClientRequest;

use crate::harness::{Backend, Socket, close_code, event, eventually};

fn start(folder: &tempfile::TempDir) -> Backend {
    Backend::start_with(&folder.path().join("a.db"), "127.0.0.1:0", &[("AFTERGLOW_PING_SECONDS", "1")])
}

fn sessions(backend: &Backend, expected: f64) {
    eventually("the number of sessions", || backend.metric("afterglow_live_sessions") == expected);
}

#[test]
fn every_client_sees_every_object_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let backend = start(&folder);
    let mut sockets: Vec<_> = (0..20).map(|_| backend.watch()).collect();
    sessions(&backend, 20.0);
    for i in 0..50 {
        assert_eq!(
            backend.post(&format!(r#"{{"timestamp":{},"signals":{{"s":{i}}}}}"#, 1_700_000_000 + i)).status,
            200
        );
    }
    for socket in &mut sockets {
        for i in 0..50 {
            assert_eq!(event(socket)["data"]["signals"]["s"], f64::from(i));
        }
    }
    drop(sockets);
    sessions(&backend, 0.0);
    backend.close();
}

#[test]
fn objects_of_one_instant_in_one_request_are_one_update() {
    let folder = tempfile::tempdir().unwrap();
    let backend = start(&folder);
    let mut socket = backend.watch();
    sessions(&backend, 1.0);
    let object = |second: u32, signal: &str, value: u32| {
        format!(r#"{{"timestamp":"2026-01-01T00:00:0{second}Z","signals":{{"{signal}":{value}}}}}"#)
    };
    let together = [object(1, "a", 1), object(1, "b", 2), object(2, "a", 3)].join(",");
    assert_eq!(backend.post(&format!("[{together}]")).status, 200);
    assert_eq!(backend.post(&object(2, "b", 4)).status, 200);
    let mut next = || event(&mut socket)["data"]["signals"].clone();
    assert_eq!(next(), serde_json::json!({"a": 1.0, "b": 2.0}));
    assert_eq!(next(), serde_json::json!({"a": 3.0}));
    assert_eq!(next(), serde_json::json!({"b": 4.0}), "another request");
    backend.close();
}

#[test]
fn what_is_not_committed_is_not_shown() {
    let folder = tempfile::tempdir().unwrap();
    let backend = start(&folder);
    let mut socket = backend.watch();
    sessions(&backend, 1.0);
    backend.post(r#"{"signals":{"bad":null}}"#);
    backend.post(r#"{"signals":{"bad":null,"good":1}}"#);
    assert_eq!(event(&mut socket)["data"]["signals"], serde_json::json!({"good": 1.0}));
    backend.close();
}

/// What the server closes with after `send`, and that it forgets the client.
fn check_close(send: impl FnOnce(&mut Socket), expected: u16) {
    let folder = tempfile::tempdir().unwrap();
    let backend = start(&folder);
    let mut socket = backend.watch();
    sessions(&backend, 1.0);
    send(&mut socket);
    assert_eq!(close_code(&mut socket), expected);
    sessions(&backend, 0.0);
    backend.close();
}

fn stream(socket: &mut Socket) -> &mut TcpStream {
    match socket.get_mut() {
        tungstenite::stream::MaybeTlsStream::Plain(stream) => stream,
        _ => unreachable!("loopback has no TLS"),
    }
}

#[test]
fn a_text_message_is_not_supported() {
    check_close(|socket| socket.send(Message::text("hello")).unwrap(), 1003);
}

#[test]
fn a_megabyte_message_is_too_big() {
    check_close(|socket| drop(socket.send(Message::binary(vec![0; 1 << 20]))), 1009);
}

#[test]
fn bytes_that_are_no_frames_are_a_protocol_error() {
    // Reserved opcode 0x3, masked, empty.
    check_close(|socket| stream(socket).write_all(&[0x83, 0x80, 0, 0, 0, 0]).unwrap(), 1002);
}

#[test]
fn an_unmasked_frame_is_a_protocol_error() {
    check_close(|socket| stream(socket).write_all(&[0x81, 0x01, b'x']).unwrap(), 1002);
}

#[test]
fn a_client_that_answers_no_ping_is_closed() {
    // Reading the raw stream takes the pings without answering them.
    let folder = tempfile::tempdir().unwrap();
    let backend = start(&folder);
    let mut socket = backend.watch();
    sessions(&backend, 1.0);
    let mut bytes = Vec::new();
    let _ = std::io::Read::read_to_end(stream(&mut socket), &mut bytes);
    let close = bytes.windows(4).any(|frame| frame[0] == 0x88 && frame[2..] == 4007_u16.to_be_bytes());
    assert!(close, "no close frame with 4007 in {bytes:?}");
    sessions(&backend, 0.0);
    backend.close();
}

#[test]
fn many_clients_that_answer_no_ping_get_the_newest_values() {
    let folder = tempfile::tempdir().unwrap();
    let settings = [("AFTERGLOW_PING_SECONDS", "600")];
    let backend = Backend::start_with(&folder.path().join("a.db"), "127.0.0.1:0", &settings);
    let mut silent: Vec<_> = (0..65).map(|_| backend.watch()).collect();
    let (mut bytes, mut part) = (Vec::new(), [0; 4_096]);
    let has = |bytes: &[u8], text: &str| bytes.windows(text.len()).any(|part| part == text.as_bytes());
    let mut value = 70_000;
    while !has(&bytes, r#""conflated":true"#) {
        value += 1;
        assert_eq!(backend.post(&format!(r#"{{"signals":{{"a":{value}}}}}"#)).status, 200);
        let length = std::io::Read::read(stream(&mut silent[0]), &mut part).unwrap();
        assert!(length > 0, "closed before it was behind");
        bytes.extend_from_slice(&part[..length]);
    }
    // One that answers gets everything, once it has.
    let mut other = backend.watch();
    eventually("it gets everything", || {
        assert_eq!(backend.post(r#"{"signals":{"a":5}}"#).status, 200);
        event(&mut other)["data"]["conflated"].is_null()
    });
    backend.close();
}

#[test]
fn a_client_that_answers_pings_stays() {
    let folder = tempfile::tempdir().unwrap();
    let backend = start(&folder);
    let mut socket = backend.watch();
    let mut pings = 0;
    while pings < 5 {
        // Reading a ping queues its pong, and the next read sends it.
        if matches!(socket.read().unwrap(), Message::Ping(_)) {
            pings += 1;
        }
    }
    sessions(&backend, 1.0);
    backend.close();
}

#[test]
fn as_many_sockets_are_allowed_as_the_system_gives() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    // Backends inherit it.
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let lower = maximum.map_or(65_536, |maximum| maximum - 1);
    setrlimit(Resource::Nofile, Rlimit { current: Some(lower), maximum }).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let backend = start(&folder);
    let [allowed, possible] = backend.open_files();
    assert_eq!(allowed, possible);
    backend.close();
}

#[test]
fn pages_of_other_origins_may_not_watch() {
    let folder = tempfile::tempdir().unwrap();
    let backend = start(&folder);
    let connect = |origin: &str| {
        let mut request = format!("ws://{}/ws", backend.address()).into_client_request().unwrap();
        request.headers_mut().insert("Origin", origin.parse().unwrap());
        tungstenite::connect(request).map(|_| ())
    };
    assert!(connect(&format!("http://{}", backend.address())).is_ok());
    for origin in [
        "http://evil.example",
        "null",
        "http://127.0.0.1:1",
        &format!("http://{}.evil.example", backend.address()),
    ] {
        match connect(origin) {
            Err(tungstenite::Error::Http(response)) => assert_eq!(response.status(), 403, "{origin}"),
            other => panic!("{origin}: {other:?}"),
        }
    }
    backend.close();
}
