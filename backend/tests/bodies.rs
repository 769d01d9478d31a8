//! Request bodies: what they may hold in memory, and what they may cost, each and all together.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use crate::harness::{Backend, PATIENCE, eventually};

/// As large as a body may be.
const LARGE: usize = 8 << 20;

/// A request whose body lacks its last byte.
fn all_but_a_byte(backend: &Backend) -> TcpStream {
    let mut stream = TcpStream::connect(backend.address()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "POST /api/telemetry HTTP/1.1\r\nHost: x\r\nContent-Length: {LARGE}\r\n\r\n").unwrap();
    let body = [b"{\"x\":\"", &vec![b'a'; LARGE - 7][..]].concat();
    // One that is refused is cut off while it is sent.
    let _ = stream.write_all(&body);
    stream
}

#[test]
fn bodies_that_do_not_end_share_a_bound_and_small_ones_are_taken() {
    let folder = tempfile::tempdir().unwrap();
    let backend = Backend::start(&folder.path().join("a.db"));
    assert_eq!(backend.post(r#"{"signals":{"a":1}}"#).status, 200);
    let before = backend.resident();
    let held: Vec<_> = (0..20).map(|_| all_but_a_byte(&backend)).collect();
    // An address has 64 MiB: seven large bodies and a part of the others.
    let refused = backend.post_as("application/json", "identity", &vec![b' '; LARGE]);
    assert_eq!((refused.status, refused.code().as_str()), (503, "queue_full"), "{}", refused.text);
    assert!(refused.text.contains("from this address") && refused.retry_after.is_some(), "{}", refused.text);
    let grown = backend.resident().saturating_sub(before);
    assert!(grown < 110 << 20, "{grown} bytes more");
    assert_eq!(backend.post(r#"{"signals":{"a":2}}"#).status, 200, "a small body");
    drop(held);
    eventually("there is room again", || {
        backend.post_as("application/json", "identity", &vec![b' '; LARGE]).status == 400
    });
    backend.close();
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn bodies_that_are_made_to_cost_much_are_refused_with_the_limit() {
    let folder = tempfile::tempdir().unwrap();
    let backend = Backend::start(&folder.path().join("a.db"));
    let samples = |count: usize| format!(r#"{{"signals":{{{}}}}}"#, vec![r#""a":1"#; count].join(","));
    let empty = gzip(b"");
    let members = empty.repeat(LARGE / empty.len());
    for (encoding, body, limit) in [
        ("gzip", members.clone(), "more than 8 gzip members"),
        ("gzip", gzip(samples(1_390_000).as_bytes()), "more than 200 times its"),
        ("identity", samples(250_001).into_bytes(), "more than 250000 samples"),
        ("identity", format!("[{}]", vec!["1"; 250_001].join(",")).into_bytes(), "more than 250000 samples"),
    ] {
        let answer = backend.post_as("application/json", encoding, &body);
        assert_eq!((answer.status, answer.code().as_str()), (413, "body_too_large"), "{limit}");
        assert!(answer.text.contains(limit), "{}", answer.text);
    }
    assert_eq!(backend.get("/api/signals").text, "[]", "nothing was stored");
    assert_eq!(backend.post(&samples(250_000)).status, 200);
    let compressed = gzip(samples(1_000).as_bytes());
    assert_eq!(backend.post_as("application/json", "gzip", &compressed).status, 200);
    backend.close();
}

#[test]
fn one_address_has_half_of_the_connections() {
    let folder = tempfile::tempdir().unwrap();
    let backend = Backend::start_with_files(&folder.path().join("a.db"), 328);
    let idle: Vec<_> = (0..300)
        .map(|_| {
            let stream = TcpStream::connect(backend.address()).unwrap();
            stream.set_nonblocking(true).unwrap();
            stream
        })
        .collect();
    let closed = || {
        let ended = |mut stream: &TcpStream| matches!(stream.read(&mut [0; 1]), Ok(0));
        idle.iter().filter(|stream| ended(stream)).count()
    };
    eventually("those beyond a half are closed", || closed() == 200);
    // Another address finds room.
    let port = backend.address().rsplit(':').next().unwrap();
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&"127.0.0.2:0".parse::<std::net::SocketAddr>().unwrap().into()).unwrap();
    socket.connect(&format!("127.0.0.1:{port}").parse::<std::net::SocketAddr>().unwrap().into()).unwrap();
    let mut other = TcpStream::from(socket);
    other.write_all(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    other.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    drop(idle);
    eventually("their places are free", || backend.try_get("/health").is_some());
    backend.close();
}

#[test]
fn parameters_and_tags_are_limited_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let backend = Backend::start(&folder.path().join("a.db"));
    let many: Vec<_> = (0..21).map(|number| format!("p{number}=1")).collect();
    for path in ["/api/telemetry", "/api/stream", "/socket.io/", "/", "/api/signals", "/metrics"] {
        let answer = backend.get(&format!("{path}?{}", many.join("&")));
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (400, "bad_parameter"),
            "{path}: {}",
            answer.text
        );
    }
    let answer = backend.get(&format!("/socket.io/?{}", many.join("&")));
    assert!(answer.text.contains("p20=1") && answer.text.contains("at most 20"), "{}", answer.text);
    assert_eq!(backend.get(&format!("/api/annotations?tags={}", vec!["a"; 10_000].join(","))).status, 200);
    let tags: Vec<_> = (0..21).map(|number| format!("t{number}")).collect();
    let answer = backend.get(&format!("/api/annotations?tags={}", tags.join(",")));
    assert_eq!((answer.status, answer.code().as_str()), (400, "bad_parameter"));
    assert!(answer.text.contains("tags=") && answer.text.contains("at most 20"), "{}", answer.text);
    backend.close();
}
