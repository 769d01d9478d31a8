//! What fires, what has fired around the range on screen, and the rules: what charts and lists show of it.

use afterglow_wire::name;
use afterglow_wire::rule::{Each, Rule, Severity};
use serde_json::Value;

use super::episode::{self, Episode};
use crate::order;
use crate::time::Span;

/// Lines of limits on one chart at most: more are a tangle.
const LINES: usize = 12;

/// The alerts that the page knows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AlertSet {
    /// What fires, the longest first; not all when there are many.
    pub firing: Vec<Episode>,
    /// How many fire.
    pub count: usize,
    /// What fired within `span`.
    pub episodes: Vec<Episode>,
    /// The stretch that `episodes` are of; none when nothing was asked for.
    pub span: Option<Span>,
    /// All rules, by name.
    pub rules: Vec<Rule>,
}

/// A limit of a rule, to be drawn as a line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limit {
    /// The limit.
    pub value: f64,
    /// How bad it is to be beyond it.
    pub severity: Severity,
}

/// A stretch of time in which something fired, to be drawn as a band.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Band {
    /// When it began.
    pub from: i64,
    /// When it ended; none while it fires.
    pub to: Option<i64>,
    /// The worst of it.
    pub severity: Severity,
}

impl AlertSet {
    /// With what `GET /api/alerts` answers.
    pub fn with_firing(&self, alerts: &Value) -> Self {
        let count = episode::number(&alerts["counts"], "firing") as usize;
        Self { firing: Episode::all(&alerts["firing"]), count, ..self.clone() }
    }

    /// With what `GET /api/alerts/history` answers for `span`.
    pub fn with_episodes(&self, span: Span, history: &Value) -> Self {
        Self { episodes: Episode::all(&history["episodes"]), span: Some(span), ..self.clone() }
    }

    /// With what `GET /api/rules` answers.
    pub fn with_rules(&self, rules: Vec<Rule>) -> Self {
        Self { rules, ..self.clone() }
    }

    /// Whether the episodes of `span` are here.
    pub fn covers(&self, span: Span) -> bool {
        self.span.is_some_and(|known| known.covers(span))
    }

    /// The rule of this name.
    pub fn rule(&self, id: &str) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.id == id)
    }

    /// The worst of what fires.
    pub fn worst(&self) -> Option<Severity> {
        self.firing.iter().map(|episode| episode.severity).max()
    }

    /// The worst of what fires for a signal.
    pub fn severity_of(&self, signal: &str) -> Option<Severity> {
        let of_signal = self.firing.iter().filter(|episode| self.concerns(episode, signal));
        of_signal.map(|episode| episode.severity).max()
    }

    /// The limits of the rules about `signals`, where values of the signals are compared with them.
    pub fn limits(&self, signals: &[String]) -> Vec<Limit> {
        let mut limits: Vec<Limit> = Vec::new();
        for rule in self.rules.iter().filter(|rule| rule.enabled && rule.compares_values()) {
            if !signals.iter().any(|signal| is_about(rule, signal)) {
                continue;
            }
            for level in &rule.levels {
                for value in [level.limit.number(), level.upper].into_iter().flatten() {
                    let limit = Limit { value, severity: level.severity };
                    if limits.len() < LINES && !limits.contains(&limit) {
                        limits.push(limit);
                    }
                }
            }
        }
        limits
    }

    /// When something fired for one of `signals`: bands that do not overlap, in their order.
    pub fn bands(&self, signals: &[String]) -> Vec<Band> {
        let concerned = |episode: &&Episode| signals.iter().any(|signal| self.concerns(episode, signal));
        let mut bands: Vec<Band> = self
            .episodes
            .iter()
            .filter(concerned)
            .map(|episode| Band {
                from: episode.fired_at,
                to: episode.resolved_at,
                severity: episode.severity,
            })
            .collect();
        order::sort_by_key(&mut bands, |band| band.from);
        bands.dedup_by(|next, band| {
            let touches = band.to.is_none_or(|to| next.from <= to);
            if touches {
                band.to = band.to.zip(next.to).map(|(a, b)| a.max(b));
                band.severity = band.severity.max(next.severity);
            }
            touches
        });
        bands
    }

    /// Whether an episode is about a signal.
    fn concerns(&self, episode: &Episode, signal: &str) -> bool {
        if episode.scope == signal {
            return true;
        }
        self.rule(&episode.rule).is_some_and(|rule| match rule.each {
            Each::Signal => false,
            Each::Prefix(_) => {
                let rest = signal.strip_prefix(&*episode.scope);
                rest.is_some_and(|rest| rest.starts_with(['.', '/'])) && is_about(rule, signal)
            }
            Each::All => is_about(rule, signal),
        })
    }
}

/// Whether a rule is about a signal.
pub fn is_about(rule: &Rule, signal: &str) -> bool {
    let any = |patterns: &[String]| patterns.iter().any(|pattern| name::matches(pattern, signal));
    any(&rule.signals) && !any(&rule.except)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn episode(rule: &str, scope: &str, severity: &str, from: i64, to: Option<i64>) -> Value {
        let at = |micros: i64| afterglow_wire::Timestamp::from_micros(micros).to_string();
        let mut json = serde_json::json!({
            "id": "1", "rule": rule, "rule_version": 1, "title": rule, "scope": scope, "severity": severity,
            "state": "firing", "pending_at": at(from), "fired_at": at(from),
            "value": 1.0, "peak": 1.0, "last": 1.0, "limit": 0.0,
        });
        if let Some(to) = to {
            json["resolved_at"] = at(to).into();
        }
        json
    }

    fn rule(json: serde_json::Value) -> Rule {
        serde_json::from_value(json).unwrap()
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_signal_has_the_worst_of_what_fires_for_it() {
        let rules = vec![
            rule(
                serde_json::json!({"id": "hot", "signals": ["oven.*"], "is": "above", "levels": [{"limit": 1}]}),
            ),
            rule(
                serde_json::json!({"id": "dead", "signals": ["rack.*"], "each": {"prefix": 2}, "value": {"of": "silence"},
                "is": "above", "levels": [{"limit": 1}]}),
            ),
        ];
        let firing = serde_json::json!({
            "counts": {"firing": 5},
            "firing": [
                episode("hot", "oven.a", "warning", 0, None),
                episode("other", "oven.a", "critical", 0, None),
                episode("dead", "rack.1", "info", 0, None),
            ],
        });
        let set = AlertSet::default().with_rules(rules).with_firing(&firing);
        assert_eq!((set.count, set.firing.len()), (5, 3));
        assert_eq!(set.severity_of("oven.a"), Some(Severity::Critical));
        assert_eq!(set.severity_of("rack.1.load"), Some(Severity::Info));
        assert_eq!((set.severity_of("rack.12.load"), set.severity_of("oven.a.b")), (None, None));
        assert_eq!(set.worst(), Some(Severity::Critical));
    }

    #[test]
    fn limits_are_those_that_values_are_compared_with() {
        let limits = |json: serde_json::Value, signal: &str| {
            let set = AlertSet::default().with_rules(vec![rule(json)]);
            set.limits(&names(&[signal])).iter().map(|limit| limit.value).collect::<Vec<_>>()
        };
        let hot = serde_json::json!({"signals": ["oven.*"], "except": ["oven.test"], "is": "outside",
            "levels": [{"limit": 1, "upper": 5}, {"severity": "critical", "limit": 0, "upper": 5}]});
        assert_eq!(limits(hot.clone(), "oven.a"), [1.0, 5.0, 0.0, 5.0]);
        assert!(limits(hot.clone(), "oven.test").is_empty());
        let with = |key: &str, value: serde_json::Value| {
            let mut changed = hot.clone();
            changed[key] = value;
            limits(changed, "oven.a").len()
        };
        assert_eq!(with("enabled", false.into()), 0);
        assert_eq!(with("value", serde_json::json!({"of": "rate", "window": 60})), 0);
        assert_eq!(with("value", serde_json::json!({"of": "mean", "window": 60})), 4);
    }

    #[test]
    fn bands_that_overlap_are_one() {
        let history = serde_json::json!({
            "episodes": [
                episode("a", "x", "warning", 50, None),
                episode("a", "x", "warning", 10, Some(20)),
                episode("b", "x", "critical", 15, Some(30)),
                episode("b", "y", "critical", 0, Some(100)),
            ],
        });
        let span = Span { from: 0, to: 100 };
        let set = AlertSet::default().with_episodes(span, &history);
        let [first, second] = set.bands(&names(&["x"])).try_into().unwrap();
        assert_eq!(first, Band { from: 10, to: Some(30), severity: Severity::Critical });
        assert_eq!(second, Band { from: 50, to: None, severity: Severity::Warning });
        assert!(set.covers(Span { from: 10, to: 90 }) && !set.covers(Span { from: 10, to: 190 }));
        assert!(!AlertSet::default().covers(span));
    }
}
