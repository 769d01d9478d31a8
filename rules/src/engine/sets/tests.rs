//! However rules and signals come and go, every signal has the rules that select it.

use std::collections::{BTreeMap, BTreeSet};

use afterglow_wire::name::matches;
use afterglow_wire::rule::Rule;
use proptest::prelude::*;

use super::NONE;
use crate::engine::Engine;
use crate::tests::{named, rule};
use crate::{Reason, Sample, Transition};

const NAMES: [&str; 6] = ["s", "s.a", "s.b", "t.a", "t*", "u"];

const PATTERNS: [&str; 8] = ["s", "s.a", "t.a", "s*", "*", "*a", "t\\*", "t*"];

/// What happens to an engine.
#[derive(Clone, Debug)]
enum Act {
    Put {
        id: usize,
        signals: Vec<&'static str>,
        except: Vec<&'static str>,
        is: &'static str,
        limit: i8,
        more: bool,
    },
    Remove(usize),
    Learn(usize),
    Commit(Vec<(usize, i8)>),
}

fn act() -> impl Strategy<Value = Act> {
    let pattern = || prop::sample::select(PATTERNS.to_vec());
    let is = prop::sample::select(vec!["above", "below", "inside"]);
    let put = (
        0..8usize,
        prop::collection::vec(pattern(), 1..3),
        prop::collection::vec(pattern(), 0..2),
        is,
        -4i8..4,
        any::<bool>(),
    );
    prop_oneof![
        4 => put.prop_map(|(id, signals, except, is, limit, more)| Act::Put { id, signals, except, is, limit, more }),
        2 => (0..8usize).prop_map(Act::Remove),
        2 => (0..NAMES.len()).prop_map(Act::Learn),
        3 => prop::collection::vec((0..NAMES.len(), -6i8..6), 1..8).prop_map(Act::Commit),
    ]
}

fn made(id: usize, signals: &[&str], except: &[&str], is: &str, limit: i8) -> Rule {
    let limit = f64::from(limit) + 0.25;
    let upper = if is == "inside" { format!(r#","upper":{}"#, limit + 1.0) } else { String::new() };
    let rule = named(rule(&format!(r#""is":"{is}","levels":[{{"limit":{limit}{upper}}}]"#)), &id.to_string());
    let own = |patterns: &[&str]| patterns.iter().map(|pattern| (*pattern).to_owned()).collect();
    Rule { signals: own(signals), except: own(except), ..rule }
}

/// The engine's sets are those that each rule by itself asks for, and there are no others.
fn check(engine: &Engine, rules: &BTreeMap<usize, Rule>, known: &BTreeSet<usize>) {
    for (signal, name) in NAMES.iter().enumerate() {
        let number = signal as u32;
        let any = |patterns: &[String]| patterns.iter().any(|pattern| matches(pattern, name));
        let selecting = || {
            rules.values().filter(|rule| known.contains(&signal) && any(&rule.signals) && !any(&rule.except))
        };
        let mut expected: Vec<u32> = selecting().map(|rule| engine.numbers[&*rule.id]).collect();
        expected.sort_unstable();
        assert_eq!(engine.sets.rules(number), expected, "{name}");
        assert_eq!(engine.memory(number).is_some_and(|memory| memory.samples == 2), {
            !expected.is_empty() && engine.signals[signal].more.is_none()
        });
        let mut knowing = engine.sets.knowing(number).to_vec();
        knowing.sort_unstable();
        let mut expected: Vec<u32> =
            selecting().filter(|rule| rule.for_seconds > 0).map(|rule| engine.numbers[&*rule.id]).collect();
        expected.sort_unstable();
        assert_eq!(knowing, expected);
        if let Some(state) = engine.signals.get(signal) {
            assert_eq!(state.quiet, engine.sets.quiet(number));
        }
        for value in -8..8 {
            let value = f64::from(value);
            let mut found = Vec::new();
            engine.sets.matters(number, value, &mut found);
            let is_quiet = engine.sets.quiet(number).0 <= value && value <= engine.sets.quiet(number).1;
            assert_eq!(is_quiet, found.is_empty(), "{value}");
            for rule in selecting() {
                let level = &rule.levels[0];
                let holds =
                    rule.is.holds(value, level.limit.number().unwrap(), level.upper.unwrap_or_default());
                assert!(!holds || found.contains(&engine.numbers[&*rule.id]), "{value} {rule:?}");
            }
        }
    }
    let used = engine.sets.sets.len() - engine.sets.free_sets.len();
    assert!(used <= known.len() + 1, "{used} sets");
    assert!(engine.sets.sets[NONE as usize].rules.is_empty());
    let selections = engine.sets.selections.len() - engine.sets.free_selections.len();
    assert!(selections <= rules.len(), "{selections} selections");
    assert_eq!(selections, engine.sets.by_patterns.len());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_signal_has_the_rules_that_select_it_and_each_finds_what_it_finds_alone(
        acts in prop::collection::vec(act(), 1..60)
    ) {
        let (mut engine, mut found) = (Engine::default(), Vec::new());
        let (mut rules, mut known) = (BTreeMap::new(), BTreeSet::new());
        let (mut alone, mut expected): (BTreeMap<usize, Engine>, Vec<Transition>) = Default::default();
        let mut now = 0;
        for act in acts {
            now += 1_000_000;
            match act {
                Act::Put { id, signals, except, is, limit, more } => {
                    // One that is replaced ends what it has found, like one that is removed.
                    engine.remove(&id.to_string(), Reason::Changed, now, &mut found);
                    if let Some(mut before) = alone.remove(&id) {
                        before.remove(&id.to_string(), Reason::Changed, now, &mut expected);
                    }
                    let mut rule = made(id, &signals, &except, is, limit);
                    rule.for_seconds = u32::from(more) * 3_600;
                    engine.put(&rule, 0);
                    let mut other = Engine::default();
                    other.put(&rule, 0);
                    for signal in &known {
                        other.learn(*signal as u32, NAMES[*signal], None);
                    }
                    alone.insert(id, other);
                    rules.insert(id, rule);
                }
                Act::Remove(id) => {
                    engine.remove(&id.to_string(), Reason::Deleted, now, &mut found);
                    if let Some(mut before) = alone.remove(&id) {
                        before.remove(&id.to_string(), Reason::Deleted, now, &mut expected);
                    }
                    rules.remove(&id);
                }
                Act::Learn(signal) => {
                    known.insert(signal);
                    engine.learn(signal as u32, NAMES[signal], None);
                    alone.values_mut().for_each(|one| one.learn(signal as u32, NAMES[signal], None));
                }
                Act::Commit(samples) => {
                    // A signal has no two samples of one instant, and none before its first.
                    let mut samples: Vec<Sample> = (0..)
                        .zip(samples)
                        .filter(|(_, (signal, _))| known.contains(signal))
                        .map(|(place, (signal, value))| {
                            Sample { signal: signal as u32, at: now - 100 + place, value: f64::from(value) }
                        })
                        .collect();
                    alone.values_mut().for_each(|one| one.step(now, samples.iter().copied(), &mut expected));
                    // In any order.
                    samples.sort_by_key(|sample| (sample.at * 7) % 5);
                    engine.step(now, samples.iter().copied(), &mut found);
                }
            }
            check(&engine, &rules, &known);
        }
        let lines = |transitions: &[Transition]| {
            let mut lines: Vec<String> = transitions.iter().map(|transition| format!("{transition:?}")).collect();
            lines.sort_unstable();
            lines
        };
        prop_assert_eq!(lines(&found), lines(&expected));
    }
}
