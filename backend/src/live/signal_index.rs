//! Which groups want a signal: a bit per signal that tells whether anybody does, and a list of those who do.

use crate::batch::SignalId;

/// A group's place in the list of groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GroupId(pub usize);

/// Kept up to date as groups come and go and as signals appear.
#[derive(Debug, Default)]
pub struct SignalIndex {
    /// Those who want every signal.
    everything: Vec<GroupId>,
    /// Those who want a signal by its number, of those who do not want every one.
    by_signal: Vec<Vec<GroupId>>,
    /// A bit per signal that somebody wants, so that skipping what nobody watches costs next to nothing.
    wanted: Vec<u64>,
}

impl SignalIndex {
    /// How many signals are known; those from this number on must be [`SignalIndex::learn`]ed.
    pub fn known(&self) -> usize {
        self.by_signal.len()
    }

    /// Adds the next signal with those who want it.
    pub fn learn(&mut self, groups: Vec<GroupId>) {
        let signal = self.by_signal.len();
        self.by_signal.push(groups);
        self.update(signal);
    }

    /// A group that wants every signal.
    pub fn add_everything(&mut self, group: GroupId) {
        self.everything.push(group);
    }

    /// A group that wants one of the known signals.
    pub fn add(&mut self, group: GroupId, signal: SignalId) {
        let signal = signal.0 as usize;
        if let Some(groups) = self.by_signal.get_mut(signal) {
            groups.push(group);
            self.update(signal);
        }
    }

    /// A group that wants nothing any more.
    pub fn remove(&mut self, group: GroupId) {
        self.everything.retain(|other| *other != group);
        for signal in 0..self.by_signal.len() {
            if self.by_signal[signal].contains(&group) {
                self.by_signal[signal].retain(|other| *other != group);
                self.update(signal);
            }
        }
    }

    /// Those who want the signal.
    pub fn groups(&self, signal: SignalId) -> impl Iterator<Item = GroupId> {
        let signal = signal.0 as usize;
        let is_wanted = self.wanted.get(signal / 64).is_some_and(|bits| bits >> (signal % 64) & 1 == 1);
        let some = if is_wanted { self.by_signal.get(signal).map_or(&[][..], Vec::as_slice) } else { &[] };
        self.everything.iter().chain(some).copied()
    }

    fn update(&mut self, signal: usize) {
        if self.wanted.len() <= signal / 64 {
            self.wanted.resize(signal / 64 + 1, 0);
        }
        let bit = 1 << (signal % 64);
        if self.by_signal[signal].is_empty() {
            self.wanted[signal / 64] &= !bit;
        } else {
            self.wanted[signal / 64] |= bit;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_come_and_go() {
        let mut index = SignalIndex::default();
        let groups = |index: &SignalIndex, signal| {
            index.groups(SignalId(signal)).map(|group| group.0).collect::<Vec<_>>()
        };
        for signal in 0..200 {
            index.learn(if signal % 2 == 0 { vec![GroupId(1)] } else { vec![] });
        }
        index.add_everything(GroupId(2));
        index.add(GroupId(3), SignalId(131));
        assert_eq!(groups(&index, 130), [2, 1]);
        assert_eq!(groups(&index, 131), [2, 3]);
        assert_eq!(groups(&index, 5_000), [2]);
        index.remove(GroupId(2));
        index.remove(GroupId(3));
        assert_eq!(groups(&index, 130), [1]);
        assert_eq!(groups(&index, 131), Vec::<usize>::new());
    }
}
