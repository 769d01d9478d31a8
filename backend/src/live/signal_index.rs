//! Which groups want a signal: a set of signals per group, and per signal a list of the groups, made when it is asked for.

use super::SignalSet;
use crate::batch::SignalId;

/// A group's place in the list of groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GroupId(pub usize);

/// Kept up to date as groups come and go and as signals appear. Groups come and go in constant time, however many signals
/// there are; the lists are made again after that.
#[derive(Debug, Default)]
pub struct SignalIndex {
    /// Those who want every signal.
    everything: Vec<GroupId>,
    /// What the others want, by group.
    sets: Vec<SignalSet>,
    /// By signal: the groups in `sets` that want it, a bit each, and the number of the change up to which that is true.
    lists: Vec<(u64, Vec<u64>)>,
    changes: u64,
}

impl SignalIndex {
    /// A group that wants every signal.
    pub fn add_everything(&mut self, group: GroupId) {
        self.everything.push(group);
    }

    /// A group that wants a set of signals.
    pub fn add(&mut self, GroupId(place): GroupId, set: SignalSet) {
        self.changes += 1;
        if self.sets.len() <= place {
            self.sets.resize_with(place + 1, SignalSet::default);
        }
        self.sets[place] = set;
    }

    /// A group wants one more signal.
    pub fn extend(&mut self, GroupId(place): GroupId, signal: SignalId) {
        self.changes += 1;
        self.sets[place].add(signal);
    }

    /// Whether a group wants every signal.
    pub fn has_everything(&self, group: GroupId) -> bool {
        self.everything.contains(&group)
    }

    /// What a group wants that does not want everything.
    pub fn set(&self, GroupId(place): GroupId) -> Option<&SignalSet> {
        self.sets.get(place)
    }

    /// Whether a group wants a signal.
    pub fn has(&self, group: GroupId, signal: SignalId) -> bool {
        self.has_everything(group) || self.sets.get(group.0).is_some_and(|set| set.has(signal))
    }

    /// A group that wants nothing any more.
    pub fn remove(&mut self, group: GroupId) {
        self.changes += 1;
        self.everything.retain(|other| *other != group);
        if let Some(set) = self.sets.get_mut(group.0) {
            *set = SignalSet::default();
        }
    }

    /// Those who want the signal.
    pub fn groups(&mut self, signal: SignalId) -> impl Iterator<Item = GroupId> {
        let place = signal.0 as usize;
        if self.lists.len() <= place {
            self.lists.resize_with(place + 1, Default::default);
        }
        let (change, list) = &mut self.lists[place];
        if *change != self.changes {
            *change = self.changes;
            list.clear();
            for (group, _) in self.sets.iter().enumerate().filter(|(_, set)| set.has(signal)) {
                list.resize(group / 64 + 1, 0);
                list[group / 64] |= 1 << (group % 64);
            }
        }
        let words = self.lists[place].1.iter().enumerate();
        let some = words.flat_map(|(at, word)| {
            let mut left = *word;
            std::iter::from_fn(move || {
                let bit = (left != 0).then(|| left.trailing_zeros() as usize)?;
                left &= left - 1;
                Some(GroupId(64 * at + bit))
            })
        });
        self.everything.iter().copied().chain(some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_come_and_go() {
        let mut index = SignalIndex::default();
        let groups = |index: &mut SignalIndex, signal| {
            index.groups(SignalId(signal)).map(|group| group.0).collect::<Vec<_>>()
        };
        let mut even = SignalSet::default();
        (0..100).for_each(|half| even.add(SignalId(2 * half)));
        index.add(GroupId(1), even);
        index.add_everything(GroupId(2));
        index.add(GroupId(70), SignalSet::default());
        index.extend(GroupId(70), SignalId(130));
        index.extend(GroupId(70), SignalId(131));
        assert_eq!(groups(&mut index, 130), [2, 1, 70]);
        assert_eq!(groups(&mut index, 131), [2, 70]);
        assert_eq!(groups(&mut index, 5_000), [2]);
        assert!(index.has(GroupId(2), SignalId(7)) && !index.has(GroupId(1), SignalId(7)));
        index.remove(GroupId(2));
        index.remove(GroupId(70));
        assert_eq!(groups(&mut index, 130), [1]);
        assert_eq!(groups(&mut index, 131), Vec::<usize>::new());
    }
}
