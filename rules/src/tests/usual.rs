//! Limits that are what is usual in the hour of the week.

use afterglow_wire::rule::{Is, Of, Rule, Value};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::{engine, micros, rule, same};
use crate::{Backtest, Engine, Past, SECOND, Sample, State, Transition, reference};

const HOUR: i64 = 3_600 * SECOND;
const WEEK: i64 = 168 * HOUR;

/// A Monday, 00:00.
const BEGIN: i64 = 2_900 * WEEK + 96 * HOUR;

/// All samples of the signal numbered 0.
struct Stored(Vec<(i64, f64)>);

impl Stored {
    fn means(&self, from: i64, to: i64) -> Vec<(i64, f64)> {
        let inside: Vec<_> = self.0.iter().filter(|(at, _)| (from..to).contains(at)).collect();
        let minute = |at: i64| at.div_euclid(60 * SECOND);
        let mean = |samples: &[&(i64, f64)]| {
            samples.iter().map(|(_, value)| value).sum::<f64>() / samples.len() as f64
        };
        inside
            .chunk_by(|a, b| minute(a.0) == minute(b.0))
            .map(|samples| (minute(samples[0].0) * 60 * SECOND, mean(samples)))
            .collect()
    }
}

impl Past for Stored {
    fn samples(&mut self, _: u32, from: i64, to: i64) -> Option<Vec<(i64, f64)>> {
        Some(self.0.iter().filter(|(at, _)| (from..=to).contains(at)).copied().collect())
    }

    fn minutes(&mut self, _: u32, from: i64, to: i64) -> Option<Vec<f64>> {
        Some(self.means(from, to).into_iter().map(|(_, mean)| mean).collect())
    }
}

/// What is found in `samples`, each a commit of its own.
fn live(rule: &Rule, samples: &[(i64, f64)]) -> (Engine, Vec<Transition>) {
    let (mut engine, mut out) = (engine(std::slice::from_ref(rule), &["s"]), Vec::new());
    let mut past = Stored(samples.to_vec());
    for (at, value) in samples {
        engine.step_with(*at, [Sample { signal: 0, at: *at, value: *value }], &mut past, &mut out);
    }
    (engine, out)
}

/// A value a minute in the first hour of `weeks`, around `middle`.
fn weeks(weeks: std::ops::Range<i64>, middle: f64) -> Vec<(i64, f64)> {
    let swing = [0.0, 1.0, -1.0, 2.0, -2.0];
    weeks
        .flat_map(|week| {
            (0..60).map(move |minute| {
                (BEGIN + week * WEEK + minute * 60 * SECOND, middle + swing[minute as usize % 5])
            })
        })
        .collect()
}

fn lines(transitions: &[Transition]) -> String {
    let here: Vec<_> = transitions
        .iter()
        .map(|transition| Transition { at: (transition.at - BEGIN) % WEEK, ..transition.clone() })
        .collect();
    super::listed(&here)
}

#[test]
fn a_value_fires_where_it_is_not_usual() {
    let rule = rule(
        r#""is":"outside","levels":[{"limit":"usual","k":4,"recover":2},{"severity":"critical","limit":"usual","k":8}]"#,
    );
    // The median distance of 0, 1, 1, 2, 2 is 1: limits are 4 and 8 times 1.4826 from 20.
    let mut samples = weeks(0..4, 20.0);
    for (minute, value) in [(0, 25.9), (1, 26.0), (2, 24.0), (3, 32.0), (4, 22.0), (5, 14.0), (6, 20.0)] {
        samples.push((BEGIN + 4 * WEEK + minute * 60 * SECOND, value));
    }
    let (_, out) = live(&rule, &samples);
    same(
        &lines(&out),
        "60 s Fired 0 26
         180 s Level(0) 1 32
         240 s Resolved 1 22
         300 s Fired 0 14
         360 s Resolved 0 20",
    );
    let around = |k: f64| [20.0 - k * 1.4826, 20.0 + k * 1.4826];
    assert_eq!((out[0].usual, out[1].usual), (Some(around(4.0)), Some(around(8.0))));
    assert_eq!((out[1].peak, out[3].peak), (32.0, 14.0));
}

#[test]
fn another_hour_has_limits_of_its_own() {
    let rule = rule(r#""is":"above","levels":[{"limit":"usual"}]"#);
    let mut samples = weeks(0..4, 20.0);
    samples.extend(weeks(0..4, 50.0).into_iter().map(|(at, value)| (at + HOUR, value)));
    samples.sort_by_key(|(at, _)| *at);
    samples.extend([(BEGIN + 4 * WEEK, 50.0), (BEGIN + 4 * WEEK + HOUR, 50.0)]);
    let (_, out) = live(&rule, &samples);
    same(&lines(&out), "0 s Fired 0 50\n3600 s Resolved 0 50");
}

#[test]
fn nothing_is_known_before_two_weeks_and_an_alert_stays_as_it_is() {
    let rule = rule(r#""is":"outside","levels":[{"limit":"usual"}]"#);
    let mut samples = weeks(0..1, 20.0);
    samples.push((BEGIN + WEEK, 999.0));
    let (engine, out) = live(&rule, &samples);
    assert_eq!((out, engine.counts().no_verdict), (Vec::new(), 61));
    let mut samples = weeks(0..2, 20.0);
    // The next hour has no past.
    samples.extend([(BEGIN + 2 * WEEK, 999.0), (BEGIN + 2 * WEEK + HOUR, 20.0)]);
    let (engine, out) = live(&rule, &samples);
    assert_eq!((lines(&out).as_str(), engine.state("r", "s").is_some()), ("0 s Fired 0 999\n", true));
}

#[test]
fn what_could_not_be_looked_up_is_asked_for_again() {
    struct Fails(Stored, u32);
    impl Past for Fails {
        fn samples(&mut self, _: u32, _: i64, _: i64) -> Option<Vec<(i64, f64)>> {
            None
        }

        fn minutes(&mut self, signal: u32, from: i64, to: i64) -> Option<Vec<f64>> {
            self.1 += 1;
            if self.1 == 1 { None } else { self.0.minutes(signal, from, to) }
        }
    }
    let rule = rule(r#""is":"above","levels":[{"limit":"usual"}]"#);
    let (mut engine, mut out) = (engine(&[rule], &["s"]), Vec::new());
    let mut past = Fails(Stored(weeks(0..4, 20.0)), 0);
    for (second, fired) in [(0.0, 0), (59.0, 0), (60.0, 1), (3_599.0, 1)] {
        let at = BEGIN + 4 * WEEK + micros(second);
        engine.step_with(at, [Sample { signal: 0, at, value: 99.0 }], &mut past, &mut out);
        assert_eq!(out.len(), fired, "{second}");
    }
    assert_eq!(past.1, 5, "one that failed, and the hour's four");
}

#[test]
fn what_comes_is_learned_ahead_and_nothing_is_asked_twice() {
    struct Counts(Stored, Vec<i64>);
    impl Past for Counts {
        fn samples(&mut self, _: u32, _: i64, _: i64) -> Option<Vec<(i64, f64)>> {
            None
        }

        fn minutes(&mut self, signal: u32, from: i64, to: i64) -> Option<Vec<f64>> {
            self.1.push(from);
            self.0.minutes(signal, from, to)
        }
    }
    let rule = rule(r#""is":"above","levels":[{"limit":"usual"}]"#);
    let (mut engine, mut out) = (engine(&[rule], &["s"]), Vec::new());
    let mut past = Counts(Stored(weeks(0..4, 20.0)), Vec::new());
    let mut put = |engine: &mut Engine, past: &mut Counts, at: i64| {
        engine.step_with(at, [Sample { signal: 0, at, value: 99.0 }], past, &mut out);
    };
    let before = BEGIN + 4 * WEEK - 600 * SECOND;
    engine.look_ahead(before, &mut past, 1);
    assert_eq!(past.1.len(), 0, "nothing has been judged yet");
    put(&mut engine, &mut past, before);
    engine.look_ahead(before + 59 * SECOND, &mut past, 1);
    assert_eq!(past.1.len(), 4, "all are looked at once a minute");
    engine.look_ahead(before + 60 * SECOND, &mut past, 1);
    engine.look_ahead(before + 120 * SECOND, &mut past, 1);
    assert_eq!(past.1.len(), 8);
    put(&mut engine, &mut past, BEGIN + 4 * WEEK);
    assert_eq!((past.1.len(), out.len()), (8, 1));
}

/// Samples in the first ninety minutes of six weeks.
fn series() -> impl Strategy<Value = Vec<(i64, f64)>> {
    let week = prop::collection::btree_map(0i64..5_400, -8i32..8, 0..25);
    prop::collection::vec(week, 6).prop_map(|weeks| {
        (0..)
            .zip(weeks)
            .flat_map(|(week, samples)| {
                samples.into_iter().map(move |(second, value)| {
                    (BEGIN + week * WEEK + second * SECOND, f64::from(value) / 4.0)
                })
            })
            .collect()
    })
}

fn any_rule() -> impl Strategy<Value = Rule> {
    let value = prop_oneof![
        2 => Just(Value::default()),
        1 => Just(Value { of: Of::Mean, window: Some(600), ..Value::default() }),
        1 => Just(Value { of: Of::Max, window: Some(60), ..Value::default() }),
    ];
    let is = prop_oneof![Just(Is::Above), Just(Is::Below), Just(Is::Outside)];
    (value, is, 0u32..3, 0u32..3, 1u32..4, 0u32..3).prop_map(|(value, is, wait, keep, k, near)| {
        let k = f64::from(k) + 0.137;
        let mut rule = rule(&format!(
            r#""is":"above","forget":31536000,"levels":[{{"limit":"usual","k":{k},"recover":{}}},{{"severity":"critical","limit":"usual","k":{}}}]"#,
            k / f64::from(near + 1),
            2.0 * k,
        ));
        (rule.value, rule.is, rule.for_seconds, rule.keep) = (value, is, wait * 90, keep * 90);
        rule
    })
}

/// Live with restarts, back-tested and by the reference: the same episodes.
#[test]
fn it_is_what_the_reference_says_live_and_tested() {
    let config = ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() };
    let restarts = prop::collection::vec(any::<bool>(), 1..20);
    TestRunner::new(config)
        .run(&(any_rule(), series(), restarts), |(rule, samples, restarts)| {
            let end = BEGIN + 6 * WEEK;
            let expected = reference::episodes(&rule, &samples, &[], end);
            let mut engine = engine(std::slice::from_ref(&rule), &["s"]);
            let (mut past, mut out) = (Stored(samples.clone()), Vec::new());
            let mut kept: Option<State> = None;
            for (index, (at, value)) in samples.iter().enumerate() {
                engine.step_with(*at, [Sample { signal: 0, at: *at, value: *value }], &mut past, &mut out);
                engine.take_changed().into_iter().for_each(|changed| kept = changed.state);
                if restarts[index % restarts.len()] {
                    engine = super::engine(std::slice::from_ref(&rule), &["s"]);
                    engine.warm(0, samples[0].0, &samples[..=index]);
                    kept.into_iter().for_each(|state| assert!(engine.restore("r", "s", state)));
                }
            }
            engine.advance_to(end + 1, &mut out);
            let fired: Vec<i64> =
                out.iter().filter(|one| one.kind == crate::Kind::Fired).map(|one| one.at).collect();
            let wanted: Vec<i64> = expected.iter().map(|(fired, ..)| *fired).collect();
            prop_assert_eq!(&fired, &wanted);
            let mut test = Backtest::new(&rule, BEGIN, end);
            let from = test.minutes_from().unwrap();
            prop_assert!(from <= BEGIN - 4 * WEEK && from % HOUR == 0);
            test.minutes(past.means(from, end));
            let signal = test.signal("s");
            let (times, values): (Vec<_>, Vec<_>) = samples.iter().copied().unzip();
            test.samples(signal, &times, &values);
            let found = test.finish();
            let found: Vec<_> = found
                .scopes
                .iter()
                .flat_map(|scope| &scope.episodes)
                .map(|one| (one.fired.micros(), one.resolved.map(afterglow_wire::Timestamp::micros)))
                .collect();
            let wanted: Vec<_> = expected.iter().map(|(fired, resolved, _)| (*fired, *resolved)).collect();
            prop_assert_eq!(found, wanted);
            Ok(())
        })
        .unwrap();
}
