//! All groups of live clients, and which of them want a sample.
//!
//! Clients of one protocol that want the same signals are one group, however they have asked for them. A new signal that only
//! some of a group want splits it. Names are compared with patterns in slices (`groups/learning.rs`).

mod learning;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use afterglow_wire::Timestamp;
use afterglow_wire::v1::Position;

use super::newest::Room;
use super::parked::Parked;
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
    index: SignalIndex,
    /// How many signals there are, as far as it is known here.
    names: usize,
    /// How many of them, from the first on, have the samples that were passed.
    seen: usize,
    /// Commits that were passed.
    commits: u64,
    /// Samples that a group will want, perhaps, once it has been compared with their signals.
    parked: Parked,
    /// Work that [`Groups::learn`] does at once.
    slice: usize,
    /// The latest instant of each signal that was committed: what is not after it is late.
    latest: Vec<i64>,
    instants: u32,
    /// Clients whose groups were split beyond the limits.
    refused: Vec<C>,
    /// For the newest values of all groups.
    room: Room,
}

#[derive(Debug)]
struct Entry<C> {
    group: Group,
    /// What its clients have asked for, each once.
    wanted: Vec<Arc<Wanted>>,
    members: Vec<Member<C>>,
    /// With how many signals, from the first on, its patterns have been compared.
    known: usize,
    /// Of how many of them it has got what was parked.
    released: usize,
    /// How many commits had been passed when it began: it has what they brought.
    since: u64,
    /// What comparing a name with all its patterns is in work.
    work: usize,
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
            index: SignalIndex::default(),
            names: 0,
            seen: 0,
            commits: 0,
            parked: Parked::default(),
            slice: learning::SLICE,
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
        self.groups.iter().flatten().count()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many signals, from the first on, it is known of whether a group wants them.
    pub fn known(&self, GroupId(place): GroupId) -> u32 {
        let known = self.groups.get(place).and_then(Option::as_ref).map_or(0, |entry| entry.known);
        u32::try_from(known).unwrap_or(u32::MAX)
    }

    /// Whether a group wants a signal.
    pub fn wants(&self, id: GroupId, signal: SignalId) -> bool {
        self.index.has(id, signal)
    }

    /// Compares what a client that is about to join wants with the signals that its selection does not know yet, if they are few;
    /// whether it knows all those whose samples were passed.
    pub fn meet(&mut self, selection: &mut Selection, signals: &Signals) -> bool {
        if self.is_learning() {
            self.name_everything(signals);
        } else {
            self.learn(signals);
        }
        let new = self.names.saturating_sub(selection.known as usize);
        if new.saturating_mul(selection.wanted.work()) <= self.slice {
            selection.learn(signals, u32::try_from(self.names).unwrap_or(u32::MAX));
        }
        selection.wanted.selector().is_everything() || selection.known as usize >= self.seen
    }

    /// The group of those who speak `protocol` and want what `selection` stands for, made when there is none; its clients
    /// have everything up to `position`, which is the last commit that was passed.
    ///
    /// # Errors
    /// A sentence that says which limit is reached.
    pub fn group(
        &mut self,
        protocol: Protocol,
        selection: &Selection,
        address: IpAddr,
        position: Position,
    ) -> Result<GroupId, String> {
        let existing = self.same(protocol, selection);
        self.check(existing, selection, address)?;
        if let Some(id) = existing {
            return Ok(id);
        }
        let id = self.free();
        let is_everything = selection.wanted.selector().is_everything();
        if is_everything {
            self.index.add_everything(id);
        } else {
            self.index.add(id, selection.signals.clone());
        }
        let known = if is_everything { self.names } else { selection.known as usize };
        self.names = self.names.max(known);
        self.put(
            id,
            Entry {
                group: Group::new(protocol, position, &self.room),
                wanted: Vec::new(),
                members: Vec::new(),
                known,
                released: known,
                since: self.commits,
                work: 1,
            },
        );
        Ok(id)
    }

    /// The group that a client may join: it wants the same of the same signals, and nothing is kept from it.
    fn same(&self, protocol: Protocol, selection: &Selection) -> Option<GroupId> {
        let is_everything = selection.wanted.selector().is_everything();
        let is_same = |(place, entry): (usize, &Option<Entry<C>>)| {
            let (id, entry) = (GroupId(place), entry.as_ref()?);
            let is_same = if is_everything || self.index.has_everything(id) {
                is_everything && self.index.has_everything(id)
            } else {
                let set = self.index.set(id)?;
                entry.known == selection.known as usize
                    && !entry.group.is_held()
                    && set.fingerprint() == selection.signals.fingerprint()
            };
            (is_same && entry.group.protocol == protocol).then_some(id)
        };
        self.groups.iter().enumerate().find_map(is_same)
    }

    /// Adds a client to a group that [`Groups::group`] has chosen for it.
    pub fn add(&mut self, id: GroupId, client: C, selection: &Selection, address: IpAddr) {
        let Some(Some(entry)) = self.groups.get_mut(id.0) else { return };
        let same = entry.wanted.iter().find(|wanted| **wanted == selection.wanted);
        let wanted = Arc::clone(same.unwrap_or(&selection.wanted));
        if same.is_none() {
            entry.wanted.push(Arc::clone(&wanted));
            entry.weigh();
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
                entry.weigh();
            }
        }
        // Nobody else may have waited for it.
        self.parked.drop_before(self.compared());
    }

    /// Removes and gives all clients.
    pub fn drain(&mut self) -> impl Iterator<Item = C> {
        self.index = SignalIndex::default();
        self.parked.clear();
        let groups = std::mem::take(&mut self.groups);
        groups.into_iter().flatten().flat_map(|entry| entry.members).map(|member| member.client)
    }

    /// Takes the clients that have no group since theirs was split.
    pub fn take_refused(&mut self) -> Vec<C> {
        std::mem::take(&mut self.refused)
    }

    /// Passes the samples of the commits after `before` to the groups that want them; returns whether any did.
    pub fn pass(&mut self, before: Position, batches: &[Batch], signals: &Signals) -> bool {
        if self.is_learning() {
            self.name_everything(signals);
        } else {
            self.learn(signals);
        }
        self.latest.resize(self.latest.len().max(self.names), i64::MIN);
        self.commits += 1;
        let (most, compared) = (self.most(), self.compared());
        // The last of the signals that somebody has not been compared with.
        let mut parked = None;
        let mut any = false;
        for samples in batches.iter().flat_map(Batch::instants) {
            self.instants = self.instants.wrapping_add(1);
            for sample in samples {
                let number = sample.signal.0 as usize;
                self.seen = self.seen.max(number + 1);
                let latest = &mut self.latest[number];
                let late = sample.timestamp.micros() <= *latest;
                *latest = sample.timestamp.micros().max(*latest);
                let live = LiveSample { sample: *sample, instant: self.instants, late };
                for id in self.index.groups(sample.signal) {
                    if let Some(Some(entry)) = self.groups.get_mut(id.0) {
                        entry.group.add(live, most);
                        any = true;
                    }
                }
                if number >= compared {
                    self.parked.add(self.commits, live);
                    parked = parked.max(Some(number));
                }
            }
        }
        let groups = self.groups.iter_mut().flatten();
        groups.filter(|entry| Some(entry.known) <= parked).for_each(|entry| entry.group.hold(before));
        any
    }

    /// Most samples that may wait in a group.
    fn most(&self) -> usize {
        (memory::bound(WAITING_SAMPLES) / self.len().max(1)).min(Group::STEP_SAMPLES)
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
        self.index.remove(id);
        self.groups[id.0] = None;
    }
}

impl<C> Entry<C> {
    fn weigh(&mut self) {
        self.work = self.wanted.iter().map(|wanted| wanted.work()).sum();
    }
}

/// The signals numbered from `from` up to and without `to`.
fn numbers(from: usize, to: usize) -> impl Iterator<Item = SignalId> {
    let number = |n| u32::try_from(n).unwrap_or(u32::MAX);
    (number(from)..number(to)).map(SignalId)
}
