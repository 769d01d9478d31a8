//! Rules are tested on what is stored, before they are saved and from the command line.

use serde_json::{Value, json};

use crate::harness::Backend;

/// An hour of a value a second, which is high for a minute after 1,000 s and after 2,000 s.
fn with_an_hour() -> (tempfile::TempDir, Backend) {
    let folder = tempfile::tempdir().unwrap();
    let backend = Backend::start(&folder.path().join("a.db"));
    let readings: Vec<_> = (0..3_600)
        .map(|second| {
            let hot = (1_000..1_060).contains(&second) || (2_000..2_060).contains(&second);
            let temp = if hot { 90 } else { 20 };
            json!({"timestamp": 1_700_000_000 + second, "signals": {"oven.1.temp": temp, "oven.2.temp": 20, "oven.1.door": u8::from(second > 1_500)}})
        })
        .collect();
    backend.post(&json!(readings).to_string());
    (folder, backend)
}

fn question(fields: &Value) -> Value {
    let mut rule = json!({"signals": ["oven.*.temp"], "is": "above", "levels": [{"limit": 80}], "for": 30});
    for (field, value) in fields.as_object().unwrap() {
        rule[field] = value.clone();
    }
    json!({"rule": rule, "from": 1_700_000_000, "to": 1_700_003_600})
}

#[test]
fn a_rule_that_is_not_saved_is_tested_on_what_is_stored() {
    let (_folder, backend) = with_an_hour();
    let answer = backend.send("POST", "/api/rules/test", &question(&json!({})).to_string());
    assert_eq!(answer.status, 200, "{}", answer.text);
    let found = answer.json();
    assert_eq!((&found["times"], &found["longest"], &found["signals"]), (&json!(2), &json!(30.0), &json!(2)));
    assert_eq!(found["scopes"].as_array().unwrap().len(), 1);
    let scope = &found["scopes"][0];
    assert_eq!((&scope["scope"], &scope["share"]), (&json!("oven.1.temp"), &json!(60.0 / 3_600.0)));
    let episode = &scope["episodes"][0];
    let expected = json!({
        "pending": "2023-11-14T22:30:00.000000Z", "fired": "2023-11-14T22:30:30.000000Z",
        "resolved": "2023-11-14T22:31:00.000000Z", "severity": "warning", "peak": 90.0,
    });
    assert_eq!(*episode, expected);
    let door = json!({"and": [{"signals": ["oven.*.door"], "is": "above", "limit": 0.5}]});
    let found = backend.send("POST", "/api/rules/test", &question(&door).to_string()).json();
    assert_eq!(
        (&found["times"], &found["scopes"][0]["episodes"][0]["fired"]),
        (&json!(1), &json!("2023-11-14T22:47:10.000000Z"))
    );
    let silence = json!({"value": {"of": "silence"}, "levels": [{"limit": 60}], "for": 0, "each": "all"});
    let mut late = question(&silence);
    late["to"] = json!(1_700_004_000);
    let found = backend.send("POST", "/api/rules/test", &late.to_string()).json();
    assert_eq!((&found["times"], &found["scopes"][0]["scope"]), (&json!(1), &json!("*")));
    assert_eq!(found["scopes"][0]["episodes"][0]["fired"], json!("2023-11-14T23:14:19.000000Z"));
    backend.close();
}

#[test]
fn a_test_that_cannot_be_made_names_the_field() {
    let (_folder, backend) = with_an_hour();
    let check = |question: Value, field: &str| {
        let answer = backend.send("POST", "/api/rules/test", &question.to_string());
        assert_eq!((answer.status, answer.code().as_str()), (422, "invalid"), "{}", answer.text);
        assert_eq!(answer.json()["error"]["details"]["field"], field, "{}", answer.text);
    };
    check(question(&json!({"levels": []})), "rule.levels");
    check(question(&json!({"levels": [{"limit": "often"}]})), "rule.levels[0].limit");
    check(question(&json!({"value": {"of": "mean"}})), "rule.value.window");
    let mut backwards = question(&json!({}));
    backwards["to"] = json!(1_600_000_000);
    check(backwards, "to");
    backend.close();
}
