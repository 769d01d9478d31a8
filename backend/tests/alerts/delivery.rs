//! What becomes of a message once it is sent.

use std::sync::{Arc, Mutex};

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sqlite::SqliteConnection;

use super::*;

/// The thread of the channel sends a message, and cannot note that it has.
#[test]
fn a_message_is_sent_once_though_its_delivery_cannot_be_written() {
    let lab = Lab::new();
    let database = lab.folder.path().join("a.db");
    let lock = Arc::<Mutex<Option<SqliteConnection>>>::default();
    let held = Arc::clone(&lock);
    let receiver = Receiver::answering(move |number| {
        if number == 0 {
            let mut writer = SqliteConnection::establish(database.to_str().unwrap()).unwrap();
            writer.batch_execute("PRAGMA busy_timeout = 30000; BEGIN IMMEDIATE").unwrap();
            *held.lock().unwrap() = Some(writer);
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
