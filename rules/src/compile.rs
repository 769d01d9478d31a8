//! A rule in the form in which it is evaluated.

use std::sync::Arc;

use afterglow_wire::name;
use afterglow_wire::rule::{Each, Found, Is, Late, Level, Limit, Of, Rule, Severity};

use crate::SECOND;
use crate::band::Band;
use crate::join::{Join, Link, Operand};
use crate::window::Shape;

/// A rule that is evaluated.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) rule: Rule,
    pub(crate) id: Arc<str>,
    pub(crate) born: i64,
    pub(crate) levels: Vec<Bounds>,
    /// What is computed when it is not a single sample's.
    pub(crate) shape: Option<Shape>,
    /// What the value is compared with.
    pub(crate) operand: Option<Operand>,
    pub(crate) joins: Vec<Join>,
    /// Values are compared by how many deviations they are from the middle of what is usual.
    pub(crate) is_usual: bool,
    /// In microseconds.
    pub(crate) for_time: i64,
    pub(crate) keep: i64,
    pub(crate) fresh: i64,
    pub(crate) forget: i64,
}

/// A level's limits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) severity: Severity,
    limit: f64,
    upper: f64,
    /// Where a value must be to be right again.
    right: (f64, f64),
}

impl Program {
    pub(crate) fn new(rule: &Rule, born: i64) -> Self {
        let seconds = |seconds: u32| i64::from(seconds) * SECOND;
        Self {
            id: Arc::from(&*rule.id),
            born,
            levels: rule.levels.iter().map(|level| Bounds::new(rule.is, level)).collect(),
            shape: Shape::of(&rule.value),
            operand: rule.against.as_ref().map(|against| Operand::new(against, &rule.signals)),
            joins: rule.and.iter().map(|and| Join::new(and, &rule.signals)).collect(),
            is_usual: rule.is_usual(),
            for_time: seconds(rule.for_seconds),
            keep: seconds(rule.keep),
            fresh: seconds(rule.fresh),
            forget: seconds(rule.forget),
            rule: rule.clone(),
        }
    }

    /// Whether the rule is about the signal called `name`.
    pub(crate) fn selects(&self, name: &str) -> bool {
        self.rule.enabled && selects(&self.rule.signals, &self.rule.except, name)
    }

    /// The name of the scope that the signal called `name` belongs to.
    pub(crate) fn scope<'n>(&self, name: &'n str) -> &'n str {
        match self.rule.each {
            Each::Signal => name,
            Each::Prefix(segments) => prefix(name, segments),
            Each::All => "*",
        }
    }

    /// Whether it is about samples that do not come.
    pub(crate) fn is_silence(&self) -> bool {
        self.rule.value.of == Of::Silence
    }

    /// Whether it must know more of a signal than its value: its other samples, or how often it has some.
    pub(crate) fn knows_more(&self) -> bool {
        let needs_time = self.for_time > 0 || self.keep > 0;
        needs_time || self.shape.is_some() || self.is_silence() || self.links().next().is_some()
    }

    /// Which other signals its signals are looked at together with: of its conditions in order, then of its arithmetic.
    pub(crate) fn links(&self) -> impl Iterator<Item = &Link> {
        self.joins.iter().map(|join| &join.link).chain(self.operand.iter().map(|operand| &operand.link))
    }

    /// The limit beyond which a single sample's value begins an alert, when that is all that the rule looks at.
    pub(crate) fn plain(&self) -> Option<(Is, f64)> {
        let is_plain = self.rule.value.of == Of::Last
            && self.operand.is_none()
            && !self.is_usual
            && matches!(self.rule.is, Is::Above | Is::Below);
        is_plain.then(|| (self.rule.is, self.levels.first().map_or(f64::NAN, |level| level.limit)))
    }

    /// The level that `value` has when `current` held before.
    pub(crate) fn level(&self, value: f64, current: Option<u8>) -> Option<u8> {
        let is = self.rule.is;
        self.levels.iter().enumerate().rev().find_map(|(index, level)| {
            let index = index as u8;
            let holds = is.holds(value, level.limit, level.upper);
            let stays = || current.is_some_and(|current| index <= current) && !level.is_right(is, value);
            (holds || stays()).then_some(index)
        })
    }

    /// The limits of a level in an hour with this band.
    pub(crate) fn usual(&self, level: u8, band: &Band) -> Option<[f64; 2]> {
        self.rule.levels.get(usize::from(level)).map(|level| band.limits(level.deviations()))
    }

    /// Whether `value` is worse than `other`; `usual` are the limits of the hour, for a rule that has such.
    pub(crate) fn is_worse(&self, value: f64, other: f64, usual: Option<[f64; 2]>) -> bool {
        let Some(level) = self.levels.first() else { return false };
        match self.rule.is {
            Is::Above => value > other,
            Is::Below => value < other,
            Is::Inside | Is::Outside => {
                let [lower, upper] = usual.unwrap_or([level.limit, level.upper]);
                let middle = f64::midpoint(lower, upper);
                let further = (value - middle).abs() > (other - middle).abs();
                further == (self.rule.is == Is::Outside)
            }
        }
    }

    /// Whether transitions of samples that are not fresh are notified of like any.
    pub(crate) fn tells_late(&self) -> bool {
        self.rule.late == Late::Notify
    }
}

impl Bounds {
    fn new(is: Is, level: &Level) -> Self {
        let limit = match level.limit {
            Limit::Number(limit) => limit,
            Limit::Found(Found::Learned) => f64::NAN,
            Limit::Found(Found::Usual) => return Self::usual(is, level),
        };
        let upper = level.upper.unwrap_or(f64::INFINITY);
        let margin = level.recover.unwrap_or(0.0);
        let right = match is {
            Is::Above => (f64::NEG_INFINITY, level.recover.unwrap_or(limit)),
            Is::Below => (level.recover.unwrap_or(limit), f64::INFINITY),
            Is::Inside => (limit - margin, upper + margin),
            Is::Outside => (limit + margin, upper - margin),
        };
        Self { severity: level.severity, limit, upper, right }
    }

    /// In deviations from the middle.
    fn usual(is: Is, level: &Level) -> Self {
        let k = level.deviations();
        let near = level.recover.unwrap_or(k);
        let (limit, upper, right) = match is {
            Is::Above => (k, f64::INFINITY, (f64::NEG_INFINITY, near)),
            Is::Below => (-k, f64::INFINITY, (-near, f64::INFINITY)),
            Is::Inside | Is::Outside => (-k, k, (-near, near)),
        };
        Self { severity: level.severity, limit, upper, right }
    }

    fn is_right(&self, is: Is, value: f64) -> bool {
        let (low, high) = self.right;
        match is {
            Is::Inside => value <= low || high <= value,
            _ => low <= value && value <= high,
        }
    }

    /// The limit as a time in microseconds, for silence; `None` when it is learned.
    pub(crate) fn time(&self) -> Option<i64> {
        self.limit.is_finite().then_some((self.limit * SECOND as f64) as i64)
    }
}

/// Whether a name is among these names and patterns, and not among those that are excepted.
pub(crate) fn selects(signals: &[String], except: &[String], name: &str) -> bool {
    let any = |patterns: &[String]| patterns.iter().any(|pattern| name::matches(pattern, name));
    any(signals) && !any(except)
}

/// The first `segments` segments of a name.
fn prefix(name: &str, segments: u8) -> &str {
    let end = name.match_indices(['.', '/']).nth(usize::from(segments).saturating_sub(1));
    end.map_or(name, |(at, _)| &name[..at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_end_at_a_segment() {
        assert_eq!(prefix("a.b.c", 1), "a");
        assert_eq!(prefix("a/b.c", 2), "a/b");
        assert_eq!(prefix("a.b.c", 3), "a.b.c");
        assert_eq!(prefix("a", 2), "a");
    }
}
