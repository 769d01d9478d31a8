//! Which signals a tool is for, as an argument.

use std::str::FromStr;

use afterglow_wire::name;

/// A list of patterns, each of which could be a signal's name.
#[derive(Clone, Debug)]
pub(super) struct Patterns(Vec<String>);

impl Patterns {
    /// The patterns of several lists.
    pub(super) fn all(lists: &[Self]) -> Vec<String> {
        lists.iter().flat_map(|Self(patterns)| patterns.clone()).collect()
    }
}

impl FromStr for Patterns {
    type Err = String;

    fn from_str(list: &str) -> Result<Self, String> {
        let patterns = name::split(list);
        patterns.iter().try_for_each(|pattern| name::check(pattern))?;
        Ok(Self(patterns))
    }
}
