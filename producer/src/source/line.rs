//! One line of text as samples: `name=value name=value`, or a JSON object.

use std::collections::BTreeMap;

use afterglow_wire::telemetry::Reading;
use afterglow_wire::{Timestamp, name};
use serde_json::Value;

/// The word that gives the line's own timestamp instead of a sample.
const TIMESTAMP: &str = "timestamp";

/// What a line says: its usable samples, and what is wrong with the others.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Line {
    /// The line's own timestamp.
    pub timestamp: Option<Timestamp>,
    /// Name to value, finite.
    pub signals: BTreeMap<String, f64>,
    /// What could not be used and why.
    pub problems: Vec<String>,
}

impl Line {
    /// Reads a line; an empty one, or one that starts with `#`, says nothing. Names get `prefix`.
    pub fn parse(text: &str, prefix: &str) -> Self {
        let text = text.trim();
        let mut line = Self::default();
        match text.chars().next() {
            None | Some('#') => {}
            Some('{') => line.json(text, prefix),
            Some(_) => line.words(text, prefix),
        }
        line
    }

    /// Its samples as a reading, at `now` unless it has its own time; none when nothing is usable.
    pub fn reading(self, now: Timestamp) -> Option<Reading> {
        let timestamp = Some(self.timestamp.unwrap_or(now));
        (!self.signals.is_empty()).then_some(Reading { timestamp, signals: self.signals })
    }

    /// Adds a sample, or the problem with it.
    pub fn put(&mut self, prefix: &str, signal: &str, value: Result<f64, String>) {
        let name = format!("{prefix}{signal}");
        let checked = name::check(&name).and(value).and_then(|value| {
            value
                .is_finite()
                .then_some(value)
                .ok_or_else(|| "not finite; values are finite numbers".to_owned())
        });
        match checked {
            Ok(value) => drop(self.signals.insert(name, value)),
            Err(problem) => self.problems.push(format!("{}: {problem}", short(signal))),
        }
    }

    /// Takes the line's own timestamp. A line whose timestamp is wrong is not usable at all.
    fn stamp(&mut self, text: &str) -> bool {
        match text.parse() {
            Ok(timestamp) => self.timestamp = Some(timestamp),
            Err(problem) => {
                self.signals.clear();
                self.problems.push(format!("{TIMESTAMP}: {problem}"));
                return false;
            }
        }
        true
    }

    fn words(&mut self, text: &str, prefix: &str) {
        let pairs: Vec<_> = text.split_whitespace().map(|word| (word, word.rsplit_once('='))).collect();
        for (word, pair) in &pairs {
            match pair {
                None => self.problems.push(format!("{}: not name=value", short(word))),
                Some((TIMESTAMP, _)) => {}
                Some((signal, value)) => self.put(prefix, signal, number(value)),
            }
        }
        if let Some((_, Some((_, stamp)))) =
            pairs.iter().find(|(_, pair)| matches!(pair, Some((TIMESTAMP, _))))
        {
            self.stamp(stamp);
        }
    }

    fn json(&mut self, text: &str, prefix: &str) {
        let mut object = match serde_json::from_str::<serde_json::Map<String, Value>>(text) {
            Ok(object) => object,
            Err(error) => return self.problems.push(format!("not a JSON object: {error}")),
        };
        let stamp = object.remove(TIMESTAMP).map(|stamp| match stamp {
            Value::String(text) => text,
            other => other.to_string(),
        });
        // The contract's own form keeps the samples one level down.
        let signals = match object.remove("signals") {
            Some(Value::Object(signals)) => signals,
            Some(other) => {
                object.insert("signals".to_owned(), other);
                object
            }
            None => object,
        };
        for (signal, value) in &signals {
            let value = match value {
                Value::Number(number) => number.as_f64().ok_or_else(|| "too large".to_owned()),
                Value::Bool(flag) => Ok(f64::from(*flag)),
                other => Err(format!("{} is not a number", short(&other.to_string()))),
            };
            self.put(prefix, signal, value);
        }
        if let Some(stamp) = stamp {
            self.stamp(&stamp);
        }
    }
}

/// A value's text as a number; `true` and `false` are 1 and 0.
///
/// # Errors
/// When it is anything else.
pub fn number(text: &str) -> Result<f64, String> {
    match text.trim() {
        "true" => Ok(1.0),
        "false" => Ok(0.0),
        text => text.parse().map_err(|_| format!("{} is not a number", short(text))),
    }
}

/// The start of a text, for messages.
fn short(text: &str) -> String {
    format!("{:?}", text.chars().take(40).collect::<String>())
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, expected: &Expect) {
        let line = Line::parse(text, "p.");
        let stamp = line.timestamp.map(|stamp| format!("{stamp} ")).unwrap_or_default();
        expected.assert_eq(&format!("{stamp}{:?} {:?}", line.signals, line.problems));
    }

    #[test]
    fn words() {
        check("a=1 b=-2.5e3 c=true", &expect![[r#"{"p.a": 1.0, "p.b": -2500.0, "p.c": 1.0} []"#]]);
        check("timestamp=1700000000 a=1", &expect![[r#"2023-11-14T22:13:20.000000Z {"p.a": 1.0} []"#]]);
        check(
            "a=1 b b=x c=nan",
            &expect![[
                r#"{"p.a": 1.0} ["\"b\": not name=value", "\"b\": \"x\" is not a number", "\"c\": not finite; values are finite numbers"]"#
            ]],
        );
        check("  ", &expect!["{} []"]);
        check("# a=1", &expect!["{} []"]);
    }

    #[test]
    fn objects() {
        check(r#"{"a": 1, "b": false}"#, &expect![[r#"{"p.a": 1.0, "p.b": 0.0} []"#]]);
        check(
            r#"{"timestamp": "2026-01-01", "signals": {"a": 1, "b": null}}"#,
            &expect![[r#"2026-01-01T00:00:00.000000Z {"p.a": 1.0} ["\"b\": \"null\" is not a number"]"#]],
        );
        check(
            r#"{"a": 1"#,
            &expect![[r#"{} ["not a JSON object: EOF while parsing an object at line 1 column 7"]"#]],
        );
    }

    #[test]
    fn a_wrong_timestamp_makes_the_line_unusable() {
        for text in ["a=1 timestamp=yesterday", r#"{"timestamp": "yesterday", "a": 1}"#] {
            let line = Line::parse(text, "");
            assert!(line.signals.is_empty() && line.problems.len() == 1, "{line:?}");
        }
    }

    proptest! {
        #[test]
        fn any_line_is_answered_without_panic(text in "\\PC{0,60}") {
            let line = Line::parse(&text, "");
            prop_assert!(line.signals.values().all(|value| value.is_finite()));
        }
    }
}
