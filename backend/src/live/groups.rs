//! All groups of live clients, and which of them want a sample.
//!
//! Clients of one protocol that want the same signals are one group, however they have asked for them. A new signal that only
//! some of a group want splits it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use afterglow_wire::Timestamp;
use afterglow_wire::v1::Position;

use super::newest::Room;
use super::{Group, GroupId, LiveSample, Protocol, Selection, SignalIndex, Wanted};
use crate::batch::{Batch, SignalId};
use crate::memory;
use crate::signals::Signals;

/// Most groups in all. Each is encoded for by itself; beyond it a client that needs another one is refused.
const GROUPS: usize = 1_024;

/// Most groups that have clients of one address.
const GROUPS_OF_ADDRESS: usize = 50;

/// Most patterns with `*` that clients of one address have, equal selections counted once: a new name is compared with
/// each of them.
const PATTERNS_OF_ADDRESS: usize = 2_048;

/// Most patterns with `*` of the clients of all addresses, counted in the same way.
const PATTERNS: usize = 4 * PATTERNS_OF_ADDRESS;

/// Samples that may wait in all groups, 32 bytes each, for what is beyond [`Group::STEP_SAMPLES`] for a few of them.
const WAITING_SAMPLES: usize = 2 << 20;

/// Groups with the clients of each. A group without clients is removed.
#[derive(Debug)]
pub struct Groups<C> {
    groups: Vec<Option<Entry<C>>>,
    by_set: HashMap<SetKey, GroupId>,
    index: SignalIndex,
    /// The latest instant of each signal that was committed: what is not after it is late.
    latest: Vec<i64>,
    instants: u32,
    /// Clients whose groups were split beyond the limits.
    refused: Vec<C>,
    /// For the newest values of all groups.
    room: Room,
}

/// A protocol and the fingerprint of a set of signals; none where everything is wanted.
type SetKey = (Protocol, Option<u64>);

#[derive(Debug)]
struct Entry<C> {
    group: Group,
    /// What its clients have asked for, each once.
    wanted: Vec<Arc<Wanted>>,
    members: Vec<Member<C>>,
}

/// A client of a group.
#[derive(Debug)]
pub struct Member<C> {
    /// The client.
    pub client: C,
    address: IpAddr,
    wanted: Arc<Wanted>,
}

impl<C> Default for Groups<C> {
    fn default() -> Self {
        Self {
            groups: Vec::new(),
            by_set: HashMap::new(),
            index: SignalIndex::default(),
            latest: Vec::new(),
            instants: 0,
            refused: Vec::new(),
            room: Room::default(),
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
        self.groups.iter().flatten().map(|entry| entry.members.len()).sum()
    }

    /// How many groups there are.
    pub fn len(&self) -> usize {
        self.by_set.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.by_set.is_empty()
    }

    /// How many signals it is known of who wants them.
    pub fn known(&self) -> u32 {
        u32::try_from(self.index.known()).unwrap_or(u32::MAX)
    }

    /// Whether a group wants a signal.
    pub fn wants(&self, id: GroupId, signal: SignalId) -> bool {
        self.index.has(id, signal)
    }

    /// The group of those who speak `protocol` and want what `selection` stands for, made when there is none; its clients
    /// have everything up to `position`.
    ///
    /// # Errors
    /// A sentence that says which limit is reached.
    pub fn group(
        &mut self,
        protocol: Protocol,
        selection: &Selection,
        address: IpAddr,
        position: Position,
        signals: &Signals,
    ) -> Result<GroupId, String> {
        self.learn(signals);
        let selector = selection.wanted.selector();
        let mut set = selection.signals.clone();
        let is_everything = selector.is_everything();
        if !is_everything {
            let later = numbers(selection.known as usize, self.index.known());
            later.filter(|signal| has(selector, signals, *signal)).for_each(|signal| set.add(signal));
        }
        let key = (protocol, (!is_everything).then(|| set.fingerprint()));
        let existing = self.by_set.get(&key).copied();
        self.check(existing, selection, address)?;
        if let Some(id) = existing {
            return Ok(id);
        }
        let id = self.free();
        if is_everything {
            self.index.add_everything(id);
        } else {
            self.index.add(id, set);
        }
        self.by_set.insert(key, id);
        self.put(
            id,
            Entry {
                group: Group::new(protocol, position, &self.room),
                wanted: Vec::new(),
                members: Vec::new(),
            },
        );
        Ok(id)
    }

    /// Adds a client to a group that [`Groups::group`] has chosen for it.
    pub fn add(&mut self, id: GroupId, client: C, selection: &Selection, address: IpAddr) {
        let Some(Some(entry)) = self.groups.get_mut(id.0) else { return };
        let same = entry.wanted.iter().find(|wanted| **wanted == selection.wanted);
        let wanted = Arc::clone(same.unwrap_or(&selection.wanted));
        if same.is_none() {
            entry.wanted.push(Arc::clone(&wanted));
        }
        entry.members.push(Member { client, address, wanted });
    }

    /// A group and its clients.
    pub fn get(&mut self, id: GroupId) -> Option<(&mut Group, &mut [Member<C>])> {
        self.groups.get_mut(id.0)?.as_mut().map(|entry| (&mut entry.group, &mut entry.members[..]))
    }

    /// All groups and their clients.
    pub fn all(&mut self) -> impl Iterator<Item = (&mut Group, &mut [Member<C>])> {
        self.groups.iter_mut().flatten().map(|entry| (&mut entry.group, &mut entry.members[..]))
    }

    /// Removes the clients that `stays` does not accept, and groups that have none left.
    pub fn retain(&mut self, mut stays: impl FnMut(&C) -> bool) {
        for place in 0..self.groups.len() {
            let Some(entry) = &mut self.groups[place] else { continue };
            let before = entry.members.len();
            entry.members.retain(|member| stays(&member.client));
            if entry.members.is_empty() {
                self.remove(GroupId(place));
            } else if entry.members.len() < before {
                // The list has one, and every client that has asked for it.
                entry.wanted.retain(|wanted| Arc::strong_count(wanted) > 1);
            }
        }
    }

    /// Removes and gives all clients.
    pub fn drain(&mut self) -> impl Iterator<Item = C> {
        let groups = std::mem::take(self).groups;
        groups.into_iter().flatten().flat_map(|entry| entry.members).map(|member| member.client)
    }

    /// Takes the clients that have no group since theirs was split.
    pub fn take_refused(&mut self) -> Vec<C> {
        std::mem::take(&mut self.refused)
    }

    /// Passes committed samples to the groups that want them; returns whether any did.
    pub fn pass(&mut self, batches: &[Batch], signals: &Signals) -> bool {
        self.learn(signals);
        let mut any = false;
        let most = (memory::bound(WAITING_SAMPLES) / self.len().max(1)).min(Group::STEP_SAMPLES);
        for samples in batches.iter().flat_map(Batch::instants) {
            self.instants = self.instants.wrapping_add(1);
            for sample in samples {
                let latest = &mut self.latest[sample.signal.0 as usize];
                let late = sample.timestamp.micros() <= *latest;
                *latest = sample.timestamp.micros().max(*latest);
                for id in self.index.groups(sample.signal) {
                    if let Some(Some(entry)) = self.groups.get_mut(id.0) {
                        entry.group.add(LiveSample { sample: *sample, instant: self.instants, late }, most);
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
            self.index.learn();
            let mut split = Vec::new();
            for (place, entry) in self.groups.iter_mut().enumerate() {
                let Some(entry) = entry else { continue };
                let want = entry.wanted.iter().filter(|wanted| wanted.selector().has(&name)).count();
                if want > 0 && want < entry.wanted.len() {
                    split.push(GroupId(place));
                } else if want > 0 {
                    entry.group.appeared(signal);
                    if !entry.wanted.iter().any(|wanted| wanted.selector().is_everything()) {
                        extend(
                            &mut self.by_set,
                            &mut self.index,
                            entry.group.protocol,
                            GroupId(place),
                            signal,
                        );
                    }
                }
            }
            split.into_iter().for_each(|id| self.split(id, signal, &name));
        }
        let known = self.latest.len().max(signals.len());
        self.latest.resize(known, i64::MIN);
    }

    /// Those of a group who want a new signal become another group.
    fn split(&mut self, id: GroupId, signal: SignalId, name: &str) {
        let Some(Some(entry)) = self.groups.get_mut(id.0) else { return };
        let wants = |wanted: &Arc<Wanted>| wanted.selector().has(name);
        let wanted: Vec<_> = entry.wanted.extract_if(.., |wanted| wants(wanted)).collect();
        let leave: Vec<_> = entry.members.extract_if(.., |member| wants(&member.wanted)).collect();
        let mut group = entry.group.clone();
        group.appeared(signal);
        let mut members = Vec::new();
        for member in leave {
            if self.len() < GROUPS && self.uses(member.address).0 < GROUPS_OF_ADDRESS {
                members.push(member);
            } else {
                self.refused.push(member.client);
            }
        }
        if members.is_empty() {
            return;
        }
        let (to, protocol) = (self.free(), group.protocol);
        let set = self.index.set(id).cloned().unwrap_or_default();
        self.index.add(to, set);
        self.put(to, Entry { group, wanted, members });
        // Its set is the other's still: the new signal makes the difference.
        self.index.extend(to, signal);
        if let Some(set) = self.index.set(to) {
            self.by_set.insert((protocol, Some(set.fingerprint())), to);
        }
    }

    /// Whether one more client may join, in the group `existing` or another one.
    fn check(&self, existing: Option<GroupId>, selection: &Selection, address: IpAddr) -> Result<(), String> {
        if selection.wanted.selector().is_everything() {
            return Ok(());
        }
        if existing.is_none() && self.len() >= GROUPS {
            return Err(format!(
                "live clients watch {GROUPS} different sets of signals; no more are allowed"
            ));
        }
        let entry = existing.and_then(|id| self.groups[id.0].as_ref());
        let is_here = entry.is_some_and(|entry| entry.members.iter().any(|member| member.address == address));
        let (groups, patterns) = self.uses(address);
        if !is_here && groups >= GROUPS_OF_ADDRESS {
            return Err(format!(
                "live clients at {address} watch {GROUPS_OF_ADDRESS} different sets of signals; no more are allowed from \
                 one address"
            ));
        }
        if patterns + selection.wanted.comparisons() > PATTERNS_OF_ADDRESS {
            return Err(format!(
                "live clients at {address} have {patterns} patterns with *; no more than {PATTERNS_OF_ADDRESS} are \
                 allowed from one address"
            ));
        }
        if self.patterns() + selection.wanted.comparisons() > PATTERNS {
            return Err(format!("live clients have {PATTERNS} patterns with *; no more are allowed"));
        }
        Ok(())
    }

    /// How many patterns all clients have.
    fn patterns(&self) -> usize {
        self.groups.iter().flatten().flat_map(|entry| &entry.wanted).map(|wanted| wanted.comparisons()).sum()
    }

    /// How many groups and patterns the clients of an address have, but for those who want everything.
    fn uses(&self, address: IpAddr) -> (usize, usize) {
        let (mut groups, mut patterns) = (0, 0);
        for entry in self.groups.iter().flatten() {
            let here = entry.members.iter().filter(|member| member.address == address);
            let wanted: HashMap<_, _> =
                here.map(|member| (Arc::as_ptr(&member.wanted), &member.wanted)).collect();
            if wanted.values().any(|wanted| !wanted.selector().is_everything()) {
                groups += 1;
                patterns += wanted.values().map(|wanted| wanted.comparisons()).sum::<usize>();
            }
        }
        (groups, patterns)
    }

    fn free(&self) -> GroupId {
        GroupId(self.groups.iter().position(Option::is_none).unwrap_or(self.groups.len()))
    }

    fn put(&mut self, GroupId(place): GroupId, entry: Entry<C>) {
        match self.groups.get_mut(place) {
            Some(free) => *free = Some(entry),
            None => self.groups.push(Some(entry)),
        }
    }

    fn remove(&mut self, id: GroupId) {
        self.by_set.retain(|_, other| *other != id);
        self.index.remove(id);
        self.groups[id.0] = None;
    }
}

/// A group wants a new signal: it has another set.
fn extend(
    by_set: &mut HashMap<SetKey, GroupId>,
    index: &mut SignalIndex,
    protocol: Protocol,
    id: GroupId,
    signal: SignalId,
) {
    let fingerprint = |index: &SignalIndex| (protocol, index.set(id).map(super::SignalSet::fingerprint));
    by_set.remove(&fingerprint(index));
    index.extend(id, signal);
    by_set.insert(fingerprint(index), id);
}

fn has(selector: &crate::signals::Selector, signals: &Signals, signal: SignalId) -> bool {
    signals.name(signal).is_some_and(|name| selector.has(&name))
}

/// The signals numbered from `from` up to and without `to`.
fn numbers(from: usize, to: usize) -> impl Iterator<Item = SignalId> {
    let number = |n| u32::try_from(n).unwrap_or(u32::MAX);
    (number(from)..number(to)).map(SignalId)
}
