//! What has stopped long ago: restarts and edits of rules do not forget it.

use afterglow_backend::clock::Clock;
use serde_json::{Value, json};

use super::{Lab, hot, listed};
use crate::harness::{Backend, eventually};
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

/// A server in which a change of rules waits for the next commit, after the commits of `before`.
fn held(before: impl FnOnce(&Lab)) -> Lab {
    let mut lab = Lab::new();
    before(&lab);
    lab.backend.take().unwrap().kill_nine();
    let environment = [("AFTERGLOW_FAULT", "hold_rules")];
    lab.backend = Some(Backend::start_with(&lab.database(), "127.0.0.1:0", &environment));
    lab
}

/// What is stored after the answer to a new rule is evaluated by it, even where the rule is evaluated only then: what came and went is history, and what is
/// older than `fresh` notifies nobody. What was stored before the answer is the rule's past: people are notified of what is wrong already.
#[test]
fn what_is_stored_after_a_rule_is_saved_is_not_its_past() {
    let (lab, receiver) = (held(|lab| stopped(lab, "oven.before", 95.0)), Receiver::new());
    lab.ops(&receiver);
    let mut notified = Vec::new();
    // Without any rule before, and with one.
    for kind in ["oven", "kettle"] {
        let name = |what: &str| format!("{kind}.{what}");
        if kind == "kettle" {
            stopped(&lab, "kettle.before", 95.0);
        }
        let mut rule = hot();
        (rule["id"], rule["signals"]) = (kind.into(), json!([name("*")]));
        lab.rule(rule);
        // The rule waits for this commit.
        let now = Clock::real().now().micros() / 1_000_000;
        let old = |age: i64, signal: &str, value: f64| json!({"timestamp": now - age, "signals": {name(signal): value}});
        let all = [old(3_000, "short", 90.0), old(2_900, "short", 20.0), old(3_000, "stays", 95.0)];
        assert_eq!(lab.backend().post(&json!(all).to_string()).status, 200);
        lab.sample(&name("next"), 90.0);
        notified.extend([name("before"), name("next")].map(|signal| (signal, "firing".to_owned())));
        eventually("people are notified", || listed(&receiver.all()).len() >= notified.len());
        let mut sent = listed(&receiver.all());
        sent.sort();
        notified.sort();
        assert_eq!(sent, notified);
        let history = lab.backend().get("/api/alerts/history").json();
        let mut episodes: Vec<_> = history["episodes"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|episode| episode["rule"] == kind)
            .map(|episode| {
                (episode["scope"].as_str().unwrap(), episode["state"] == "firing", episode["late"] == true)
            })
            .collect();
        episodes.sort_unstable();
        let expected =
            [("before", true, false), ("next", true, false), ("short", false, true), ("stays", true, true)];
        let expected = expected.map(|(signal, fires, late)| (name(signal), fires, late));
        assert_eq!(episodes, expected.each_ref().map(|(signal, fires, late)| (&**signal, *fires, *late)));
    }
}

/// A process that ends between the answer to a new rule and the rule's evaluation: what is wrong already is noticed at the next start.
#[test]
fn a_rule_that_was_never_evaluated_knows_what_is_wrong_already() {
    let (mut lab, receiver) = (held(|lab| lab.sample("oven.1", 90.0)), Receiver::new());
    lab.ops(&receiver);
    lab.rule(hot());
    lab.crash();
    assert_eq!(listed(&receiver.wait(1)), [("oven.1".into(), "firing".into())]);
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
