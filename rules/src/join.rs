//! Rules that look at two signals: which other signal belongs to one.

use std::sync::Arc;

use afterglow_wire::name;
use afterglow_wire::rule::{Against, And, Operation};

use crate::SECOND;

/// Which other signal belongs to each of a rule's signals.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    /// A name or a pattern; each signal itself when absent.
    other: Option<String>,
    own: Vec<String>,
    /// How old the other's last value may be, in microseconds.
    pub(crate) within: i64,
}

/// The signal that belongs to one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Partner {
    /// Itself.
    Own,
    /// The one with this name, when there is one.
    Named(Arc<str>),
    /// None can be.
    Nobody,
}

impl Link {
    /// `own` are the rule's own patterns.
    fn new(other: Option<&String>, own: &[String], within: u32) -> Self {
        Self { other: other.cloned(), own: own.to_vec(), within: i64::from(within) * SECOND }
    }

    /// Whether it leads to another signal.
    pub(crate) fn names_another(&self) -> bool {
        self.other.is_some()
    }

    /// The signal that belongs to the one called `own`.
    pub(crate) fn partner(&self, own: &str) -> Partner {
        let Some(other) = &self.other else { return Partner::Own };
        let name = counterpart(&self.own, own, other);
        name.map_or(
            Partner::Nobody,
            |name| if name == own { Partner::Own } else { Partner::Named(name.into()) },
        )
    }
}

/// A condition on another signal, or on the signal's own last value.
#[derive(Clone, Debug)]
pub(crate) struct Join {
    and: And,
    pub(crate) link: Link,
}

impl Join {
    /// `own` are the rule's own patterns.
    pub(crate) fn new(and: &And, own: &[String]) -> Self {
        Self { and: and.clone(), link: Link::new(and.signals.first(), own, and.within) }
    }

    pub(crate) fn holds(&self, value: f64) -> bool {
        self.and.is.holds(value, self.and.limit, self.and.upper.unwrap_or(f64::INFINITY))
    }
}

/// The other operand of a rule's arithmetic.
#[derive(Clone, Debug)]
pub(crate) struct Operand {
    pub(crate) operation: Operation,
    pub(crate) link: Link,
}

impl Operand {
    /// `own` are the rule's own patterns.
    pub(crate) fn new(against: &Against, own: &[String]) -> Self {
        Self { operation: against.operation, link: Link::new(Some(&against.signals), own, against.within) }
    }
}

/// The name that `other` makes when each `*` in it stands for what it stands for in the first of `patterns` that matches `name`.
pub fn counterpart(patterns: &[String], name: &str, other: &str) -> Option<String> {
    let pieces = name::pieces(other);
    if pieces.len() == 1 {
        return pieces.into_iter().next();
    }
    let captured = captures(patterns.iter().find(|pattern| name::matches(pattern, name))?, name)?;
    if captured.len() + 1 != pieces.len() {
        return None;
    }
    let mut made = String::new();
    for (index, piece) in pieces.iter().enumerate() {
        made.push_str(piece);
        made.push_str(captured.get(index).copied().unwrap_or_default());
    }
    Some(made)
}

/// What each `*` of `pattern` stands for in `name`: the shortest from the left. `None` when it does not match.
pub(crate) fn captures<'n>(pattern: &str, name: &'n str) -> Option<Vec<&'n str>> {
    let pieces = name::pieces(pattern);
    let (first, rest) = pieces.split_first()?;
    let Some((last, between)) = rest.split_last() else {
        return (name == first).then(Vec::new);
    };
    let mut rest = name.strip_prefix(&**first)?.strip_suffix(&**last)?;
    let mut found = Vec::with_capacity(between.len() + 1);
    for piece in between {
        let (capture, after) = rest.split_once(&**piece)?;
        found.push(capture);
        rest = after;
    }
    found.push(rest);
    Some(found)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_stars_stand_for_carries_over() {
        let patterns = ["oven.*.temp".to_owned(), "kiln.*.t*".to_owned()];
        let other = |name, other| counterpart(&patterns, name, other);
        assert_eq!(other("oven.3.temp", "oven.*.door").as_deref(), Some("oven.3.door"));
        assert_eq!(other("oven.3.temp", "mains").as_deref(), Some("mains"));
        assert_eq!(other("kiln.a.b.t7", "x*y*").as_deref(), Some("xa.by7"));
        assert_eq!(other("oven.3.temp", "x*y*"), None);
        assert_eq!(other("lamp", "x*"), None);
        assert_eq!(captures(r"a\**", "a*b"), Some(vec!["b"]));
    }

    proptest! {
        #[test]
        fn captures_put_the_name_together_again(pattern in "[ab*]{0,6}", name in "[ab]{0,10}") {
            let found = captures(&pattern, &name);
            prop_assert_eq!(found.is_some(), name::matches(&pattern, &name));
            if let Some(found) = found {
                let mut again = String::new();
                for (index, piece) in name::pieces(&pattern).iter().enumerate() {
                    again.push_str(piece);
                    again.push_str(found.get(index).copied().unwrap_or_default());
                }
                prop_assert_eq!(again, name);
            }
        }
    }
}
