//! Socket.IO clients: the protocol as they see it, by polling and by WebSocket. The clients themselves run in e2e.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::mpsc;

use serde_json::Value;
use tungstenite::Message;
use tungstenite::stream::MaybeTlsStream;

use crate::harness::{Answer, Backend, PATIENCE, Socket, close_code, eventually};

const POLLING: &str = "/socket.io/?EIO=4&transport=polling";

fn start(folder: &tempfile::TempDir, environment: &[(&str, &str)]) -> Backend {
    Backend::start_with(&folder.path().join("a.db"), "127.0.0.1:0", environment)
}

fn sessions(backend: &Backend, expected: f64) {
    eventually("the number of sessions", || backend.metric("afterglow_live_sessions") == expected);
}

/// The content of the packet that opens a session.
fn opened(packet: &str) -> Value {
    serde_json::from_str(packet.strip_prefix('0').expect("an open packet")).unwrap()
}

/// Opens a session that polls; its address.
fn open(backend: &Backend) -> String {
    let answer = backend.get(POLLING);
    assert_eq!(answer.status, 200, "{}", answer.text);
    format!("{POLLING}&sid={}", opened(&answer.text)["sid"].as_str().unwrap())
}

fn post(backend: &Backend, session: &str, packets: &str) -> Answer {
    backend.send_with("POST", session, packets, &[("Content-Type", "text/plain;charset=UTF-8")])
}

/// Joins the namespace and takes the greeting.
fn connect(backend: &Backend, session: &str) {
    assert_eq!(post(backend, session, "40").text, "ok");
    let packets = poll(backend, session);
    assert!(packets[0].starts_with(r#"40{"sid":""#), "{packets:?}");
    let greeting: Value = serde_json::from_str(packets[1].strip_prefix("42").unwrap()).unwrap();
    assert_eq!(greeting[0], "connection_response");
    assert_eq!(greeting[1]["status"], "connected");
    assert!(greeting[1]["server_time"].is_string());
}

/// The packets of the next answer.
fn poll(backend: &Backend, session: &str) -> Vec<String> {
    let answer = backend.get(session);
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.text.split('\x1e').map(str::to_owned).collect()
}

/// The next packets but pings.
fn events(backend: &Backend, session: &str) -> Vec<String> {
    loop {
        let packets: Vec<_> = poll(backend, session).into_iter().filter(|packet| packet != "2").collect();
        if !packets.is_empty() {
            return packets;
        }
    }
}

fn websocket(backend: &Backend, rest: &str) -> Socket {
    let address = format!("ws://{}/socket.io/?EIO=4&transport=websocket{rest}", backend.address());
    let (socket, _) = tungstenite::connect(address).unwrap();
    if let MaybeTlsStream::Plain(stream) = socket.get_ref() {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
    }
    socket
}

/// The next packet but pings of Engine.IO.
fn packet(socket: &mut Socket) -> String {
    loop {
        match socket.read().unwrap() {
            Message::Text(text) if text.as_str() != "2" => return text.to_string(),
            Message::Text(_) | Message::Ping(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

fn say(socket: &mut Socket, packet: &str) {
    socket.send(Message::text(packet.to_owned())).unwrap();
}

fn sample(backend: &Backend, value: i32) {
    let body = format!(r#"{{"timestamp":"2026-01-01T00:00:0{value}Z","signals":{{"s":{value}}}}}"#);
    assert_eq!(backend.post(&body).status, 200);
}

fn update(value: i32) -> String {
    format!(
        r#"42["telemetry_update",{{"timestamp":"2026-01-01T00:00:0{value}.000000Z","signals":{{"s":{value}.0}}}}]"#
    )
}

#[test]
fn a_polling_client_gets_what_is_committed() {
    let folder = tempfile::tempdir().unwrap();
    let backend = start(&folder, &[]);
    let first = opened(&backend.get("/socket.io/?EIO=4&transport=polling&t=abc").text);
    assert_eq!(first["upgrades"], serde_json::json!(["websocket"]));
    assert_eq!((&first["pingInterval"], &first["pingTimeout"]), (&10_000.into(), &20_000.into()));
    assert_eq!(first["maxPayload"], 1_000_000);
    let session = open(&backend);
    assert_ne!(session, format!("{POLLING}&sid={}", first["sid"].as_str().unwrap()));
    connect(&backend, &session);
    sessions(&backend, 1.0);
    (1..4).for_each(|value| sample(&backend, value));
    let mut seen = Vec::new();
    while seen.len() < 3 {
        seen.extend(events(&backend, &session));
    }
    assert_eq!(seen, [update(1), update(2), update(3)]);
    // Several packets in one request, one of them an event that asks for an answer.
    assert_eq!(post(&backend, &session, "427[\"hello\"]\x1e452-[\"a\"]\x1ebAQID\x1ebAQID\x1e2").text, "ok");
    assert_eq!(events(&backend, &session), ["437[]", "3"]);
    assert_eq!(post(&backend, &session, "40/x,").text, "ok");
    assert_eq!(events(&backend, &session), [r#"44/x,{"message":"Invalid namespace"}"#]);
    assert_eq!(post(&backend, &session, "41\x1e1").text, "ok");
    assert_eq!(backend.get(&session).json()["code"], 1);
    sessions(&backend, 0.0);
    backend.close();
}

#[test]
fn requests_that_are_not_of_the_protocol_are_answered_in_its_words() {
    let folder = tempfile::tempdir().unwrap();
    let backend = start(&folder, &[("AFTERGLOW_LIVE_CLIENTS", "4")]);
    let check = |method: &str, path: &str, code: u32| {
        let answer = backend.send(method, path, "");
        assert_eq!((answer.status, &answer.json()["code"]), (400, &code.into()), "{method} {path}");
        assert!(answer.json()["message"].is_string());
    };
    check("GET", "/socket.io/", 0);
    check("GET", "/socket.io/?EIO=4&transport=carrier", 0);
    check("GET", "/socket.io/?EIO=4&transport=polling&sid=nobody", 1);
    check("POST", "/socket.io/?EIO=4&transport=polling&sid=nobody", 1);
    check("POST", POLLING, 2);
    assert_eq!(backend.send("PUT", POLLING, "").status, 405);
    check("GET", "/socket.io/?EIO=4&transport=websocket", 3);
    check("GET", "/socket.io/?EIO=3&transport=polling", 5);
    check("GET", "/socket.io/?transport=polling", 5);
    for packets in ["abc", "", "42[\"early\"]", "40\x1e42{}"] {
        let session = open(&backend);
        assert_eq!(post(&backend, &session, packets).status, 400, "{packets}");
        assert_eq!(backend.get(&session).json()["code"], 1, "the session is over");
    }
    let session = open(&backend);
    assert_eq!(post(&backend, &session, &"4".repeat(1_000_001)).status, 413);
    connect(&backend, &session);
    assert_eq!(post(&backend, &session, &"2\x1e".repeat(30)).status, 400, "too many packets");
    let answer = backend.send_with("GET", POLLING, "", &[("Origin", "http://elsewhere.example")]);
    assert_eq!((answer.status, answer.code()), (403, "foreign_origin".to_owned()));
    // Sessions count as live clients whether they have joined or not.
    let all: Vec<_> = (0..4).map(|_| open(&backend)).collect();
    let answer = backend.get(POLLING);
    assert_eq!((answer.status, answer.code()), (503, "too_many_clients".to_owned()));
    assert!(answer.retry_after.is_some());
    assert_eq!(post(&backend, &all[0], "1").text, "ok");
    open(&backend);
    backend.close();
}

#[test]
fn a_websocket_takes_over_from_polling_and_nothing_is_missed() {
    let folder = tempfile::tempdir().unwrap();
    let backend = start(&folder, &[]);
    let session = open(&backend);
    connect(&backend, &session);
    sessions(&backend, 1.0);
    let id = session.rsplit('=').next().unwrap().to_owned();
    std::thread::scope(|scope| {
        let hanging = scope.spawn(|| poll(&backend, &session));
        let mut socket = websocket(&backend, &format!("&sid={id}"));
        say(&mut socket, "2probe");
        assert_eq!(packet(&mut socket), "3probe");
        assert_eq!(hanging.join().unwrap(), ["6"]);
        // Who asks for a second one is sent away, and the first goes on.
        let mut second = websocket(&backend, &format!("&sid={id}"));
        say(&mut second, "2probe");
        assert_eq!(close_code(&mut second), 1002);
        sample(&backend, 1);
        say(&mut socket, "5");
        assert_eq!(packet(&mut socket), update(1));
        sample(&backend, 2);
        assert_eq!(packet(&mut socket), update(2));
        assert_eq!(backend.get(&session).json()["code"], 3, "polling is over");
        assert_eq!(close_code(&mut websocket(&backend, &format!("&sid={id}"))), 1002);
        say(&mut socket, r#"421["still there"]"#);
        assert_eq!(packet(&mut socket), "431[]");
        socket.send(Message::binary(vec![1, 2])).unwrap();
        assert_eq!(close_code(&mut socket), 1007, "no event announced it");
    });
    sessions(&backend, 0.0);
    assert_eq!(backend.get(&session).json()["code"], 1);
    // A WebSocket that goes before it has taken over leaves the session as it was.
    let session = open(&backend);
    connect(&backend, &session);
    let id = session.rsplit('=').next().unwrap();
    let mut socket = websocket(&backend, &format!("&sid={id}"));
    say(&mut socket, "2probe");
    assert_eq!(packet(&mut socket), "3probe");
    drop(socket);
    sample(&backend, 3);
    let is_update = |packets: Vec<String>| packets.contains(&update(3));
    eventually("the session polls on", || is_update(poll(&backend, &session)));
    backend.close();
}

#[test]
fn websockets_that_only_probe_are_live_clients_too() {
    let folder = tempfile::tempdir().unwrap();
    let backend = start(&folder, &[("AFTERGLOW_LIVE_CLIENTS", "3")]);
    let session = open(&backend);
    let id = session.rsplit('=').next().unwrap();
    let probing = [(); 2].map(|()| websocket(&backend, &format!("&sid={id}")));
    let refused = backend.get(POLLING);
    assert_eq!(refused.status, 503, "{}", refused.text);
    drop(probing);
    eventually("a place for another session", || backend.get(POLLING).status == 200);
    // One that takes over gives its place back: the session keeps its own.
    connect(&backend, &session);
    let mut socket = websocket(&backend, &format!("&sid={id}"));
    say(&mut socket, "2probe");
    assert_eq!(packet(&mut socket), "3probe");
    say(&mut socket, "5");
    sample(&backend, 1);
    assert_eq!(packet(&mut socket), update(1));
    eventually("the place of the WebSocket", || backend.get(POLLING).status == 200);
    drop(socket);
    backend.close();
}

#[test]
fn a_websocket_can_come_first() {
    let folder = tempfile::tempdir().unwrap();
    let backend = start(&folder, &[]);
    let mut socket = websocket(&backend, "");
    assert_eq!(opened(&packet(&mut socket))["upgrades"], serde_json::json!([]));
    say(&mut socket, r#"40{"token":"any"}"#);
    assert!(packet(&mut socket).starts_with("40{"));
    assert!(packet(&mut socket).starts_with(r#"42["connection_response","#));
    sessions(&backend, 1.0);
    sample(&backend, 1);
    assert_eq!(packet(&mut socket), update(1));
    say(&mut socket, r#"451-2["file",{"_placeholder":true,"num":0}]"#);
    socket.send(Message::binary(vec![1, 2, 3])).unwrap();
    assert_eq!(packet(&mut socket), "432[]");
    say(&mut socket, "41");
    sessions(&backend, 0.0);
    say(&mut socket, "40");
    sessions(&backend, 1.0);
    say(&mut socket, "1");
    eventually("the server closes", || !matches!(socket.read(), Ok(Message::Text(_))));
    sessions(&backend, 0.0);
    backend.close();
}

#[test]
fn clients_that_do_not_answer_pings_are_ended() {
    let folder = tempfile::tempdir().unwrap();
    let backend = start(&folder, &[("AFTERGLOW_PING_SECONDS", "1")]);
    let session = open(&backend);
    connect(&backend, &session);
    for _ in 0..3 {
        assert_eq!(poll(&backend, &session), ["2"]);
        assert_eq!(post(&backend, &session, "3").text, "ok");
    }
    assert_eq!(poll(&backend, &session), ["2"]);
    assert_eq!(poll(&backend, &session), ["1"], "the ping was not answered");
    assert_eq!(backend.get(&session).json()["code"], 1);
    let mut socket = websocket(&backend, "");
    assert_eq!(close_code(&mut socket), 4007);
    sessions(&backend, 0.0);
    backend.close();
}

#[test]
fn a_second_request_ends_the_session() {
    let folder = tempfile::tempdir().unwrap();
    let backend = start(&folder, &[]);
    let session = open(&backend);
    let (sender, answers) = mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            let (sender, backend, session) = (sender.clone(), &backend, &session);
            scope.spawn(move || sender.send(backend.get(session)).unwrap());
        }
    });
    let mut answers: Vec<_> = answers.iter().take(2).map(|answer| (answer.status, answer.text)).collect();
    answers.sort();
    assert_eq!(answers[0], (200, "1".to_owned()));
    assert_eq!(answers[1].0, 400);
    backend.close();
}

#[test]
fn a_client_that_stops_polling_is_ended_and_holds_nobody_up() {
    let folder = tempfile::tempdir().unwrap();
    let backend = start(&folder, &[("AFTERGLOW_SLOW_SECONDS", "1")]);
    let session = open(&backend);
    connect(&backend, &session);
    let mut socket = websocket(&backend, "");
    say(&mut socket, "40");
    sessions(&backend, 2.0);
    let mut sent = 0;
    eventually("the slow client is given up", || {
        sent += 1;
        let body = format!(r#"{{"timestamp":{},"signals":{{"s":{sent}}}}}"#, 1_700_000_000 + sent);
        assert_eq!(backend.post(&body).status, 200);
        backend.metric("afterglow_live_sessions") == 1.0
    });
    let last = format!(r#""s":{sent}.0"#);
    eventually("the other client has everything", || packet(&mut socket).contains(&last));
    assert!(poll(&backend, &session).iter().any(|packet| packet.starts_with("42")), "what waited");
    eventually("the session is over", || backend.get(&session).status != 200);
    backend.close();
}

#[test]
fn clients_are_told_when_the_server_stops() {
    let folder = tempfile::tempdir().unwrap();
    let mut backend = start(&folder, &[]);
    let session = open(&backend);
    connect(&backend, &session);
    let idle = open(&backend);
    let mut socket = websocket(&backend, "");
    say(&mut socket, "40");
    sessions(&backend, 2.0);
    let mut waiting = [&session, &idle].map(|path| {
        let mut stream = TcpStream::connect(backend.address()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let head = format!("GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", backend.address());
        stream.write_all(head.as_bytes()).unwrap();
        stream
    });
    for _ in 0..3 {
        packet(&mut socket);
    }
    // Requests that come later are answered by every worker: those two have been read.
    (0..64).for_each(|_| assert_eq!(backend.get("/health").status, 200));
    backend.signal(rustix::process::Signal::TERM);
    assert_eq!(close_code(&mut socket), 1001);
    for stream in &mut waiting {
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("draining"), "{answer}");
    }
    assert!(backend.wait().success());
}
