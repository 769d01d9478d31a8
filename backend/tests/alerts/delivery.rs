//! What becomes of a message once it is sent.

use std::sync::{Arc, Mutex};

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sqlite::SqliteConnection;

use super::*;

/// Keeps all others from writing, until it is dropped.
fn write_lock(database: &std::path::Path) -> SqliteConnection {
    let mut writer = SqliteConnection::establish(database.to_str().unwrap()).unwrap();
    writer.batch_execute("PRAGMA busy_timeout = 30000; BEGIN IMMEDIATE").unwrap();
    writer
}

/// The thread of the channel sends a message, and cannot note that it has.
#[test]
fn a_message_is_sent_once_though_its_delivery_cannot_be_written() {
    let lab = Lab::new();
    let database = lab.folder.path().join("a.db");
    let lock = Arc::<Mutex<Option<SqliteConnection>>>::default();
    let held = Arc::clone(&lock);
    let receiver = Receiver::answering(move |number| {
        if number == 0 {
            *held.lock().unwrap() = Some(write_lock(&database));
        }
        "200 OK".into()
    });
    lab.ops(&receiver);
    lab.rule(hot());
    lab.sample("oven.1", 90.0);
    receiver.wait(1);
    eventually("nothing can be written", || lock.lock().unwrap().is_some());
    // Each waits as long for its turn to write as the channel's thread does: by the end of the second, that one has failed.
    for _ in 0..2 {
        assert_eq!(lab.backend().post(r#"{"signals":{"other":1}}"#).status, 503);
    }
    drop(lock.lock().unwrap().take());
    let log = || lab.backend().get("/api/channels/ops/log").json();
    eventually("it is written down", || log()["deliveries"].as_array().is_some_and(|all| all.len() == 1));
    assert_eq!(log()["deliveries"][0]["outcome"], "delivered");
    assert_eq!(receiver.all().len(), 1);
}

/// Rules that could not be read when they changed are read again, and see what was committed meanwhile.
#[test]
fn rules_that_could_not_be_read_are_read_again() {
    let (folder, receiver) = (tempfile::tempdir().unwrap(), Receiver::new());
    let faults = [("AFTERGLOW_FAULT", "hide_rules")];
    let backend = Some(Backend::start_with(&folder.path().join("a.db"), "127.0.0.1:0", &faults));
    let lab = Lab { folder, backend };
    lab.ops(&receiver);
    for number in 1..=3 {
        let mut rule = hot();
        rule["id"] = json!(format!("hot-{number}"));
        rule["signals"] = json!([format!("oven.{number}")]);
        lab.rule(rule);
        lab.sample(&format!("oven.{number}"), 90.0);
        let notified = listed(&receiver.wait(number));
        assert_eq!(notified[number - 1], (format!("oven.{number}"), "firing".into()));
    }
}

/// Who has seen an alert has not seen that it became worse, also after a restart.
#[test]
fn an_acknowledgement_is_gone_once_the_alert_is_worse() {
    let (mut lab, receiver) = (Lab::new(), Receiver::new());
    lab.ops(&receiver);
    let mut rule = hot();
    rule["levels"] = json!([{"severity": "warning", "limit": 80}, {"severity": "critical", "limit": 95}]);
    lab.rule(rule);
    lab.sample("oven.1", 90.0);
    receiver.wait(1);
    let firing = |lab: &Lab| lab.backend().get("/api/alerts").json()["firing"][0].clone();
    let id = firing(&lab)["id"].as_str().unwrap().to_owned();
    lab.post(&format!("/api/alerts/{id}/ack"), &json!({"by": "ann"}));
    assert_eq!(firing(&lab)["ack"]["by"], "ann");
    lab.sample("oven.1", 97.0);
    eventually("it is worse", || firing(&lab)["severity"] == "critical");
    assert_eq!(firing(&lab)["ack"], Value::Null);
    receiver.wait(2);
    lab.crash();
    eventually("it fires still", || firing(&lab)["severity"] == "critical");
    assert_eq!(firing(&lab)["ack"], Value::Null);
}

/// A channel that all alerts go to, with another one that is notified when it fails.
fn with_fallback(lab: &Lab, failing: &Receiver, well: &Receiver) {
    lab.post("/api/channels", &json!({"id": "boss", "kind": "webhook", "url": well.url("/boss")}));
    let url = failing.url("/ops");
    let ops = json!({"id": "ops", "kind": "webhook", "url": url, "default": true, "fallback": "boss"});
    lab.post("/api/channels", &ops);
    lab.rule(hot());
}

/// What the fallback was notified of: the rule, the channel, and whether it fails.
fn reports(well: &Receiver, count: usize) -> Vec<[String; 3]> {
    let text = |body: &Value, member: &str| body[member].as_str().unwrap_or_default().to_owned();
    let report = |body: Value| ["rule", "signal", "state"].map(|member| text(&body, member));
    well.wait(count).iter().map(|one| report(one.json())).collect()
}

/// Nothing that is refused for good is tried again: the fallback is notified at once, and once for all that is refused.
#[test]
fn a_fallback_is_notified_at_once_of_a_channel_that_refuses() {
    let (lab, well) = (Lab::new(), Receiver::new());
    let failing = Receiver::answering(|number| if number < 2 { "404 No" } else { "200 OK" }.into());
    with_fallback(&lab, &failing, &well);
    lab.sample("oven.1", 90.0);
    let report = |state: &str| ["afterglow:channel", "ops", state].map(str::to_owned);
    assert_eq!(reports(&well, 1), [report("firing")]);
    lab.sample("oven.2", 90.0);
    failing.wait(2);
    lab.sample("oven.3", 90.0);
    assert_eq!(reports(&well, 2), [report("firing"), report("resolved")]);
    let log = || lab.backend().get("/api/channels/ops/log").json()["deliveries"].clone();
    eventually("all is noted", || log().as_array().is_some_and(|all| all.len() == 3));
    let outcomes = log().as_array().unwrap().iter().map(|one| one["outcome"].clone()).collect::<Vec<_>>();
    assert_eq!(outcomes, ["delivered", "refused", "refused"], "the newest first");
}

/// Nothing can be written when the message is refused.
#[test]
fn a_fallback_is_notified_though_that_could_not_be_written_at_first() {
    let (lab, well) = (Lab::new(), Receiver::new());
    let database = lab.database();
    let lock = Arc::<Mutex<Option<SqliteConnection>>>::default();
    let held = Arc::clone(&lock);
    let failing = Receiver::answering(move |number| {
        if number == 0 {
            *held.lock().unwrap() = Some(write_lock(&database));
        }
        "404 No".into()
    });
    with_fallback(&lab, &failing, &well);
    lab.sample("oven.1", 90.0);
    eventually("nothing can be written", || lock.lock().unwrap().is_some());
    // See above.
    for _ in 0..2 {
        assert_eq!(lab.backend().post(r#"{"signals":{"other":1}}"#).status, 503);
    }
    drop(lock.lock().unwrap().take());
    assert_eq!(reports(&well, 1), [["afterglow:channel", "ops", "firing"].map(str::to_owned)]);
}
