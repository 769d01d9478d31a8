//! Answers that their clients do not read: what each holds of the server, and for how long.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use serde_json::json;
use socket2::{Domain, Socket, Type};

use crate::harness::{Backend, PATIENCE, eventually};

/// A connection on which `request` was sent and its answer has begun; nothing of it was read.
fn unread(backend: &Backend, request: &str) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    // A client that does not read is full soon.
    socket.set_recv_buffer_size(4 << 10).unwrap();
    socket.connect(&backend.address().parse::<SocketAddr>().unwrap().into()).unwrap();
    let mut stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    assert_eq!(stream.peek(&mut [0]).unwrap(), 1);
    stream
}

#[test]
fn what_everyone_may_get_is_not_copied_for_each_who_asks() {
    const CLIENTS: u64 = 300;
    let folder = tempfile::tempdir().unwrap();
    let backend = Backend::start(&folder.path().join("a.db"));
    let length = backend.get("/api/openapi.json").text.len() as u64;
    // The kernel takes the first, and perhaps the second.
    let request = "GET /api/openapi.json HTTP/1.1\r\nHost: x\r\n\r\n".repeat(4);
    let before = backend.resident();
    let held: Vec<_> = (0..CLIENTS).map(|_| unread(&backend, &request)).collect();
    assert!(length > 128 << 10, "{length} bytes are too few to tell");
    let each = backend.resident().saturating_sub(before) / CLIENTS;
    assert!(each < 200 << 10, "{each} bytes for each client, of an answer of {length}");
    drop(held);
    backend.close();
}

#[test]
fn a_test_of_a_rule_lists_a_bounded_number_and_keeps_its_place_until_it_is_read() {
    const SIGNALS: usize = 12;
    let folder = tempfile::tempdir().unwrap();
    let backend = Backend::start(&folder.path().join("a.db"));
    let readings: Vec<_> = (0..2_400)
        .map(|second| {
            let signals: serde_json::Map<_, _> =
                (0..SIGNALS).map(|signal| (format!("s{signal}"), json!(second & 1))).collect();
            json!({"timestamp": 1_700_000_000 + second, "signals": signals})
        })
        .collect();
    backend.post(&json!(readings).to_string());
    let rule = json!({"signals": ["s*"], "is": "above", "levels": [{"limit": 0.5}]});
    let question = json!({"rule": rule, "from": 1_700_000_000, "to": 1_700_003_600}).to_string();
    let request = format!(
        "POST /api/rules/test HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{question}",
        question.len()
    );
    let mut first = unread(&backend, &request);
    let refused = backend.send("POST", "/api/rules/test", &question);
    assert_eq!((refused.status, &*refused.code()), (503, "queue_full"), "{}", refused.text);
    assert!(refused.text.contains("a rule is tested for this address already"), "{}", refused.text);
    let mut answer = String::new();
    first.read_to_string(&mut answer).unwrap();
    let found: serde_json::Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
    assert_eq!((&found["times"], &found["capped"]), (&json!(SIGNALS * 1_200), &json!(true)));
    let scopes = found["scopes"].as_array().unwrap();
    let listed: usize = scopes.iter().map(|scope| scope["episodes"].as_array().unwrap().len()).sum();
    assert_eq!((scopes.len(), listed), (SIGNALS, 10_000));
    eventually("the place is given back", || {
        backend.send("POST", "/api/rules/test", &question).status == 200
    });
    backend.close();
}

/// With 64 MB an address may have 4 MB of answers that wait to be read.
#[test]
fn more_rules_than_may_wait_for_a_client_are_listed() {
    const REQUESTS: usize = 12;
    const RULES: usize = 19;
    let folder = tempfile::tempdir().unwrap();
    let settings = [("AFTERGLOW_MEMORY", "64MB")];
    let backend = Backend::start_with(&folder.path().join("a.db"), "127.0.0.1:0", &settings);
    let signals: Vec<_> = (0..100).map(|number| format!("{number:0>240}")).collect();
    let before = backend.get("/api/rules").etag.unwrap();
    for request in 0..REQUESTS {
        let rule = |rule| json!({"id": format!("r-{request:02}-{rule:02}"), "title": "X", "signals": signals, "is": "above", "levels": [{"limit": 1}]});
        let rules = json!({"rules": (0..RULES).map(rule).collect::<Vec<_>>()}).to_string();
        assert_eq!(backend.send("POST", "/api/rules", &rules).status, 201);
    }
    let all = backend.get("/api/rules");
    assert!(all.status == 200 && all.text.len() > 5 << 20, "{}: {} bytes", all.status, all.text.len());
    let rules = all.json();
    let ids: Vec<_> = rules.as_array().unwrap().iter().map(|rule| rule["id"].as_str().unwrap()).collect();
    assert!(ids.len() == REQUESTS * RULES && ids.is_sorted(), "{ids:?}");
    let export = backend.get("/api/rules?format=export&after=r-00-17&limit=2").json();
    let ids: Vec<_> =
        export["rules"].as_array().unwrap().iter().map(|rule| rule["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["r-00-18", "r-01-00"]);
    let tag = all.etag.unwrap();
    assert_ne!(tag, before);
    let known = backend.send_with("GET", "/api/rules", "", &[("If-None-Match", &tag)]);
    assert_eq!((known.status, &*known.text, known.etag), (304, "", Some(tag)));
    backend.close();
}

#[test]
fn alerts_of_a_storm_are_each_counted_and_the_first_listed() {
    const RULES: usize = 8;
    const SIGNALS: usize = 1_500;
    let folder = tempfile::tempdir().unwrap();
    let backend = Backend::start(&folder.path().join("a.db"));
    let rule = |rule| json!({"id": format!("r{rule}"), "title": "Hot", "signals": ["*"], "is": "above", "levels": [{"limit": 1}]});
    let rules = json!({"rules": (0..RULES).map(rule).collect::<Vec<_>>()}).to_string();
    assert_eq!(backend.send("POST", "/api/rules", &rules).status, 201);
    let signals: serde_json::Map<_, _> =
        (0..SIGNALS).map(|signal| (format!("s{signal:0>240}"), json!(5))).collect();
    backend.post(&json!({ "signals": signals }).to_string());
    let list = |query: &str| backend.get(&format!("/api/alerts{query}")).json();
    eventually("all fire", || list("?rule=none")["counts"]["firing"] == RULES * SIGNALS);
    let none = list("?rule=none");
    assert_eq!((&none["total"], &none["firing"]), (&json!(0), &json!([])));
    let all = list("");
    assert_eq!((&all["total"], &all["counts"]["firing"]), (&json!(RULES * SIGNALS), &json!(RULES * SIGNALS)));
    assert_eq!(all["firing"].as_array().unwrap().len(), 1_000);
    assert_eq!(list("?rule=r3")["total"], json!(SIGNALS));
    assert_eq!(list(&format!("?signal=s{:0>240}", 7))["total"], json!(RULES));
    backend.close();
}
