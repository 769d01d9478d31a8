//! What has stopped long ago: restarts and edits of rules do not forget it.

use afterglow_backend::clock::Clock;
use serde_json::{Value, json};

use super::{Lab, hot, listed};
use crate::harness::eventually;
use crate::receiver::Receiver;

/// How old the samples of what has stopped are: older than what is read of every signal.
const STOPPED: i64 = 3_000;

fn silent() -> Value {
    json!({"id": "silent", "title": "Silent", "signals": ["device.*"], "value": {"of": "silence"}, "is": "above",
        "levels": [{"limit": 3}], "fresh": 86_400, "min_interval": 0})
}

/// Posts a sample from long ago.
fn stopped(lab: &Lab, signal: &str, value: f64) {
    let at = Clock::real().now().micros() / 1_000_000 - STOPPED;
    let answer = lab.backend().post(&json!({"timestamp": at, "signals": {signal: value}}).to_string());
    assert_eq!(answer.status, 200, "{answer:?}");
}

/// The alert that fires of a signal.
fn firing(lab: &Lab, signal: &str) -> Option<Value> {
    let alerts = lab.backend().get("/api/alerts").json();
    alerts["firing"].as_array().unwrap().iter().find(|alert| alert["scope"] == signal).cloned()
}

/// What a receiver was notified of about a signal.
fn about(receiver: &Receiver, signal: &str) -> Vec<String> {
    let all = listed(&receiver.all()).into_iter();
    all.filter(|(of, _)| of == signal).map(|(_, state)| state).collect()
}

/// Waits until all that was posted before is evaluated.
fn settle(lab: &Lab, receiver: &Receiver, oven: &str) {
    lab.sample(oven, 90.0);
    eventually("an oven is hot", || !about(receiver, oven).is_empty());
}

/// After `kill -9`, one device sends and another has stopped long before: that one is silent, and its alert goes on over the next `kill -9`.
#[test]
fn a_restart_knows_what_stopped_long_ago() {
    let (mut lab, receiver) = (Lab::new(), Receiver::new());
    lab.ops(&receiver);
    lab.rule(hot());
    lab.rule(silent());
    lab.rule(
        json!({"id": "step", "title": "Step", "signals": ["meter"], "value": {"of": "change"}, "is": "above",
        "levels": [{"limit": 50}]}),
    );
    // Its silence would be decided as long after the limit as the sample was late.
    stopped(&lab, "device.stopped", 1.0);
    stopped(&lab, "meter", 10.0);
    settle(&lab, &receiver, "oven.1");
    assert_eq!(about(&receiver, "device.stopped"), [""; 0]);
    lab.crash();
    eventually("the one that stopped is silent", || {
        lab.sample("device.sends", 1.0);
        !about(&receiver, "device.stopped").is_empty()
    });
    lab.sample("meter", 70.0);
    eventually("the meter is compared with its sample before", || !about(&receiver, "meter").is_empty());
    let before = firing(&lab, "device.stopped").unwrap();
    lab.crash();
    settle(&lab, &receiver, "oven.2");
    let after = firing(&lab, "device.stopped").unwrap();
    assert_eq!((&after["id"], &after["fired_at"]), (&before["id"], &before["fired_at"]));
    lab.sample("device.stopped", 1.0);
    eventually("its end is sent", || about(&receiver, "device.stopped").contains(&"resolved".to_owned()));
    assert_eq!(about(&receiver, "device.stopped"), ["firing", "resolved"]);
}

/// A new rule finds what has stopped long before, and an edit of it ends no alert about that.
#[test]
fn new_and_changed_rules_know_what_stopped_long_ago() {
    let (lab, receiver) = (Lab::new(), Receiver::new());
    lab.ops(&receiver);
    stopped(&lab, "device.stopped", 1.0);
    stopped(&lab, "oven.stopped", 95.0);
    let mut rules = [lab.rule(silent()), lab.rule(hot())];
    let both = ["device.stopped", "oven.stopped"];
    for signal in both {
        eventually(signal, || about(&receiver, signal) == ["firing"]);
    }
    let before = both.map(|signal| firing(&lab, signal).unwrap());
    for rule in &mut rules {
        rule["levels"][0]["severity"] = json!("critical");
        lab.put(&format!("/api/rules/{}", rule["id"].as_str().unwrap()), rule);
    }
    settle(&lab, &receiver, "oven.2");
    for (signal, before) in both.into_iter().zip(before) {
        let after = firing(&lab, signal).unwrap_or_else(|| panic!("{signal} fires no more"));
        assert_eq!((&after["id"], &after["fired_at"]), (&before["id"], &before["fired_at"]));
        assert_eq!(about(&receiver, signal), ["firing"], "{signal}");
    }
}

/// A deletion takes a number among those of the commits. What is committed next is evaluated with all of its samples, also those that are older than
/// the last commit.
#[test]
fn what_comes_after_a_deletion_is_evaluated_whole() {
    let lab = Lab::new();
    lab.rule(hot());
    for round in 1..=3 {
        let (first, late) = (format!("oven.{round}.first"), format!("oven.{round}.late"));
        lab.sample(&first, 90.0);
        eventually("the first one is hot", || firing(&lab, &first).is_some());
        let deleted = lab.backend().send("DELETE", "/api/signals/none.such", "");
        assert_eq!(deleted.status, 404, "{deleted:?}");
        let deleted = lab.backend().send("DELETE", &format!("/api/signals/{first}"), "");
        assert_eq!(deleted.status, 200, "{deleted:?}");
        let at = Clock::real().now().micros() / 1_000 - 5_000;
        let body = json!({"timestamp": at, "signals": {&late: 90.0}}).to_string();
        assert_eq!(lab.backend().post(&body).status, 200);
        eventually("the late one is hot", || firing(&lab, &late).is_some());
    }
}
