//! Every kind of rule.

use super::{engine, feed, found, listed, micros, rule, same};
use crate::{Sample, Transition};

fn every(seconds: f64, values: &[f64]) -> Vec<(f64, f64)> {
    values.iter().enumerate().map(|(index, value)| (index as f64 * seconds, *value)).collect()
}

#[test]
fn inside_and_outside() {
    let inside = r#""is":"inside","levels":[{"limit":10,"upper":20,"recover":2}]"#;
    same(
        &found(inside, &every(1.0, &[10.0, 11.0, 21.0, 22.0, 15.0, 8.0]), 9.0),
        "1 s Fired 0 11\n3 s Resolved 0 22\n4 s Fired 0 15\n5 s Resolved 0 8",
    );
    let outside = r#""is":"outside","levels":[{"limit":10,"upper":20,"recover":2}]"#;
    same(
        &found(outside, &every(1.0, &[10.0, 9.0, 11.0, 12.0, 21.0, 19.0, 18.0]), 9.0),
        "1 s Fired 0 9\n3 s Resolved 0 12\n4 s Fired 0 21\n6 s Resolved 0 18",
    );
}

#[test]
fn change_is_to_the_sample_before() {
    let change = r#""value":{"of":"change"},"is":"above","levels":[{"limit":5}]"#;
    same(&found(change, &every(1.0, &[100.0, 105.0, 99.0, 99.0]), 9.0), "2 s Fired 0 6\n3 s Resolved 0 0");
}

fn window(of: &str, more: &str, levels: &str, samples: &[(f64, f64)]) -> String {
    found(&format!(r#""value":{{"of":"{of}","window":60{more}}},{levels}"#), samples, 999.0)
}

#[test]
fn windows_speak_once_they_are_whole() {
    let above = r#""is":"above","levels":[{"limit":10}]"#;
    // A value a second: 20 for a minute and more, and the window's mean at 60 s is the first that counts.
    same(&window("mean", "", above, &every(1.0, &[20.0; 62])), "60 s Fired 0 20");
    let falls: Vec<_> = (0..200).map(|second| if second < 100 { 20.0 } else { 0.0 }).collect();
    // 61 slots of a second: 31 of them are 0 when the mean is 30/61 x 20.
    same(
        &window("mean", "", above, &every(1.0, &falls)),
        "60 s Fired 0 20\n130 s Resolved 0 9.836065573770492",
    );
}

#[test]
fn values_of_a_window() {
    let above = |limit: f64| format!(r#""is":"above","levels":[{{"limit":{limit}}}]"#);
    let below = |limit: f64| format!(r#""is":"below","levels":[{{"limit":{limit}}}]"#);
    let values: Vec<f64> = (0..=61).map(f64::from).collect();
    let rising = every(1.0, &values);
    let at_61 = |of: &str, more: &str, levels: String| {
        let found = window(of, more, &levels, &rising);
        found.lines().last().unwrap_or_default().split(' ').next_back().unwrap_or_default().to_owned()
    };
    assert_eq!(at_61("min", "", above(0.5)), "1");
    assert_eq!(at_61("max", "", above(60.5)), "61");
    assert_eq!(at_61("range", "", above(1.0)), "60");
    assert_eq!(at_61("first", "", above(0.5)), "1");
    assert_eq!(at_61("sum", "", above(1_860.0)), "1891");
    assert_eq!(at_61("count", "", below(62.0)), "61");
    assert_eq!(at_61("rate", r#","per":"minute""#, above(59.0)), "60");
    assert_eq!(at_61("rate", r#","per":"hour""#, above(59.0)), "3600");
    let deviation: f64 = at_61("stddev", "", above(17.0)).parse().unwrap();
    assert!((deviation - (61.0f64 * 61.0 - 1.0).sqrt() / 12f64.sqrt()).abs() < 1e-9, "{deviation}");
}

#[test]
fn a_counter_begins_again_at_zero() {
    let values: Vec<f64> = (0..=120).map(|second| f64::from(second % 40)).collect();
    let counter = r#","counter":true"#;
    let above = r#""is":"above","levels":[{"limit":0.9}]"#;
    // 60 steps of which one goes from 39 to 0: that is no growth.
    let found = window("rate", counter, above, &every(1.0, &values));
    assert_eq!(found.lines().next(), Some(&*format!("60 s Fired 0 {}", 59.0 / 60.0)));
    let as_it_is = r#""is":"below","levels":[{"limit":0.5}]"#;
    assert!(window("rate", "", as_it_is, &every(1.0, &values)).starts_with("60 s Fired 0 0.333"));
}

#[test]
fn percentiles_are_computed_as_a_slot_ends() {
    let values: Vec<f64> = (0..130).map(|second| if second < 70 { 1.0 } else { 100.0 }).collect();
    let above = r#""is":"above","levels":[{"limit":50}]"#;
    let listed = |of: &str| window(of, "", above, &every(1.0, &values));
    // The sixty seconds before 101 s have 31 values of 100; those before 73 s have 3.
    same(&listed("p50"), "101 s Fired 0 100");
    same(&listed("p95"), "74 s Fired 0 100");
    let many: Vec<_> = (0..60_000).map(|n| (f64::from(n) / 500.0, f64::from(n % 100))).collect();
    let found = window("p90", "", r#""is":"above","levels":[{"limit":80}]"#, &many);
    let value: f64 = found.trim().split(' ').next_back().unwrap().parse().unwrap();
    assert!((85.0..=92.0).contains(&value), "{found}");
}

#[test]
fn a_stuck_value_needs_two_samples() {
    let stuck = r#""value":{"of":"range","window":60},"is":"below","levels":[{"limit":0.1}]"#;
    let mut samples =
        every(10.0, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 7.0, 7.0, 7.0, 7.0, 7.0, 7.0, 7.0, 8.0]);
    // The window holds no 6 any more.
    same(&found(stuck, &samples, 150.0), "120 s Fired 0 0\n140 s Resolved 0 1");
    samples.truncate(1);
    samples.push((9_999.0, 1.0));
    same(&found(stuck, &samples, 9_999.0), "");
}

const SILENT: &str = r#""value":{"of":"silence"},"is":"above","levels":[{"limit":60}]"#;

#[test]
fn silence_fires_and_ends_with_the_next_sample() {
    same(
        &found(SILENT, &[(0.0, 1.0), (60.0, 1.0), (130.0, 1.0)], 190.0),
        "120 s Fired 0 60\n130 s Resolved 0 70",
    );
    let levels = r#""value":{"of":"silence"},"is":"above","levels":[{"severity":"info","limit":10},{"limit":60}],"keep":30"#;
    let expected =
        "10 s Fired 0 10\n60 s Level(0) 1 60\n70 s Recovering 1 70\n80 s Relapsed 1 10\n80 s Level(1) 0 10";
    same(&found(levels, &[(0.0, 1.0), (70.0, 1.0)], 81.0), expected);
    same(
        &found(levels, &[(0.0, 1.0), (11.0, 1.0), (20.0, 1.0), (29.0, 0.0), (38.0, 0.0)], 42.0),
        "10 s Fired 0 10\n11 s Recovering 0 11\n41 s Resolved 0 9",
    );
}

#[test]
fn a_prefix_is_alive_when_any_of_its_signals_is() {
    let prefix = format!(r#"{SILENT},"each":{{"prefix":1}}"#);
    let mut engine = engine(&[rule(&prefix)], &["s1.a", "s1.b", "s2.a"]);
    let mut out = Vec::new();
    let mut commit = |at: f64, signals: &[u32], out: &mut Vec<Transition>| {
        let at = micros(at);
        engine.step(at, signals.iter().map(|signal| Sample { signal: *signal, at, value: 0.0 }), out);
    };
    commit(0.0, &[0, 1, 2], &mut out);
    commit(50.0, &[1], &mut out);
    commit(100.0, &[0], &mut out);
    commit(170.0, &[2], &mut out);
    same(&listed(&out), "60 s2 Fired 0 60\n160 s1 Fired 0 60\n170 s2 Resolved 0 170");
}

/// A back-test leaves out what the evaluation left out.
#[test]
fn a_test_counts_silence_only_while_somebody_listened() {
    let rule = rule(r#""value":{"of":"silence"},"is":"above","levels":[{"limit":60}]"#);
    let down = (micros(1_000.0), micros(2_000.0));
    let every_ten =
        |range: std::ops::RangeInclusive<i64>| range.step_by(10).map(|second| second * crate::SECOND);
    let goes_on: Vec<i64> = every_ten(0..=1_000).chain(every_ten(2_000..=3_000)).collect();
    let stopped: Vec<i64> = every_ten(0..=950).collect();
    let early: Vec<i64> = every_ten(0..=500).collect();
    let found = |unheard: &[(i64, i64)]| {
        let mut test = crate::Backtest::new(&rule, 0, micros(3_000.0));
        test.unheard(unheard);
        for (name, times) in [("s1", &stopped), ("s2", &goes_on), ("s3", &early)] {
            let signal = test.signal(name);
            // In pieces, as they are read.
            times.chunks(7).for_each(|times| test.samples(signal, times, &vec![0.0; times.len()]));
        }
        let scopes = test.finish().scopes;
        let fired =
            scopes.into_iter().map(|scope| (scope.scope, scope.episodes[0].fired.micros() / crate::SECOND));
        fired.collect::<Vec<_>>()
    };
    let named =
        |fired: &[(&str, i64)]| fired.iter().map(|(name, at)| ((*name).to_owned(), *at)).collect::<Vec<_>>();
    assert_eq!(found(&[]), named(&[("s1", 1_010), ("s2", 1_060), ("s3", 560)]));
    assert_eq!(found(&[down]), named(&[("s1", 2_060), ("s3", 560)]));
    let overlapping = [down, (micros(1_200.0), micros(1_300.0)), (micros(1_900.0), micros(2_100.0))];
    assert_eq!(found(&overlapping), named(&[("s1", 2_160), ("s3", 560)]));
}

#[test]
fn silence_is_counted_only_while_somebody_listens() {
    let mut engine = engine(&[rule(SILENT)], &["s"]);
    let mut out = Vec::new();
    engine.listen(micros(0.0));
    feed(&mut engine, &[(0.0, 1.0)], &mut out);
    engine.deaf(micros(30.0), &mut out);
    engine.advance_to(micros(500.0), &mut out);
    engine.listen(micros(600.0));
    engine.advance_to(micros(660.0), &mut out);
    assert_eq!(out, []);
    engine.advance_to(micros(661.0), &mut out);
    same(&listed(&out), "660 s Fired 0 60");
}

#[test]
fn a_silence_is_learned_from_sixteen_intervals_or_expected() {
    let learned = r#""value":{"of":"silence"},"is":"above","levels":[{"limit":"learned"}]"#;
    same(&found(learned, &every(4.0, &[0.0; 16]), 9_999.0), "");
    same(&found(learned, &every(4.0, &[0.0; 17]), 9_999.0), "84 s Fired 0 20");
    same(&found(learned, &every(1.0, &[0.0; 17]), 9_999.0), "26 s Fired 0 10");
    let mut engine = engine(&[rule(learned)], &["s"]);
    let mut out = Vec::new();
    engine.learn(0, "s", Some(micros(30.0)));
    feed(&mut engine, &[(0.0, 1.0)], &mut out);
    engine.advance_to(micros(91.0), &mut out);
    same(&listed(&out), "90 s Fired 0 90");
}

#[test]
fn a_rule_can_look_at_another_signal() {
    let rule = serde_json::from_str(
        r#"{"id":"r","title":"R","signals":["oven.*.temp"],"is":"above","levels":[{"limit":80}],
            "and":[{"signals":["oven.*.door"],"is":"below","limit":0.5,"within":60}]}"#,
    )
    .unwrap();
    let mut engine = engine(&[rule], &["oven.1.temp", "oven.1.door", "oven.2.temp"]);
    let mut out = Vec::new();
    let mut commit = |at: f64, signal: u32, value: f64, out: &mut Vec<Transition>| {
        let at = micros(at);
        engine.step(at, [Sample { signal, at, value }], out);
    };
    commit(0.0, 0, 90.0, &mut out);
    commit(1.0, 1, 1.0, &mut out);
    commit(2.0, 0, 90.0, &mut out);
    commit(3.0, 1, 0.0, &mut out);
    commit(4.0, 0, 90.0, &mut out);
    commit(5.0, 2, 90.0, &mut out);
    // The door's value is too old to say anything: the alert stays as it is.
    commit(70.0, 0, 91.0, &mut out);
    commit(71.0, 0, 70.0, &mut out);
    same(&listed(&out), "4 oven.1.temp Fired 0 90\n71 oven.1.temp Resolved 0 70");
    // Before there was a door, without a door, and with an old value.
    assert_eq!(engine.counts().no_verdict, 3);
}

#[test]
fn a_rule_can_be_about_the_difference_of_two_signals() {
    let rule = serde_json::from_str(
        r#"{"id":"r","title":"R","signals":["oven.*.temp"],"against":{"signals":"oven.*.setpoint","as":"difference","within":60},
            "is":"above","levels":[{"limit":5,"recover":3}]}"#,
    )
    .unwrap();
    let mut engine = engine(&[rule], &["oven.1.temp", "oven.1.setpoint"]);
    let mut out = Vec::new();
    let mut commit = |at: f64, signal: u32, value: f64, out: &mut Vec<Transition>| {
        let at = micros(at);
        engine.step(at, [Sample { signal, at, value }], out);
    };
    commit(0.0, 0, 90.0, &mut out);
    commit(1.0, 1, 80.0, &mut out);
    commit(2.0, 0, 84.0, &mut out);
    commit(3.0, 0, 86.0, &mut out);
    commit(4.0, 0, 84.0, &mut out);
    // The setpoint's value is too old to say anything.
    commit(70.0, 0, 70.0, &mut out);
    commit(71.0, 1, 70.0, &mut out);
    commit(72.0, 0, 72.0, &mut out);
    same(&listed(&out), "3 oven.1.temp Fired 0 6\n72 oven.1.temp Resolved 0 2");
    assert_eq!(engine.counts().no_verdict, 2);
}

#[test]
fn a_ratio_with_zero_leaves_the_alert_as_it_is() {
    let rule = serde_json::from_str(
        r#"{"id":"r","title":"R","signals":["a"],"against":{"signals":"b","as":"ratio"},"is":"above","levels":[{"limit":2}]}"#,
    )
    .unwrap();
    let mut engine = engine(&[rule], &["a", "b"]);
    let mut out = Vec::new();
    for (at, other) in [(1.0, 2.0), (2.0, 0.0), (3.0, 5.0)] {
        let sample = |signal, value| Sample { signal, at: micros(at), value };
        engine.step(micros(at), [sample(0, 6.0), sample(1, other)], &mut out);
    }
    same(&listed(&out), "1 a Fired 0 3\n3 a Resolved 0 1.2");
    assert_eq!(engine.counts().no_verdict, 1);
}

#[test]
fn samples_of_one_instant_are_compared_with_each_other() {
    let rule = serde_json::from_str(
        r#"{"id":"r","title":"R","signals":["a"],"is":"above","levels":[{"limit":80}],"and":[{"signals":["b"],"is":"above","limit":1}]}"#,
    )
    .unwrap();
    let mut engine = engine(&[rule], &["a", "b"]);
    let mut out = Vec::new();
    let sample = |signal, value| Sample { signal, at: micros(1.0), value };
    engine.step(micros(1.0), [sample(0, 90.0), sample(1, 2.0)], &mut out);
    same(&listed(&out), "1 a Fired 0 90");
}

#[test]
fn rules_with_many_limits_find_what_a_value_crosses() {
    let rules: Vec<_> = (0..100)
        .map(|limit| {
            let is = if limit % 2 == 0 { "above" } else { "below" };
            let mut rule = rule(&format!(r#""is":"{is}","levels":[{{"limit":{limit}}}]"#));
            rule.id = format!("r{limit}");
            rule
        })
        .collect();
    let mut engine = engine(&rules, &["s"]);
    let mut out = Vec::new();
    feed(&mut engine, &[(1.0, 50.0)], &mut out);
    let mut fired: Vec<usize> = out.iter().map(|transition| transition.rule[1..].parse().unwrap()).collect();
    fired.sort_unstable();
    let expected: Vec<usize> =
        (0..100).filter(|limit| if limit % 2 == 0 { *limit < 50 } else { *limit > 50 }).collect();
    assert_eq!(fired, expected);
}
