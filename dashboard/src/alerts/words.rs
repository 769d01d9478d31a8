//! Rules and what a back-test found, as sentences.

use afterglow_wire::rule::{Found as FoundLimit, Is, Limit, Of, Operation, Per, Rule, Severity};

use super::backtest::Found;
use crate::time::{DAY, SECOND, text};
use crate::values::format;
use crate::values::unit::Unit;

/// What a rule says: `mean of 5 min above 80 for 30 s`.
pub fn rule(rule: &Rule) -> String {
    let seconds = |seconds: u32| text::length(i64::from(seconds) * SECOND);
    let mut words = match rule.value.of {
        Of::Last => "value".to_owned(),
        Of::Silence => "silent".to_owned(),
        of => String::from(of),
    };
    if let Some(window) = rule.value.window {
        words += &format!(" of {}", seconds(window));
    }
    if rule.value.of == Of::Rate {
        words += match rule.value.per.unwrap_or_default() {
            Per::Second => " per second",
            Per::Minute => " per minute",
            Per::Hour => " per hour",
        };
    }
    if let Some(against) = &rule.against {
        words += if against.operation == Operation::Ratio { " divided by " } else { " less " };
        words += &against.signals;
    }
    let limits: Vec<String> = rule
        .levels
        .iter()
        .map(|level| {
            let limit = match level.limit {
                Limit::Number(limit) => limit,
                Limit::Found(FoundLimit::Learned) => return "longer than usual".to_owned(),
                Limit::Found(FoundLimit::Usual) => return compared(rule.is, true),
            };
            let number = |number: f64| format::value(number, &Unit::none());
            match (rule.value.of, rule.is, level.upper) {
                (Of::Silence, Is::Above, _) => {
                    format!("for {}", text::length((limit * SECOND as f64) as i64))
                }
                (_, is, Some(upper)) => format!("{} {} to {}", side(is), number(limit), number(upper)),
                (_, is, None) => format!("{} {}", side(is), number(limit)),
            }
        })
        .collect();
    words = format!("{words} {}", limits.join(", "));
    if rule.for_seconds > 0 {
        words += &format!(" for {}", seconds(rule.for_seconds));
    }
    words
}

/// A value of a rule as people read it; `unit` is that of the signal.
pub fn value(of: Of, number: f64, unit: &Unit) -> String {
    match of {
        Of::Silence => text::length((number * SECOND as f64) as i64),
        Of::Count | Of::Rate | Of::Stddev => format::value(number, &Unit::none()),
        _ => format::value(number, unit),
    }
}

/// As the form and sentences call it.
pub fn side(is: Is) -> &'static str {
    match is {
        Is::Above => "above",
        Is::Below => "below",
        Is::Inside => "inside",
        Is::Outside => "outside",
    }
}

/// As [`side`], of numbers or of what is usual.
pub fn compared(is: Is, is_usual: bool) -> String {
    if is_usual { format!("{} what is usual", side(is)) } else { side(is).to_owned() }
}

/// A shape for each severity, so that colour is not the only difference.
pub fn mark(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "●",
        Severity::Warning => "▲",
        Severity::Critical => "◆",
    }
}

/// What a back-test found, in one sentence.
pub fn backtest(found: &Found) -> String {
    let days = (found.span as f64 / DAY as f64).round();
    let span = if days <= 1.0 { "day".to_owned() } else { format!("{days} days") };
    if found.signals == 0.0 {
        return "It would not have fired: no signal has such a name.".to_owned();
    }
    if found.times == 0.0 {
        return format!("In the last {span} it would not have fired.");
    }
    let times = if found.times == 1.0 { "once".to_owned() } else { format!("{} times", found.times) };
    let longest = text::length((found.longest.round() as i64).max(1) * SECOND);
    let share = match found.share * 100.0 {
        percent if percent < 0.1 => "less than 0.1".to_owned(),
        percent => format!("{percent:.1}"),
    };
    let at_least = if found.is_capped { "at least " } else { "" };
    format!(
        "In the last {span} it would have fired {at_least}{times}, at most for {longest}, {share} % of the time."
    )
}

/// What to say of how often that is: more than ten times a day is noise.
pub fn is_noisy(found: &Found) -> bool {
    let days = found.span as f64 / DAY as f64;
    found.times > 10.0 * days.max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_sentences() {
        for (json, words) in [
            (r#"{"is":"above","levels":[{"limit":80}],"for":30}"#, "value above 80 for 30 s"),
            (
                r#"{"value":{"of":"mean","window":300},"is":"outside","levels":[{"limit":-1.5,"upper":2}]}"#,
                "mean of 5 min outside -1.5 to 2",
            ),
            (r#"{"value":{"of":"silence"},"is":"above","levels":[{"limit":300}]}"#, "silent for 5 min"),
            (
                r#"{"value":{"of":"silence"},"is":"above","levels":[{"limit":"learned"}]}"#,
                "silent longer than usual",
            ),
            (r#"{"is":"outside","levels":[{"limit":"usual"}]}"#, "value outside what is usual"),
            (
                r#"{"value":{"of":"rate","per":"minute","window":600},"is":"above","levels":[{"limit":10},{"severity":"critical","limit":20}]}"#,
                "rate of 10 min per minute above 10, above 20",
            ),
        ] {
            let parsed: Rule = serde_json::from_str(json).unwrap();
            assert_eq!(rule(&parsed).replace('−', "-"), words, "{json}");
        }
    }

    #[test]
    fn what_a_test_found_is_one_sentence() {
        let week = Found { span: 7 * DAY, signals: 1.0, ..Found::default() };
        assert_eq!(backtest(&week), "In the last 7 days it would not have fired.");
        let some = Found { times: 3.0, longest: 720.0, share: 0.004, ..week.clone() };
        assert_eq!(
            backtest(&some),
            "In the last 7 days it would have fired 3 times, at most for 12 min, 0.4 % of the time."
        );
        assert!(!is_noisy(&some) && is_noisy(&Found { times: 71.0, ..some.clone() }));
        let nothing = Found { signals: 0.0, ..week };
        assert!(backtest(&nothing).contains("no signal"));
    }
}
