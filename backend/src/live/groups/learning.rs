//! Which groups want the signals that are new.
//!
//! A new name is compared with the patterns of every group, and nobody else waits for that: it is done in slices of bounded work, those
//! groups first that have the least of it left. Meanwhile samples of signals that a group has not been compared with are parked, and
//! the group is held: it gets the samples of all other signals as they come, but its position stays before the first commit of which
//! something is parked. When it has been compared with all signals that have samples, it has got what was parked, in order, and
//! goes on.
//!
//! **Bound.** Samples that are parked, once for all groups (`parked.rs`). **Overload.** Beyond that, groups that are held go on without
//! them ([`Groups::drop_parked`]), and their clients notice, as with a commit that was shed.

#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::{Entry, GROUPS, GROUPS_OF_ADDRESS, Groups, numbers};
use crate::batch::SignalId;
use crate::live::GroupId;
use crate::signals::Signals;

/// Work of one slice: a millisecond or two.
pub(super) const SLICE: usize = 10_000;

/// Work of making another group of a part of one.
const SPLIT: usize = 500;

/// How many parked samples are looked through, or groups, for one unit of work.
const LOOKED_THROUGH: usize = 64;

impl<C> Groups<C> {
    /// Whether new names have still to be compared with patterns.
    pub fn is_learning(&self) -> bool {
        self.compared() < self.names
    }

    /// With how many signals, from the first on, everybody has been compared.
    pub(super) fn compared(&self) -> usize {
        self.groups.iter().flatten().map(|entry| entry.known).min().unwrap_or(self.names)
    }

    /// Does a slice of the comparing that is to be done.
    pub fn learn(&mut self, signals: &Signals) {
        self.name_everything(signals);
        let mut left = self.slice;
        while let Some(GroupId(place)) = self.next_to_learn() {
            // To find it, and to look through what is parked for it.
            left = left.saturating_sub((self.groups.len() + self.parked.len()) / LOOKED_THROUGH);
            while let Some(Some(entry)) = self.groups.get_mut(place)
                && entry.known < self.names
            {
                left = left.saturating_sub(entry.work.max(1));
                if self.compare(GroupId(place), signals) {
                    left = left.saturating_sub(SPLIT + self.parked.len() / LOOKED_THROUGH);
                }
                if left == 0 {
                    return self.release();
                }
            }
        }
        self.release();
    }

    /// Tells those who want everything of the signals that are new. Nothing is to be compared for that.
    pub(super) fn name_everything(&mut self, signals: &Signals) {
        self.names = self.names.max(signals.len());
        for (place, entry) in self.groups.iter_mut().enumerate() {
            if let Some(entry) = entry
                && self.index.has_everything(GroupId(place))
            {
                numbers(entry.known, self.names).for_each(|signal| entry.group.appeared(signal));
                (entry.known, entry.released) = (self.names, self.names);
            }
        }
    }

    /// The group with the least work left.
    fn next_to_learn(&self) -> Option<GroupId> {
        let entries =
            self.groups.iter().enumerate().filter_map(|(place, entry)| Some((place, entry.as_ref()?)));
        let learning = entries.filter(|(_, entry)| entry.known < self.names);
        let work = |entry: &Entry<C>| (self.names - entry.known).saturating_mul(entry.work);
        learning.min_by_key(|(_, entry)| work(entry)).map(|(place, _)| GroupId(place))
    }

    /// Compares the next signal with what a group wants; whether that splits it.
    fn compare(&mut self, id: GroupId, signals: &Signals) -> bool {
        let Some(Some(entry)) = self.groups.get_mut(id.0) else { return false };
        let Some(signal) = numbers(entry.known, self.names).next() else { return false };
        entry.known += 1;
        let name = signals.name(signal).unwrap_or_default();
        let wants: Vec<bool> = entry.wanted.iter().map(|wanted| wanted.selector().has(&name)).collect();
        if !wants.contains(&true) {
            return false;
        }
        if wants.contains(&false) {
            self.split(id, signal, &wants);
            return true;
        }
        entry.group.appeared(signal);
        self.index.extend(id, signal);
        false
    }

    /// Those of a group who want a new signal become another group.
    fn split(&mut self, id: GroupId, signal: SignalId, wants: &[bool]) {
        let Some(Some(entry)) = self.groups.get_mut(id.0) else { return };
        let mut wants = wants.iter().copied();
        let wanted: Vec<_> = entry.wanted.extract_if(.., |_| wants.next() == Some(true)).collect();
        let leave: HashSet<_> = wanted.iter().map(Arc::as_ptr).collect();
        let leave = entry.members.extract_if(.., |member| leave.contains(&Arc::as_ptr(&member.wanted)));
        let leave: Vec<_> = leave.collect();
        entry.weigh();
        let mut to = Entry {
            group: entry.group.clone(),
            wanted,
            members: Vec::new(),
            known: entry.known,
            released: entry.released,
            since: entry.since,
            work: 0,
        };
        to.weigh();
        to.group.appeared(signal);
        let (has_room, mut addresses) = (self.len() < GROUPS, HashMap::new());
        for member in leave {
            let may = || has_room && self.uses(member.address).0 < GROUPS_OF_ADDRESS;
            if *addresses.entry(member.address).or_insert_with(may) {
                to.members.push(member);
            } else {
                self.refused.push(member.client);
            }
        }
        if to.members.is_empty() {
            return;
        }
        let free = self.free();
        let set = self.index.set(id).cloned().unwrap_or_default();
        self.index.add(free, set);
        // Its set is the other's still: the new signal makes the difference.
        self.index.extend(free, signal);
        self.put(free, to);
    }

    /// Gives groups what was parked for them, and lets those go on that have everything.
    fn release(&mut self) {
        let most = self.most();
        for (place, entry) in self.groups.iter_mut().enumerate() {
            let Some(entry) = entry else { continue };
            if entry.released < entry.known
                && let Some(set) = self.index.set(GroupId(place))
            {
                let parked = self.parked.of(entry.since, entry.released, entry.known);
                let wanted = parked.filter(|live| set.has(live.sample.signal));
                wanted.for_each(|live| entry.group.add(*live, most));
            }
            entry.released = entry.known;
            if entry.known >= self.seen {
                entry.group.go_on();
            }
        }
        self.parked.drop_before(self.compared());
    }

    /// Whether samples were to be parked and found no room.
    pub fn is_parking_full(&self) -> bool {
        self.parked.is_full()
    }

    /// Drops what is parked. The groups that are held miss it: they must [`Group::skip_to`] the last commit.
    ///
    /// [`Group::skip_to`]: crate::live::Group::skip_to
    pub fn drop_parked(&mut self) {
        self.parked.clear();
    }
}
