//! What a live client may not do is refused with a code that says why.

use std::io::Write as _;

use tungstenite::Message;

use crate::harness::{Backend, close_code, speak};

#[test]
fn wrong_messages_are_answered_with_the_right_code() {
    let folder = tempfile::tempdir().unwrap();
    let backend = Backend::start(&folder.path().join("a.db"));
    let subscribe = r#"{"type":"subscribe","id":1,"signals":["*"]}"#;
    let flood: Vec<Message> = (0..50).map(|_| Message::text(subscribe)).collect();
    for (messages, code) in [
        (vec![Message::text("{}")], 1007),
        (vec![Message::text("nonsense")], 1007),
        (vec![Message::text(r#"{"type":"subscribe","id":-1,"signals":[]}"#)], 1007),
        (vec![Message::binary(vec![1, 2, 3])], 1003),
        (vec![Message::text(" ".repeat(70_000))], 1009),
        (flood, 1008),
    ] {
        let mut socket = speak(&backend, "afterglow.v1").unwrap();
        for message in messages {
            // The server may close before it has read everything.
            if socket.send(message).is_err() {
                break;
            }
        }
        assert_eq!(close_code(&mut socket), code);
    }
    let mut socket = speak(&backend, "afterglow.v1").unwrap();
    // A text frame that is no UTF-8, masked with noughts.
    if let tungstenite::stream::MaybeTlsStream::Plain(stream) = socket.get_mut() {
        stream.write_all(&[0x81, 0x81, 0, 0, 0, 0, 0xff]).unwrap();
    }
    assert_eq!(close_code(&mut socket), 1007);
    match speak(&backend, "mqtt") {
        Err(tungstenite::Error::Http(response)) => assert_eq!(response.status(), 400),
        other => panic!("{:?}", other.map(|_| ())),
    }
    backend.close();
}

#[test]
fn what_is_not_allowed_is_refused_and_the_socket_stays() {
    let folder = tempfile::tempdir().unwrap();
    let backend = Backend::start(&folder.path().join("a.db"));
    let mut socket = speak(&backend, "afterglow.v1").unwrap();
    socket.send(Message::text(r#"{"type":"subscribe","id":5,"signals":["*"],"width":0}"#)).unwrap();
    let refused = loop {
        if let Message::Binary(bytes) = socket.read().unwrap()
            && bytes[0] == 8
        {
            break bytes;
        }
    };
    assert!(String::from_utf8_lossy(&refused).contains("width must be 1 to 50000 pixels"));
    socket.send(Message::text(r#"{"type":"subscribe","id":6,"signals":["*"]}"#)).unwrap();
    loop {
        if let Message::Binary(bytes) = socket.read().unwrap()
            && bytes[0] == 2
        {
            assert_eq!(bytes[32..36], [6, 0, 0, 0]);
            break;
        }
    }
    backend.close();
}

#[test]
fn too_many_clients_are_told_so() {
    let folder = tempfile::tempdir().unwrap();
    let limits = [("AFTERGLOW_LIVE_CLIENTS", "3"), ("AFTERGLOW_LIVE_CLIENTS_PER_ADDRESS", "2")];
    let backend = Backend::start_with(&folder.path().join("a.db"), "127.0.0.1:0", &limits);
    let _clients = [backend.watch(), backend.watch()];
    match speak(&backend, "afterglow.v1") {
        Err(tungstenite::Error::Http(response)) => assert_eq!(response.status(), 503),
        other => panic!("{:?}", other.map(|_| ())),
    }
    assert_eq!(backend.get("/api/stream").code(), "too_many_clients");
    backend.close();
}
