//! What a server says of its database and its bus, and what it does without them.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use afterglow_backend::clock::Stopwatch;
use serde_json::{Value, json};

use crate::cluster;
use crate::harness::cable::Cable;
use crate::harness::nats::{self, Nats};
use crate::harness::{Backend, close_code, event, eventually};
use crate::keys::{ask, key};
use crate::postgres::{database, sql};

fn bus(node: &Backend) -> Value {
    node.get("/ready").json()["bus"].clone()
}

#[test]
fn a_server_says_how_its_bus_is_and_is_ready_without_it() {
    if !cluster::is_here() || !nats::is_here() {
        return;
    }
    let (url, mut nats) = (database("told"), Nats::start());
    let address = nats.url();
    let environment = [("AFTERGLOW_BUS", address.as_str())];
    let nodes: Vec<_> = (0..2).map(|_| Backend::start_with(&url, "127.0.0.1:0", &environment)).collect();
    let post = |number: i64| {
        let answer = nodes[0].post(&format!(r#"{{"signals":{{"a":{number}}}}}"#));
        assert_eq!(answer.status, 200, "{}", answer.text);
    };
    let mut number = 0;
    eventually("the bus is connected and brings commits", || {
        number += 1;
        post(number);
        nodes.iter().all(|node| bus(node)["connected"] == true)
            && bus(&nodes[0])["frames"]["sent"].as_u64() > Some(0)
            && bus(&nodes[1])["frames"]["received"].as_u64() > Some(0)
    });
    for node in &nodes {
        let health = node.get("/health").json();
        assert_eq!(health["bus"]["address"], json!(address), "{health}");
        assert_eq!(health["bus"]["frames"]["refused"], 0, "{health}");
        assert_eq!(health["database"]["connected"], true, "{health}");
        let shown = health["database"]["address"].as_str().unwrap();
        assert!(shown.starts_with("postgres://") && !shown.contains("afterglow@"), "{shown}");
        assert!(health["database"]["since_seconds"].as_f64() > Some(0.0), "{health}");
    }
    nats.kill_nine();
    for node in &nodes {
        eventually("its loss is shown", || bus(node)["connected"] == false);
        let ready = node.get("/ready");
        assert_eq!((ready.status, &ready.json()["status"]), (200, &json!("ready")), "{}", ready.text);
        let error = ready.json()["bus"]["last_error"].clone();
        assert!(error["message"].is_string() && error["age_seconds"].is_number(), "{}", ready.text);
    }
    post(-1);
    nats.start_again();
    for node in &nodes {
        eventually("its return is shown", || bus(node)["connected"] == true);
        assert!(bus(node)["last_error"]["message"].is_string(), "what was wrong stays: {}", bus(node));
    }
    nodes.into_iter().for_each(Backend::close);
}

#[test]
fn where_database_and_bus_are_is_for_operators_alone() {
    if !cluster::is_here() {
        return;
    }
    let url = database("guarded_peers");
    let environment = [("AFTERGLOW_AUTH", "required"), ("AFTERGLOW_BUS", "nats://me:s3cret@127.0.0.1:9")];
    let node = Backend::start_with(&url, "127.0.0.1:0", &environment);
    let operator = key(&url, &["--scopes", "operator"]);
    let admin = key(&url, &["--scopes", "admin"]);
    let ready = |key: &str| ask(&node, key, "GET", "/ready", "").text;
    eventually("it is noticed that there is no bus", || ready(&operator).contains("last_error"));
    for key in [&operator, &admin] {
        assert!(!ready(key).contains("s3cret") && !ready(key).contains("me:"), "{}", ready(key));
    }
    assert!(ready(&operator).contains("127.0.0.1:9"), "{}", ready(&operator));
    for text in [ready(&admin), node.get("/ready").text, node.get("/health").text] {
        let told: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            (&told["bus"]["connected"], &told["database"]["connected"]),
            (&json!(false), &json!(true))
        );
        assert!(!text.contains("address") && !text.contains("last_error"), "{text}");
    }
}

#[test]
fn a_server_without_its_database_is_not_ready_and_has_no_viewers_until_it_is_back() {
    if !cluster::is_here() {
        return;
    }
    database("unplugged");
    let cable = Cable::to_postgres(cluster::folder());
    let url = format!("postgres://afterglow@127.0.0.1:{}/unplugged?sslmode=disable", cable.port());
    let node = Backend::start(url.as_ref());
    let mut socket = node.watch();
    eventually("the session has joined", || node.metric("afterglow_live_sessions") == 1.0);
    assert_eq!(node.post(r#"{"timestamp":1700000000000000,"signals":{"a":1}}"#).status, 200);
    // At once, while it reads what the post has changed. Nobody posts any more: that the database does not answer is noticed all the same.
    cable.cut();
    eventually("it is not ready", || node.get("/ready").status == 503);
    let refused = node.get("/ready");
    assert_eq!(refused.code(), "store_down", "{}", refused.text);
    let health = node.get("/health").json();
    assert_eq!((&health["status"], &health["database"]["connected"]), (&json!("degraded"), &json!(false)));
    assert_eq!(close_code(&mut socket), 1001, "elsewhere there may be more to see");
    assert_eq!(node.get("/api/stream").status, 503);
    cable.heal();
    eventually("it is ready again", || node.get("/ready").status == 200);
    assert_eq!(node.post(r#"{"timestamp":1700000000000001,"signals":{"a":2}}"#).status, 200);
    let values: Vec<_> = node.samples()["a"].iter().map(|(_, value)| *value).collect();
    assert_eq!(values, [1.0, 2.0]);
    assert_eq!(sql("unplugged", "SELECT count(*) FROM signal"), "1");
    node.close();
}

/// A transaction of another program, until it is dropped.
pub(super) struct Transaction(Child);

impl Transaction {
    pub(super) fn begin(database: &str, statement: &str) -> Self {
        let psql = cluster::programs().unwrap().join("psql");
        let mut psql = Command::new(psql)
            .args(["--host", cluster::folder(), "--username", "afterglow", "--dbname", database])
            .args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        writeln!(psql.stdin.as_mut().unwrap(), "BEGIN; {statement}; SELECT 'begun';").unwrap();
        let mut lines = BufReader::new(psql.stdout.take().unwrap()).lines();
        let transaction = Self(psql);
        assert!(lines.any(|line| line.unwrap() == "begun"));
        transaction
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

#[test]
fn a_server_that_cannot_read_lets_the_lead_run_out() {
    if !cluster::is_here() {
        return;
    }
    let node = Backend::start(&database("unreadable"));
    let leads =
        || sql("unreadable", "SELECT owner <> 0 AND owner_until > clock_timestamp() FROM numbering") == "t";
    assert!(leads());
    // What it reads in each look; to keep the lead it writes another table.
    let held = Transaction::begin("unreadable", "LOCK TABLE signal IN ACCESS EXCLUSIVE MODE");
    eventually("it is not ready", || node.get("/ready").status == 503);
    eventually("another server may lead", || !leads());
    drop(held);
    eventually("it is ready again", || node.get("/ready").status == 200);
    eventually("it leads again, as no other one does", leads);
    assert_eq!(node.post(r#"{"signals":{"a":1}}"#).status, 200);
    node.close();
}

#[test]
fn a_server_that_waits_for_a_lock_is_ready_and_keeps_its_viewers() {
    if !cluster::is_here() {
        return;
    }
    let url = database("waiting");
    let nodes = [Backend::start(&url), Backend::start(&url)];
    let mut sockets = nodes.each_ref().map(Backend::watch);
    eventually("the sessions have joined", || {
        nodes.iter().all(|node| node.metric("afterglow_live_sessions") == 1.0)
    });
    let held = Transaction::begin("waiting", "SELECT FROM numbering FOR UPDATE");
    let since = Stopwatch::start();
    // Longer than the database may take to answer.
    while since.elapsed() < Duration::from_secs(12) {
        for node in &nodes {
            let ready = node.get("/ready");
            assert_eq!((ready.status, &ready.json()["database"]["connected"]), (200, &json!(true)));
        }
        std::thread::park_timeout(Duration::from_millis(50));
    }
    drop(held);
    eventually("a post is taken", || nodes[0].post(r#"{"signals":{"a":77}}"#).status == 200);
    for socket in &mut sockets {
        assert!(event(socket)["data"].to_string().contains("77"), "it is not closed");
    }
    nodes.into_iter().for_each(Backend::close);
}
