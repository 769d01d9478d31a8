//! All classes of live clients, and which of them want what passes.

use std::collections::HashMap;

use afterglow_wire::Timestamp;
use afterglow_wire::v1::Position;

use super::{Class, ClassId, Interest, Key, Passing};
use crate::batch::{Batch, SignalId};
use crate::signals::Signals;

/// Classes with the clients of each. A class without clients is gone.
#[derive(Debug)]
pub struct Audience<C> {
    classes: Vec<Option<(Class, Vec<C>)>>,
    by_key: HashMap<Key, ClassId>,
    interest: Interest,
    /// The latest instant of each signal that was committed: what is not after it is late.
    latest: Vec<i64>,
    instants: u32,
}

impl<C> Default for Audience<C> {
    fn default() -> Self {
        Self {
            classes: Vec::new(),
            by_key: HashMap::new(),
            interest: Interest::default(),
            latest: Vec::new(),
            instants: 0,
        }
    }
}

impl<C> Audience<C> {
    /// No classes yet; `latest` is the latest instant of each signal that is there already, by its number.
    pub fn new(latest: &[Option<Timestamp>]) -> Self {
        let latest = latest.iter().map(|latest| latest.map_or(i64::MIN, Timestamp::micros)).collect();
        Self { latest, ..Self::default() }
    }

    /// How many clients there are.
    pub fn count(&self) -> usize {
        self.classes.iter().flatten().map(|(_, clients)| clients.len()).sum()
    }

    /// The class with `key`, made when there is none; its clients have everything up to `position`.
    pub fn class(&mut self, key: Key, position: Position, signals: &Signals) -> ClassId {
        if let Some(id) = self.by_key.get(&key) {
            return *id;
        }
        self.learn(signals);
        let free = self.classes.iter().position(Option::is_none);
        let id = ClassId(free.unwrap_or(self.classes.len()));
        self.by_key.insert(key.clone(), id);
        let class = Class::new(key, position, signals);
        if class.wanted.is_everything() {
            self.interest.add_everything(id);
        } else {
            for signal in numbers(0, self.interest.known()) {
                if signals.name(signal).is_some_and(|name| class.wanted.has(&name)) {
                    self.interest.add(id, signal);
                }
            }
        }
        let entry = Some((class, Vec::new()));
        match self.classes.get_mut(id.0) {
            Some(place) => *place = entry,
            None => self.classes.push(entry),
        }
        id
    }

    /// A class and its clients.
    pub fn get(&mut self, id: ClassId) -> Option<(&mut Class, &mut Vec<C>)> {
        self.classes.get_mut(id.0)?.as_mut().map(|(class, clients)| (class, clients))
    }

    /// All classes and their clients.
    pub fn all(&mut self) -> impl Iterator<Item = (&mut Class, &mut Vec<C>)> {
        self.classes.iter_mut().flatten().map(|(class, clients)| (class, clients))
    }

    /// Removes the clients that `stays` does not accept, and classes that have none left.
    pub fn retain(&mut self, mut stays: impl FnMut(&C) -> bool) {
        for (place, entry) in self.classes.iter_mut().enumerate() {
            let Some((class, clients)) = entry else { continue };
            clients.retain(&mut stays);
            if clients.is_empty() {
                self.by_key.remove(&class.key);
                self.interest.remove(ClassId(place));
                *entry = None;
            }
        }
    }

    /// Removes and gives all clients.
    pub fn drain(&mut self) -> impl Iterator<Item = C> {
        let classes = std::mem::take(self).classes;
        classes.into_iter().flatten().flat_map(|(_, clients)| clients)
    }

    /// Hands committed samples to the classes that want them; whether any did.
    pub fn pass(&mut self, batches: &[Batch], signals: &Signals) -> bool {
        self.learn(signals);
        let mut any = false;
        for samples in batches.iter().flat_map(Batch::instants) {
            self.instants = self.instants.wrapping_add(1);
            for sample in samples {
                let latest = &mut self.latest[sample.signal.0 as usize];
                let late = sample.timestamp.micros() <= *latest;
                *latest = sample.timestamp.micros().max(*latest);
                for id in self.interest.classes(sample.signal) {
                    if let Some(Some((class, _))) = self.classes.get_mut(id.0) {
                        class.add(Passing { sample: *sample, instant: self.instants, late });
                        any = true;
                    }
                }
            }
        }
        any
    }

    /// Looks at the signals that are new.
    fn learn(&mut self, signals: &Signals) {
        for signal in numbers(self.interest.known(), signals.len()) {
            let name = signals.name(signal).unwrap_or_default();
            let wants = |entry: &Option<(Class, Vec<C>)>| {
                let wanted = entry.as_ref().map(|(class, _)| &class.wanted);
                wanted.is_some_and(|wanted| !wanted.is_everything() && wanted.has(&name))
            };
            let classes = (0..self.classes.len()).filter(|place| wants(&self.classes[*place]));
            self.interest.learn(classes.map(ClassId).collect());
        }
        let known = self.latest.len().max(signals.len());
        self.latest.resize(known, i64::MIN);
    }
}

/// The signals numbered from `from` up to and without `to`.
fn numbers(from: usize, to: usize) -> impl Iterator<Item = SignalId> {
    let number = |n| u32::try_from(n).unwrap_or(u32::MAX);
    (number(from)..number(to)).map(SignalId)
}
