//! Links that show samples only as far back as they say, by every way to samples.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;

use afterglow_client::access::Access;
use afterglow_client::subscribe::Subscription;
use serde_json::{Value, json};

use crate::harness::provider::now;
use crate::harness::{Backend, PATIENCE};
use crate::keys::{ask, guarded, key};
use crate::live_stream::Seen;

/// The value of the sample that is older than the links show, and of the newer one.
const OLD: &str = "111.5";
const NEW: &str = "222.5";

fn post(backend: &Backend, key: &str, time: i64, signal: &str, value: &str) {
    let body = format!(r#"{{"timestamp":{time},"signals":{{"{signal}":{value}}}}}"#);
    assert_eq!(ask(backend, key, "POST", "/api/telemetry", &body).status, 200);
}

/// An event stream that goes on from a position, up to the first line that has one of `words`.
fn resumed(backend: &Backend, key: &str, position: &str, words: [&str; 2]) -> String {
    let mut stream = TcpStream::connect(backend.address()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let head = format!("Host: x\r\nAuthorization: Bearer {key}\r\nLast-Event-ID: {position}\r\n\r\n");
    stream.write_all(format!("GET /api/stream HTTP/1.1\r\n{head}").as_bytes()).unwrap();
    let mut seen = String::new();
    let mut lines = BufReader::new(stream);
    while !words.iter().any(|word| seen.contains(word)) {
        assert!(lines.read_line(&mut seen).unwrap() > 0, "{seen}");
    }
    seen
}

/// The position of the newest event of a stream.
fn position(backend: &Backend, key: &str) -> String {
    let mut stream = TcpStream::connect(backend.address()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "GET /api/stream HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n\r\n").unwrap();
    let mut lines = BufReader::new(stream).lines();
    lines.find(|line| line.as_ref().unwrap().starts_with("id: ")).unwrap().unwrap();
    post(backend, key, now(), "a.first", "1");
    let id = lines.find_map(|line| line.unwrap().strip_prefix("id: ").or(None).map(str::to_owned));
    id.unwrap()
}

#[test]
fn a_link_shows_samples_as_far_back_as_it_says_and_none_before() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("a.db");
    let admin = key(&database, &["--scopes", "read,write,edit,admin"]);
    let backend = guarded(&database);
    let before = position(&backend, &admin);
    let time = now();
    post(&backend, &admin, time - 7_200, "a.x", OLD);
    post(&backend, &admin, time - 7_200, "a.old", OLD);
    post(&backend, &admin, time - 60, "a.x", NEW);
    let board =
        json!({"id": "one", "title": "one", "panels": [{"title": "p", "signals": ["a.*"]}]}).to_string();
    assert_eq!(ask(&backend, &admin, "POST", "/api/boards", &board).status, 201);
    let link = |since: &Value| {
        let body = json!({"board": "one", "since": since}).to_string();
        let made = ask(&backend, &admin, "POST", "/api/shares", &body);
        assert_eq!(made.status, 201, "{made:?}");
        assert_eq!(&made.json()["since"], since);
        made.json()["link"].as_str().unwrap().strip_prefix("/s#").unwrap().to_owned()
    };
    for wrong in [json!("yesterday"), json!("0h"), json!("")] {
        let body = json!({"board": "one", "since": wrong}).to_string();
        let refused = ask(&backend, &admin, "POST", "/api/shares", &body);
        assert_eq!(refused.field(), ("invalid".to_owned(), "since".to_owned()), "{refused:?}");
    }
    let instant =
        ask(&backend, &admin, "GET", &format!("/api/telemetry?signals=a.x&from={}", time - 3_600), "");
    assert!(instant.text.contains(NEW), "{}", instant.text);
    let fixed = instant.json()["a.x"][0]["timestamp"].clone();
    let links = [link(&Value::Null), link(&json!("1h")), link(&fixed)];
    let paths = [
        "/api/telemetry?from=0001-01-01".to_owned(),
        "/api/telemetry?from=0001-01-01&format=csv".to_owned(),
        "/api/telemetry?from=0001-01-01&format=ndjson".to_owned(),
        format!("/api/telemetry?from={}&max_points=5", time - 10_000),
        format!("/api/telemetry?from={}&max_points=5&slice=1", time - 10_000),
        format!("/api/telemetry/summary?signals=*&from={}", time - 10_000),
        "/api/signals?details=1".to_owned(),
    ];
    for path in &paths {
        let [all, recent, since] = links.each_ref().map(|link| ask(&backend, link, "GET", path, "").text);
        // The details have the newest value of each signal.
        assert!(all.contains(OLD), "{path}: {all}");
        for text in [recent, since] {
            assert!(text.contains(NEW) && !text.contains(OLD), "{path}: {text}");
        }
    }
    let past = format!("/api/telemetry?from={}&to={}", time - 10_000, time - 5_000);
    let [all, recent, since] = links.each_ref().map(|link| ask(&backend, link, "GET", &past, "").text);
    assert!(all.contains(OLD) && !recent.contains(OLD) && !since.contains(OLD), "{all} {recent}");
    let details = ask(&backend, &links[1], "GET", "/api/signals?details=1", "").json();
    let x = details.as_array().unwrap().iter().find(|signal| signal["name"] == "a.x").unwrap();
    assert_eq!(x["count"], 1, "{details}");

    // What is live: the snapshot has what the link shows, and nobody goes on from where it was not.
    let patterns = || vec!["a.x".to_owned()];
    for (link, count) in links.iter().zip([2, 1, 1]) {
        let mut subscription = Subscription::new(&backend.url(""), patterns())
            .unwrap()
            .access(Access::default().with_key(link).unwrap())
            .window(1e6, None)
            .unwrap();
        let mut seen = Seen::default();
        seen.follow(&mut subscription, |seen| !seen.samples.is_empty());
        assert_eq!(seen.samples.len(), count, "{:?}", seen.samples);
    }
    let all = resumed(&backend, &links[0], &before, [OLD, "gap"]);
    assert!(all.contains(OLD), "{all}");
    for link in &links[1..] {
        let text = resumed(&backend, link, &before, [OLD, "gap"]);
        assert!(text.contains("gap") && !text.contains(OLD), "{text}");
    }
}
