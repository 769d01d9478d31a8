//! What rules find in samples, written as lines.

mod changes;
mod equality;
mod kinds;
mod states;
mod usual;

use std::fmt::Write;

use afterglow_wire::rule::Rule;

use crate::{Engine, Kind, SECOND, Sample, Transition};

/// A rule about `s*` with these fields besides.
pub(crate) fn rule(fields: &str) -> Rule {
    let rule = format!(r#"{{"id":"r","title":"R","signals":["s*"],{fields}}}"#);
    let rule: Rule = serde_json::from_str(&rule).unwrap_or_else(|error| panic!("{error}: {rule}"));
    assert_eq!(rule.check(), Ok(()));
    rule
}

/// The rule with another id.
pub(crate) fn named(rule: Rule, id: &str) -> Rule {
    Rule { id: id.into(), ..rule }
}

/// An engine that knows these signals.
pub(crate) fn engine(rules: &[Rule], names: &[&str]) -> Engine {
    let mut engine = Engine::default();
    rules.iter().for_each(|rule| engine.put(rule, 0));
    (0..).zip(names).for_each(|(number, name)| engine.learn(number, name, None));
    engine
}

/// Samples of the signal numbered 0 at instants in seconds, each a commit of its own that comes at once.
pub(crate) fn feed(engine: &mut Engine, samples: &[(f64, f64)], out: &mut Vec<Transition>) {
    for (at, value) in samples {
        let at = micros(*at);
        engine.step(at, [Sample { signal: 0, at, value: *value }], out);
    }
}

pub(crate) fn micros(seconds: f64) -> i64 {
    (seconds * SECOND as f64) as i64
}

/// A line for each transition: when, what, level, value.
pub(crate) fn listed(transitions: &[Transition]) -> String {
    let mut text = String::new();
    for transition in transitions {
        let Transition { at, kind, level, value, scope, late, .. } = transition;
        let late = if *late { " late" } else { "" };
        let what = match kind {
            Kind::Resolved(crate::Reason::Recovered) => "Resolved".to_owned(),
            other => format!("{other:?}"),
        };
        let seconds = *at as f64 / SECOND as f64;
        writeln!(text, "{seconds} {scope} {what} {level} {value}{late}").unwrap();
    }
    text
}

/// What a rule finds in samples of the signal `s`, and then in `until` seconds without one.
pub(crate) fn found(fields: &str, samples: &[(f64, f64)], until: f64) -> String {
    let mut engine = engine(&[rule(fields)], &["s"]);
    let mut out = Vec::new();
    feed(&mut engine, samples, &mut out);
    engine.advance_to(micros(until), &mut out);
    listed(&out)
}

/// Compares lines, whatever their indentation.
#[track_caller]
pub(crate) fn same(found: &str, expected: &str) {
    let lines = |text: &str| {
        text.lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect::<Vec<_>>()
    };
    assert_eq!(lines(found), lines(expected));
}
