//! Live, replayed after restarts, back-tested, and by the reference: the same episodes.
//!
//! A few thousand cases; as many as `AFTERGLOW_RULES_CASES` says when that is set.

use std::collections::BTreeMap;

use afterglow_wire::rule::{
    Against, And, Each, Found, Is, Level, Limit, Of, Operation, Per, Rule, Severity, Value,
};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use crate::{Backtest, Engine, Kind, Past, Phase, SECOND, Sample, State, Transition, reference};

const NAMES: [&str; 3] = ["s.a", "s.b", "t.a"];

/// Samples of a signal: gaps in tenths of a second, values in quarters, so that sums are exact.
fn series() -> impl Strategy<Value = Vec<(i64, f64)>> {
    let gap = prop_oneof![
        6 => Just(10i64),
        2 => 1i64..60,
        1 => 60i64..1_200,
    ];
    let value = prop_oneof![3 => -20i32..20, 2 => 10i32..14];
    prop::collection::vec((gap, value), 0..120).prop_map(|steps| {
        let mut at = 1_700_000_000 * SECOND;
        steps
            .into_iter()
            .map(|(gap, value)| {
                at += gap * SECOND / 10;
                (at, f64::from(value) / 4.0)
            })
            .collect()
    })
}

fn value() -> impl Strategy<Value = Value> {
    let windowed = prop_oneof![
        Just(Of::Mean),
        Just(Of::Min),
        Just(Of::Max),
        Just(Of::Sum),
        Just(Of::Count),
        Just(Of::Range),
        Just(Of::First),
        Just(Of::Stddev),
        Just(Of::Rate),
        (50u8..100).prop_map(Of::Percentile),
    ];
    let windowed = (windowed, 1u32..90, any::<bool>()).prop_map(|(of, window, counter)| Value {
        of,
        window: Some(window),
        per: (of == Of::Rate).then_some(Per::Minute),
        counter: counter && of == Of::Rate,
    });
    let simple = prop_oneof![3 => Just(Of::Last), 1 => Just(Of::Change), 1 => Just(Of::Silence)];
    prop_oneof![simple.prop_map(|of| Value { of, ..Value::default() }), windowed]
}

fn rule() -> impl Strategy<Value = Rule> {
    let is = prop_oneof![3 => Just(Is::Above), 2 => Just(Is::Below), 1 => Just(Is::Inside), 1 => Just(Is::Outside)];
    let times = (
        prop_oneof![Just(0u32), 1u32..20],
        prop_oneof![Just(0u32), 1u32..20],
        prop_oneof![Just(604_800u32), Just(60u32)],
    );
    // Limits between the values that can occur, so that rounding decides nothing.
    (value(), is, -12i32..12, 0i32..6, 1i32..4, times, any::<bool>(), any::<bool>()).prop_map(
        |(value, is, limit, margin, step, (for_seconds, keep, forget), two, learned)| {
            let mut rule = Rule {
                id: "r".into(),
                title: "R".into(),
                enabled: true,
                signals: vec!["s.*".into()],
                value,
                is,
                for_seconds,
                keep,
                forget,
                fresh: 600,
                ..Rule::default()
            };
            let (limit, margin) = (f64::from(limit) / 2.0 + 0.101, f64::from(margin) / 2.0);
            let level = |severity, limit, upper, recover| Level {
                severity,
                limit: Limit::Number(limit),
                upper,
                recover,
                k: None,
            };
            let step = f64::from(step);
            rule.levels = match is {
                _ if value.of == Of::Silence => {
                    rule.is = Is::Above;
                    rule.for_seconds = 0;
                    let first = (limit + 10.0).round().max(1.0);
                    vec![
                        level(Severity::Info, first, None, None),
                        level(Severity::Critical, first + step * 5.0, None, None),
                    ]
                }
                Is::Above => vec![
                    level(Severity::Info, limit, None, Some(limit - margin)),
                    level(Severity::Critical, limit + step, None, None),
                ],
                Is::Below => vec![
                    level(Severity::Info, limit, None, Some(limit + margin)),
                    level(Severity::Critical, limit - step, None, None),
                ],
                Is::Inside => vec![level(Severity::Warning, limit, Some(limit + step), Some(margin))],
                Is::Outside => {
                    vec![level(
                        Severity::Warning,
                        limit,
                        Some(limit + step),
                        Some(margin.min(step / 2.0 - 0.25)),
                    )]
                }
            };
            if !two {
                rule.levels.truncate(1);
            }
            if learned && value.of == Of::Silence {
                rule.levels = vec![Level { limit: Limit::Found(Found::Learned), ..Level::default() }];
            }
            rule
        },
    )
}

/// How the same samples come: how late, how they are cut into commits, when somebody looks, where it is started again.
#[derive(Clone, Debug)]
struct Way {
    lag: i64,
    cuts: Vec<u8>,
    looks: Vec<i64>,
    restarts: Vec<bool>,
}

fn way() -> impl Strategy<Value = Way> {
    let lag = prop_oneof![Just(0), 0..5 * SECOND];
    let cuts = prop::collection::vec(1u8..6, 1..20);
    let looks = prop::collection::vec(0..40 * SECOND, 0..12);
    (lag, cuts, looks, prop::collection::vec(prop::bool::weighted(0.15), 1..30))
        .prop_map(|(lag, cuts, looks, restarts)| Way { lag, cuts, looks, restarts })
}

fn fresh_engine(rule: &Rule) -> Engine {
    super::engine(std::slice::from_ref(rule), &NAMES)
}

/// A restart: another engine, which knows what is stored and the states.
fn restarted(rule: &Rule, seen: &[Vec<(i64, f64)>], states: &BTreeMap<String, State>) -> Engine {
    let mut engine = fresh_engine(rule);
    for (signal, samples) in (0u32..).zip(seen) {
        let Some((memory, newest)) = engine.memory(signal).zip(samples.last()) else { continue };
        let within = samples.partition_point(|(at, _)| *at < newest.0 - memory.time);
        let from = within.min(samples.len().saturating_sub(memory.samples));
        engine.warm(signal, samples[0].0, &samples[from..]);
    }
    for (scope, state) in states {
        let state = serde_json::from_str(&serde_json::to_string(state).unwrap()).unwrap();
        assert!(engine.restore("r", scope, state), "{scope}");
    }
    engine
}

/// All samples in order of their time, with their signals.
fn merged(all: &[Vec<(i64, f64)>]) -> Vec<Sample> {
    let samples = (0u32..).zip(all).flat_map(|(signal, samples)| {
        samples.iter().map(move |(at, value)| Sample { signal, at: *at, value: *value })
    });
    let mut samples: Vec<_> = samples.collect();
    samples.sort_by_key(|sample| (sample.at, sample.signal));
    samples
}

fn live(rule: &Rule, all: &[Vec<(i64, f64)>], way: &Way, end: i64) -> Vec<Transition> {
    let (mut engine, mut out) = (fresh_engine(rule), Vec::new());
    let (mut seen, mut states) = (vec![Vec::new(); all.len()], BTreeMap::new());
    let samples = merged(all);
    // Samples of one instant come together.
    let instants: Vec<&[Sample]> = samples.chunk_by(|a, b| a.at == b.at).collect();
    let mut rest = &instants[..];
    let mut round = 0;
    while !rest.is_empty() {
        // What time decides depends on when samples come: those of several instants in one commit have no constant lag.
        let by_samples =
            rule.for_seconds == 0 && rule.keep == 0 && rule.forget > 1_000 && rule.value.of != Of::Silence;
        let most = if by_samples { usize::from(way.cuts[round % way.cuts.len()]) } else { 1 };
        let size = most.min(rest.len());
        let first = rest[0][0].at;
        let (commit, later) = rest.split_at(size);
        rest = later;
        let arrival = commit[size - 1][0].at + way.lag;
        for look in &way.looks {
            engine.advance_to(first - look + way.lag, &mut out);
        }
        engine.step(arrival, commit.iter().flat_map(|instant| instant.iter().copied()), &mut out);
        for sample in commit.iter().flat_map(|instant| instant.iter()) {
            seen[sample.signal as usize].push((sample.at, sample.value));
        }
        for changed in engine.take_changed() {
            match changed.state {
                Some(state) => states.insert(changed.scope.to_string(), state),
                None => states.remove(&*changed.scope),
            };
        }
        if way.restarts[round % way.restarts.len()] {
            engine = restarted(rule, &seen, &states);
        }
        round += 1;
    }
    engine.advance_to(end + way.lag + 1, &mut out);
    out
}

/// Fired, resolved and the worst level of each scope's episodes.
fn episodes(transitions: &[Transition]) -> BTreeMap<String, Vec<reference::Episode>> {
    let mut found: BTreeMap<String, Vec<reference::Episode>> = BTreeMap::new();
    for transition in transitions {
        let scope = found.entry(transition.scope.to_string()).or_default();
        match transition.kind {
            Kind::Fired => scope.push((transition.at, None, usize::from(transition.level))),
            Kind::Level(_) => {
                let last = scope.last_mut().unwrap();
                last.2 = last.2.max(usize::from(transition.level));
            }
            Kind::Resolved(_) => scope.last_mut().unwrap().1 = Some(transition.at),
            _ => {}
        }
    }
    found.retain(|_, episodes| !episodes.is_empty());
    found
}

fn check(cases: u32, test: impl Fn(Rule, Vec<Vec<(i64, f64)>>, Way) -> Result<(), TestCaseError>) {
    let asked = std::env::var("AFTERGLOW_RULES_CASES").ok().and_then(|cases| cases.parse().ok());
    let config = ProptestConfig {
        cases: asked.unwrap_or(cases),
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let signals = prop::collection::vec(series(), 1..=NAMES.len());
    TestRunner::new(config).run(&(rule(), signals, way()), |(rule, all, way)| test(rule, all, way)).unwrap();
}

fn end_of(all: &[Vec<(i64, f64)>]) -> i64 {
    all.iter().filter_map(|samples| samples.last()).map(|(at, _)| *at).max().unwrap_or(0) + 100 * SECOND
}

/// A reference's state that time alone has not decided at the end is none.
#[test]
fn the_engine_finds_what_the_reference_finds() {
    check(2_000, |rule, all, _| {
        prop_assert_eq!(rule.check(), Ok(()));
        let end = end_of(&all);
        let (mut engine, mut out) = (fresh_engine(&rule), Vec::new());
        for sample in merged(&all) {
            engine.step(sample.at, [sample], &mut out);
        }
        engine.advance_to(end + 1, &mut out);
        let mut expected: BTreeMap<String, Vec<reference::Episode>> = BTreeMap::new();
        for (name, samples) in NAMES.iter().zip(&all).filter(|(name, _)| name.starts_with('s')) {
            expected.insert((*name).into(), reference::episodes(&rule, samples, &[], end));
        }
        expected.retain(|_, episodes| !episodes.is_empty());
        prop_assert_eq!(episodes(&out), expected);
        Ok(())
    });
}

#[test]
fn live_with_restarts_is_the_back_test() {
    check(2_000, |rule, all, mut way| {
        if rule.value.of == Of::Silence {
            // How late a signal's samples come is not known after a restart while nothing is wrong.
            way.lag = 0;
        }
        let end = end_of(&all);
        let out = live(&rule, &all, &way, end);
        for pair in out.chunk_by(|a, b| a.scope == b.scope) {
            prop_assert!(pair.iter().all(|transition| transition.pending_at <= transition.at));
        }
        for fired in out.iter().filter(|transition| transition.kind == Kind::Fired) {
            prop_assert_eq!(fired.at - fired.pending_at, i64::from(rule.for_seconds) * SECOND);
        }
        let mut test = Backtest::new(&rule, 0, end);
        for (name, samples) in NAMES.iter().zip(&all).filter(|(name, _)| test_selects(name)) {
            let signal = test.signal(name);
            let (times, values): (Vec<_>, Vec<_>) = samples.iter().copied().unzip();
            test.samples(signal, &times, &values);
        }
        let found = test.finish();
        let found: BTreeMap<String, Vec<(i64, Option<i64>)>> = found
            .scopes
            .into_iter()
            .map(|scope| {
                (
                    scope.scope,
                    scope
                        .episodes
                        .iter()
                        .map(|e| (e.fired.micros(), e.resolved.map(afterglow_wire::Timestamp::micros)))
                        .collect(),
                )
            })
            .collect();
        let live: BTreeMap<String, Vec<(i64, Option<i64>)>> = episodes(&out)
            .into_iter()
            .map(|(scope, episodes)| {
                (
                    scope,
                    episodes
                        .into_iter()
                        .map(|(fired, resolved, _)| (fired, resolved.filter(|at| *at <= end)))
                        .filter(|(fired, _)| *fired <= end)
                        .collect::<Vec<_>>(),
                )
            })
            .filter(|(_, episodes)| !episodes.is_empty())
            .collect();
        prop_assert_eq!(live, found);
        Ok(())
    });
}

fn test_selects(name: &str) -> bool {
    name.starts_with('s')
}

/// Rules that look at two signals, and silence of several: live equals live, however the samples come.
#[test]
fn signals_together_are_the_same_however_they_come() {
    check(1_000, |mut rule, all, mut way| {
        if rule.value.of == Of::Silence {
            rule.each = if way.lag % 2 == 0 { Each::All } else { Each::Prefix(1) };
            way.lag = 0;
            rule.levels[0].limit = rule.levels[0].limit.number().map_or(Limit::Number(15.0), Limit::Number);
        } else {
            let and =
                And { signals: vec!["t.*".into()], is: Is::Above, limit: -1.1, upper: None, within: 30 };
            rule.and = vec![and];
        }
        prop_assert_eq!(rule.check(), Ok(()));
        let end = end_of(&all);
        let plain = Way { lag: 0, cuts: vec![1], looks: Vec::new(), restarts: vec![false] };
        prop_assert_eq!(episodes(&live(&rule, &all, &way, end)), episodes(&live(&rule, &all, &plain, end)));
        Ok(())
    });
}

/// Differences and ratios: live, by the reference and back-tested.
#[test]
fn arithmetic_of_two_signals_is_that_of_the_reference() {
    check(2_000, |mut rule, all, way| {
        if rule.value.of == Of::Silence {
            rule.value.of = Of::Last;
            let level = Level { limit: Limit::Number(0.6), ..Level::default() };
            (rule.is, rule.levels) = (Is::Above, vec![level]);
        }
        let operation = if way.looks.len() % 2 == 0 { Operation::Difference } else { Operation::Ratio };
        rule.against = Some(Against { signals: "t.*".into(), operation, within: 30 });
        prop_assert_eq!(rule.check(), Ok(()));
        let end = end_of(&all);
        let nothing = Vec::new();
        let other = all.get(2).unwrap_or(&nothing);
        let mut expected = BTreeMap::new();
        // The other signal of `s.b` would be `t.b`, which does not exist.
        let found = reference::episodes(&rule, &all[0], other, end);
        if !found.is_empty() {
            expected.insert(NAMES[0].to_owned(), found);
        }
        prop_assert_eq!(&episodes(&live(&rule, &all, &way, end)), &expected);
        let mut test = Backtest::new(&rule, 0, end);
        prop_assert_eq!(test.compared("s.a"), vec![std::sync::Arc::from("t.a")]);
        let split = |samples: &[(i64, f64)]| -> (Vec<i64>, Vec<f64>) { samples.iter().copied().unzip() };
        let ((times, values), (other_times, other_values)) = (split(&all[0]), split(other));
        test.compared_samples(&[("s.a", &times, &values), ("t.a", &other_times, &other_values)]);
        let found: Vec<i64> = test
            .finish()
            .scopes
            .iter()
            .flat_map(|scope| &scope.episodes)
            .map(|one| one.fired.micros())
            .collect();
        let fired: Vec<i64> = expected.values().flatten().map(|(fired, ..)| *fired).collect();
        prop_assert_eq!(found, fired);
        Ok(())
    });
}

/// Some samples come late, after later ones: a slot after the last of them every window is what it is with all in order.
#[test]
fn windows_with_late_samples_are_those_of_all_in_order() {
    struct Stored(Vec<(i64, f64)>);
    impl Past for Stored {
        fn samples(&mut self, _: u32, from: i64, to: i64) -> Option<Vec<(i64, f64)>> {
            let within = |(at, _): &&(i64, f64)| (from..=to).contains(at);
            Some(self.0.iter().filter(within).copied().collect())
        }

        fn minutes(&mut self, _: u32, _: i64, _: i64) -> Option<Vec<f64>> {
            None
        }
    }
    check(2_000, |mut rule, all, way| {
        if !rule.value.of.has_window() {
            return Ok(());
        }
        rule.is = Is::Above;
        rule.levels = vec![Level { limit: Limit::Number(-1e9), ..Level::default() }];
        let window = i64::from(rule.value.window.unwrap_or_default()) * SECOND;
        let mut samples = all[0].clone();
        let Some((newest, value)) = samples.last().copied() else { return Ok(()) };
        // The last two slots, and a known signal, so that both speak.
        samples.extend((1..=3).map(|n| (newest + n * (window / 60 + 2), value)));
        let mut live = fresh_engine(&rule);
        let (mut past, mut out) = (Stored(Vec::new()), Vec::new());
        let mut put = |live: &mut Engine, past: &mut Stored, (at, value): (i64, f64)| {
            past.0.push((at, value));
            past.0.sort_by_key(|(at, _)| *at);
            live.step_with(newest + 999 * SECOND, [Sample { signal: 0, at, value }], past, &mut out);
        };
        let mut held: Vec<(i64, f64)> = Vec::new();
        let ends = samples.len() - 3;
        for (index, sample) in samples.iter().enumerate() {
            let is_late = index > 0 && index + 1 < ends && way.restarts[index % way.restarts.len()];
            if is_late {
                held.push(*sample);
                continue;
            }
            put(&mut live, &mut past, *sample);
            if way.cuts[index % way.cuts.len()] > 3 || index >= ends.saturating_sub(1) {
                held.drain(..).for_each(|late| put(&mut live, &mut past, late));
            }
        }
        let mut clean = fresh_engine(&rule);
        for (at, value) in &samples {
            clean.step(
                newest + 999 * SECOND,
                [Sample { signal: 0, at: *at, value: *value }],
                &mut Vec::new(),
            );
        }
        let value = |engine: &Engine| engine.state("r", "s.a").map(|state| state.value.to_bits());
        prop_assert_eq!(value(&live), value(&clean));
        Ok(())
    });
}

#[test]
fn a_pending_alert_has_its_newest_level_after_a_restart() {
    let levels = r#""levels":[{"severity":"info","limit":1},{"severity":"critical","limit":3}]"#;
    let rule = super::rule(&format!(r#""is":"above",{levels},"for":5"#));
    let all = [vec![(0, 4.0), (SECOND, 2.0)]];
    let way = |restart| Way { lag: 0, cuts: vec![1], looks: Vec::new(), restarts: vec![restart] };
    let found = episodes(&live(&rule, &all, &way(true), 10 * SECOND));
    assert_eq!(found, episodes(&live(&rule, &all, &way(false), 10 * SECOND)));
    assert_eq!(found.values().next().unwrap(), &[(5 * SECOND, None, 0)]);
}

/// What an engine says of itself agrees with what came out.
#[test]
fn states_are_those_of_the_last_transitions() {
    check(500, |rule, all, _| {
        let (mut engine, mut out) = (fresh_engine(&rule), Vec::new());
        for sample in merged(&all) {
            engine.step(sample.at, [sample], &mut out);
        }
        for name in NAMES {
            let last = out
                .iter()
                .rev()
                .find(|transition| &*transition.scope == name)
                .map(|transition| transition.kind);
            let expected = match last {
                None | Some(Kind::Resolved(_) | Kind::Cancelled) => None,
                Some(Kind::Pending) => Some(Phase::Pending),
                Some(Kind::Recovering) => Some(Phase::Recovering),
                Some(_) => Some(Phase::Firing),
            };
            prop_assert_eq!(engine.state("r", name).map(|state| state.phase), expected, "{}", name);
        }
        Ok(())
    });
}
