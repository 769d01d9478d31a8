//! Live clients that mean harm: each gets a defined answer, and the others notice nothing.

use std::collections::HashSet;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use afterglow_client::subscribe::{News, Subscription};
use afterglow_wire::v1::{Body, Flags, Frame, Kind, Position};
use tungstenite::Message;

use crate::harness::{Backend, PATIENCE, Socket, close_code, eventually, speak};

fn start(folder: &tempfile::TempDir) -> Backend {
    Backend::start(&folder.path().join("a.db"))
}

/// The binary protocol on a new socket.
fn connect(backend: &Backend) -> Socket {
    speak(backend, "afterglow.v1").unwrap()
}

/// Reads until a frame gives something.
fn frame<T>(socket: &mut Socket, mut look: impl FnMut(&Frame<'_>) -> Option<T>) -> T {
    loop {
        if let Message::Binary(bytes) = socket.read().unwrap()
            && let Some(found) = look(&Frame::parse(&bytes).unwrap())
        {
            return found;
        }
    }
}

/// Whether the subscription `id` was resumed.
fn is_resumed(socket: &mut Socket, id: u32) -> bool {
    frame(socket, |frame| match frame.body {
        Body::Subscribed { request } if request == id => Some(frame.header.flags.has(Flags::RESUMED)),
        _ => None,
    })
}

/// The last commit that `socket` has been told of.
fn welcome(socket: &mut Socket) -> Position {
    frame(socket, |frame| (frame.header.kind == Kind::Welcome).then_some(frame.header.position))
}

/// A client that behaves, and has everything that there is.
fn bystander(backend: &Backend) -> Subscription {
    let mut subscription = Subscription::new(&backend.url(""), vec!["witness".to_owned()]).unwrap();
    while subscription.receive().unwrap() != News::Live {}
    subscription
}

/// What a bystander gets is whole and comes.
fn check(backend: &Backend, bystander: &mut Subscription, number: i64) {
    let time = 1_700_000_000 + number;
    let body = format!(r#"{{"timestamp":{time},"signals":{{"witness":{number}}}}}"#);
    assert_eq!(backend.post(&body).status, 200);
    loop {
        match bystander.receive().unwrap() {
            News::Samples(samples) => return assert_eq!(samples.values, [number as f64]),
            News::Idle(_) | News::Changed(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_handshake_that_does_not_end_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let backend = start(&folder);
    let request = b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n";
    // One falls silent, the other one always has a little more to say.
    let silent = std::thread::scope(|scope| {
        let silent = scope.spawn(|| backend.raw(request));
        let mut stream = TcpStream::connect(backend.address()).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        stream.write_all(request).unwrap();
        let mut answer = [0; 12];
        eventually("the slow one is given up", || {
            // A write into a closed connection fails, a read from it ends.
            stream.write_all(b"x").is_err() || stream.read(&mut answer).is_ok()
        });
        silent.join().unwrap()
    });
    assert!(silent.starts_with("HTTP/1.1 408"), "{silent}");
    backend.close();
}

#[test]
fn an_endless_head_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let backend = start(&folder);
    let send = || {
        let mut stream = TcpStream::connect(backend.address()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(b"GET /ws HTTP/1.1\r\nHost: x\r\nX-Long: ").unwrap();
        // The server need not read it all.
        while stream.write_all(&[b'x'; 64 * 1024]).is_ok() {}
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    };
    // A server that has just started goes on to load parts of itself.
    send();
    assert_eq!(backend.get("/api/signals").status, 200);
    let before = backend.resident();
    (0..20).for_each(|_| send());
    // What is freed goes back to the system twice a minute.
    eventually("less than 16 MiB more", || backend.resident().saturating_sub(before) < 16 << 20);
    backend.close();
}

#[test]
fn a_position_that_never_was_starts_with_a_new_snapshot() {
    let folder = tempfile::tempdir().unwrap();
    let backend = start(&folder);
    assert_eq!(backend.post(r#"{"signals":{"a":1}}"#).status, 200);
    let mut socket = connect(&backend);
    let here = welcome(&mut socket);
    for (id, epoch, sequence) in [
        (1, here.epoch, here.sequence + 1),
        (2, here.epoch, u64::MAX),
        (3, here.epoch + 1, here.sequence),
        (4, 0, 0),
        (5, u64::MAX, u64::MAX),
    ] {
        let resume = format!(r#"{{"epoch":{epoch},"sequence":{sequence}}}"#);
        let request =
            format!(r#"{{"type":"subscribe","id":{id},"signals":["*"],"window":3600,"resume":{resume}}}"#);
        socket.send(Message::text(request)).unwrap();
        assert!(!is_resumed(&mut socket, id), "{resume}");
        frame(&mut socket, |frame| {
            (frame.header.flags.has(Flags::LAST) && frame.header.position == here).then_some(())
        });
    }
    backend.close();
}

#[test]
fn a_client_that_keeps_changing_its_mind_hurts_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let backend = start(&folder);
    // A history that takes a while to read.
    for part in 0..20_i64 {
        let objects: Vec<_> = (part * 5_000..(part + 1) * 5_000)
            .map(|i| format!(r#"{{"timestamp":{},"signals":{{"a":{i}}}}}"#, 1_600_000_000_000_000 + i))
            .collect();
        assert_eq!(backend.post(&format!("[{}]", objects.join(","))).status, 200);
    }
    let mut bystander = bystander(&backend);
    let mut sockets: Vec<_> = (0..20).map(|_| connect(&backend)).collect();
    for socket in &mut sockets {
        for id in 1..=15 {
            let patterns = if id % 2 == 0 { r#""*""# } else { r#""a*","b""# };
            let request = format!(r#"{{"type":"subscribe","id":{id},"signals":[{patterns}],"window":1e10}}"#);
            socket.send(Message::text(request)).unwrap();
        }
    }
    (0..50).for_each(|number| check(&backend, &mut bystander, number));
    // The last request counts, and it is answered as if there had been no other.
    for socket in &mut sockets {
        is_resumed(socket, 15);
        let mut count = 0;
        let (mut times, mut values) = (Vec::new(), Vec::new());
        loop {
            let Message::Binary(bytes) = socket.read().unwrap() else { continue };
            let Frame { header, body } = Frame::parse(&bytes).unwrap();
            let Body::Snapshot { mut columns, .. } = body else { continue };
            while columns.next(&mut times, &mut values).unwrap().is_some() {
                count += times.len();
            }
            if header.flags.has(Flags::LAST) {
                break;
            }
        }
        assert_eq!(count, 100_000);
    }
    drop(sockets);
    eventually("only the bystander is there", || backend.metric("afterglow_live_sessions") == 1.0);
    check(&backend, &mut bystander, 50);
    backend.close();
}

#[test]
fn a_thousand_dear_patterns_hold_nobody_up() {
    let folder = tempfile::tempdir().unwrap();
    let backend = start(&folder);
    // Names and patterns that match late, if at all.
    let names: Vec<_> = (0..2_000).map(|i| format!(r#""{}{i}":1"#, "a".repeat(240))).collect();
    assert_eq!(backend.post(&format!(r#"{{"signals":{{{}}}}}"#, names.join(","))).status, 200);
    let mut bystander = bystander(&backend);
    let mut socket = connect(&backend);
    // As much as is allowed, and much more.
    for (id, stars, count) in (0..15).map(|id| if id % 2 == 0 { (id, 1, 100) } else { (id, 60, 200) }) {
        let patterns: Vec<_> =
            (0..count).map(|i| format!(r#""*{}*b{id}c{i}*""#, "a*".repeat(stars))).collect();
        let request = format!(r#"{{"type":"subscribe","id":{id},"signals":[{}]}}"#, patterns.join(","));
        assert!(request.len() < 64 * 1024);
        socket.send(Message::text(request)).unwrap();
    }
    (0..10).for_each(|number| check(&backend, &mut bystander, number));
    backend.close();
}

/// A client with costly patterns, of which one stands for the names that end in `.{number}`.
fn costly(backend: &Backend, number: usize) -> Subscription {
    let patterns = (0..20).map(|i| format!("*{}*{}*x{number}.{i}*", "a".repeat(50), "a".repeat(40)));
    let patterns = patterns.chain([format!("a*.{number}")]).collect();
    Subscription::new(&backend.url(""), patterns).unwrap().window(3_600.0, None).unwrap()
}

/// Receives until it has `count` samples, each of another signal.
fn receive(subscription: &mut Subscription, count: usize) {
    let mut got = HashSet::new();
    while got.len() < count {
        match subscription.receive().unwrap() {
            News::Samples(samples) => {
                assert_eq!(samples.values.len(), 1);
                assert!(got.insert(samples.signal.clone()), "{} came twice", samples.signal);
            }
            News::Began { is_resumed: false } | News::Live | News::Idle(_) | News::Changed(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn new_names_reach_those_with_costly_patterns_once_and_hold_nobody_up() {
    let folder = tempfile::tempdir().unwrap();
    let backend = start(&folder);
    let mut bystander = bystander(&backend);
    let mut clients: Vec<_> = (0..5).map(|number| costly(&backend, number)).collect();
    for client in &mut clients {
        while client.receive().unwrap() != News::Live {}
    }
    let (rounds, names) = (4, 250);
    for round in 0..rounds {
        let new = (0..names).map(|i| format!(r#""{}{round}.{i}.{}":1"#, "a".repeat(200), i % 5));
        let new = new.collect::<Vec<_>>().join(",");
        assert_eq!(backend.post(&format!(r#"{{"signals":{{{new}}}}}"#)).status, 200);
        check(&backend, &mut bystander, round);
        // Those who come while names are compared get what is there, and what follows it.
        clients.push(costly(&backend, round as usize));
        if let Some(client) = clients.last_mut() {
            while client.receive().unwrap() != (News::Began { is_resumed: false }) {}
        }
    }
    std::thread::scope(|scope| {
        for client in &mut clients {
            scope.spawn(|| receive(client, rounds as usize * names / 5));
        }
    });
    check(&backend, &mut bystander, 50);
    backend.close();
}

#[test]
fn a_message_that_asks_too_much_is_refused_or_closed() {
    let folder = tempfile::tempdir().unwrap();
    let backend = start(&folder);
    let many = vec![r#""a""#; 1_001].join(",");
    for (rest, message) in [
        (format!(r#""signals":[{many}]"#), "1 to 1000 are allowed"),
        (r#""signals":[]"#.to_owned(), "1 to 1000 are allowed"),
        (r#""signals":["*"],"window":1e308,"width":50001"#.to_owned(), "1 to 50000 pixels"),
        (r#""signals":["*"],"window":-1"#.to_owned(), "above 0"),
        (r#""signals":["b","*a*a*a*a*"]"#.to_owned(), "*a*a*a*a* is not allowed: it has 5 *; at most 4"),
        (format!(r#""signals":[{}]"#, vec![r#""a*""#; 101].join(",")), "more than 100 patterns with *"),
    ] {
        let mut socket = connect(&backend);
        socket.send(Message::text(format!(r#"{{"type":"subscribe","id":7,{rest}}}"#))).unwrap();
        let said = frame(&mut socket, |frame| match frame.body {
            Body::Refused { request: 7, error } => Some(error.to_owned()),
            _ => None,
        });
        assert!(said.contains(message), "{said}");
    }
    for text in [
        r#"{"type":"subscribe","id":1,"signals":["*"],"window":1e999}"#,
        r#"{"type":"subscribe","id":4294967296,"signals":["*"]}"#,
        r#"{"type":"subscribe","id":1,"signals":["*"],"resume":{"epoch":-1,"sequence":0}}"#,
        r#"{"type":"unsubscribe"}"#,
        &"[".repeat(60_000),
    ] {
        let mut socket = connect(&backend);
        socket.send(Message::text(text.to_owned())).unwrap();
        assert_eq!(close_code(&mut socket), 1007, "{}", &text[..text.len().min(80)]);
    }
    backend.close();
}
