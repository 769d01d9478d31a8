//! All groups of live clients, and which of them want a sample.

use std::collections::HashMap;

use afterglow_wire::Timestamp;
use afterglow_wire::v1::Position;

use super::{Group, GroupId, Key, LiveSample, SignalIndex};
use crate::batch::{Batch, SignalId};
use crate::signals::Signals;

/// Groups with the clients of each. A group without clients is removed.
#[derive(Debug)]
pub struct Groups<C> {
    groups: Vec<Option<(Group, Vec<C>)>>,
    by_key: HashMap<Key, GroupId>,
    index: SignalIndex,
    /// The latest instant of each signal that was committed: what is not after it is late.
    latest: Vec<i64>,
    instants: u32,
}

impl<C> Default for Groups<C> {
    fn default() -> Self {
        Self {
            groups: Vec::new(),
            by_key: HashMap::new(),
            index: SignalIndex::default(),
            latest: Vec::new(),
            instants: 0,
        }
    }
}

impl<C> Groups<C> {
    /// No groups yet; `latest` is the latest instant of each signal that is there already, by its number.
    pub fn new(latest: &[Option<Timestamp>]) -> Self {
        let latest = latest.iter().map(|latest| latest.map_or(i64::MIN, Timestamp::micros)).collect();
        Self { latest, ..Self::default() }
    }

    /// How many clients there are.
    pub fn count(&self) -> usize {
        self.groups.iter().flatten().map(|(_, clients)| clients.len()).sum()
    }

    /// The group with `key`, made when there is none; its clients have everything up to `position`.
    pub fn group(&mut self, key: Key, position: Position, signals: &Signals) -> GroupId {
        if let Some(id) = self.by_key.get(&key) {
            return *id;
        }
        self.learn(signals);
        let free = self.groups.iter().position(Option::is_none);
        let id = GroupId(free.unwrap_or(self.groups.len()));
        self.by_key.insert(key.clone(), id);
        let group = Group::new(key, position, signals);
        if group.wanted.is_everything() {
            self.index.add_everything(id);
        } else {
            for signal in numbers(0, self.index.known()) {
                if signals.name(signal).is_some_and(|name| group.wanted.has(&name)) {
                    self.index.add(id, signal);
                }
            }
        }
        let entry = Some((group, Vec::new()));
        match self.groups.get_mut(id.0) {
            Some(place) => *place = entry,
            None => self.groups.push(entry),
        }
        id
    }

    /// A group and its clients.
    pub fn get(&mut self, id: GroupId) -> Option<(&mut Group, &mut Vec<C>)> {
        self.groups.get_mut(id.0)?.as_mut().map(|(group, clients)| (group, clients))
    }

    /// All groups and their clients.
    pub fn all(&mut self) -> impl Iterator<Item = (&mut Group, &mut Vec<C>)> {
        self.groups.iter_mut().flatten().map(|(group, clients)| (group, clients))
    }

    /// Removes the clients that `stays` does not accept, and groups that have none left.
    pub fn retain(&mut self, mut stays: impl FnMut(&C) -> bool) {
        for (place, entry) in self.groups.iter_mut().enumerate() {
            let Some((group, clients)) = entry else { continue };
            clients.retain(&mut stays);
            if clients.is_empty() {
                self.by_key.remove(&group.key);
                self.index.remove(GroupId(place));
                *entry = None;
            }
        }
    }

    /// Removes and gives all clients.
    pub fn drain(&mut self) -> impl Iterator<Item = C> {
        let groups = std::mem::take(self).groups;
        groups.into_iter().flatten().flat_map(|(_, clients)| clients)
    }

    /// Passes committed samples to the groups that want them; returns whether any did.
    pub fn pass(&mut self, batches: &[Batch], signals: &Signals) -> bool {
        self.learn(signals);
        let mut any = false;
        for samples in batches.iter().flat_map(Batch::instants) {
            self.instants = self.instants.wrapping_add(1);
            for sample in samples {
                let latest = &mut self.latest[sample.signal.0 as usize];
                let late = sample.timestamp.micros() <= *latest;
                *latest = sample.timestamp.micros().max(*latest);
                for id in self.index.groups(sample.signal) {
                    if let Some(Some((group, _))) = self.groups.get_mut(id.0) {
                        group.add(LiveSample { sample: *sample, instant: self.instants, late });
                        any = true;
                    }
                }
            }
        }
        any
    }

    /// Learns which groups want the signals that are new.
    fn learn(&mut self, signals: &Signals) {
        for signal in numbers(self.index.known(), signals.len()) {
            let name = signals.name(signal).unwrap_or_default();
            let wants = |entry: &Option<(Group, Vec<C>)>| {
                let wanted = entry.as_ref().map(|(group, _)| &group.wanted);
                wanted.is_some_and(|wanted| !wanted.is_everything() && wanted.has(&name))
            };
            let groups = (0..self.groups.len()).filter(|place| wants(&self.groups[*place]));
            self.index.learn(groups.map(GroupId).collect());
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
