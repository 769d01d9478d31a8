//! A3 and A4: whatever `kill -9` interrupts, every alert is sent, under one number.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use rand::RngExt as _;
use serde_json::{Value, json};

use super::hot;
use crate::harness::{Backend, eventually, kill_rounds};
use crate::receiver::{Received, Receiver};

/// Crossings of a round that waits for the process to die: less than the 50 alerts of a rule that a message lists.
const CROSSINGS: usize = 45;

/// One rule a round, so that a message lists every alert that it is about.
fn set_up(database: &Path, receiver: &Receiver, rounds: usize) {
    let backend = Backend::start(database);
    let channel =
        json!({"id": "ops", "kind": "webhook", "url": receiver.url("/"), "secret": "s", "default": true});
    assert_eq!(backend.send("POST", "/api/channels", &channel.to_string()).status, 201);
    for number in 0..rounds {
        let mut rule = hot();
        (rule["id"], rule["signals"]) = (json!(format!("hot-{number}")), json!([format!("oven.{number}.*")]));
        assert_eq!(backend.send("POST", "/api/rules", &rule.to_string()).status, 201);
    }
    backend.kill_nine();
}

/// Starts, lets signals cross until the process is dead, by itself or by our hand; which crossings were acknowledged.
fn round(database: &Path, environment: &[(&str, &str)], number: usize, acknowledged: &mut BTreeSet<String>) {
    let errors = database.with_extension("log");
    let Ok(mut backend) = Backend::try_start(database, environment, &errors) else { return };
    let until_kill = Duration::from_micros(rand::rng().random_range(1_000..400_000));
    let url = backend.url("");
    let agent = crate::harness::client();
    let dies_by_itself =
        !environment.is_empty() && environment.iter().all(|(_, value)| value.starts_with("crash"));
    let mut sent = 0;
    let mut send = |acknowledged: &mut BTreeSet<String>| {
        let signal = format!("oven.{number}.{sent}");
        sent += 1;
        let body = json!({"signals": {&signal: 90.0}}).to_string();
        let taken = crate::harness::try_post(&url, &agent, &body).is_some_and(|answer| answer.status == 200);
        if taken {
            acknowledged.insert(signal);
        }
        taken
    };
    if dies_by_itself {
        // The point may come late, and never without a crossing.
        let died = (0..CROSSINGS).any(|_| {
            std::thread::park_timeout(Duration::from_millis(50));
            !send(acknowledged)
        });
        assert!(died, "it never came to the point {environment:?}");
        backend.wait();
    } else {
        for _ in 0..5 {
            send(acknowledged);
        }
        std::thread::park_timeout(until_kill);
        backend.kill_nine();
    }
}

/// Every alert of every message: its signal, by message number.
fn listed(received: &[Received]) -> BTreeMap<String, BTreeSet<String>> {
    let mut notified: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for one in received {
        let id = one.headers["webhook-id"].clone();
        for alert in one.json()["alerts"].as_array().unwrap() {
            notified.entry(alert["signal"].as_str().unwrap().to_owned()).or_default().insert(id.clone());
        }
    }
    notified
}

/// What is lost, sent under two numbers, or under one number with two bodies; empty when all is well.
fn faults(received: &[Received], acknowledged: &BTreeSet<String>) -> Vec<String> {
    let notified = listed(received);
    let mut faults: Vec<String> = acknowledged
        .iter()
        .filter(|signal| !notified.contains_key(*signal))
        .map(|signal| format!("lost: {signal}"))
        .collect();
    faults.extend(
        notified
            .iter()
            .filter(|(_, ids)| ids.len() > 1)
            .map(|(signal, ids)| format!("twice: {signal} {ids:?}")),
    );
    let mut bodies: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for one in received {
        bodies.entry(&one.headers["webhook-id"]).or_default().insert(&one.body);
    }
    faults.extend(
        bodies.iter().filter(|(_, bodies)| bodies.len() > 1).map(|(id, _)| format!("two bodies: {id}")),
    );
    faults
}

/// Lets a backend send all that is left, and looks for faults.
fn settle(
    database: &Path,
    receiver: &Receiver,
    acknowledged: &BTreeSet<String>,
    may_lose: bool,
) -> Vec<String> {
    let backend = Backend::start(database);
    let idle = || {
        let log: Value = backend.get("/api/channels/ops/log").json();
        let firing = backend.get("/api/alerts").json()["counts"]["firing"].as_u64().unwrap_or_default();
        log["waiting"] == 0 && firing >= acknowledged.len() as u64
    };
    eventually("all that was acknowledged fires, and nothing waits", idle);
    if !may_lose {
        eventually("everything is sent", || {
            faults(&receiver.all(), acknowledged).iter().all(|fault| !fault.starts_with("lost"))
        });
    }
    backend.kill_nine();
    faults(&receiver.all(), acknowledged)
}

#[test]
fn a3_every_alert_is_sent_under_one_number_whatever_kill_nine_interrupts() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("a.db");
    let receiver = Receiver::new();
    let rounds = kill_rounds(8);
    set_up(&database, &receiver, rounds);
    let points =
        ["crash:alerts_evaluated", "crash:alerts_written", "crash:message_composed", "crash:message_sent"];
    let mut acknowledged = BTreeSet::new();
    for number in 0..rounds {
        let point = points[number / 2 % points.len()];
        let environment = [("AFTERGLOW_FAULT", point)];
        // Every other time at a random moment.
        round(&database, if number % 2 == 0 { &environment } else { &[] }, number, &mut acknowledged);
    }
    assert!(acknowledged.len() >= 8, "hardly anything crossed: {acknowledged:?}");
    assert_eq!(settle(&database, &receiver, &acknowledged, false), [""; 0]);
}

/// Notices are written apart from what has happened, and the process dies in between.
#[test]
fn a4_a_backend_that_writes_notices_apart_is_caught() {
    let caught = (0..10).any(|_| {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("a.db");
        let receiver = Receiver::new();
        set_up(&database, &receiver, 1);
        let mut acknowledged = BTreeSet::new();
        let backend = Backend::start_with(&database, "127.0.0.1:0", &[("AFTERGLOW_FAULT", "split_fold")]);
        for number in 0..5 {
            let signal = format!("oven.0.{number}");
            assert_eq!(backend.post(&json!({"signals": {&signal: 90.0}}).to_string()).status, 200);
            acknowledged.insert(signal);
            // In the moment after the first of the two transactions.
            eventually("it is in the list of alerts", || {
                backend.get("/api/alerts").json()["counts"]["firing"].as_u64() == Some(number + 1)
            });
        }
        backend.kill_nine();
        settle(&database, &receiver, &acknowledged, true).iter().any(|fault| fault.starts_with("lost"))
    });
    assert!(caught, "the test of the outbox would not notice that it is written apart");
}
