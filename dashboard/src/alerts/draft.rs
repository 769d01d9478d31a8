//! What the form of a rule begins with, and what of it the form can show.

use std::collections::BTreeMap;

use afterglow_wire::board::{Mark, Threshold};
use afterglow_wire::limits::LONGEST_RULE_SECONDS;
use afterglow_wire::name;
use afterglow_wire::rule::{
    Against, Each, Escalation, Found, Is, Level, Limit, Of, Operation, Per, Rule, Same, Severity, Unless,
};

use crate::chart::handles::{Handle, rounded};

/// How far on the right side of the limit an alert ends, as a share of the range of values: so it does not flap.
const MARGIN: f64 = 0.05;

/// Seconds over which a value is computed, unless somebody says otherwise.
const WINDOW: u32 = 300;

/// Seconds for which another signal's last value counts, unless somebody says otherwise.
pub const WITHIN: u32 = 300;

/// The furthest limit from the middle of what is usual.
pub const MOST_DEVIATIONS: f64 = 100.0;

/// A rule about `signals`: beyond the first threshold of their panel, or else beyond the highest of the values on screen.
pub fn rule(title: &str, signals: Vec<String>, thresholds: &[Threshold], values: Option<(f64, f64)>) -> Rule {
    let mut rule = Rule { enabled: true, title: title.to_owned(), signals, ..Rule::with_defaults() };
    let range = values.map_or(0.0, |(low, high)| high - low);
    let (is, limit, upper) = match thresholds.iter().find_map(Threshold::mark) {
        Some(Mark::Line(value)) => (Is::Above, value, None),
        Some(Mark::Band(from, to)) if from.is_finite() && to.is_finite() => (Is::Inside, from, Some(to)),
        Some(Mark::Band(from, _)) if from.is_finite() => (Is::Above, from, None),
        Some(Mark::Band(_, to)) if to.is_finite() => (Is::Below, to, None),
        // A threshold is as somebody typed it; a value may have many digits.
        _ => (Is::Above, values.map_or(0.0, |(_, high)| rounded(high, range)), None),
    };
    let recover = match is {
        Is::Above => Some(limit - MARGIN * range),
        Is::Below => Some(limit + MARGIN * range),
        Is::Inside | Is::Outside => None,
    };
    let recover = recover.filter(|_| range > 0.0).map(|recover| rounded(recover, range));
    rule.is = is;
    rule.levels =
        vec![Level { severity: Severity::Warning, limit: Limit::Number(limit), upper, recover, k: None }];
    rule
}

/// The escalation that comes after those that there are: a quarter of an hour after the last one.
pub fn next_escalation(escalations: &[Escalation]) -> Escalation {
    let before = escalations.last().map_or(0, |last| last.after);
    Escalation { after: before.saturating_add(900).min(LONGEST_RULE_SECONDS), to: Vec::new() }
}

/// A level above those that a rule has.
pub fn next_level(levels: &[Level]) -> Level {
    let last = levels.last().copied().unwrap_or_default();
    let is_usual = last.limit == Limit::Found(Found::Usual);
    let k = is_usual.then(|| (2.0 * last.deviations()).min(MOST_DEVIATIONS));
    Level { severity: Severity::Critical, recover: None, k, ..last }
}

/// The sides of limits on which a value can be wrong: of numbers, and where `rule` can know it, of what is usual.
pub fn sides(rule: &Rule) -> Vec<(Is, bool)> {
    let numbers = [Is::Above, Is::Below, Is::Inside, Is::Outside].map(|is| (is, false));
    let usual = [Is::Above, Is::Below, Is::Outside].map(|is| (is, true));
    let knows = rule.compares_values() || rule.is_usual();
    numbers.into_iter().chain(usual.into_iter().filter(|_| knows)).collect()
}

/// Makes a value wrong on another side of the limits, or of what is usual. What a limit's other numbers mean depends on that.
pub fn take_side(rule: &mut Rule, is: Is, is_usual: bool) {
    let was_usual = rule.is_usual();
    let has_two = matches!(is, Is::Inside | Is::Outside) && !is_usual;
    rule.is = is;
    for level in &mut rule.levels {
        level.recover = None;
        level.upper = level.upper.filter(|_| has_two);
        if is_usual != was_usual {
            // Without a number the server says what is missing.
            level.limit = if is_usual { Limit::Found(Found::Usual) } else { Limit::Number(f64::NAN) };
            level.k = None;
        }
    }
    if is_usual && !was_usual {
        // Each further than the one before.
        let mut before: Option<Level> = None;
        for level in &mut rule.levels {
            level.k = before.and_then(|before| next_level(&[before]).k);
            before = Some(*level);
        }
    }
}

/// Makes a rule about another value of its signals.
pub fn take_value(rule: &mut Rule, of: Of) {
    let was_silence = rule.value.of == Of::Silence;
    rule.value.of = of;
    rule.value.window = of.has_window().then(|| rule.value.window.unwrap_or(WINDOW));
    rule.value.per = (of == Of::Rate).then_some(rule.value.per.unwrap_or(Per::Minute));
    rule.value.counter &= of == Of::Rate;
    without_usual(rule);
    if of == Of::Silence {
        take_side(rule, Is::Above, false);
        // Nothing is compared in a silence, and nothing else is measured over several signals.
        rule.against = None;
        rule.and.clear();
    } else {
        rule.each = Each::Signal;
    }
    for level in &mut rule.levels {
        // A silence without a number is learned; other values need one.
        match level.limit {
            Limit::Number(number) if of == Of::Silence && !number.is_finite() => {
                level.limit = Limit::Found(Found::Learned);
            }
            Limit::Found(Found::Learned) if was_silence && of != Of::Silence => {
                level.limit = Limit::Number(f64::NAN);
            }
            _ => {}
        }
    }
}

/// Compares a rule's signals with others, or no longer.
pub fn compare(rule: &mut Rule, with: Option<Operation>) {
    let old = rule.against.take();
    rule.against = with.map(|operation| match old {
        Some(old) => Against { operation, ..old },
        None => Against { signals: String::new(), operation, within: WITHIN },
    });
    without_usual(rule);
}

/// What is usual is known of values alone.
fn without_usual(rule: &mut Rule) {
    if rule.is_usual() && !rule.compares_values() {
        let is = rule.is;
        take_side(rule, is, false);
    }
}

/// One of the limits of a rule, as it was dragged on a chart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dragged {
    /// The place of its level.
    pub level: usize,
    /// Whether it is the upper one of two.
    pub is_upper: bool,
    /// Where it is now.
    pub value: f64,
}

/// The limits of a rule that can be dragged where its values are drawn, each with what that makes of it.
pub fn handles(rule: &Rule) -> Vec<(Handle, Dragged)> {
    if !rule.compares_values() {
        return Vec::new();
    }
    let has_two = matches!(rule.is, Is::Inside | Is::Outside);
    let levels = rule.levels.iter().enumerate();
    let limits = levels.flat_map(|(place, level)| {
        let upper = level.upper.filter(|_| has_two);
        [(level.limit.number(), false), (upper, true)].map(|(value, is_upper)| {
            let value = value.filter(|value| value.is_finite())?;
            let name = match (has_two, is_upper) {
                (false, _) => "Line",
                (true, false) => "Lower line",
                (true, true) => "Upper line",
            };
            let label = format!("{name} of {}", level.severity.name());
            let handle = Handle { label, value, severity: level.severity };
            Some((handle, Dragged { level: place, is_upper, value }))
        })
    });
    limits.flatten().collect()
}

/// How far beyond a limit something is, beyond another limit.
pub fn shifted(limit: f64, by: f64) -> f64 {
    let sum = limit + by;
    // Without the noise of the last bits.
    format!("{sum:.11e}").parse().unwrap_or(sum)
}

/// What is listed in a field, one after each comma or on each line.
pub fn listed(text: &str) -> Vec<String> {
    text.split([',', '\n']).map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

/// What is listed in a field for signals: names or patterns, with `\,` for a comma within one.
pub fn signals(text: &str) -> Vec<String> {
    text.lines().flat_map(name::split).filter(|name| !name.is_empty()).collect()
}

/// What was typed as whole seconds: the browser does not submit others.
pub fn whole(typed: Option<f64>) -> u32 {
    typed.unwrap_or_default().round() as u32
}

/// The rules that explain a rule, by their ids: those `saved` as they are, others where `*` stands for the same, or anywhere when
/// the rule's patterns have none.
pub fn unless(text: &str, rule: &Rule, saved: &[Unless]) -> Vec<Unless> {
    let usual =
        if rule.signals.iter().all(|signals| signals.contains('*')) { Same::Capture } else { Same::Anywhere };
    let known = |id: &str| saved.iter().find(|unless| unless.rule == id).map_or(usual, |unless| unless.same);
    listed(text).into_iter().map(|id| Unless { same: known(&id), rule: id }).collect()
}

/// Labels, one on each line: `team=ovens`.
pub fn labels(text: &str) -> BTreeMap<String, String> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines
        .map(|line| {
            let (name, value) = line.split_once('=').unwrap_or((line, ""));
            (name.trim().to_owned(), value.trim().to_owned())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(
        thresholds: &[Threshold],
        values: Option<(f64, f64)>,
    ) -> (Is, Option<f64>, Option<f64>, Option<f64>) {
        let rule = rule("A", vec!["a".into()], thresholds, values);
        assert_eq!((rule.enabled, rule.fresh, rule.min_interval), (true, 600, 300));
        assert_eq!(rule.check(), Ok(()), "{rule:?}");
        let level = rule.levels[0];
        (rule.is, level.limit.number(), level.upper, level.recover)
    }

    #[test]
    fn a_rule_begins_with_the_threshold_of_its_panel() {
        let line = Threshold { value: Some(80.0), ..Threshold::default() };
        assert_eq!(
            made(std::slice::from_ref(&line), Some((0.0, 100.0))),
            (Is::Above, Some(80.0), None, Some(75.0))
        );
        let low = Threshold { to: Some(5.0), ..Threshold::default() };
        assert_eq!(made(&[low], Some((0.0, 10.0))), (Is::Below, Some(5.0), None, Some(5.5)));
        assert_eq!(
            made(&[Threshold { value: Some(80.123), ..Threshold::default() }], Some((0.0, 123_456.0))),
            (Is::Above, Some(80.123), None, Some(-6_000.0)),
            "it stays as it is"
        );
        let band = Threshold { from: Some(5.0), to: Some(6.0), ..Threshold::default() };
        assert_eq!(made(&[band], None), (Is::Inside, Some(5.0), Some(6.0), None));
    }

    #[test]
    fn or_else_with_the_highest_value_in_few_digits() {
        assert_eq!(made(&[], Some((20.01, 21.98765))), (Is::Above, Some(21.99), None, Some(21.89)));
        assert_eq!(made(&[], Some((0.0, 123_456.0))), (Is::Above, Some(123_000.0), None, Some(117_000.0)));
        assert_eq!(made(&[], Some((7.0, 7.0))), (Is::Above, Some(7.0), None, None));
        assert_eq!(made(&[], None), (Is::Above, Some(0.0), None, None));
    }

    #[test]
    fn limits_are_dragged_where_values_are_compared_with_them() {
        let level = Level { limit: Limit::Number(5.0), upper: Some(9.0), ..Level::default() };
        let mut rule = Rule { levels: vec![level], ..Rule::with_defaults() };
        let labels = |rule: &Rule| -> Vec<(String, f64)> {
            handles(rule).into_iter().map(|(handle, dragged)| (handle.label, dragged.value)).collect()
        };
        assert_eq!(labels(&rule), [("Line of warning".to_owned(), 5.0)]);
        rule.is = Is::Outside;
        let both = [("Lower line of warning".to_owned(), 5.0), ("Upper line of warning".to_owned(), 9.0)];
        assert_eq!(labels(&rule), both);
        rule.levels[0].limit = Limit::Number(f64::NAN);
        assert_eq!(labels(&rule), [both[1].clone()], "nothing was typed");
        rule.value.of = Of::Rate;
        assert!(labels(&rule).is_empty());
    }

    #[test]
    fn limits_can_be_what_is_usual() {
        let level =
            Level { limit: Limit::Number(5.0), upper: Some(9.0), recover: Some(1.0), ..Level::default() };
        let mut rule = rule("A", vec!["a".into()], &[], None);
        (rule.is, rule.levels) = (Is::Outside, vec![level, Level { severity: Severity::Critical, ..level }]);
        take_side(&mut rule, Is::Outside, true);
        assert_eq!((rule.check(), rule.is_usual()), (Ok(()), true));
        assert_eq!(rule.levels.iter().map(|level| level.k).collect::<Vec<_>>(), [None, Some(10.0)]);
        rule.levels[1].k = Some(8.0);
        take_side(&mut rule, Is::Above, true);
        assert_eq!((rule.check(), rule.levels[1].k), (Ok(()), Some(8.0)), "what was typed stays");
        rule.levels.push(Level { severity: Severity::Critical, ..next_level(&rule.levels) });
        assert_eq!(rule.levels[2].k, Some(16.0));
        take_side(&mut rule, Is::Above, false);
        let limit = rule.levels[1].limit.number();
        assert!(limit.is_some_and(f64::is_nan) && rule.levels[1].k.is_none(), "{:?}", rule.levels);
        assert_eq!(sides(&rule).len(), 7);
        rule.value.of = Of::Rate;
        assert_eq!(sides(&rule).len(), 4, "nothing is known of what is usual");
    }

    #[test]
    fn a_silence_without_a_number_is_learned_and_a_value_needs_one() {
        let mut rule = rule("A", vec!["a".into()], &[], None);
        take_side(&mut rule, Is::Outside, true);
        take_value(&mut rule, Of::Silence);
        assert_eq!((rule.levels[0].limit, rule.is), (Limit::Found(Found::Learned), Is::Above));
        assert_eq!(rule.check(), Ok(()), "{rule:?}");
        take_value(&mut rule, Of::default());
        assert!(rule.levels[0].limit.number().is_some_and(f64::is_nan), "{:?}", rule.levels);
        rule.levels[0].limit = Limit::Number(5.0);
        take_value(&mut rule, Of::Silence);
        assert_eq!(rule.levels[0].limit, Limit::Number(5.0), "what was typed stays");
    }

    #[test]
    fn what_is_usual_is_not_known_of_signals_compared() {
        let mut rule = rule("A", vec!["a".into()], &[], None);
        take_side(&mut rule, Is::Below, true);
        compare(&mut rule, Some(Operation::Ratio));
        assert_eq!((rule.is_usual(), rule.is), (false, Is::Below));
        compare(&mut rule, None);
        assert_eq!(rule.against, None);
    }

    #[test]
    fn a_limit_that_moves_takes_its_end_along() {
        assert_eq!((shifted(80.3, -4.2), shifted(10.0, -1.0)), (76.1, 9.0));
        assert_eq!((shifted(2e-9, -1e-10), shifted(3e17, 1e16)), (1.9e-9, 3.1e17));
        assert!(shifted(f64::NAN, 1.0).is_nan());
    }

    #[test]
    fn rules_that_explain_stay_as_they_are() {
        let mut rule = rule("A", vec!["oven.*".into()], &[], None);
        let saved = [Unless { rule: "down".into(), same: Same::Anywhere }];
        let same = |text: &str, rule: &Rule| -> Vec<Same> {
            unless(text, rule, &saved).into_iter().map(|unless| unless.same).collect()
        };
        assert_eq!(same("down, works", &rule), [Same::Anywhere, Same::Capture]);
        // Also once it was deleted while it was typed.
        rule.unless = unless("dow", &rule, &saved);
        assert_eq!(same("down", &rule), [Same::Anywhere]);
        rule.signals.push("oven".into());
        assert_eq!(same("works", &rule), [Same::Anywhere]);
    }

    #[test]
    fn labels_are_lines() {
        let expected = [("site", "a, b=c"), ("team", "ovens"), ("x", "")];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(labels("team = ovens\n\nsite=a, b=c\r\nx"), BTreeMap::from(expected));
    }

    #[test]
    fn fields_list_by_commas_and_lines() {
        assert_eq!(listed("a.*, b\n\nc ,"), ["a.*", "b", "c"]);
        assert_eq!(signals("a.*, b\n\nm{x=\"1\"\\,y=\"2\"} ,"), ["a.*", "b", "m{x=\"1\",y=\"2\"}"]);
    }
}
