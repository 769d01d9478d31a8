//! Which names a client wants. Thousands of names meet a thousand patterns when it comes, and everybody waits meanwhile.

use std::collections::{BTreeSet, HashMap, HashSet};

use afterglow_wire::name;

/// Patterns, in which `*` stands for any run of characters, arranged so that a name is compared with few of them.
#[derive(Debug)]
pub struct Wanted {
    everything: bool,
    /// Patterns without `*`.
    names: HashSet<String>,
    /// The others by what stands before their first `*`.
    by_beginning: HashMap<String, Vec<String>>,
    /// How long those beginnings are, in bytes.
    lengths: BTreeSet<usize>,
}

impl Wanted {
    /// What any of `patterns` stands for.
    pub fn new(patterns: &[String]) -> Self {
        let everything = patterns.iter().any(|pattern| pattern == "*");
        let (mut names, mut by_beginning) = (HashSet::new(), HashMap::<_, Vec<_>>::new());
        for pattern in patterns {
            match pattern.split_once('*') {
                Some((beginning, _)) => {
                    by_beginning.entry(beginning.to_owned()).or_default().push(pattern.clone());
                }
                None => {
                    names.insert(pattern.clone());
                }
            }
        }
        let lengths = by_beginning.keys().map(String::len).collect();
        Self { everything, names, by_beginning, lengths }
    }

    /// Whether every name is wanted, whatever it is.
    pub fn is_everything(&self) -> bool {
        self.everything
    }

    /// Whether `name` is wanted.
    pub fn has(&self, name: &str) -> bool {
        let begins = |length: &usize| name.get(..*length).and_then(|start| self.by_beginning.get(start));
        self.everything
            || self.names.contains(name)
            || self.lengths.iter().filter_map(begins).flatten().any(|pattern| matches(pattern, name))
    }
}

/// Looks at the end first, which tells most names at once.
fn matches(pattern: &str, name: &str) -> bool {
    let end = pattern.rsplit('*').next().unwrap_or_default();
    name.ends_with(end) && name::matches(pattern, name)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_wanted_is_what_any_pattern_matches(
            patterns in proptest::collection::vec("[ab°*]{1,5}", 1..8),
            names in proptest::collection::vec("[ab°]{1,6}", 1..40),
        ) {
            let wanted = Wanted::new(&patterns);
            for name in &names {
                let expected = patterns.iter().any(|pattern| name::matches(pattern, name));
                prop_assert_eq!(wanted.has(name), expected, "{:?} {}", patterns, name);
            }
        }
    }

    #[test]
    fn only_a_star_alone_is_everything() {
        let is_everything = |patterns: &[&str]| {
            Wanted::new(&patterns.iter().map(|p| (*p).to_owned()).collect::<Vec<_>>()).is_everything()
        };
        assert!(is_everything(&["a", "*"]));
        assert!(!is_everything(&["a*", "*b", ""]));
    }
}
