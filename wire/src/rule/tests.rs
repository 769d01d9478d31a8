use super::*;
use crate::Invalid;

fn rule(change: impl Fn(&mut serde_json::Value)) -> Rule {
    let mut document = serde_json::json!({
        "title": "Oven too hot", "signals": ["oven.*.temp"], "is": "above",
        "levels": [{"limit": 80, "recover": 76}, {"severity": "critical", "limit": 95}],
    });
    change(&mut document);
    serde_json::from_value(document).unwrap()
}

fn with(field: &'static str, value: serde_json::Value) -> Rule {
    rule(|document| document[field] = value.clone())
}

fn refused(rule: &Rule) -> Result<(), String> {
    rule.check().map_err(|error| error.field)
}

/// The example of the design.
const EXAMPLE: &str = r#"{"id":"oven-too-hot","version":4,"title":"Oven too hot","enabled":true,"signals":["oven.*.temp"],"except":["oven.test.*"],"value":{"of":"mean","window":300},"is":"above","levels":[{"severity":"warning","limit":80.0,"recover":76.0},{"severity":"critical","limit":95.0,"recover":90.0}],"for":30,"keep":60,"and":[{"signals":["oven.*.door"],"is":"below","limit":0.5}],"unless":[{"rule":"uplink-down","same":"*"}],"text":"{name} is at {value} since {since}","link":"https://wiki/ovens","labels":{"team":"ovens"},"to":["ops"],"repeat":14400}"#;

#[test]
fn a_rule_round_trips_with_nothing_superfluous() {
    let rule: Rule = serde_json::from_str(EXAMPLE).unwrap();
    assert_eq!(rule.check(), Ok(()));
    assert_eq!(serde_json::to_string(&rule).unwrap(), EXAMPLE);
}

#[test]
fn what_is_unknown_is_refused() {
    for wrong in [
        r#"{"title":"A","signals":["a"],"is":"over","levels":[]}"#,
        r#"{"title":"A","signals":["a"],"is":"above","levels":[{"limit":"usually"}]}"#,
        r#"{"title":"A","signals":["a"],"is":"above","levels":[{"limit":1}],"threshold":3}"#,
        r#"{"title":"A","signals":["a"],"is":"above","levels":[{"limit":1}],"value":{"of":"p49","window":60}}"#,
        r#"{"title":"A","signals":["a"],"is":"above","levels":[{"limit":1}],"for":-1}"#,
        r#"{"title":"A","signals":["a"],"is":"above","levels":[{"limit":1}],"against":{"signals":"b","as":"sum"}}"#,
    ] {
        assert!(serde_json::from_str::<Rule>(wrong).is_err(), "{wrong}");
    }
    let of = |text: &str| serde_json::from_value::<Of>(text.into()).map(String::from);
    assert_eq!(of("p99").unwrap(), "p99");
    assert!(of("median").unwrap_err().to_string().contains("mean, min"));
}

#[test]
fn refusals_name_their_field() {
    use serde_json::json;
    assert_eq!(refused(&rule(|_| ())), Ok(()));
    for (field, value, at) in [
        ("id", json!("A B"), "id"),
        ("id", json!("test"), "id"),
        ("title", json!(" "), "title"),
        ("signals", json!([]), "signals"),
        ("signals", json!(["a", "*a*b*c*d*"]), "signals[1]"),
        ("except", json!([""]), "except[0]"),
        ("each", json!("all"), "each"),
        ("value", json!({"of": "mean"}), "value.window"),
        ("value", json!({"of": "mean", "window": 0}), "value.window"),
        ("value", json!({"of": "p95", "window": 3_601}), "value.window"),
        ("value", json!({"of": "last", "window": 5}), "value.window"),
        ("value", json!({"of": "mean", "window": 5, "per": "hour"}), "value.per"),
        ("value", json!({"of": "mean", "window": 5, "counter": true}), "value.counter"),
        ("against", json!({"signals": "", "as": "ratio"}), "against.signals"),
        ("against", json!({"signals": "a.*.b.*", "as": "ratio"}), "against.signals"),
        ("against", json!({"signals": "oven.*.set", "as": "difference", "within": 0}), "against.within"),
        ("is", json!("below"), "levels[0].recover"),
        ("is", json!("inside"), "levels[0].upper"),
        ("levels", json!([]), "levels"),
        ("levels", json!([{"limit": 1}, {"limit": 2}]), "levels[1].severity"),
        ("levels", json!([{"limit": 1}, {"limit": 1, "severity": "critical"}]), "levels[1].limit"),
        ("levels", json!([{"limit": 1, "upper": 2}]), "levels[0].upper"),
        ("levels", json!([{"limit": "learned"}]), "levels[0].limit"),
        ("levels", json!([{"limit": 1, "recover": 2}]), "levels[0].recover"),
        ("for", json!(LONGEST + 1), "for"),
        ("keep", json!(LONGEST + 1), "keep"),
        ("and", json!([{"signals": ["a.*.b.*"], "is": "above", "limit": 1}]), "and[0].signals[0]"),
        ("and", json!([{"signals": ["a", "b"], "is": "above", "limit": 1}]), "and[0].signals"),
        ("and", json!([{"is": "outside", "limit": 1}]), "and[0].upper"),
        ("and", json!([{"is": "above", "limit": 1, "within": 0}]), "and[0].within"),
        ("unless", json!([{"rule": "A", "same": "*"}]), "unless[0].rule"),
        ("text", json!("{nothing}"), "text"),
        ("link", json!("javascript:alert(1)"), "link"),
        ("labels", json!({"Team": "x"}), "labels"),
        ("labels", json!({"team": "a\nb"}), "labels.team"),
        ("to", json!(["ops", "A"]), "to[1]"),
        ("repeat", json!(59), "repeat"),
        ("escalate", json!([{"after": 0, "to": ["a"]}]), "escalate[0].after"),
        ("escalate", json!([{"after": 9, "to": []}]), "escalate[0].to"),
        ("escalate", json!([{"after": 9, "to": ["a", "B"]}]), "escalate[0].to[1]"),
        ("escalate", json!([{"after": 9, "to": ["a"]}, {"after": 9, "to": ["b"]}]), "escalate[1].after"),
        (
            "escalate",
            json!((1..=6).map(|after| json!({"after": after, "to": ["a"]})).collect::<Vec<_>>()),
            "escalate",
        ),
        ("min_interval", json!(86_401), "min_interval"),
        ("fresh", json!(0), "fresh"),
        ("forget", json!(1), "forget"),
    ] {
        assert_eq!(refused(&with(field, value.clone())), Err(at.into()), "{field} {value}");
    }
}

const LONGEST: u32 = crate::limits::LONGEST_RULE_SECONDS;

#[test]
fn silence_has_rules_of_its_own() {
    use serde_json::json;
    let silence = |change: fn(&mut serde_json::Value)| {
        refused(&rule(|document| {
            document["value"] = json!({"of": "silence"});
            document["levels"] = json!([{"limit": 60}]);
            change(document);
        }))
    };
    assert_eq!(silence(|_| ()), Ok(()));
    assert_eq!(silence(|document| document["each"] = json!({"prefix": 2})), Ok(()));
    assert_eq!(silence(|document| document["each"] = json!("all")), Ok(()));
    assert_eq!(silence(|document| document["levels"] = json!([{"limit": "learned"}])), Ok(()));
    let learned_of_all = |document: &mut serde_json::Value| {
        document["each"] = json!("all");
        document["levels"] = json!([{"limit": "learned"}]);
    };
    assert_eq!(silence(learned_of_all), Err("levels[0].limit".into()));
    assert_eq!(silence(|document| document["each"] = json!({"prefix": 0})), Err("each.prefix".into()));
    assert_eq!(silence(|document| document["is"] = json!("below")), Err("is".into()));
    assert_eq!(silence(|document| document["for"] = json!(1)), Err("for".into()));
    let compared =
        |document: &mut serde_json::Value| document["against"] = json!({"signals": "a", "as": "ratio"});
    assert_eq!(silence(compared), Err("against.signals".into()));
    assert_eq!(
        silence(|document| document["levels"] = json!([{"limit": 0.5}])),
        Err("levels[0].limit".into())
    );
    assert_eq!(
        silence(|document| document["levels"] = json!([{"limit": 60, "recover": 1}])),
        Err("levels[0].recover".into())
    );
    assert_eq!(
        silence(|document| document["and"] = json!([{"is": "above", "limit": 1}])),
        Err("and[0].signals".into())
    );
}

#[test]
fn what_is_usual_has_rules_of_its_own() {
    use serde_json::json;
    let usual = |change: &dyn Fn(&mut serde_json::Value)| {
        refused(&rule(|document| {
            document["is"] = json!("outside");
            document["levels"] =
                json!([{"limit": "usual"}, {"limit": "usual", "k": 8, "recover": 4, "severity": "critical"}]);
            change(document);
        }))
    };
    assert_eq!(usual(&|_| ()), Ok(()));
    for (field, value, answer) in [
        ("is", json!("above"), Ok(())),
        ("value", json!({"of": "mean", "window": 300}), Ok(())),
        ("is", json!("inside"), Err("levels[0].limit")),
        ("value", json!({"of": "stddev", "window": 300}), Err("levels[0].limit")),
        ("value", json!({"of": "change"}), Err("levels[0].limit")),
        ("against", json!({"signals": "a", "as": "ratio"}), Err("levels[0].limit")),
        ("levels", json!([{"limit": 3}, {"limit": "usual", "severity": "critical"}]), Err("levels[0].limit")),
        ("levels", json!([{"limit": "usual", "k": 0.5}]), Err("levels[0].k")),
        ("levels", json!([{"limit": "usual", "upper": 7}]), Err("levels[0].upper")),
        ("levels", json!([{"limit": "usual", "recover": 5.5}]), Err("levels[0].recover")),
        ("levels", json!([{"limit": "usual", "recover": 0}]), Err("levels[0].recover")),
        (
            "levels",
            json!([{"limit": "usual"}, {"limit": "usual", "severity": "critical"}]),
            Err("levels[1].k"),
        ),
    ] {
        let found = usual(&|document| document[field] = value.clone());
        assert_eq!(found, answer.map_err(str::to_owned), "{field} {value}");
    }
    assert_eq!(refused(&with("levels", json!([{"limit": 1, "k": 3}]))), Err("levels[0].k".into()));
}

/// The rules of docs/alerts.md can be saved.
#[test]
fn the_rules_of_the_documentation_are_allowed() {
    let blocks = include_str!("../../../docs/alerts.md").split("```json\n").skip(1);
    let texts = blocks.map(|block| block.split("```").next().unwrap());
    let rules: Vec<Rule> = texts
        .filter(|text| text.contains("\"levels\""))
        .map(|text| serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}")))
        .collect();
    assert!(rules.len() >= 7, "{}", rules.len());
    for rule in &rules {
        assert_eq!(rule.check(), Ok(()), "{}", rule.id);
    }
}

#[test]
fn only_what_is_evaluated_makes_a_rule_another() {
    let as_it_was = rule(|_| ());
    for same in [
        with("title", "B".into()),
        with("to", serde_json::json!(["ops"])),
        with("repeat", 60.into()),
        with("escalate", serde_json::json!([{"after": 60, "to": ["boss"]}])),
    ] {
        assert!(as_it_was.evaluates_as(&same));
    }
    for other in [
        with("for", 1.into()),
        with("is", "below".into()),
        with("fresh", 5.into()),
        with("enabled", false.into()),
    ] {
        assert!(!as_it_was.evaluates_as(&other));
    }
}

#[test]
fn a_value_that_equals_a_limit_is_right() {
    for (is, wrong) in [
        (Is::Above, [3.1, 9.0]),
        (Is::Below, [0.9, -9.0]),
        (Is::Inside, [1.1, 2.9]),
        (Is::Outside, [0.9, 3.1]),
    ] {
        let limits = if is == Is::Above { (3.0, f64::INFINITY) } else { (1.0, 3.0) };
        assert!(wrong.iter().all(|value| is.holds(*value, limits.0, limits.1)), "{is:?}");
        assert!(!is.holds(limits.0, limits.0, limits.1), "{is:?}");
    }
}

#[test]
fn an_error_is_a_sentence() {
    let Err(Invalid { field, message }) =
        with("levels", serde_json::json!([{"limit": 1, "recover": 2}])).check()
    else {
        panic!("it is allowed");
    };
    assert_eq!((&*field, &*message), ("levels[0].recover", "it is above the limit"));
}
