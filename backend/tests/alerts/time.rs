//! Restarts, clocks that are set, full disks and samples in any order: no alert about nothing.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::{Lab, hot, listed};
use crate::disk_full::SmallDisk;
use crate::harness::{Backend, eventually};
use crate::receiver::Receiver;

/// A wall clock that is wrong by as much as a test wants.
pub(super) struct SetClock {
    file: PathBuf,
    offset: std::cell::Cell<i64>,
    _folder: tempfile::TempDir,
}

impl SetClock {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Self { file: folder.path().join("clock"), offset: 0.into(), _folder: folder };
        clock.add(0);
        clock
    }

    /// Sets the clock, forward by a number of seconds.
    pub(super) fn add(&self, seconds: i64) {
        self.offset.set(self.offset.get() + seconds);
        // Renamed: it is read at any moment.
        let new = self.file.with_extension("new");
        std::fs::write(&new, self.offset.get().to_string()).unwrap();
        std::fs::rename(new, &self.file).unwrap();
    }

    /// A backend that has this clock.
    pub(super) fn lab(&self) -> Lab {
        let folder = tempfile::tempdir().unwrap();
        let backend = Some(self.start(&folder.path().join("a.db")));
        Lab { folder, backend }
    }

    /// A backend that has this clock, on this database.
    pub(super) fn start(&self, database: &std::path::Path) -> Backend {
        let environment = [("AFTERGLOW_CLOCK_FILE", self.file.to_str().unwrap())];
        Backend::start_with(database, "127.0.0.1:0", &environment)
    }
}

fn silent(seconds: u32) -> Value {
    json!({"id": "silent", "title": "Silent", "signals": ["device.*"], "value": {"of": "silence"}, "is": "above",
        "levels": [{"limit": seconds}]})
}

fn total(lab: &Lab) -> u64 {
    lab.backend().get("/api/alerts/history").json()["total"].as_u64().unwrap()
}

/// A10: after a stop and after `kill -9`, and ten minutes without a server, only what has really stopped is silent.
#[test]
fn a10_a_restart_makes_no_device_look_dead() {
    for is_killed in [false, true] {
        let clock = SetClock::new();
        let mut lab = clock.lab();
        let receiver = Receiver::new();
        lab.ops(&receiver);
        lab.rule(silent(4));
        let send = |lab: &Lab, from: usize| {
            let signals: serde_json::Map<String, Value> =
                (from..1_000).map(|number| (format!("device.{number}"), json!(1))).collect();
            assert_eq!(lab.backend().post(&json!({"signals": signals}).to_string()).status, 200);
        };
        send(&lab, 0);
        eventually("all are evaluated", || {
            lab.backend().metric("afterglow_alert_samples_evaluated") >= 1_000.0
        });
        let backend = lab.backend.take().unwrap();
        if is_killed {
            backend.kill_nine();
        } else {
            assert!(backend.terminate().success());
        }
        clock.add(600);
        lab.backend = Some(clock.start(&lab.database()));
        // All but the first go on.
        eventually("the one that stopped is silent", || {
            send(&lab, 1);
            !receiver.all().is_empty()
        });
        assert_eq!(listed(&receiver.all()), [("device.0".into(), "firing".into())], "killed: {is_killed}");
        let episode = &lab.backend().get("/api/alerts").json()["firing"][0];
        assert_eq!((total(&lab), &episode["value"]), (1, &json!(4.0)), "{episode}");
        // And a test of the rule leaves the same time out.
        let question = json!({"rule": silent(4), "from": "2026-01-01T00:00:00Z", "to": episode["fired_at"]});
        let found = lab.post("/api/rules/test", &question);
        assert_eq!(
            (&found["times"], &found["scopes"][0]["scope"]),
            (&json!(1), &json!("device.0")),
            "{found}"
        );
    }
}

/// A14: the clock is set while one alert fires, one is pending, and a device is about to be silent.
#[test]
fn a14_a_clock_that_is_set_decides_nothing() {
    let years = 10 * 365 * 86_400;
    for jump in [3_600, -3_600, years, -years] {
        let clock = SetClock::new();
        let (lab, receiver) = (clock.lab(), Receiver::new());
        lab.ops(&receiver);
        lab.rule(hot());
        let mut waits = hot();
        (waits["id"], waits["for"]) = (json!("waits"), json!(300));
        lab.rule(waits);
        lab.rule(silent(300));
        lab.sample("device.1", 1.0);
        lab.sample("oven.1", 90.0);
        receiver.wait(1);
        let since = || lab.backend().get("/api/alerts?state=pending").json()["pending"][0]["since"].clone();
        eventually("it is pending", || since().is_string());
        let before = since();
        clock.add(jump);
        eventually("the jump is seen", || since() != before && since().is_string());
        lab.sample("oven.2", 90.0);
        eventually("the next crossing is sent", || listed(&receiver.all()).len() >= 2);
        let notified = listed(&receiver.all());
        assert_eq!(
            notified,
            [("oven.1".into(), "firing".into()), ("oven.2".into(), "firing".into())],
            "{jump}"
        );
        let alerts = lab.backend().get("/api/alerts").json();
        assert_eq!(alerts["counts"], json!({"firing": 2, "pending": 2, "silenced": 0}), "{jump}: {alerts}");
        // And what fires ends with the next value that is right.
        lab.sample("oven.1", 1.0);
        eventually("its end is sent", || listed(&receiver.all()).last().unwrap().1 == "resolved");
    }
}

/// A9: while samples are refused nothing looks dead, people are notified of that and of what fires, and afterwards alerts go on.
#[test]
fn a9_a_full_disk_makes_no_device_look_dead() {
    let Some(disk) = SmallDisk::mount("alerts on a full disk") else { return };
    let clock = SetClock::new();
    let (folder, receiver) = (tempfile::tempdir().unwrap(), Receiver::new());
    let backend = Some(clock.start(&disk.path.join("a.db")));
    let lab = Lab { folder, backend };
    lab.ops(&receiver);
    lab.rule(hot());
    lab.rule(silent(60));
    let mut waits = hot();
    (waits["id"], waits["signals"], waits["for"]) = (json!("waits"), json!(["kiln.*"]), json!(60));
    lab.rule(waits);
    lab.sample("device.1", 1.0);
    lab.sample("kiln.1", 90.0);
    eventually("both are evaluated", || lab.backend().metric("afterglow_alert_samples_evaluated") >= 2.0);
    disk.fill(0);
    let post = |signal: &str| {
        let objects: Vec<Value> = (0..2_000)
            .map(|number| json!({"timestamp": 1_600_000_000 + number, "signals": {signal: number}}))
            .collect();
        lab.backend().post(&json!(objects).to_string()).status
    };
    eventually("the disk is full", || post("filler") == 503);
    let looked = || lab.backend().metric("afterglow_alert_silence_paused");
    eventually("the evaluation knows", || {
        post("filler");
        looked() == 1.0
    });
    // In steps that are no jump of the clock.
    for _ in 0..3 {
        clock.add(50);
        let before = lab.backend().metric("afterglow_alert_turns_total");
        eventually("time has passed for the evaluation", || {
            post("filler");
            lab.backend().metric("afterglow_alert_turns_total") >= before + 2.0
        });
    }
    let notified = |rule: &str| -> Vec<String> {
        let all = receiver.all();
        let alerts = all.iter().flat_map(|one| one.json()["alerts"].as_array().cloned().unwrap_or_default());
        let of_rule = alerts.filter(|alert| alert["rule"] == rule);
        of_rule.map(|alert| alert["state"].as_str().unwrap_or_default().to_owned()).collect()
    };
    eventually("people know of the disk, and of what fires", || {
        post("filler");
        notified("afterglow:store") == ["firing"] && notified("waits") == ["firing"]
    });
    assert_eq!(post("filler"), 503, "it is still full");
    disk.free();
    eventually("there is room", || lab.backend().post(r#"{"signals":{"device.1":2}}"#).status == 200);
    lab.sample("oven.1", 90.0);
    eventually("the next crossing is sent", || notified("hot") == ["firing"]);
    eventually("people know that there is room", || notified("afterglow:store") == ["firing", "resolved"]);
    eventually("all is written", || total(&lab) == 2);
    let log = lab.backend().get("/api/channels/ops/log").json();
    assert_eq!(
        (notified("silent").len(), notified("waits").len(), &log["waiting"]),
        (0, 1, &json!(0)),
        "{log}"
    );
}

/// Fired and resolved of the episodes of each signal.
fn episodes(lab: &Lab, rule: &str) -> std::collections::BTreeMap<String, Vec<(Value, Value)>> {
    let mut found: std::collections::BTreeMap<String, Vec<(Value, Value)>> =
        std::collections::BTreeMap::new();
    let history = lab.backend().get("/api/alerts/history").json();
    for episode in history["episodes"].as_array().unwrap().iter().filter(|episode| episode["rule"] == rule) {
        let times = (episode["fired_at"].clone(), episode["resolved_at"].clone());
        found.entry(episode["scope"].as_str().unwrap().to_owned()).or_default().push(times);
    }
    found.values_mut().for_each(|times| times.sort_by_key(|(fired, _)| fired.to_string()));
    found
}

const BEGIN: i64 = 1_767_225_600;

fn reading(signal: &str, second: i64, value: f64) -> Value {
    json!({"timestamp": BEGIN + second, "signals": {signal: value}})
}

/// A12: twice, sent again, the newest first, shuffled: the episodes are those of the stream in order.
#[test]
fn a12_episodes_do_not_depend_on_how_samples_come() {
    let lab = Lab::new();
    let mut rule = hot();
    (rule["for"], rule["keep"]) = (json!(5), json!(5));
    lab.rule(rule);
    let value = |second: i64| if second / 13 % 2 == 0 { 20.0 } else { 90.0 };
    let post = |objects: &[Value]| {
        assert_eq!(lab.backend().post(&json!(objects).to_string()).status, 200);
    };
    for part in 0..5 {
        let seconds: Vec<i64> = (part * 40..(part + 1) * 40).collect();
        let all = |signal: &str, seconds: &[i64]| -> Vec<Value> {
            seconds.iter().map(|second| reading(signal, *second, value(*second))).collect()
        };
        post(&all("oven.clean", &seconds));
        let twice: Vec<i64> = seconds.iter().flat_map(|second| [*second, *second]).collect();
        post(&all("oven.twice", &twice));
        post(&all("oven.again", &seconds));
        post(&all("oven.again", &seconds));
        let newest_first: Vec<i64> = seconds.iter().rev().copied().collect();
        post(&all("oven.reversed", &newest_first));
        let shuffled: Vec<i64> = seconds.iter().map(|second| part * 40 + (second * 7 + 3) % 40).collect();
        post(&all("oven.shuffled", &shuffled));
    }
    eventually("all is evaluated", || {
        let found = episodes(&lab, "hot");
        found.len() == 5 && found.values().all(|times| times.len() >= 7)
    });
    let found = episodes(&lab, "hot");
    for (signal, times) in &found {
        assert_eq!(times, &found["oven.clean"], "{signal}");
    }
}

/// A12: what comes late, in another request, is in windows from their next sixtieth on, and in back-tests from its own time on.
#[test]
fn a12_windows_have_what_came_late() {
    let lab = Lab::new();
    lab.rule(
        json!({"id": "mean", "title": "Mean", "signals": ["late"], "value": {"of": "mean", "window": 60},
        "is": "above", "levels": [{"limit": 10}]}),
    );
    let seconds = |range: std::ops::Range<i64>, value: f64| -> Vec<Value> {
        range.map(|second| reading("late", second, value)).collect()
    };
    let post = |objects: &[Value]| {
        assert_eq!(lab.backend().post(&json!(objects).to_string()).status, 200);
    };
    post(&seconds(0..70, 0.0));
    post(&seconds(80..90, 0.0));
    // 1,000 in 71 samples is above 10, and nobody sees it before the next sample in order.
    post(&seconds(70..80, 100.0));
    eventually("all is evaluated", || lab.backend().metric("afterglow_alert_samples_evaluated") >= 90.0);
    assert_eq!(total(&lab), 0);
    post(&seconds(90..91, 0.0));
    eventually("it fires", || total(&lab) == 1);
    let text = |second: i64| json!(afterglow_wire::Timestamp::from_micros((BEGIN + second) * 1_000_000));
    assert_eq!(episodes(&lab, "mean")["late"][0].0, text(90));
    let question = json!({"rule": {"signals": ["late"], "value": {"of": "mean", "window": 60}, "is": "above",
        "levels": [{"limit": 10}]}, "from": BEGIN, "to": BEGIN + 90});
    let found = lab.post("/api/rules/test", &question);
    assert_eq!(found["scopes"][0]["episodes"][0]["fired"], text(76), "{found}");
}
