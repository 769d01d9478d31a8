//! What is not usual in the hour of the week.

use serde_json::{Value, json};

use super::{Lab, listed};
use crate::receiver::Receiver;

const WEEK: i64 = 168 * 3_600;

/// A value a minute around 20, from an hour before now to two after, in the three weeks before: the median distance is 1.
fn weeks(now: i64) -> Vec<Value> {
    let minutes =
        (1..=3).flat_map(|week| (-70..=130).map(move |minute| now / 60 + minute - week * WEEK / 60));
    minutes
        .map(|minute| {
            let swing = [0, 1, -1, 2, -2][minute.rem_euclid(5) as usize];
            json!({"timestamp": minute * 60, "signals": {"oven.1": 20 + swing}})
        })
        .collect()
}

#[test]
fn what_is_not_usual_is_notified_of_and_found_by_a_test() {
    let (mut lab, receiver) = (Lab::new(), Receiver::new());
    let now = afterglow_backend::clock::Clock::real().now().micros() / 1_000_000;
    assert_eq!(lab.backend().post(&json!(weeks(now)).to_string()).status, 200);
    lab.ops(&receiver);
    let rule = json!({"id": "unusual", "title": "Unusual", "signals": ["oven.*"], "is": "outside",
        "levels": [{"limit": "usual", "recover": 4}], "min_interval": 0});
    lab.rule(rule.clone());
    // 5 times 1.4826 from 20.
    lab.sample("oven.1", 27.0);
    lab.sample("oven.1", 28.0);
    let body = receiver.wait(1).remove(0).json();
    assert_eq!((&body["value"], &body["limit"]), (&json!(28.0), &json!(20.0 + 5.0 * 1.4826)), "{body}");
    let text = body["text"].as_str().unwrap();
    assert!(text.starts_with("oven.1 is at 28, outside the usual 12.587 to 27.413, since "), "{text}");
    // A signal without earlier weeks says nothing.
    lab.sample("oven.2", 9_000.0);
    lab.crash();
    lab.sample("oven.1", 26.0);
    lab.sample("oven.1", 25.0);
    receiver.wait(2);
    let notified = listed(&receiver.all());
    assert_eq!(notified, [("oven.1".into(), "firing".into()), ("oven.1".into(), "resolved".into())]);
    let found = lab.post("/api/rules/test", &json!({"rule": rule, "from": now - 60, "to": now + 300}));
    assert_eq!((&found["times"], &found["scopes"][0]["scope"]), (&json!(1), &json!("oven.1")), "{found}");
    assert_eq!(found["scopes"][0]["episodes"][0]["peak"], 28.0, "{found}");
}
