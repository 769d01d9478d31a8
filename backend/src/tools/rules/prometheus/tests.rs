use afterglow_wire::name;
use afterglow_wire::rule::{Each, Is, Limit, Of, Per};

use super::*;

/// A file with one rule.
fn one(expression: &str) -> Imported {
    let text =
        serde_json::json!({ "groups": [{ "name": "g", "rules": [{ "alert": "A", "expr": expression }] }] });
    import(&text.to_string()).unwrap()
}

fn rule_of(expression: &str) -> Rule {
    let Imported { mut rules, refused, .. } = one(expression);
    assert!(refused.is_empty(), "{expression}: {refused:?}");
    rules.remove(0)
}

fn reason(expression: &str) -> String {
    let Imported { rules, mut refused, .. } = one(expression);
    assert!(rules.is_empty(), "{expression}: {rules:?}");
    refused.remove(0).1
}

/// The window's value, the side, and the limits of the only level.
fn compares(expression: &str) -> (Of, Option<u32>, Is, f64, Option<f64>) {
    let rule = rule_of(expression);
    let level = rule.levels[0];
    (rule.value.of, rule.value.window, rule.is, level.limit.number().unwrap(), level.upper)
}

#[test]
fn a_comparison_with_a_number_is_a_rule() {
    assert_eq!(compares("node_load1 > 4"), (Of::Last, None, Is::Above, 4.0, None));
    assert_eq!(compares("4 < node_load1"), (Of::Last, None, Is::Above, 4.0, None));
    assert_eq!(compares("(disk_free) < (10 * 1024 * 1024)"), (Of::Last, None, Is::Below, 10_485_760.0, None));
    assert_eq!(compares("temp_c < -1.5e1"), (Of::Last, None, Is::Below, -15.0, None));
    assert_eq!(compares("avg_over_time(cpu_busy[5m]) > 0.9"), (Of::Mean, Some(300), Is::Above, 0.9, None));
    assert_eq!(compares("max_over_time(t[1h30m]) > 1"), (Of::Max, Some(5_400), Is::Above, 1.0, None));
    assert_eq!(compares("min_over_time(t[30s]) > 1 # a minute"), (Of::Min, Some(30), Is::Above, 1.0, None));
    assert_eq!(compares("quantile_over_time(0.95, t[10m]) > 1").0, Of::Percentile(95));
    for (expression, equal, others) in [
        ("x >= 5", true, [(4.9, false), (5.1, true)]),
        ("x <= 5", true, [(4.9, true), (5.1, false)]),
        ("up == 0", false, [(0.0, true), (1.0, false)]),
        ("x == 5", true, [(4.9, false), (5.1, false)]),
    ] {
        let (_, _, is, limit, upper) = compares(expression);
        let holds = |value: f64| is.holds(value, limit, upper.unwrap_or(f64::INFINITY));
        assert_eq!(holds(5.0), equal, "{expression}");
        assert!(others.iter().all(|(value, wrong)| holds(*value) == *wrong), "{expression}");
        assert!(!holds(5.0_f64.next_up()) || expression == "x >= 5", "{expression}");
        // As it is stored and read again.
        let rule = rule_of(expression);
        let text = serde_json::to_string(&rule).unwrap();
        assert_eq!(serde_json::from_str::<Rule>(&text).unwrap(), rule, "{text}");
    }
}

#[test]
fn growth_is_a_rate() {
    let rate = rule_of("rate(errors_total[5m]) > 0.5");
    assert_eq!((rate.value.of, rate.value.per, rate.value.counter), (Of::Rate, None, true));
    assert_eq!(rate.levels[0].limit, Limit::Number(0.5));
    let increase = rule_of("increase(errors_total[15m]) > 30");
    assert_eq!((increase.value.per, increase.value.counter), (Some(Per::Minute), true));
    assert_eq!(increase.levels[0].limit, Limit::Number(2.0), "30 in 15 minutes");
    let delta = rule_of("delta(level[2h]) < -8");
    assert_eq!((delta.value.per, delta.value.counter), (Some(Per::Hour), false));
    assert_eq!((delta.is, delta.levels[0].limit), (Is::Below, Limit::Number(-4.0)));
}

#[test]
fn what_is_absent_is_silent() {
    let text = "groups: [{name: g, rules: [{alert: Gone, expr: 'absent(up{job=\"a\"})', for: 2m}]}]";
    let rule = import(text).unwrap().rules.remove(0);
    assert_eq!((rule.value.of, rule.each, rule.for_seconds), (Of::Silence, Each::All, 0));
    assert_eq!(rule.levels[0].limit, Limit::Number(420.0), "five minutes until it is absent, and two more");
    let rule = rule_of("absent_over_time(backup_done[1d])");
    assert_eq!(rule.levels[0].limit, Limit::Number(86_400.0));
}

#[test]
fn selectors_are_patterns_of_names_with_labels() {
    let selects = |expression: &str, signal: &str| {
        let rule = rule_of(expression);
        rule.signals.iter().any(|pattern| name::matches(pattern, signal))
            && !rule.except.iter().any(|pattern| name::matches(pattern, signal))
    };
    for (expression, signal, is_meant) in [
        ("up == 0", "up", true),
        ("up == 0", r#"up{job="a"}"#, true),
        ("up == 0", "uptime", false),
        (r#"up{job="a"} == 0"#, r#"up{job="a"}"#, true),
        (r#"up{job="a"} == 0"#, r#"up{instance="b",job="a"}"#, true),
        (r#"up{job="a"} == 0"#, r#"up{instance="b",job="ab"}"#, false),
        (r#"up{job="a"} == 0"#, r#"up{myjob="a"}"#, false),
        (r#"up{job="a"} == 0"#, "up", false),
        (r#"up{zone='z', job="a",} == 0"#, r#"up{instance="b",job="a",rack="1",zone="z"}"#, true),
        (r#"up{zone='z', job="a",} == 0"#, r#"up{job="a",zone="y"}"#, false),
        (r#"up{job="a,b"} == 0"#, r#"up{instance="x",job="a,b"}"#, true),
        (r#"up{job="*"} == 0"#, r#"up{job="a"}"#, false),
        (r#"up{job="C:\\*"} == 0"#, r#"up{job="C:\\*"}"#, true),
        (r#"up{job="C:\\*"} == 0"#, r#"up{job="C:\*"}"#, false),
        (r#"up{job=~"a|b\\.c"} == 0"#, r#"up{job="b.c"}"#, true),
        (r#"up{job=~"(a|b)"} == 0"#, r#"up{job="c"}"#, false),
        (r#"up{job!="a"} == 0"#, r#"up{job="b"}"#, true),
        (r#"up{job!="a"} == 0"#, r#"up{instance="i",job="a"}"#, false),
        (r#"up{job!~"a|b"} == 0"#, r#"up{job="b"}"#, false),
        (r#"{__name__="up",job="a"} == 0"#, r#"up{job="a"}"#, true),
    ] {
        assert_eq!(selects(expression, signal), is_meant, "{expression} of {signal}");
    }
}

#[test]
fn what_cannot_be_expressed_is_named() {
    for (expression, part) in [
        ("", "cannot be expressed"),
        ("up", "no comparison"),
        ("sum(rate(x[5m])) > 1", "`sum` makes one value of many series"),
        ("sum by (job) (x) > 1", "`sum` makes one value of many series"),
        ("a / b > 0.9", "`/ b > 0.9`: arithmetic"),
        ("100 - avg_over_time(idle[5m]) > 90", "cannot be expressed"),
        ("a > b", "the series `b`"),
        ("a > 1 and b > 2", "`and` joins"),
        ("a > 1 unless b", "`unless` joins"),
        ("a != 1", "`!= 1`"),
        ("a > bool 1", "`bool`"),
        ("1 > 2", "two numbers"),
        ("histogram_quantile(0.9, x) > 1", "the function `histogram_quantile`"),
        ("irate(x[5m]) > 1", "the function `irate`"),
        ("rate(x) > 1", "`rate` of `x`, which has no range"),
        ("x[5m] > 1", "without a function"),
        ("rate(x[5m:30s]) > 1", "the subquery `[5m:30s]`"),
        ("rate(x[5m] offset 1h) > 1", "`x` at another time"),
        ("x @ 5 > 1", "`x` at another time"),
        (r#"x{job=~"a.*"} > 1"#, "job=~\"a.*\""),
        (r#"x{job=""} > 1"#, "job: a label that is absent"),
        (r#"{job="a"} > 1"#, "without the name of one metric"),
        ("absent(x) == 1", "`absent` of `x`"),
        ("quantile_over_time(0.1, x[5m]) > 1", "the quantile 0.1"),
        ("max_over_time(x[2d]) > 1", "value.window"),
        ("time() - x > 1", "the function `time`"),
        ("x{a=\"b", "has no end"),
        ("x > 1e999", "cannot be expressed"),
    ] {
        let reason = reason(expression);
        assert!(reason.contains(part), "{expression}: {reason}");
    }
}

#[test]
fn a_file_says_what_becomes_of_each_rule() {
    let text = r#"
groups:
  - name: machines
    interval: 30s
    rules:
      - record: job:errors:rate5m
        expr: sum by (job) (rate(errors_total[5m]))
      - alert: MachineHot
        expr: |
          # degrees
          machine_celsius{room!="oven"} > 80
        for: 5m
        keep_firing_for: 1m30s
        labels: {severity: page, team: ovens, rack: "{{ $labels.rack }}", tier: 1}
        annotations:
          summary: "{{ $labels.instance }} is at {{ $value | humanize }} degrees {hot}"
          runbook_url: https://wiki.example.org/hot
      - alert: MachineHot
        expr: machine_celsius > 60
        labels: {severity: urgent}
        annotations: {summary: '{{ with query "up" }}{{ end }}'}
      - alert: TooManyErrors
        expr: sum(rate(errors_total[5m])) > 1
  - name: empty
"#;
    let Imported { rules, refused, notes } = import(text).unwrap();
    let names: Vec<&str> = refused.iter().map(|(name, _)| &**name).collect();
    assert_eq!(names, ["job:errors:rate5m", "TooManyErrors"]);
    let [first, second] = &rules[..] else { panic!("{rules:?}") };
    assert_eq!(
        (&*first.id, &*first.title, first.for_seconds, first.keep),
        ("machinehot", "MachineHot", 300, 90)
    );
    assert_eq!(first.levels[0].severity, Severity::Critical);
    assert_eq!(first.text, "{name} is at {value} degrees {{hot}}");
    assert_eq!(first.link, "https://wiki.example.org/hot");
    let labels: Vec<(&str, &str)> = first.labels.iter().map(|(label, value)| (&**label, &**value)).collect();
    assert_eq!(labels, [("team", "ovens"), ("tier", "1")]);
    assert!(!first.except.is_empty());
    assert_eq!(
        (&*second.id, &*second.text, second.levels[0].severity),
        ("machinehot-2", "", Severity::Warning)
    );
    assert_eq!(second.labels["severity"], "urgent");
    let notes: Vec<&str> = notes.iter().map(|(_, note)| &**note).collect();
    assert!(notes[0].starts_with("the label rack is left out"), "{notes:?}");
    assert!(notes[1].starts_with("severity \"urgent\" is warning"), "{notes:?}");
    assert!(notes[2].contains("{{ with query \"up\" }}"), "{notes:?}");
    assert_eq!(notes.len(), 3);
    assert!(import("groups: 5").is_err());
    assert!(import("groups: [").is_err());
}

#[test]
fn no_expression_breaks_the_reader() {
    let words = [
        "up", "{", "}", "(", ")", "[", "]", "5m", "rate", "sum", "by", "==", ">=", "!", "=~", "\"", "'", "`",
        "\\", "1", "-", "*", "/", "0.5", "e", "absent", "offset", "@", "#", "\n", ",", "ä", "::", "and",
        "bool", "a=\"b\"", "1e309", ":", " ",
    ];
    let mut random = 1_u64;
    for _ in 0..100_000 {
        let mut text = String::new();
        loop {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            text += words[(random >> 33) as usize % words.len()];
            if (random >> 60) == 0 {
                break;
            }
        }
        if let Err(reason) = expression::read(&text) {
            assert!(!reason.is_empty(), "{text}");
        }
    }
}

#[test]
fn an_expression_of_any_depth_and_length_is_answered() {
    for part in ["(", "-", "rate(", "absent(", "quantile_over_time(0.9, ", "1 + (", "#", "x{"] {
        for count in [65, 1_000, 1_000_000] {
            let text = part.repeat(count);
            let reason = expression::read(&text).unwrap_err();
            assert!(reason.len() < 32 * 1024, "{part} x {count}: {} bytes", reason.len());
        }
    }
    let deep = |depth| {
        format!("{}x{} > {}1{}", "(".repeat(depth), ")".repeat(depth), "(".repeat(depth), ")".repeat(depth))
    };
    assert_eq!(expression::read(&deep(64)).unwrap().limit, 1.0);
    assert!(expression::read(&deep(65)).unwrap_err().contains("64 deep"));
    assert_eq!(expression::read("x > --(-2)").unwrap().limit, -2.0);
}
