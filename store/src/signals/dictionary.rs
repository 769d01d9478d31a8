//! The dictionary of signals: names to numbers and back, shared by everyone.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use super::Selector;
use crate::batch::{Batch, SignalId};

/// Names of one piece of the table: few enough to be copied when a name is added while somebody reads them.
const PIECE: usize = 1_024;

/// Every signal that has a committed sample, or had one. Names are learned in the commit of their first sample and at no
/// other time: what is refused, or cannot be committed, takes no place.
#[derive(Clone, Debug)]
pub struct Signals {
    names: Arc<RwLock<Names>>,
    /// Held from the choice of new numbers until they are kept or given up.
    turn: Arc<Mutex<()>>,
    /// How many signals are kept; a sample of one more is rejected with `too_many_signals`.
    limit: Arc<AtomicUsize>,
}

#[derive(Debug, Default)]
struct Names {
    by_name: HashMap<Arc<str>, SignalId>,
    /// By number, in pieces that readers share.
    all: Vec<Arc<Vec<Arc<str>>>>,
}

impl Names {
    fn len(&self) -> usize {
        self.all.last().map_or(0, |last| (self.all.len() - 1) * PIECE + last.len())
    }

    fn get(&self, signal: usize) -> Option<&Arc<str>> {
        self.all.get(signal / PIECE)?.get(signal % PIECE)
    }

    fn push(&mut self, name: Arc<str>, signal: SignalId) {
        self.by_name.insert(Arc::clone(&name), signal);
        match self.all.last_mut() {
            Some(piece) if piece.len() < PIECE => Arc::make_mut(piece).push(name),
            _ => self.all.push(Arc::new(vec![name])),
        }
    }
}

impl Signals {
    /// The dictionary as the database has it: `names` by number. At most `limit` signals are kept.
    pub fn new(names: Vec<String>, limit: usize) -> Self {
        let mut all = Names::default();
        for (name, number) in names.into_iter().zip(0..) {
            all.push(Arc::from(name), SignalId(number));
        }
        Self { names: Arc::new(RwLock::new(all)), turn: Arc::default(), limit: Arc::new(limit.into()) }
    }

    /// A dictionary without a database, of at most `limit` signals.
    pub fn empty(limit: usize) -> Self {
        Self::new(Vec::new(), limit)
    }

    /// The name of `signal`; `None` for a number that was never given out.
    pub fn name(&self, signal: SignalId) -> Option<Arc<str>> {
        self.read(|names| names.get(signal.0 as usize).cloned())
    }

    /// How many signals there are.
    pub fn len(&self) -> usize {
        self.read(Names::len)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many signals are kept at most.
    pub fn limit(&self) -> usize {
        self.limit.load(Ordering::Relaxed)
    }

    /// Keeps at most `limit` signals from now on; those that there are stay.
    pub fn set_limit(&self, limit: usize) {
        self.limit.store(limit, Ordering::Relaxed);
    }

    /// The number of the signal called `name`, if there is one.
    pub fn find(&self, name: &str) -> Option<SignalId> {
        self.read(|names| names.by_name.get(name).copied())
    }

    /// What stands for `name` in `batch`: its number, or for a new name a place in the batch until that is committed.
    /// `None` when there would be more signals than are kept.
    pub fn number(&self, batch: &mut Batch, name: &str) -> Option<SignalId> {
        if let Some(signal) = self.find(name).or_else(|| batch.find_new(name)) {
            return Some(signal);
        }
        let (signals, limit) = (self.len(), self.limit());
        let is_full = signals + batch.new_names() >= limit
            // Others may have brought some of the same names meanwhile.
            && signals + batch.unknown_names(signals, |name| self.find(name).is_some()) >= limit;
        if is_full { None } else { batch.add_new(name) }
    }

    /// Whether the new names of all `batches` fit in.
    pub fn have_room(&self, batches: &[Batch]) -> bool {
        let new = batches.iter().map(Batch::new_names).sum::<usize>();
        if new == 0 || self.len() + new <= self.limit() {
            return true;
        }
        // Only near the limit is it worth comparing them.
        let names: HashSet<&str> = batches.iter().flat_map(Batch::names).map(|name| &**name).collect();
        let new = names.into_iter().filter(|name| self.find(name).is_none()).count();
        new == 0 || self.len() + new <= self.limit()
    }

    /// Chooses numbers for the new names in `batches` and puts them into the samples. Nobody else sees the names before
    /// [`Learned::keep`]; one caller at a time chooses. `None` when they are more than fit in.
    pub fn learn(&self, batches: &mut [Batch]) -> Option<Learned<'_>> {
        if batches.iter().all(|batch| batch.new_names() == 0) {
            return Some(Learned { signals: self, first: 0, names: Vec::new(), _turn: None });
        }
        let turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let first = u32::try_from(self.len()).ok()?;
        let (mut names, mut chosen) = (Vec::new(), HashMap::new());
        for batch in batches {
            batch.resolve(|name| {
                self.find(name).unwrap_or_else(|| {
                    *chosen.entry(Arc::clone(name)).or_insert_with(|| {
                        names.push(Arc::clone(name));
                        SignalId(first.saturating_add(u32::try_from(names.len() - 1).unwrap_or(u32::MAX)))
                    })
                })
            });
        }
        let fit = first as usize + names.len() <= self.limit();
        fit.then_some(Learned { signals: self, first, names, _turn: Some(turn) })
    }

    /// Takes over names that another process has stored, with their numbers, which follow those that are known.
    ///
    /// # Errors
    /// A sentence when a number is missing.
    pub(crate) fn learn_stored(&self, stored: Vec<(i32, String)>) -> Result<(), String> {
        let mut names = self.names.write().unwrap_or_else(PoisonError::into_inner);
        for (number, name) in stored {
            let next = names.len();
            match usize::try_from(number) {
                Ok(number) if number < next => {}
                Ok(number) if number == next => names.push(name.into(), SignalId(number as u32)),
                _ => return Err(format!("it is damaged: signal {next} is missing")),
            }
        }
        Ok(())
    }

    /// The signals that `selector` selects, by name. Names with `*` are compared outside of any lock, and `check` is asked
    /// now and then whether to go on.
    ///
    /// # Errors
    /// What `check` answers.
    pub fn select<E>(
        &self,
        selector: &Selector,
        mut check: impl FnMut() -> Result<(), E>,
    ) -> Result<Vec<(Arc<str>, SignalId)>, E> {
        let mut found = Vec::new();
        if let Some(wanted) = selector.exact_names() {
            self.read(|names| {
                let known = wanted.filter_map(|name| names.by_name.get_key_value(name));
                found.extend(known.map(|(name, signal)| (Arc::clone(name), *signal)));
            });
        } else {
            let mut number = 0;
            for piece in self.read(|names| names.all.clone()) {
                check()?;
                for name in piece.iter() {
                    if selector.has(name) {
                        found.push((Arc::clone(name), SignalId(number)));
                    }
                    number += 1;
                }
            }
        }
        found.sort_unstable();
        Ok(found)
    }

    /// All signals, by name.
    pub fn by_name(&self) -> Vec<(Arc<str>, SignalId)> {
        let pieces = self.read(|names| names.all.clone());
        let names = pieces.iter().flat_map(|piece| piece.iter().cloned());
        let mut all: Vec<_> = names.zip((0..).map(SignalId)).collect();
        all.sort_unstable();
        all
    }

    /// The names of the signals numbered from `from` up to and without `to`.
    pub fn range(&self, from: u32, to: u32) -> Vec<Arc<str>> {
        self.read(|names| (from..to).map_while(|signal| names.get(signal as usize).cloned()).collect())
    }

    /// Only for what takes no longer for many names than for few: new names wait meanwhile.
    fn read<T>(&self, read: impl FnOnce(&Names) -> T) -> T {
        read(&self.names.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// New names with the numbers that they get if their samples are committed. Dropped, it leaves no trace.
#[derive(Debug)]
#[must_use]
pub struct Learned<'s> {
    signals: &'s Signals,
    first: u32,
    names: Vec<Arc<str>>,
    _turn: Option<MutexGuard<'s, ()>>,
}

impl Learned<'_> {
    /// The number of the first name; the others follow without a hole.
    pub fn first(&self) -> u32 {
        self.first
    }

    /// The names, by number.
    pub fn names(&self) -> &[Arc<str>] {
        &self.names
    }

    /// Lets everybody see the names: their samples are committed.
    pub fn keep(self) {
        if self.names.is_empty() {
            return;
        }
        let mut names = self.signals.names.write().unwrap_or_else(PoisonError::into_inner);
        for (name, number) in self.names.into_iter().zip(self.first..) {
            names.push(name, SignalId(number));
        }
    }
}

#[cfg(test)]
mod tests {
    use afterglow_wire::Timestamp;

    use super::*;
    use crate::batch::Sample;

    fn batch(signals: &Signals, names: &[&str]) -> Batch {
        let mut batch = Batch::default();
        for name in names {
            let signal = signals.number(&mut batch, name).unwrap();
            batch.push(Sample { signal, timestamp: Timestamp::default(), value: 0.0 });
        }
        batch
    }

    #[test]
    fn names_are_learned_only_when_they_are_kept() {
        let signals = Signals::empty(2);
        let mut refused = [batch(&signals, &["a", "b"])];
        drop(signals.learn(&mut refused).unwrap());
        assert!(signals.is_empty());
        let mut both = [batch(&signals, &["b", "a"]), batch(&signals, &["a", "b"])];
        assert!(signals.have_room(&both), "names of both count once");
        assert!(!signals.have_room(&[batch(&signals, &["a", "b"]), batch(&signals, &["c"])]));
        signals.learn(&mut both).unwrap().keep();
        assert_eq!((signals.find("b"), signals.find("a")), (Some(SignalId(0)), Some(SignalId(1))));
        assert_eq!(both[1].samples()[0].signal, SignalId(1));
        assert_eq!(signals.number(&mut Batch::default(), "c"), None);
    }

    #[test]
    fn names_that_others_bring_meanwhile_take_no_second_place() {
        let signals = Signals::empty(3);
        let (mut slow, mut other) = (batch(&signals, &["a", "b"]), [batch(&signals, &["a", "b"])]);
        signals.learn(&mut other).unwrap().keep();
        let signal = signals.number(&mut slow, "c").expect("a and b are known by now");
        slow.push(Sample { signal, timestamp: Timestamp::default(), value: 0.0 });
        assert_eq!(signals.number(&mut slow, "d"), None);
        let mut slow = [slow];
        assert!(signals.have_room(&slow));
        signals.learn(&mut slow).unwrap().keep();
        assert_eq!(signals.len(), 3);
    }

    #[test]
    fn names_that_are_dropped_again_are_counted_again() {
        let signals = Signals::empty(2);
        let (mut slow, mut other) = (batch(&signals, &["a", "b"]), [batch(&signals, &["b"])]);
        signals.learn(&mut other).unwrap().keep();
        assert_eq!(signals.number(&mut slow, "c"), None);
        slow.truncate(1, 1);
        assert_eq!(signals.number(&mut slow, "c"), None, "a has the last place");
    }

    #[test]
    fn the_last_place_is_given_once() {
        let signals = Signals::empty(1);
        let (mut first, mut second) = ([batch(&signals, &["a"])], [batch(&signals, &["b"])]);
        signals.learn(&mut first).unwrap().keep();
        assert!(signals.learn(&mut second).is_none());
        assert_eq!(signals.len(), 1);
    }

    #[test]
    fn many_names_are_selected_in_pieces() {
        let names: Vec<_> = (0..3 * PIECE).map(|number| format!("s{number}")).collect();
        let signals = Signals::new(names, usize::MAX);
        let select = |pattern: &str, most: usize| {
            let mut checks = 0;
            signals.select(&Selector::new(&[pattern.to_owned()]), || {
                checks += 1;
                if checks > most { Err(checks) } else { Ok(()) }
            })
        };
        let found = select("*24", usize::MAX).unwrap();
        assert!(found.iter().all(|(name, signal)| **name == *format!("s{}", signal.0)), "{found:?}");
        assert_eq!(found.len(), (0..3 * PIECE).filter(|number| number % 100 == 24).count());
        assert_eq!(select("*24", 2), Err(3), "a reader can be stopped");
        assert_eq!(select("s1500", 0).unwrap(), [("s1500".into(), SignalId(1_500))]);
        assert_eq!(signals.range(1_023, 1_025), ["s1023".into(), "s1024".into()]);
        assert_eq!(signals.by_name().len(), 3 * PIECE);
    }
}
