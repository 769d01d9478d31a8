//! What one live client wants, and which of the known signals that is.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, LazyLock};

use super::known;
use crate::batch::SignalId;
use crate::signals::{Selector, Signals};

/// Nobody outside knows its keys, so nobody can choose signals whose sets have one fingerprint.
static HASHER: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// A set of signals: a bit per signal.
#[derive(Clone, Debug, Default)]
pub struct SignalSet {
    words: Vec<u64>,
    /// The sum of its members' hashes.
    fingerprint: u64,
}

impl SignalSet {
    /// Adds a signal.
    pub fn add(&mut self, signal: SignalId) {
        if self.has(signal) {
            return;
        }
        let word = signal.0 as usize / 64;
        if self.words.len() <= word {
            self.words.resize(word + 1, 0);
        }
        self.words[word] |= 1 << (signal.0 % 64);
        self.fingerprint = self.fingerprint.wrapping_add(HASHER.hash_one(signal.0));
    }

    /// Whether a signal is in it.
    pub fn has(&self, signal: SignalId) -> bool {
        self.words.get(signal.0 as usize / 64).is_some_and(|word| word >> (signal.0 % 64) & 1 == 1)
    }

    /// Equal for equal sets, and different for different ones but once in 2^64 pairs.
    pub fn fingerprint(&self) -> u64 {
        self.fingerprint
    }
}

/// What a client has asked for.
#[derive(Debug)]
pub struct Wanted {
    /// Sorted, each once: two clients with the same patterns are compared with new names once.
    patterns: Vec<String>,
    selector: Selector,
    /// What else a signal must be in. Clients with one key share it.
    scope: Option<Arc<Selector>>,
}

impl Wanted {
    /// What any of `patterns` stands for.
    pub fn new(patterns: &[String]) -> Self {
        Self::within(patterns, None)
    }

    /// As [`Wanted::new`], of those in `scope`.
    pub fn within(patterns: &[String], scope: Option<&Arc<Selector>>) -> Self {
        let mut patterns = patterns.to_vec();
        patterns.sort_unstable();
        patterns.dedup();
        let selector = Selector::new(&patterns).within(scope);
        Self { selector, scope: scope.cloned(), patterns }
    }

    /// Which names are meant.
    pub fn selector(&self) -> &Selector {
        &self.selector
    }

    /// How many comparisons a new name costs.
    pub(super) fn comparisons(&self) -> usize {
        self.selector.comparisons()
    }

    /// How much work a new name is, in units of some 0.1 us: it is looked up, and compared.
    pub(super) fn work(&self) -> usize {
        1 + 4 * self.comparisons()
    }
}

impl PartialEq for Wanted {
    fn eq(&self, other: &Self) -> bool {
        let is_same = match (&self.scope, &other.scope) {
            (None, None) => true,
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            _ => false,
        };
        is_same && self.patterns == other.patterns
    }
}

/// What a client has asked for, with the signals that it stands for so far.
#[derive(Clone, Debug)]
pub struct Selection {
    /// What it has asked for.
    pub wanted: Arc<Wanted>,
    /// Those among the first `known` signals; empty where everything is wanted.
    pub(super) signals: SignalSet,
    pub(super) known: u32,
}

impl Selection {
    /// Every signal.
    pub fn everything() -> Self {
        Self::new(&["*".to_owned()], &Signals::empty(0))
    }

    /// Whether [`Selection::new`] takes no longer for many signals than for few.
    pub fn is_quick(patterns: &[String], scope: Option<&Arc<Selector>>) -> bool {
        patterns.iter().all(|pattern| scope.is_none() && pattern == "*" || !pattern.contains('*'))
    }

    /// What any of `patterns` stands for among `signals`. Compares every pattern that has `*` with every name.
    pub fn new(patterns: &[String], signals: &Signals) -> Self {
        Self::within(patterns, None, signals)
    }

    /// As [`Selection::new`], of those in `scope`.
    pub fn within(patterns: &[String], scope: Option<&Arc<Selector>>, signals: &Signals) -> Self {
        let (wanted, known) = (Arc::new(Wanted::within(patterns, scope)), known(signals));
        let mut set = SignalSet::default();
        if !wanted.selector.is_everything() {
            let check = || Ok::<_, std::convert::Infallible>(());
            let Ok(selected) = signals.select(&wanted.selector, check);
            let before = selected.iter().filter(|(_, signal)| signal.0 < known);
            before.for_each(|(_, signal)| set.add(*signal));
        }
        Self { wanted, signals: set, known }
    }

    /// Compares what is wanted with the names of further signals, up to the one numbered `known`.
    pub fn learn(&mut self, signals: &Signals, known: u32) {
        let new = (self.known..known).map(SignalId);
        if !self.wanted.selector.is_everything() {
            let wants =
                |signal: &SignalId| signals.name(*signal).is_some_and(|name| self.wanted.selector.has(&name));
            let wanted: Vec<_> = new.filter(wants).collect();
            wanted.into_iter().for_each(|signal| self.signals.add(signal));
        }
        self.known = self.known.max(known);
    }

    /// The same for all signals that there are.
    pub fn learn_all(&mut self, signals: &Signals) {
        self.learn(signals, known(signals));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_have_one_fingerprint_whatever_the_order() {
        let set = |signals: &[u32]| {
            let mut set = SignalSet::default();
            signals.iter().for_each(|signal| set.add(SignalId(*signal)));
            set
        };
        assert_eq!(set(&[1, 200, 3]).fingerprint(), set(&[3, 1, 1, 200]).fingerprint());
        assert_ne!(set(&[1, 200]).fingerprint(), set(&[1, 201]).fingerprint());
        assert!(set(&[200]).has(SignalId(200)) && !set(&[200]).has(SignalId(5_000)));
    }

    #[test]
    fn a_selection_is_what_its_patterns_stand_for() {
        let signals = Signals::new(vec!["a".into(), "b".into(), "ab".into()], 10);
        let patterns = ["a*".to_owned(), "a*".to_owned(), "x".to_owned()];
        let selection = Selection::new(&patterns, &signals);
        let selected: Vec<_> = (0..3).filter(|signal| selection.signals.has(SignalId(*signal))).collect();
        assert_eq!((selected, selection.wanted.comparisons()), (vec![0, 2], 1));
        let everything = Selection::new(&["x*".to_owned(), "*".to_owned()], &signals);
        assert!(everything.wanted.selector().is_everything() && everything.wanted.comparisons() == 0);
    }
}
