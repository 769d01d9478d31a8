//! Everything in a database is in the one that it is copied to, also while a server writes and when the copy is killed; and back.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread;

use serde_json::{Value, json};

use crate::cluster;
use crate::harness::{Backend, client, eventually, kill_rounds, try_post};
use crate::keys::{ask, guarded, key};
use crate::people::{Browser, PASSWORD};
use crate::postgres::{acknowledged, database, losses, sql};
use crate::tenants::make_tenant;
use crate::tools::{afterglow, run};
use crate::writers::{Pace, Writer};

/// Blocks, bundles and rows of the journal, after a few hundred samples.
const BUSY: [(&str, &str); 4] = [
    ("AFTERGLOW_SEAL_SAMPLES", "400"),
    ("AFTERGLOW_BLOCK_SAMPLES", "100"),
    ("AFTERGLOW_LOOK_MILLIS", "20"),
    ("AFTERGLOW_AUTH", "required"),
];

const POINTS: [&str; 5] = [
    "crash:transfer_batch",
    "crash:transfer_passed",
    "crash:transfer_copied",
    "crash:transfer_compared",
    // Into a file.
    "crash:transfer_batch",
];

/// What is asked before and after; none of the answers depends on when it is asked.
const QUESTIONS: [&str; 15] = [
    "/api/telemetry?from=0001-01-01&format=csv",
    "/api/telemetry?from=2026-01-01&to=2026-01-03&max_points=10&format=csv",
    "/api/telemetry/summary?from=2026-01-01&to=2026-01-03&slices=48",
    "/api/telemetry/summary?from=2026-01-01&to=2026-01-03",
    "/api/signals?details=1",
    "/api/boards",
    "/api/boards/b",
    "/api/annotations?from=0001-01-01",
    "/api/rules",
    "/api/channels",
    "/api/silences",
    "/api/alerts/history",
    "/api/shares",
    "/api/members",
    "/api/audit",
];

/// A copy that has begun, killed when dropped.
struct Running {
    child: Child,
    lines: BufReader<std::process::ChildStdout>,
}

impl Running {
    fn start(from: &Path, to: &Path) -> Self {
        let mut command = afterglow("migrate", from, &["--to", to.to_str().unwrap()]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Self { child, lines }
    }

    /// Waits for a line that begins so.
    fn wait_for(&mut self, beginning: &str) {
        let mut line = String::new();
        while !line.starts_with(beginning) {
            line.clear();
            assert!(self.lines.read_line(&mut line).unwrap() > 0, "it has ended without {beginning:?}");
        }
    }

    fn succeed(mut self) {
        self.wait_for("done: ");
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Copies a database that no server has open.
fn copy(from: &Path, to: &Path) {
    let ended = run("migrate", from, &["--to", to.to_str().unwrap()]);
    assert_eq!(ended.code, Some(0), "{}{}", ended.out, ended.err);
    assert!(ended.out.contains("done: "), "{}", ended.out);
}

fn refused(from: &Path, to: &Path, code: i32, why: &str) {
    let ended = run("migrate", from, &["--to", to.to_str().unwrap()]);
    assert_eq!(ended.code, Some(code), "{}{}", ended.out, ended.err);
    assert!(ended.err.contains(why), "{}", ended.err);
}

/// The bytes of a database file and of its log.
fn bytes(database: &Path) -> Vec<Vec<u8>> {
    let log = PathBuf::from(format!("{}-wal", database.display()));
    vec![std::fs::read(database).unwrap(), std::fs::read(log).unwrap_or_default()]
}

/// A server's database with something of everything in it.
struct House {
    /// Of an admin.
    key: String,
    cookie: Option<String>,
}

impl House {
    /// Fills a new database, and ends its server.
    fn new(database: &Path) -> Self {
        let key = key(database, &["--scopes", "admin,write,read,edit"]);
        let backend = Backend::start_with(database, "127.0.0.1:0", &BUSY);
        let send = |method: &str, path: &str, body: Value| {
            let body = if body.is_null() { String::new() } else { body.to_string() };
            let answer = ask(&backend, &key, method, path, &body);
            assert!(answer.status < 300, "{method} {path}: {}", answer.text);
            answer
        };
        send("POST", "/api/boards", json!({"title": "B"}));
        send("PUT", "/api/boards/b", json!({"title": "B2", "version": 1}));
        for text in ["kept", "gone"] {
            send(
                "POST",
                "/api/annotations",
                json!({"from": "2026-01-01T00:00:00Z", "text": text, "tags": ["a"]}),
            );
        }
        send("DELETE", "/api/annotations/2", json!(null));
        // Nothing is sent there: what has been sent would change between the questions.
        let channel =
            json!({"id": "ops", "kind": "webhook", "url": "https://example.org/", "secret": "hush"});
        send("POST", "/api/channels", channel);
        let rule = json!({"id": "hot", "title": "Hot", "signals": ["s1"], "is": "above", "levels": [{"limit": 1e9}]});
        send("POST", "/api/rules", rule);
        send("POST", "/api/silences", json!({"id": "quiet", "signals": ["x"], "to": "2100-01-01T00:00:00Z"}));
        send("POST", "/api/shares", json!({"board": "b", "label": "l"}));
        let link = send("POST", "/api/members", json!({"name": "ada", "role": "admin"})).json();
        let mut ada = Browser::new(&backend);
        assert_eq!(ada.setup(link["link"].as_str().unwrap(), "ada", PASSWORD).0, 200);
        for post in 0..40 {
            let object = |number: i64| {
                let time = 1_767_225_600_000_000_i64 + (post * 25 + number) * 60_000_000;
                json!({"timestamp": time, "signals": {"s1": number, "s2": -0.0, format!("few{}", post % 7): 0.1}})
            };
            send("POST", "/api/telemetry", (0..25).map(object).collect());
        }
        // Written twice, and deleted in the middle.
        send(
            "POST",
            "/api/telemetry",
            json!({"timestamp": 1_767_225_600_000_000_i64, "signals": {"s1": 7.5}}),
        );
        send("PATCH", "/api/signals/s1", json!({"unit": "°C"}));
        send(
            "DELETE",
            "/api/telemetry?signals=s2&from=2026-01-01T03:00:00Z&to=2026-01-01T05:00:00Z",
            json!(null),
        );
        send("POST", "/api/telemetry", json!({"signals": {"s1": 2e9}}));
        eventually("it fires", || ask(&backend, &key, "GET", "/api/alerts", "").text.contains("\"hot\""));
        send("POST", "/api/telemetry", json!({"signals": {"s1": 1.0}}));
        eventually("it is over", || !ask(&backend, &key, "GET", "/api/alerts", "").text.contains("\"hot\""));
        let cookie = ada.cookie.clone();
        assert!(backend.terminate().success());
        Self { key, cookie }
    }

    fn answers(&self, database: &Path) -> BTreeMap<&'static str, String> {
        let backend = guarded(database);
        let answers = QUESTIONS.map(|path| {
            let answer = ask(&backend, &self.key, "GET", path, "");
            assert_eq!(answer.status, 200, "{path}: {}", answer.text);
            (path, answer.text)
        });
        let mut ada = Browser::new(&backend);
        ada.cookie.clone_from(&self.cookie);
        assert_eq!(ada.ask("GET", "/api/me", "").1["name"], "ada", "the session goes on");
        assert!(backend.terminate().success());
        answers.into()
    }
}

#[track_caller]
fn assert_same(before: &BTreeMap<&str, String>, after: &BTreeMap<&str, String>) {
    for (path, answer) in before {
        assert_eq!(after[path], *answer, "{path}");
    }
}

#[test]
fn everything_is_answered_the_same_in_the_other_database_and_back_in_a_file() {
    if !cluster::is_here() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (file, back, url) = (folder.path().join("a.db"), folder.path().join("back.db"), database("moved"));
    let house = House::new(&file);
    let before = house.answers(&file);
    let stored = bytes(&file);
    copy(&file, &url);
    assert_eq!(bytes(&file), stored, "the source is as it was");
    assert_ne!(sql("moved", "SELECT count(*) FROM block"), "0");
    assert_ne!(sql("moved", "SELECT count(*) FROM bundle"), "0");
    assert_same(&before, &house.answers(&url));
    assert!(crate::keys::afterglow(&url, &["audit", "verify"]).status.success());
    copy(&url, &back);
    assert_same(&before, &house.answers(&back));

    // What is made next has a number that nothing had before.
    for target in [&url, &back] {
        let backend = guarded(target);
        let made = ask(
            &backend,
            &house.key,
            "POST",
            "/api/annotations",
            r#"{"from":"2026-01-01T00:00:00Z","text":"n"}"#,
        );
        assert_eq!(made.json()["id"], 3, "{}", made.text);
        let time = 1_767_225_600_000_001_i64;
        let body = json!({"timestamp": time, "signals": {"s1": 1.5, "new": 2}}).to_string();
        assert_eq!(ask(&backend, &house.key, "POST", "/api/telemetry", &body).status, 200);
        let csv =
            ask(&backend, &house.key, "GET", "/api/telemetry?from=0001-01-01&signals=new&format=csv", "")
                .text;
        assert!(csv.contains(",new,2"), "{csv}");
        assert!(backend.terminate().success());
    }
}

#[test]
fn nothing_acknowledged_is_lost_when_a_server_is_stopped_or_killed_for_the_last_pass() {
    if !cluster::is_here() {
        return;
    }
    const PACE: Pace = Pace { per_post: 1, start: 1_700_000_000_000_000, step: 1_000 };
    let folder = tempfile::tempdir().unwrap();
    for round in 0..kill_rounds(2) {
        let (file, url) = (folder.path().join(format!("{round}.db")), database(&format!("while{round}")));
        let mut writers: Vec<_> = (0..4).map(|number| Writer::new("", number)).collect();
        let backend = Backend::start_with(&file, "127.0.0.1:0", &BUSY[..3]);
        let address = backend.url("");
        let committed = |backend: &Backend| backend.metric("afterglow_samples_committed_total");
        let running = thread::scope(|scope| {
            for writer in &mut writers {
                scope.spawn(|| write(&address, writer, PACE));
            }
            eventually("something is sealed", || committed(&backend) > 2_000.0);
            let mut running = Running::start(&file, &url);
            running.wait_for("ready: ");
            let taken = committed(&backend);
            eventually("more is written", || committed(&backend) > taken);
            if round % 2 == 0 {
                backend.kill_nine();
            } else {
                assert!(backend.terminate().success());
            }
            running
        });
        running.succeed();
        assert!(acknowledged(&writers) > 0);
        assert_eq!(losses(&url, &writers), [""; 0], "in round {round}");
    }
}

/// Posts until something else than success is the answer.
fn write(url: &str, writer: &mut Writer, pace: Pace) {
    let agent = client();
    while try_post(url, &agent, &writer.body(pace)).is_some_and(|answer| answer.status == 200) {
        writer.acknowledged += pace.per_post;
    }
}

#[test]
fn a_copy_that_is_killed_goes_on_and_is_not_served_before_it_is_whole() {
    if !cluster::is_here() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.db");
    let house = House::new(&file);
    let before = house.answers(&file);
    let stored = bytes(&file);
    let errors = folder.path().join("errors");
    for (number, point) in POINTS.into_iter().enumerate() {
        let is_file = number == POINTS.len() - 1;
        let to = if is_file { folder.path().join("b.db") } else { database(&format!("cut{number}")) };
        let killed = afterglow("migrate", &file, &["--to", to.to_str().unwrap()])
            .env("AFTERGLOW_FAULT", point)
            .output()
            .unwrap();
        assert_eq!(killed.status.code(), None, "{point}: {}", String::from_utf8_lossy(&killed.stderr));
        assert_eq!(Backend::try_start(&to, &[], &errors).err(), Some(Some(3)), "{point}");
        let why = std::fs::read_to_string(&errors).unwrap();
        assert!(why.contains("not everything is here"), "{point}: {why}");
        let other = folder.path().join("other.db");
        Backend::start(&other).close();
        refused(&other, &to, 2, "a part of another database");
        copy(&file, &to);
        assert_same(&before, &house.answers(&to));
        refused(&file, &to, 2, "was copied");
        assert_eq!(bytes(&file), stored, "the source is as it was");
    }
}

#[test]
fn a_target_that_is_not_empty_is_refused() {
    if !cluster::is_here() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (file, url) = (folder.path().join("a.db"), database("taken"));
    for target in [&file, &url] {
        let backend = Backend::start(target);
        assert_eq!(backend.post(r#"{"timestamp":1700000000000000,"signals":{"a":1}}"#).status, 200);
        backend.close();
    }
    refused(&file, &url, 2, "is not empty");
    refused(&url, &file, 2, "is not empty");
    refused(&file, &file, 2, "is the database itself");
    refused(&folder.path().join("none.db"), &database("unused"), 3, "cannot be used");
    let backend = Backend::start(&url);
    assert_eq!(backend.samples()["a"].len(), 1, "what was there is as it was");
    refused(&file, &url, 2, "in use");
    backend.close();
}

#[test]
fn a_copy_that_loses_a_row_is_noticed() {
    if !cluster::is_here() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (file, url) = (folder.path().join("a.db"), database("lossy"));
    House::new(&file);
    let lossy = afterglow("migrate", &file, &["--to", url.to_str().unwrap()])
        .env("AFTERGLOW_FAULT", "lose_row")
        .output()
        .unwrap();
    assert_eq!(lossy.status.code(), Some(1), "{}", String::from_utf8_lossy(&lossy.stderr));
    let errors = folder.path().join("errors");
    assert_eq!(Backend::try_start(&url, &[], &errors).err(), Some(Some(3)));
}

#[test]
fn tenants_are_copied_one_by_one() {
    if !cluster::is_here() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.db");
    make_tenant(&file, &["acme"]);
    let own = key(&file, &["--tenant", "acme", "--scopes", "write,read"]);
    let backend = guarded(&file);
    let posted = ask(&backend, &own, "POST", "/api/telemetry", r#"{"signals":{"acme.a":1}}"#);
    assert_eq!(posted.status, 200, "{}", posted.text);
    assert!(backend.terminate().success());
    let url = database("acme");
    refused(&file, &url, 2, "--tenant (default, acme)");
    let to = url.to_str().unwrap();
    let ended = run("migrate", &file, &["--tenant", "acme", "--to", to]);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let backend = guarded(&url);
    assert_eq!(ask(&backend, &own, "GET", "/api/signals", "").json(), json!(["acme.a"]));
    assert!(backend.terminate().success());
}
