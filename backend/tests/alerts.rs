//! Alerts: a notification at once, once, with what was promised, and never about nothing. `alerts/README.md` lists what is proved where.

mod channels;
mod crashes;
mod delivery;
mod import;
mod past;
mod routing;
mod stream;
mod targets;
mod time;
mod usual;

use serde_json::{Value, json};

use crate::harness::{Backend, eventually};
use crate::named::tests_in;
use crate::receiver::{Received, Receiver};

/// A backend in a folder of its own.
struct Lab {
    folder: tempfile::TempDir,
    backend: Option<Backend>,
}

impl Lab {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let backend = Some(Backend::start(&folder.path().join("a.db")));
        Self { folder, backend }
    }

    fn backend(&self) -> &Backend {
        self.backend.as_ref().unwrap()
    }

    fn database(&self) -> std::path::PathBuf {
        self.folder.path().join("a.db")
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        let answer = self.backend().send("POST", path, &body.to_string());
        assert!((200..300).contains(&answer.status), "{path}: {answer:?}");
        answer.json()
    }

    fn put(&self, path: &str, body: &Value) -> Value {
        let answer = self.backend().send("PUT", path, &body.to_string());
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer.json()
    }

    /// Kills the backend, and starts it again.
    fn crash(&mut self) {
        // What is sent and not noted yet would be sent again.
        eventually("all is noted", || self.backend().get("/api/channels/ops/log").json()["waiting"] == 0);
        self.backend.take().unwrap().kill_nine();
        self.backend = Some(Backend::start(&self.database()));
    }

    /// A webhook that gets everything, signed with `hush`.
    fn ops(&self, receiver: &Receiver) {
        let url = receiver.url("/ops");
        self.post(
            "/api/channels",
            &json!({"id": "ops", "kind": "webhook", "url": url, "secret": "hush", "default": true}),
        );
    }

    fn rule(&self, rule: Value) -> Value {
        self.post("/api/rules", &rule)
    }

    fn sample(&self, signal: &str, value: f64) {
        let answer = self.backend().post(&json!({"signals": {signal: value}}).to_string());
        assert_eq!(answer.status, 200, "{answer:?}");
    }
}

/// Above 80, with a notification whenever it fires.
fn hot() -> Value {
    json!({"id": "hot", "title": "Too hot", "signals": ["oven.*"], "is": "above",
        "levels": [{"severity": "warning", "limit": 80, "recover": 76}], "min_interval": 0})
}

/// The states that a receiver was notified of, each with its signal.
fn listed(received: &[Received]) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    received
        .iter()
        .flat_map(|one| one.json()["alerts"].as_array().cloned().unwrap_or_default())
        .map(|alert| (text(&alert["signal"]), text(&alert["state"])))
        .collect()
}

#[test]
fn a_crossing_and_its_end_are_sent_signed() {
    let (lab, receiver) = (Lab::new(), Receiver::new());
    lab.ops(&receiver);
    let saved = lab.rule(hot());
    assert_eq!(saved["version"], 1);
    lab.sample("oven.1", 70.0);
    lab.sample("oven.1", 83.5);
    let first = receiver.wait(1).remove(0);
    let body = first.json();
    for (member, expected) in [
        ("rule", json!("hot")),
        ("signal", json!("oven.1")),
        ("severity", json!("warning")),
        ("state", json!("firing")),
        ("value", json!(83.5)),
        ("limit", json!(80.0)),
    ] {
        assert_eq!(body[member], expected, "{member} of {body}");
    }
    assert!(body["at"].as_str().unwrap().ends_with('Z'), "{body}");
    let header =
        |name: &str| first.headers.get(name).unwrap_or_else(|| panic!("no {name}: {first:?}")).clone();
    let timestamp = header("webhook-timestamp").parse().unwrap();
    let signature =
        afterglow_backend::alerts::render::sign("hush", &header("webhook-id"), timestamp, &first.body);
    assert_eq!(header("webhook-signature"), signature);
    assert_eq!(lab.backend().get("/api/alerts").json()["counts"]["firing"], 1);
    lab.sample("oven.1", 78.0);
    lab.sample("oven.1", 75.0);
    let body = receiver.wait(2).remove(1).json();
    assert_eq!((&body["state"], &body["value"]), (&json!("resolved"), &json!(75.0)), "{body}");
    assert_eq!(lab.backend().get("/api/alerts").json()["counts"]["firing"], 0);
    let history = lab.backend().get("/api/alerts/history").json();
    assert_eq!(history["total"], 1);
    assert_eq!(history["episodes"][0]["peak"], 83.5, "{history}");
    assert_eq!(history["episodes"][0]["notified"], json!(["ops"]), "{history}");
    // The receiver has a message before the server knows that it has.
    eventually("both deliveries are in the log", || {
        let log = lab.backend().get("/api/channels/ops/log").json();
        log["deliveries"].as_array().unwrap().len() == 2
    });
    lab.backend().send("DELETE", "/api/rules/hot", "");
    assert_eq!(receiver.all().len(), 2, "nothing fires, so nobody is notified");
}

#[test]
fn a_notification_that_was_held_has_the_value_of_when_it_is_sent() {
    let (lab, receiver) = (Lab::new(), Receiver::new());
    lab.ops(&receiver);
    lab.rule(hot());
    let silence = lab.post("/api/silences", &json!({"signals": ["oven.*"], "to": "2100-01-01"}));
    lab.sample("oven.1", 90.0);
    eventually("it fires", || lab.backend().get("/api/alerts").json()["counts"]["firing"] == 1);
    lab.sample("oven.1", 97.5);
    lab.sample("oven.1", 95.0);
    // The samples have been judged when the alert of a later one fires.
    lab.rule(json!({"id": "last", "title": "Last", "signals": ["last"], "is": "above", "levels": [{"limit": 0}], "to": ["none"]}));
    lab.sample("last", 1.0);
    eventually("the later one fires", || lab.backend().get("/api/alerts").json()["counts"]["firing"] == 2);
    let id = silence["id"].as_str().unwrap();
    lab.post(&format!("/api/silences/{id}/end"), &json!({}));
    let sent = receiver.wait(1).remove(0).json();
    assert_eq!((&sent["signal"], &sent["value"]), (&json!("oven.1"), &json!(95.0)), "{sent}");
    eventually("the worst value is known", || {
        lab.backend().get("/api/alerts").json()["firing"][0]["peak"] == 97.5
    });
}

#[test]
fn a_rule_is_saved_replaced_and_deleted_as_a_board_is() {
    let lab = Lab::new();
    let saved = lab.rule(hot());
    assert_eq!(lab.backend().get("/api/rules/hot").json(), saved);
    assert_eq!(lab.backend().get("/api/rules").json(), json!([saved]));
    assert_eq!(lab.backend().get("/api/rules?format=export").json(), json!({"rules": [saved]}));
    let mut changed = saved.clone();
    changed["title"] = "Much too hot".into();
    assert_eq!(lab.put("/api/rules/hot", &changed)["version"], 2);
    let conflict = lab.backend().send("PUT", "/api/rules/hot", &changed.to_string());
    assert_eq!((conflict.status, conflict.code()), (409, "conflict".into()));
    assert_eq!(conflict.json()["error"]["details"]["current"]["version"], 2);
    changed["version"] = 2.into();
    assert_eq!(lab.put("/api/rules/hot", &changed)["version"], 2, "the same stays at its version");
    for (body, field) in [
        (json!({"id": "x", "title": "x", "signals": [], "is": "above", "levels": [{"limit": 1}]}), "signals"),
        (json!({"id": "x", "title": "x", "signals": ["a"], "is": "above", "levels": []}), "levels"),
        (json!({"id": "x", "title": "x", "signals": ["a"], "is": "over", "levels": [{"limit": 1}]}), "is"),
        (
            json!({"id": "x", "title": "x", "signals": ["a"], "is": "above", "levels": [{"limit": 1}], "text": "{nam}"}),
            "text",
        ),
        (
            json!({"rules": [{"id": "x", "title": "x", "signals": ["a"], "is": "above", "levels": [{"limit": "much"}]}]}),
            "rules[0].levels[0].limit",
        ),
    ] {
        let refused = lab.backend().send("POST", "/api/rules", &body.to_string());
        assert_eq!(
            (refused.status, refused.field()),
            (422, ("invalid".into(), field.into())),
            "{body}: {refused:?}"
        );
    }
    assert_eq!(lab.backend().send("DELETE", "/api/rules/hot", "").status, 204);
    assert_eq!(lab.backend().get("/api/rules/hot").status, 404);
    let export = json!({"rules": [saved, {"title": "Cold", "signals": ["a"], "is": "below", "levels": [{"limit": 1}]}]});
    assert_eq!(lab.post("/api/rules", &export).as_array().unwrap().len(), 2);
}

/// A18: what becomes of an alert that fires when its rule is changed.
#[test]
fn rules_are_listed_in_pages() {
    let lab = Lab::new();
    let rules: Vec<Value> = ["d", "a", "c", "b", "e"]
        .map(|id| json!({"id": id, "title": id, "signals": [id], "is": "above", "levels": [{"limit": 1}]}))
        .into();
    lab.post("/api/rules", &json!({ "rules": rules }));
    let page = |query: &str| -> Vec<String> {
        let rules = lab.backend().get(&format!("/api/rules{query}")).json();
        rules.as_array().unwrap().iter().map(|rule| rule["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(page(""), ["a", "b", "c", "d", "e"]);
    assert_eq!(page("?limit=2"), ["a", "b"]);
    assert_eq!(page("?limit=2&after=b"), ["c", "d"]);
    assert_eq!(page("?limit=2&after=d"), ["e"]);
    for wrong in ["many", "0", "10001"] {
        assert_eq!(lab.backend().get(&format!("/api/rules?limit={wrong}")).status, 400, "{wrong}");
    }
}

#[test]
fn one_request_saves_a_bounded_number_of_rules_each_with_a_name_of_its_own() {
    let lab = Lab::new();
    let rule =
        |id: &str| json!({"id": id, "title": "X", "signals": ["x"], "is": "above", "levels": [{"limit": 1}]});
    let many = json!({"rules": (0..501).map(|_| rule("")).collect::<Vec<_>>()});
    let refused = lab.backend().send("POST", "/api/rules", &many.to_string());
    assert_eq!((refused.status, refused.field().1), (422, "rules".into()), "{refused:?}");
    assert!(refused.text.contains("there are 501; at most 500 are saved at once"), "{refused:?}");
    let twice = json!({"rules": [rule("a"), rule("a")]});
    let refused = lab.backend().send("POST", "/api/rules", &twice.to_string());
    assert_eq!((refused.status, refused.field().1), (422, "id".into()), "{refused:?}");
    assert_eq!(lab.backend().get("/api/rules").json(), json!([]));
}

#[test]
fn an_edit_notifies_nobody_unless_it_ends_an_alert() {
    let (lab, receiver) = (Lab::new(), Receiver::new());
    lab.ops(&receiver);
    let mut rule = lab.rule(hot());
    lab.sample("oven.1", 90.0);
    receiver.wait(1);
    // Its text; nothing at all; and a limit that it is still above.
    rule["title"] = "Oven".into();
    rule = lab.put("/api/rules/hot", &rule);
    rule = lab.put("/api/rules/hot", &rule);
    rule["levels"][0]["limit"] = 85.into();
    rule = lab.put("/api/rules/hot", &rule);
    eventually("the new limit holds", || {
        lab.backend().get("/api/alerts").json()["firing"][0]["rule_version"] == 1
    });
    assert_eq!(receiver.all().len(), 1, "{:?}", receiver.all());
    // A limit that it is not above.
    rule["levels"][0]["limit"] = 95.into();
    rule["levels"][0]["recover"] = Value::Null;
    rule = lab.put("/api/rules/hot", &rule);
    let body = receiver.wait(2).remove(1).json();
    assert_eq!(body["state"], "resolved", "{body}");
    assert!(body["text"].as_str().unwrap().contains("the rule was changed"), "{body}");
    // Disabled, and deleted, while it fires.
    lab.sample("oven.1", 99.0);
    receiver.wait(3);
    rule["enabled"] = false.into();
    rule = lab.put("/api/rules/hot", &rule);
    let body = receiver.wait(4).remove(3).json();
    assert!(body["text"].as_str().unwrap().contains("the rule was disabled"), "{body}");
    rule["enabled"] = true.into();
    lab.put("/api/rules/hot", &rule);
    eventually("it fires again", || lab.backend().get("/api/alerts").json()["counts"]["firing"] == 1);
    assert_eq!(lab.backend().send("DELETE", "/api/rules/hot", "").status, 204);
    eventually("it has ended", || lab.backend().get("/api/alerts").json()["counts"]["firing"] == 0);
}

/// A rule that is made while its limit is crossed already, and a server that starts then.
#[test]
fn what_is_wrong_already_is_notified_of() {
    let (mut lab, receiver) = (Lab::new(), Receiver::new());
    lab.ops(&receiver);
    lab.sample("oven.1", 90.0);
    lab.rule(hot());
    assert_eq!(receiver.wait(1).remove(0).json()["state"], "firing");
    assert!(lab.backend.take().unwrap().terminate().success());
    lab.backend = Some(Backend::start(&lab.database()));
    lab.sample("oven.2", 90.0);
    assert_eq!(
        listed(&receiver.wait(2)),
        [("oven.1".into(), "firing".into()), ("oven.2".into(), "firing".into())]
    );
}

/// A11: a spool of two hours that ends hot is one message, one that ends cool none.
#[test]
fn a11_a_spool_that_catches_up_notifies_of_what_still_holds() {
    let (lab, receiver) = (Lab::new(), Receiver::new());
    lab.ops(&receiver);
    lab.rule(hot());
    let now = afterglow_backend::clock::Clock::real().now().micros() / 1_000_000;
    // A crossing every minute, and then a quarter of an hour of the last value.
    let spool = |signal: &str, last: f64| {
        let value =
            |minute: i64| if minute > 105 { last } else { f64::from(u8::from(minute % 2 == 0)) * 90.0 };
        let all: Vec<Value> = (0..=120)
            .map(|minute| json!({"timestamp": now - (120 - minute) * 60, "signals": {signal: value(minute)}}))
            .collect();
        for part in all.chunks(30) {
            assert_eq!(lab.backend().post(&json!(part).to_string()).status, 200);
        }
    };
    spool("oven.cool", 20.0);
    spool("oven.hot", 99.0);
    receiver.wait(1);
    lab.sample("oven.next", 90.0);
    receiver.wait(2);
    let notified = listed(&receiver.all());
    assert_eq!(notified, [("oven.hot".into(), "firing".into()), ("oven.next".into(), "firing".into())]);
    let history = lab.backend().get("/api/alerts/history?limit=1000").json();
    assert_eq!(history["total"], 53 + 53 + 1 + 1, "{history}");
    let told = history["episodes"].as_array().unwrap().iter().filter(|episode| episode["late"] != true);
    assert_eq!(told.count(), 2, "the others are history");
}

/// How many samples arrive late: more by `AFTERGLOW_BACKFILL_SAMPLES`, for a night. Every other one crosses the limit.
fn backfill_samples() -> i64 {
    std::env::var("AFTERGLOW_BACKFILL_SAMPLES").ok().and_then(|count| count.parse().ok()).unwrap_or(60)
}

/// A11, as far as a suite goes: history that arrives today changes the history, and no phone rings.
#[test]
fn a_backfill_changes_history_and_notifies_nobody() {
    let (lab, receiver) = (Lab::new(), Receiver::new());
    lab.ops(&receiver);
    lab.rule(hot());
    let total = || lab.backend().get("/api/alerts/history").json()["total"].as_u64().unwrap();
    let old = |second: i64| {
        let value = if second % 2 == 0 { 99.0 } else { 1.0 };
        json!({"timestamp": 1_767_225_600 + second, "signals": {"oven.1": value}})
    };
    let count = backfill_samples();
    for from in (0..count).step_by(20_000) {
        let part: Vec<Value> = (from..count.min(from + 20_000)).map(old).collect();
        assert_eq!(lab.backend().post(&json!(part).to_string()).status, 200);
    }
    let mut seen = 0;
    while seen < count.unsigned_abs() / 2 {
        eventually("the history has more", || total() > seen);
        seen = total();
    }
    assert_eq!(total(), count.unsigned_abs() / 2);
    let history = lab.backend().get("/api/alerts/history").json();
    assert!(
        history["episodes"].as_array().unwrap().iter().all(|episode| episode["late"] == true),
        "{history}"
    );
    lab.sample("oven.2", 90.0);
    assert_eq!(listed(&receiver.wait(1)), [("oven.2".into(), "firing".into())]);
}

/// A7, as far as a suite goes: one message for a storm.
#[test]
fn ten_thousand_crossings_are_one_message() {
    let (lab, receiver) = (Lab::new(), Receiver::new());
    lab.ops(&receiver);
    lab.rule(hot());
    let all = |value: f64| {
        let signals: serde_json::Map<String, Value> =
            (0..10_000).map(|number| (format!("oven.{number}"), value.into())).collect();
        assert_eq!(lab.backend().post(&json!({"signals": signals}).to_string()).status, 200);
    };
    all(90.0);
    eventually("all fire", || lab.backend().get("/api/alerts").json()["counts"]["firing"] == 10_000);
    eventually("all are sent", || {
        let notified: u64 = receiver.all().iter().map(|one| one.json()["firing"].as_u64().unwrap()).sum();
        notified == 10_000
    });
    assert!(receiver.all().len() <= 3, "{} messages", receiver.all().len());
    let body = receiver.all()[0].json();
    assert_eq!(
        body["alerts"].as_array().unwrap().len() as u64 + body["more"].as_u64().unwrap(),
        body["firing"],
        "{body}"
    );
}

/// A15 is `quiet`'s; this is what a silence does.
#[test]
fn a_silence_holds_what_begins_and_not_what_ends() {
    let (lab, receiver) = (Lab::new(), Receiver::new());
    lab.ops(&receiver);
    lab.rule(hot());
    lab.sample("oven.1", 90.0);
    receiver.wait(1);
    lab.post("/api/silences", &json!({"id": "works", "signals": ["oven.*"], "to": "2100-01-01T00:00:00Z"}));
    lab.sample("oven.2", 90.0);
    eventually("it is silenced", || lab.backend().get("/api/alerts").json()["counts"]["silenced"] == 1);
    lab.sample("oven.1", 1.0);
    let ended = receiver.wait(2).remove(1).json();
    assert_eq!((&ended["signal"], &ended["state"]), (&json!("oven.1"), &json!("resolved")), "{ended}");
    assert_eq!(lab.backend().get("/api/alerts?state=silenced").json()["firing"][0]["scope"], "oven.2");
    lab.backend().send("POST", "/api/silences/works/end", "");
    let message = receiver.wait(3).remove(2).json();
    assert_eq!((&message["signal"], &message["state"]), (&json!("oven.2"), &json!("firing")), "{message}");
    assert!(message["text"].as_str().unwrap().contains("held by silence works"), "{message}");
    let refused = lab.backend().send(
        "POST",
        "/api/silences",
        r#"{"rules":["a"],"windows":[{"from":"01:00","to":"02:00","zone":"Mars/Olympus"}]}"#,
    );
    assert_eq!(refused.field(), ("invalid".into(), "windows[0].zone".into()));
}

#[test]
fn what_becomes_worse_during_a_silence_is_notified_of_when_it_ends_even_after_a_crash() {
    let (mut lab, receiver) = (Lab::new(), Receiver::new());
    lab.ops(&receiver);
    lab.rule(json!({"id": "hot", "title": "Hot", "signals": ["oven.*"], "is": "above",
        "levels": [{"limit": 80, "severity": "warning"}, {"limit": 95, "severity": "critical"}]}));
    lab.sample("oven.1", 90.0);
    receiver.wait(1);
    lab.post("/api/silences", &json!({"id": "works", "signals": ["oven.*"], "to": "2100-01-01T00:00:00Z"}));
    lab.sample("oven.1", 99.0);
    eventually("it is worse", || {
        lab.backend().get("/api/alerts").json()["firing"][0]["severity"] == "critical"
    });
    lab.crash();
    lab.backend().send("POST", "/api/silences/works/end", "");
    let message = receiver.wait(2).remove(1).json();
    assert_eq!(
        (&message["severity"], &message["state"]),
        (&json!("critical"), &json!("firing")),
        "{message}"
    );
}

#[test]
fn an_alert_is_acknowledged_and_that_is_kept() {
    let (lab, receiver) = (Lab::new(), Receiver::new());
    lab.ops(&receiver);
    lab.rule(hot());
    lab.sample("oven.1", 90.0);
    receiver.wait(1);
    let id = lab.backend().get("/api/alerts").json()["firing"][0]["id"].as_str().unwrap().to_owned();
    let acknowledged = lab.post(&format!("/api/alerts/{id}/ack"), &json!({"by": "ann", "note": "on my way"}));
    assert_eq!(acknowledged["ack"]["by"], "ann");
    // A later sample changes the episode, and not who has seen it.
    lab.sample("oven.1", 99.0);
    lab.sample("oven.1", 1.0);
    receiver.wait(2);
    let history = lab.backend().get("/api/alerts/history").json();
    assert_eq!(history["episodes"][0]["ack"]["note"], "on my way", "{history}");
    assert_eq!(lab.backend().send("DELETE", &format!("/api/alerts/{id}/ack"), "").status, 200);
    assert_eq!(lab.backend().send("DELETE", "/api/alerts/none/ack", "").status, 404);
}

/// While the rule that explains it fires, nobody is notified of an alert.
#[test]
fn a_rule_is_silent_while_another_explains_it() {
    let (lab, receiver) = (Lab::new(), Receiver::new());
    lab.ops(&receiver);
    lab.rule(json!({"id": "down", "title": "Down", "signals": ["site.*.up"], "is": "below", "levels": [{"limit": 1}]}));
    lab.rule(json!({"id": "hot", "title": "Hot", "signals": ["site.*.temp"], "is": "above", "levels": [{"limit": 80}],
        "unless": [{"rule": "down", "same": "*"}]}));
    lab.sample("site.a.up", 0.0);
    receiver.wait(1);
    lab.sample("site.a.temp", 90.0);
    lab.sample("site.b.temp", 90.0);
    receiver.wait(2);
    let firing = lab.backend().get("/api/alerts?rule=hot&signal=site.a.temp").json();
    assert_eq!(firing["firing"][0]["held_by"], "rule down", "{firing}");
    let notified = listed(&receiver.all());
    assert_eq!(notified, [("site.a.up".into(), "firing".into()), ("site.b.temp".into(), "firing".into())]);
    // The end of `down` at one site explains nothing at another.
    lab.sample("site.a.up", 1.0);
    receiver.wait(3);
    lab.sample("site.c.temp", 90.0);
    receiver.wait(4);
    let notified = listed(&receiver.all());
    assert_eq!(
        notified[2..],
        [("site.a.up".into(), "resolved".into()), ("site.c.temp".into(), "firing".into())]
    );
}

/// The list of proofs names no test that is not there.
#[test]
fn every_test_that_is_named_exists() {
    // A figure that the benchmark prints, or what another row shows.
    let excuses = ["figure", "A1", "A3", "A5", "A6", "A8", "A9"];
    let named = tests_in("backend/tests/alerts/README.md", "## Acceptance", &excuses);
    assert!(named.count > 60, "{}", named.count);
    assert!(named.missing.is_empty() && named.bare.is_empty(), "{:?} {:?}", named.missing, named.bare);
}

/// Without a rule nothing is handed to the evaluation.
#[test]
fn without_a_rule_nothing_is_evaluated() {
    let lab = Lab::new();
    eventually("it has found no rule", || {
        lab.sample("a", 1.0);
        let before = lab.backend().metric("afterglow_alert_samples_total");
        lab.sample("a", 1.0);
        lab.backend().metric("afterglow_alert_samples_total") == before
    });
}
