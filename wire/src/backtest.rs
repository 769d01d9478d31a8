//! Back-tests: what a rule would have found in the samples that are kept.

use serde::{Deserialize, Serialize};

use crate::rule::{Rule, Severity};
use crate::{Invalid, Timestamp, invalid, limits};

/// The body of `POST /api/rules/test`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct BacktestRequest {
    /// The rule; it need not be saved.
    pub rule: Rule,
    /// From when on.
    #[cfg_attr(feature = "schema", schema(schema_with = crate::schema::instant))]
    pub from: Timestamp,
    /// Until when.
    #[cfg_attr(feature = "schema", schema(schema_with = crate::schema::instant))]
    pub to: Timestamp,
    /// Only these of the rule's signals: names and patterns; all when empty. Not for rules of several signals together.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signals: Vec<String>,
}

/// What a rule would have found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Backtest {
    /// From when on.
    pub from: Timestamp,
    /// Until when.
    pub to: Timestamp,
    /// How often it would have fired, all scopes together.
    pub times: u64,
    /// The longest episode within the span, in seconds.
    pub longest: f64,
    /// The share of the span, 0 to 1, in which it would have fired, on average of all scopes.
    pub share: f64,
    /// Signals that were looked at.
    pub signals: u64,
    /// Samples that were evaluated, those before the span that its beginning depends on included.
    pub samples: u64,
    /// Samples are evaluated as if each had come at its own time: which of them came late is not kept.
    pub late_unknown: bool,
    /// Before this instant samples have expired, and the lowest and highest of each minute or hour stand for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coarse_before: Option<Timestamp>,
    /// More episodes, or more samples at once, than one answer takes: some episodes are only counted, or some scopes left out.
    pub capped: bool,
    /// The scopes in which it would have fired, by name.
    pub scopes: Vec<ScopeBacktest>,
}

/// What a rule would have found in one scope.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ScopeBacktest {
    /// The signal's name; for rules of several signals the prefix of their names, or `*` for all.
    pub scope: String,
    /// How often it would have fired.
    pub times: u64,
    /// The longest episode within the span, in seconds.
    pub longest: f64,
    /// The share of the span, 0 to 1, in which it would have fired.
    pub share: f64,
    /// The episodes, from the earliest on.
    pub episodes: Vec<EpisodeBacktest>,
}

/// An alert that would have fired.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct EpisodeBacktest {
    /// When the value went wrong.
    pub pending: Timestamp,
    /// When it would have fired; perhaps before the span.
    pub fired: Timestamp,
    /// When it would have been resolved; absent when not within the span.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved: Option<Timestamp>,
    /// The worst level's.
    pub severity: Severity,
    /// The worst value.
    pub peak: f64,
}

impl BacktestRequest {
    /// Checks the rule, which may be without an id and a title, and the span.
    ///
    /// # Errors
    /// The first field that is not allowed.
    pub fn check(&self) -> Result<(), Invalid> {
        let mut rule = self.rule.clone();
        if rule.title.is_empty() {
            "rule".clone_into(&mut rule.title);
        }
        rule.check().map_err(|error| error.within("rule"))?;
        if self.from >= self.to {
            return Err(Invalid::new("to", "it is not after from"));
        }
        invalid::patterns("signals", &self.signals, limits::RULE_SIGNALS)?;
        let together = self.rule.each != crate::rule::Each::Signal;
        if together && !self.signals.is_empty() {
            return Err(Invalid::new("signals", "the rule is about several signals together; leave it out"));
        }
        Ok(())
    }
}
