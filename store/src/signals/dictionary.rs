//! The dictionary of signals: names to numbers and back, shared by everyone.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use crate::batch::SignalId;

/// Gives a signal's name its number.
pub trait Intern {
    /// The number of the signal called `name`, a new one for a new name; `None` when there are as many
    /// signals as the server keeps.
    fn intern(&mut self, name: &str) -> Option<SignalId>;
}

/// Every signal the server knows. A signal gets its number when its first sample is read and its row in the
/// database together with its first committed sample.
#[derive(Clone, Debug)]
pub struct Signals {
    names: Arc<RwLock<Names>>,
    /// How many signals are kept; a sample of one more is rejected with `too_many_signals`.
    limit: usize,
}

#[derive(Debug, Default)]
struct Names {
    by_name: HashMap<Arc<str>, SignalId>,
    /// By number.
    all: Vec<Arc<str>>,
}

impl Signals {
    /// The dictionary as the database has it: `names` by number. At most `limit` signals are kept.
    pub(crate) fn new(names: Vec<String>, limit: usize) -> Self {
        let all: Vec<Arc<str>> = names.into_iter().map(Arc::from).collect();
        let by_name = all.iter().cloned().zip((0..).map(SignalId)).collect();
        Self { names: Arc::new(RwLock::new(Names { by_name, all })), limit }
    }

    /// A dictionary without a database, of at most `limit` signals.
    pub fn empty(limit: usize) -> Self {
        Self::new(Vec::new(), limit)
    }

    /// The name of `signal`; `None` for a number that was never given out.
    pub fn name(&self, signal: SignalId) -> Option<Arc<str>> {
        self.read(|names| names.all.get(signal.0 as usize).cloned())
    }

    /// How many signals there are.
    pub fn len(&self) -> usize {
        self.read(|names| names.all.len())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of the signal called `name`, if there is one.
    pub fn find(&self, name: &str) -> Option<SignalId> {
        self.read(|names| names.by_name.get(name).copied())
    }

    /// The signals whose names `wanted` accepts, by name.
    pub(crate) fn by_name(&self, wanted: impl Fn(&str) -> bool) -> Vec<(Arc<str>, SignalId)> {
        let mut found: Vec<_> = self.read(|names| {
            let all = names.all.iter().cloned().zip((0..).map(SignalId));
            all.filter(|(name, _)| wanted(name)).collect()
        });
        found.sort_unstable();
        found
    }

    /// The names of the signals numbered from `from` up to and without `to`.
    pub fn range(&self, from: u32, to: u32) -> Vec<Arc<str>> {
        self.read(|names| names.all.get(from as usize..to as usize).unwrap_or_default().to_vec())
    }

    fn read<T>(&self, look: impl FnOnce(&Names) -> T) -> T {
        look(&self.names.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn add(&self, name: &str) -> Option<SignalId> {
        let mut names = self.names.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(signal) = names.by_name.get(name) {
            return Some(*signal);
        }
        if names.all.len() >= self.limit {
            return None;
        }
        let signal = SignalId(u32::try_from(names.all.len()).ok()?);
        let name: Arc<str> = Arc::from(name);
        names.all.push(Arc::clone(&name));
        names.by_name.insert(name, signal);
        Some(signal)
    }
}

impl Intern for Signals {
    fn intern(&mut self, name: &str) -> Option<SignalId> {
        self.find(name).or_else(|| self.add(name))
    }
}
