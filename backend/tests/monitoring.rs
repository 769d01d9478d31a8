//! What Prometheus and Grafana are given in `deploy/monitoring`, and what the documents name, is what `/metrics` has.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::harness::{Backend, eventually};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The names that samples may have, of the metrics that `text` describes.
fn served(text: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for line in text.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let (name, kind) = line.split_once(' ').unwrap();
        let ends: &[&str] = match kind {
            "counter" => &["_total"],
            "histogram" => &["_bucket", "_sum", "_count"],
            _ => &[""],
        };
        names.extend(ends.iter().map(|end| format!("{name}{end}")));
    }
    names
}

/// The names of metrics that `text` uses.
fn used(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| !(c.is_ascii_lowercase() || c == '_'));
    // Others are names of crates and of files.
    let begins = [
        "afterglow_samples_",
        "afterglow_live_",
        "afterglow_alert_",
        "afterglow_stage_",
        "afterglow_queue_",
        "afterglow_damaged_",
        "afterglow_bus_",
    ];
    words.filter(move |word| begins.iter().any(|begin| word.starts_with(begin)))
}

#[test]
fn metrics_that_boards_rules_and_documents_name_are_served() {
    let folder = tempfile::tempdir().unwrap();
    let backend = Backend::start(&folder.path().join("a.db"));
    // What has labels is served from its first value on: an alert, and a message that nobody takes.
    let channel = r#"{"id":"ops","kind":"webhook","url":"http://127.0.0.1:1/x","default":true}"#;
    let rule = r#"{"id":"r","title":"R","signals":["n"],"is":"above","levels":[{"limit":0}]}"#;
    for (path, body) in [("/api/channels", channel), ("/api/rules", rule)] {
        let answer = backend.send("POST", path, body);
        assert!(answer.status < 300, "{}", answer.text);
    }
    assert_eq!(backend.post(r#"{"signals":{"n":1}}"#).status, 200);
    eventually("a message is tried", || {
        backend.get("/metrics").text.contains("afterglow_alert_messages_total")
    });
    let served = served(&backend.get("/metrics").text);
    assert!(served.contains("afterglow_samples_committed_total"), "{served:?}");
    let listed = |folder: &str| fs::read_dir(root().join(folder)).unwrap();
    let files = listed("deploy/monitoring").chain(listed("docs")).map(|entry| entry.unwrap().path());
    let mut seen = 0;
    for path in files.filter(|path| path.extension().is_some_and(|end| end != "png")) {
        for name in used(&fs::read_to_string(&path).unwrap()) {
            assert!(served.contains(name), "{} names {name}, which is not served", path.display());
            seen += 1;
        }
    }
    assert!(seen > 30, "{seen}");
    backend.close();
}

#[test]
fn the_board_can_be_read_and_its_panels_do_not_overlap() {
    let text = fs::read(root().join("deploy/monitoring/grafana-board.json")).unwrap();
    let board: Value = serde_json::from_slice(&text).unwrap();
    let mut taken = BTreeSet::new();
    for panel in board["panels"].as_array().unwrap() {
        let at = |key: &str| panel["gridPos"][key].as_u64().unwrap();
        for cell in
            (at("x")..at("x") + at("w")).flat_map(|x| (at("y")..at("y") + at("h")).map(move |y| (x, y)))
        {
            assert!(cell.0 < 24 && taken.insert(cell), "{}", panel["title"]);
        }
        assert!(!panel["targets"].as_array().unwrap().is_empty(), "{}", panel["title"]);
    }
}

#[test]
fn prometheus_reads_its_rules_and_they_fire_when_they_should() {
    let folder = root().join("deploy/monitoring");
    for words in [["check", "config", "prometheus.yml"], ["test", "rules", "afterglow.test.yml"]] {
        let Ok(done) = Command::new("promtool").args(words).current_dir(&folder).output() else {
            eprintln!("promtool is not installed: the rules are not tried");
            return;
        };
        let said =
            [done.stdout, done.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).join("\n");
        assert!(done.status.success(), "{words:?}: {said}");
    }
}
