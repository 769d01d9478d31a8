//! The sentence of a notice, and what `*` stands for.

use afterglow_wire::Timestamp;
use afterglow_wire::alert::{Episode, Event};
use afterglow_wire::metadata::Metadata;
use afterglow_wire::name;
use afterglow_wire::placeholder;
use afterglow_wire::rule::{Is, Of, Operation, Rule};

/// The sentence for people about what happened to `episode` at `at`.
pub fn sentence(
    rule: Option<&Rule>,
    episode: &Episode,
    metadata: Option<&Metadata>,
    event: Event,
    at: Timestamp,
    page: Option<&str>,
) -> String {
    let usual = rule.map_or("{name} is at {value}{unit} since {since}.", usual);
    let own = rule.map(|rule| &*rule.text).filter(|text| !text.is_empty()).unwrap_or(usual);
    let find = |placeholder: &str| find(placeholder, rule, episode, metadata, at, page);
    // Texts are checked when they are saved.
    let mut text = placeholder::fill(own, find).unwrap_or_else(|_| own.to_owned());
    if let (Event::Resolve, Some(reason)) = (event, &episode.reason) {
        text = format!("{text} It ended because {reason}.");
    }
    if let (Event::Escalate, Some(first)) = (event, episode.first_notified_at.or(episode.notified_at)) {
        let since = duration(at.micros() - first.micros());
        text = format!("{text} It is not acknowledged, {since} after the first notification.");
    }
    if event == Event::Fire && episode.held_back > 0 {
        text = format!("{text} It fired {} times before without a notification.", episode.held_back);
    }
    if event == Event::Fire
        && let Some(held) = &episode.held_by
    {
        text = format!("{text} It was held by {held}.");
    }
    text
}

fn usual(rule: &Rule) -> &'static str {
    if rule.is_usual() {
        return "{name} is at {value}{unit}, outside the usual {usual}{unit}, since {since}.";
    }
    match rule.against.as_ref().map(|against| (against.operation, rule.is)) {
        Some((Operation::Difference, Is::Above)) => {
            return "{name} less {other} is {value}{unit}, above {limit}{unit}, since {since}.";
        }
        Some((Operation::Difference, Is::Below)) => {
            return "{name} less {other} is {value}{unit}, below {limit}{unit}, since {since}.";
        }
        Some((Operation::Difference, _)) => return "{name} less {other} is {value}{unit} since {since}.",
        Some((Operation::Ratio, Is::Above)) => {
            return "{name} divided by {other} is {value}, above {limit}, since {since}.";
        }
        Some((Operation::Ratio, Is::Below)) => {
            return "{name} divided by {other} is {value}, below {limit}, since {since}.";
        }
        Some((Operation::Ratio, _)) => return "{name} divided by {other} is {value} since {since}.",
        None => {}
    }
    match (rule.value.of, rule.is) {
        (Of::Silence, _) => "{name} has been silent for {value} s, since {since}.",
        (_, Is::Above) => "{name} is at {value}{unit}, above {limit}{unit}, since {since}.",
        (_, Is::Below) => "{name} is at {value}{unit}, below {limit}{unit}, since {since}.",
        _ => "{name} is at {value}{unit} since {since}.",
    }
}

fn find(
    placeholder: &str,
    rule: Option<&Rule>,
    episode: &Episode,
    metadata: Option<&Metadata>,
    at: Timestamp,
    page: Option<&str>,
) -> String {
    let display = metadata.and_then(|metadata| metadata.display_name.clone()).filter(|name| !name.is_empty());
    match placeholder {
        "name" => display.unwrap_or_else(|| episode.scope.clone()),
        "signal" => episode.scope.clone(),
        "capture" => rule.and_then(|rule| capture(&rule.signals, &episode.scope)).unwrap_or_default(),
        "other" => rule.and_then(|rule| other(rule, &episode.scope)).unwrap_or_default(),
        "value" => number(episode.last),
        "limit" => number(episode.limit),
        "usual" => episode
            .usual
            .map_or_else(String::new, |[lower, upper]| format!("{} to {}", number(lower), number(upper))),
        "unit" => metadata
            .and_then(|metadata| metadata.unit.clone())
            .map_or_else(String::new, |unit| format!(" {unit}")),
        "severity" => episode.severity.name().to_owned(),
        "since" => minute(episode.pending_at),
        "duration" | "age" => duration(at.micros() - episode.pending_at.micros()),
        "title" => episode.title.clone(),
        "url" => page.map_or_else(String::new, |page| format!("{page}/alerts")),
        other => {
            let label = other.strip_prefix("label.").unwrap_or_default();
            episode.labels.get(label).cloned().unwrap_or_default()
        }
    }
}

/// Six significant digits are enough for a sentence.
fn number(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return format!("{value}");
    }
    let magnitude = value.abs().log10().floor();
    if !(-5.0..15.0).contains(&magnitude) {
        return format!("{value:e}");
    }
    // Between 0 and 10 by what is before it.
    let decimals = (5.0 - magnitude).clamp(0.0, 10.0) as usize;
    let text = format!("{value:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// `2026-11-27 11:02:03 UTC`.
fn minute(at: Timestamp) -> String {
    let text = at.to_string();
    let seconds = text.split('.').next().unwrap_or_default().replace('T', " ");
    format!("{seconds} UTC")
}

fn duration(micros: i64) -> String {
    let seconds = micros.max(0) / 1_000_000;
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7_199 => format!("{} min", seconds / 60),
        7_200..=172_799 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// The name of the signal that a rule compares this one with.
fn other(rule: &Rule, scope: &str) -> Option<String> {
    afterglow_rules::counterpart(&rule.signals, scope, &rule.against.as_ref()?.signals)
}

/// What the `*` of the first pattern that matches stand for in a name, with blanks between them.
pub fn capture(patterns: &[String], scope: &str) -> Option<String> {
    let pattern = patterns.iter().find(|pattern| name::matches(pattern, scope))?;
    let pieces = name::pieces(pattern);
    let (first, rest) = pieces.split_first()?;
    let mut left = scope.strip_prefix(&**first)?;
    let mut captured = Vec::new();
    for (index, piece) in rest.iter().enumerate() {
        let at =
            if index + 1 == rest.len() { left.len().checked_sub(piece.len())? } else { left.find(&**piece)? };
        captured.push(&left[..at]);
        left = &left[at + piece.len()..];
    }
    Some(captured.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        for (value, text) in [
            (83.5, "83.5"),
            (0.1 + 0.2, "0.3"),
            (80.0, "80"),
            (-273.149_999, "-273.15"),
            (1_234_567.0, "1234567"),
            (1e-9, "1e-9"),
            (0.0, "0"),
        ] {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn stars_stand_for_what_they_match() {
        let capture = |pattern: &str, scope| capture(&[pattern.to_owned()], scope);
        assert_eq!(capture("oven.*.temp", "oven.7.temp").as_deref(), Some("7"));
        assert_eq!(capture("*.*", "a.b").as_deref(), Some("a b"));
        assert_eq!(capture("oven", "oven").as_deref(), Some(""));
        assert_eq!(capture("oven.*", "stove"), None);
    }
}
