//! Whom an alert is sent to, what is sent together, and what is sent again.

use serde_json::{Value, json};

use super::time::SetClock;
use super::{Lab, hot, listed};
use crate::harness::{Backend, eventually};
use crate::receiver::Receiver;

fn channel(lab: &Lab, id: &str, receiver: &Receiver, more: &Value) {
    let mut document = json!({"id": id, "kind": "webhook", "url": receiver.url(&format!("/{id}"))});
    for (field, value) in more.as_object().unwrap() {
        document[field] = value.clone();
    }
    lab.post("/api/channels", &document);
}

/// What was notified of at a path, in the order in which it came.
fn alerts_at(receiver: &Receiver, path: &str) -> Vec<Value> {
    let all = receiver.all().into_iter().filter(|one| one.path == path);
    all.flat_map(|one| one.json()["alerts"].as_array().cloned().unwrap_or_default()).collect()
}

/// The rules that were notified of at a path, in order.
fn rules_at(receiver: &Receiver, path: &str) -> Vec<String> {
    let alerts = alerts_at(receiver, path).into_iter();
    let mut rules: Vec<String> =
        alerts.map(|alert| alert["rule"].as_str().unwrap_or_default().to_owned()).collect();
    rules.sort_unstable();
    rules
}

/// Each member of `takes` decides, and those that a rule names go before them.
#[test]
fn channels_get_the_alerts_that_they_take() {
    let (lab, receiver) = (Lab::new(), Receiver::new());
    channel(&lab, "grave", &receiver, &json!({"takes": {"severities": ["critical"]}}));
    channel(&lab, "kilns", &receiver, &json!({"takes": {"signals": ["kiln.*"]}}));
    channel(&lab, "team", &receiver, &json!({"takes": {"labels": {"team": "heat"}}}));
    channel(&lab, "named", &receiver, &json!({"takes": {"rules": ["grave*"]}}));
    channel(&lab, "rest", &receiver, &json!({"default": true}));
    channel(&lab, "own", &receiver, &json!({}));
    for (id, signal, severity, more) in [
        ("grave-one", "oven.1", "critical", json!({})),
        ("kiln", "kiln.1", "warning", json!({})),
        ("labelled", "oven.2", "warning", json!({"labels": {"team": "heat", "site": "a"}})),
        ("other", "oven.3", "warning", json!({"labels": {"team": "cold"}})),
        ("direct", "kiln.2", "critical", json!({"to": ["own"]})),
    ] {
        let mut rule = json!({"id": id, "title": id, "signals": [signal], "is": "above",
            "levels": [{"severity": severity, "limit": 80}]});
        for (field, value) in more.as_object().unwrap() {
            rule[field] = value.clone();
        }
        lab.rule(rule);
        lab.sample(signal, 90.0);
    }
    let expected: [(&str, &[&str]); 6] = [
        ("/grave", &["grave-one"]),
        ("/kilns", &["kiln"]),
        ("/team", &["labelled"]),
        ("/named", &["grave-one"]),
        ("/rest", &["other"]),
        ("/own", &["direct"]),
    ];
    let sent = || {
        receiver.all().iter().map(|one| one.json()["alerts"].as_array().map_or(0, Vec::len)).sum::<usize>()
    };
    eventually("six notices are sent", || sent() >= 6);
    for (path, rules) in expected {
        assert_eq!(rules_at(&receiver, path), rules, "{path}");
    }
}

/// What has the same value of the channel's label is one message, whatever its rule.
#[test]
fn a_channel_gathers_by_its_label() {
    let (lab, receiver) = (Lab::new(), Receiver::new());
    channel(&lab, "sites", &receiver, &json!({"default": true, "group_by": "site"}));
    for (id, site) in [("a1", "a"), ("a2", "a"), ("b1", "b")] {
        lab.rule(json!({"id": id, "title": id, "signals": [format!("{id}.temp")], "is": "above",
            "levels": [{"limit": 80}], "labels": {"site": site}}));
    }
    let signals = json!({"a1.temp": 90, "a2.temp": 90, "b1.temp": 90});
    assert_eq!(lab.backend().post(&json!({ "signals": signals }).to_string()).status, 200);
    eventually("three notices are sent", || listed(&receiver.all()).len() >= 3);
    let mut groups: Vec<Vec<String>> = receiver
        .all()
        .iter()
        .map(|one| {
            let alerts = one.json()["alerts"].as_array().cloned().unwrap_or_default();
            let mut rules: Vec<_> =
                alerts.iter().map(|alert| alert["rule"].as_str().unwrap_or_default().to_owned()).collect();
            rules.sort_unstable();
            rules
        })
        .collect();
    groups.sort_unstable();
    assert_eq!(groups, [vec!["a1".to_owned(), "a2".into()], vec!["b1".into()]]);
}

/// `repeat` is exact, is not sent of what was seen, and goes on with what was not.
#[test]
fn what_still_fires_is_sent_again_until_somebody_has_seen_it() {
    let clock = SetClock::new();
    let lab = clock.lab();
    let receiver = Receiver::new();
    lab.ops(&receiver);
    let mut rule = hot();
    rule["repeat"] = json!(60);
    lab.rule(rule);
    lab.sample("oven.1", 90.0);
    lab.sample("oven.2", 90.0);
    eventually("both are sent", || listed(&receiver.all()).len() == 2);
    let firing = lab.backend().get("/api/alerts?signal=oven.1").json();
    let id = firing["firing"][0]["id"].as_str().unwrap().to_owned();
    lab.post(&format!("/api/alerts/{id}/ack"), &json!({"by": "ann"}));
    clock.add(30);
    lab.sample("oven.1", 95.0);
    lab.sample("oven.2", 95.0);
    eventually("the value is known", || lab.backend().metric("afterglow_alert_samples_evaluated") >= 4.0);
    assert_eq!(listed(&receiver.all()).len(), 2, "30 s are too early");
    clock.add(31);
    eventually("it is sent again", || listed(&receiver.all()).len() == 3);
    let again = receiver.all().pop().unwrap().json();
    assert_eq!((&again["signal"], &again["state"]), (&json!("oven.2"), &json!("firing")), "{again}");
    assert_eq!(again["value"], 95.0, "{again}");
    lab.sample("oven.1", 1.0);
    lab.sample("oven.2", 1.0);
    eventually("both ends are sent", || {
        listed(&receiver.all()).iter().filter(|(_, state)| state == "resolved").count() == 2
    });
    assert_eq!(listed(&receiver.all()).len(), 5);
}

/// What nobody acknowledges goes to others as well, each once, also over a `kill -9`; they get the end too.
#[test]
fn what_nobody_has_seen_goes_to_others_as_well() {
    let clock = SetClock::new();
    let mut lab = clock.lab();
    let receiver = Receiver::new();
    lab.ops(&receiver);
    for id in ["boss", "chief"] {
        channel(&lab, id, &receiver, &json!({}));
    }
    let mut rule = hot();
    rule["escalate"] =
        json!([{"after": 900, "to": ["boss"]}, {"after": 1800, "to": ["ops", "boss", "chief"]}]);
    lab.rule(rule);
    let at = |path: &str| -> Vec<(String, String, String)> {
        let alerts = alerts_at(&receiver, path).into_iter();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        alerts.map(|alert| (text(&alert["signal"]), text(&alert["event"]), text(&alert["text"]))).collect()
    };
    let events = |path: &str| -> Vec<(String, String)> {
        at(path).into_iter().map(|(signal, event, _)| (signal, event)).collect()
    };
    let is = |signal: &str, event: &str| (signal.to_owned(), event.to_owned());
    for signal in ["oven.1", "oven.2"] {
        lab.sample(signal, 90.0);
    }
    eventually("both are sent", || at("/ops").len() == 2);
    let episode = |lab: &Lab, signal: &str| {
        lab.backend().get(&format!("/api/alerts?signal={signal}")).json()["firing"][0].clone()
    };
    let id = episode(&lab, "oven.1")["id"].as_str().unwrap().to_owned();
    lab.post(&format!("/api/alerts/{id}/ack"), &json!({"by": "ann"}));
    clock.add(901);
    eventually("one is escalated", || events("/boss") == [is("oven.2", "escalate")]);
    let text = at("/boss").remove(0).2;
    assert!(text.ends_with("It is not acknowledged, 15 min after the first notification."), "{text}");
    assert_eq!(episode(&lab, "oven.2")["notified"], json!(["ops", "boss"]));

    let is_noted = || {
        ["boss", "ops"]
            .iter()
            .all(|id| lab.backend().get(&format!("/api/channels/{id}/log")).json()["waiting"] == 0)
    };
    eventually("all is noted", is_noted);
    lab.backend.take().unwrap().kill_nine();
    clock.add(900);
    lab.backend = Some(clock.start(&lab.database()));
    eventually("one is escalated further", || events("/chief") == [is("oven.2", "escalate")]);
    for signal in ["oven.1", "oven.2"] {
        lab.sample(signal, 1.0);
    }
    eventually("the ends are sent", || {
        at("/ops").len() == 4 && at("/boss").len() == 2 && at("/chief").len() == 2
    });
    for path in ["/boss", "/chief"] {
        assert_eq!(events(path), [is("oven.2", "escalate"), is("oven.2", "resolve")], "{path}");
    }
    assert!(events("/ops").iter().all(|(_, event)| event != "escalate"));
}

/// What an Alertmanager must hear of every minute changes nothing for others.
#[test]
fn people_are_reminded_also_where_an_alertmanager_hears_of_it_more_often() {
    let clock = SetClock::new();
    let lab = clock.lab();
    let receiver = Receiver::new();
    lab.ops(&receiver);
    lab.post("/api/channels", &json!({"id": "am", "kind": "alertmanager", "url": receiver.url("/am")}));
    let mut rule = hot();
    (rule["repeat"], rule["to"]) = (json!(175), json!(["ops", "am"]));
    lab.rule(rule);
    lab.sample("oven.1", 90.0);
    let count = |path: &str| receiver.all().iter().filter(|one| one.path.starts_with(path)).count();
    eventually("both are notified", || (count("/ops"), count("/am")) == (1, 1));
    for (seconds, ops, am) in [(61, 1, 2), (61, 1, 3), (61, 2, 4)] {
        clock.add(seconds);
        eventually("what is due is sent", || (count("/ops"), count("/am")) == (ops, am));
    }
}

/// What becomes worse is sent to those who take it then; and to those who are added while it fires.
#[test]
fn an_alert_reaches_those_who_take_it_once_it_is_bad_enough() {
    let (lab, receiver) = (Lab::new(), Receiver::new());
    channel(&lab, "pager", &receiver, &json!({"takes": {"severities": ["critical"]}}));
    let mut rule = hot();
    rule["levels"] = json!([{"severity": "warning", "limit": 80}, {"severity": "critical", "limit": 95}]);
    lab.rule(rule);
    lab.sample("oven.1", 90.0);
    lab.sample("oven.2", 90.0);
    eventually("both fire", || lab.backend().get("/api/alerts").json()["counts"]["firing"] == 2);
    assert!(receiver.all().is_empty(), "nobody takes a warning");
    lab.sample("oven.1", 99.0);
    let events = |path: &str| -> Vec<(Value, Value)> {
        let alerts = alerts_at(&receiver, path).into_iter();
        alerts.map(|alert| (alert["signal"].clone(), alert["event"].clone())).collect()
    };
    let is = |signal: &str, event: &str| (json!(signal), json!(event));
    eventually("one is bad enough", || events("/pager") == [is("oven.1", "fire")]);
    channel(&lab, "chat", &receiver, &json!({"takes": {"severities": ["warning"]}}));
    eventually("the other has someone now", || events("/chat") == [is("oven.2", "fire")]);
    lab.sample("oven.2", 99.0);
    eventually("it is worse", || {
        (events("/chat").last(), events("/pager").last())
            == (Some(&is("oven.2", "level")), Some(&is("oven.2", "fire")))
    });
    assert_eq!((events("/chat").len(), events("/pager").len()), (2, 2));
}

/// A channel that fails is reported to its fallback, and so is its return.
#[test]
fn a_fallback_is_notified_of_a_channel_that_fails() {
    let mut lab = Lab::new();
    lab.backend.take().unwrap().close();
    let environment = [("AFTERGLOW_FALLBACK_MILLIS", "500")];
    lab.backend = Some(Backend::start_with(&lab.database(), "127.0.0.1:0", &environment));
    let failing = Receiver::answering(|number| if number < 2 { "500 No" } else { "200 OK" }.into());
    let well = Receiver::new();
    channel(&lab, "boss", &well, &json!({}));
    channel(&lab, "ops", &failing, &json!({"default": true, "fallback": "boss"}));
    lab.rule(hot());
    lab.sample("oven.1", 90.0);
    let received = well.wait(2);
    let what = |index: usize| {
        let body = received[index].json();
        (body["rule"].clone(), body["signal"].clone(), body["state"].clone())
    };
    assert_eq!(what(0), (json!("afterglow:channel"), json!("ops"), json!("firing")));
    assert_eq!(what(1), (json!("afterglow:channel"), json!("ops"), json!("resolved")));
    assert_eq!(listed(&failing.all()[2..]), [("oven.1".into(), "firing".into())], "nothing is lost");
}

/// Beyond the bound the oldest notices are summed up: what is kept stays small, and every alert is counted once it is sent.
#[test]
fn more_notices_than_may_wait_are_summed_up() {
    let mut lab = Lab::new();
    lab.backend.take().unwrap().close();
    let environment = [("AFTERGLOW_WAITING_NOTICES", "100")];
    lab.backend = Some(Backend::start_with(&lab.database(), "127.0.0.1:0", &environment));
    let failing = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
    let fails = std::sync::Arc::clone(&failing);
    let receiver = Receiver::answering(move |_| {
        if fails.load(std::sync::atomic::Ordering::Relaxed) { "500 No" } else { "200 OK" }.into()
    });
    lab.ops(&receiver);
    for site in ["a", "b"] {
        lab.rule(json!({"id": site, "title": site, "signals": [format!("{site}.*")], "is": "above", "levels": [{"limit": 80}]}));
    }
    let mut crossed = 0;
    for round in 0..6 {
        for site in ["a", "b"] {
            let signals: serde_json::Map<String, Value> =
                (0..80).map(|number| (format!("{site}.{round}.{number}"), json!(90))).collect();
            assert_eq!(lab.backend().post(&json!({"signals": signals}).to_string()).status, 200);
            crossed += 80;
        }
        eventually("all fire", || lab.backend().get("/api/alerts").json()["counts"]["firing"] == crossed);
        eventually("few notices are kept", || {
            let kept = crate::harness::sql(
                &lab.database(),
                "SELECT CAST(count(*) AS TEXT) AS value FROM alert_notice WHERE message IS NULL",
            );
            kept[0].parse::<u64>().unwrap() <= 100
        });
    }
    failing.store(false, std::sync::atomic::Ordering::Relaxed);
    let counted = || {
        let mut messages: Vec<Value> = receiver.all().iter().map(crate::receiver::Received::json).collect();
        messages.sort_by_key(|message| message["id"].to_string());
        messages.dedup_by_key(|message| message["id"].to_string());
        messages.iter().map(|message| message["firing"].as_u64().unwrap()).sum::<u64>()
    };
    eventually("all are counted", || lab.backend().get("/api/channels/ops/log").json()["waiting"] == 0);
    assert_eq!(counted(), crossed);
}

/// Each member of a silence decides which alerts it holds.
#[test]
fn one_of_many_is_silenced_and_no_other() {
    let (lab, receiver) = (Lab::new(), Receiver::new());
    lab.ops(&receiver);
    for (number, silence, held, notified) in [
        (1, json!({"signals": ["oven.1.a"]}), ("a", 90.0), ("b", 90.0)),
        (2, json!({"rules": ["cold-2"]}), ("a", -1.0), ("b", 90.0)),
        (3, json!({"severities": ["critical"]}), ("a", 99.0), ("b", 90.0)),
        (4, json!({"labels": {"team": "ice"}}), ("a", -1.0), ("b", 90.0)),
        (5, json!({"rules": ["hot-5"], "signals": ["oven.*.a"]}), ("a", 90.0), ("b", 90.0)),
    ] {
        let signals = format!("oven.{number}.*");
        lab.rule(json!({"id": format!("hot-{number}"), "title": "Hot", "signals": [signals], "is": "above",
            "levels": [{"limit": 80, "severity": "warning"}, {"limit": 95, "severity": "critical"}]}));
        lab.rule(
            json!({"id": format!("cold-{number}"), "title": "Cold", "signals": [signals], "is": "below",
            "levels": [{"limit": 0}], "labels": {"team": "ice"}}),
        );
        let mut document = silence;
        (document["id"], document["to"]) = (json!(format!("s-{number}")), json!("2100-01-01T00:00:00Z"));
        lab.post("/api/silences", &document);
        let sample = |(signal, value): (&str, f64)| lab.sample(&format!("oven.{number}.{signal}"), value);
        sample(held);
        eventually("it is held", || {
            lab.backend().get("/api/alerts?state=silenced").json()["total"] == number
        });
        sample(notified);
        let found = listed(&receiver.wait(number));
        assert_eq!(
            found[number - 1],
            (format!("oven.{number}.{}", notified.0), "firing".into()),
            "{document}"
        );
    }
}

/// A rule that is about to fire explains others, also after a `kill -9`.
#[test]
fn what_is_about_to_fire_explains_others_after_a_restart_too() {
    let (mut lab, receiver) = (Lab::new(), Receiver::new());
    lab.ops(&receiver);
    lab.rule(json!({"id": "down", "title": "Down", "signals": ["site.*.up"], "is": "below", "for": 3600, "levels": [{"limit": 1}]}));
    lab.rule(json!({"id": "hot", "title": "Hot", "signals": ["site.*.temp"], "is": "above", "levels": [{"limit": 80}],
        "unless": [{"rule": "down", "same": "*"}]}));
    lab.sample("site.a.up", 0.0);
    eventually("it is about to fire", || lab.backend().get("/api/alerts").json()["counts"]["pending"] == 1);
    lab.crash();
    lab.sample("site.a.temp", 90.0);
    lab.sample("site.b.temp", 90.0);
    receiver.wait(1);
    eventually("both fire", || lab.backend().get("/api/alerts").json()["counts"]["firing"] == 2);
    let held = lab.backend().get("/api/alerts?rule=hot&signal=site.a.temp").json();
    assert_eq!(held["firing"][0]["held_by"], "rule down", "{held}");
    assert_eq!(listed(&receiver.all()), [("site.b.temp".into(), "firing".into())]);
}
