//! Which signals somebody asks for: the one meaning that queries, subscriptions, retention and export share.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use afterglow_wire::name;

/// Patterns, in which `*` stands for any run of characters, arranged so that a name is compared with few of them.
///
/// Label matchers will be a further list beside these two: see `signals.rs`.
#[derive(Clone, Debug, Default)]
pub struct Selector {
    everything: bool,
    /// Patterns without `*`.
    names: HashSet<String>,
    /// The others by what stands before their first `*`.
    by_beginning: HashMap<String, Vec<String>>,
    /// How long those beginnings are, in bytes.
    lengths: BTreeSet<usize>,
    /// What must select a name, too.
    within: Option<Arc<Selector>>,
}

impl Selector {
    /// What any of `patterns` stands for.
    pub fn new(patterns: &[String]) -> Self {
        let everything = patterns.iter().any(|pattern| pattern == "*");
        let (mut names, mut by_beginning) = (HashSet::new(), HashMap::<_, Vec<_>>::new());
        for pattern in patterns {
            let mut pieces = name::pieces(pattern).into_iter();
            let beginning = pieces.next().unwrap_or_default();
            if pieces.next().is_some() {
                by_beginning.entry(beginning).or_default().push(pattern.clone());
            } else {
                names.insert(beginning);
            }
        }
        let lengths = by_beginning.keys().map(String::len).collect();
        Self { everything, names, by_beginning, lengths, within: None }
    }

    /// The signal called `name`, whatever characters that has.
    pub fn of(name: &str) -> Self {
        Self { names: HashSet::from([name.to_owned()]), ..Self::default() }
    }

    /// What any of `patterns` stands for; every signal when there is none.
    pub fn or_everything(patterns: &[String]) -> Self {
        if patterns.is_empty() { Self::everything() } else { Self::new(patterns) }
    }

    /// Every signal.
    pub fn everything() -> Self {
        Self { everything: true, ..Self::default() }
    }

    /// What both this and `scope` select; just this when there is none.
    pub fn within(self, scope: Option<&Arc<Selector>>) -> Self {
        match scope.filter(|scope| !scope.is_everything()) {
            None => self,
            Some(scope) => Self { within: Some(Arc::clone(scope)), ..self },
        }
    }

    /// Whether every name is selected.
    pub fn is_everything(&self) -> bool {
        self.everything && self.within.is_none()
    }

    /// How many patterns with `*` a name is compared with at most.
    pub fn comparisons(&self) -> usize {
        let own = if self.everything { 0 } else { self.by_beginning.values().map(Vec::len).sum() };
        own + self.within.as_ref().map_or(0, |within| within.comparisons())
    }

    /// The names, where there is no pattern beside them.
    pub fn exact_names(&self) -> Option<impl Iterator<Item = &str>> {
        let exact = !self.everything && self.by_beginning.is_empty();
        let names = self.names.iter().map(String::as_str);
        exact.then(|| names.filter(|name| self.within.as_ref().is_none_or(|within| within.has(name))))
    }

    /// Whether `name` is selected. Takes time in proportion to the patterns that begin like it.
    pub fn has(&self, name: &str) -> bool {
        if self.within.as_ref().is_some_and(|within| !within.has(name)) {
            return false;
        }
        let begins = |length: &usize| name.get(..*length).and_then(|start| self.by_beginning.get(start));
        self.everything
            || self.names.contains(name)
            || self.lengths.iter().filter_map(begins).flatten().any(|pattern| name::matches(pattern, name))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_selected_is_what_any_pattern_matches(
            patterns in proptest::collection::vec("[ab°*]{1,5}", 1..8),
            names in proptest::collection::vec("[ab°]{1,6}", 1..40),
        ) {
            let selector = Selector::new(&patterns);
            for name in &names {
                let expected = patterns.iter().any(|pattern| name::matches(pattern, name));
                prop_assert_eq!(selector.has(name), expected, "{:?} {}", patterns, name);
            }
        }
    }

    #[test]
    fn within_another_only_what_both_select_is_left() {
        let selector =
            |patterns: &[&str]| Selector::new(&patterns.iter().map(|p| (*p).to_owned()).collect::<Vec<_>>());
        let scope = Arc::new(selector(&["a.*", "b"]));
        let check = |patterns: &[&str], expected: &[&str]| {
            let both = selector(patterns).within(Some(&scope));
            let names = ["a.x", "a.y", "b", "c"].into_iter().filter(|name| both.has(name));
            assert_eq!(names.collect::<Vec<_>>(), expected);
            assert!(!both.is_everything());
            both.exact_names().map(Iterator::count)
        };
        assert_eq!(check(&["*"], &["a.x", "a.y", "b"]), None);
        assert_eq!(check(&["*x", "c"], &["a.x"]), None);
        assert_eq!(check(&["a.y", "c"], &["a.y"]), Some(1));
        let all = Arc::new(Selector::everything());
        assert!(Selector::everything().within(Some(&all)).is_everything());
        assert_eq!(selector(&["*", "x*"]).within(Some(&scope)).comparisons(), 1);
    }

    #[test]
    fn only_a_star_alone_is_everything() {
        let is_everything = |patterns: &[&str]| {
            Selector::new(&patterns.iter().map(|p| (*p).to_owned()).collect::<Vec<_>>()).is_everything()
        };
        assert!(is_everything(&["a", "*"]));
        assert!(!is_everything(&["a*", "*b", ""]));
        assert!(Selector::everything().has("any"));
        assert!(!Selector::default().has(""), "no pattern selects nothing");
    }
}
