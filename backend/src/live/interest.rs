//! Which classes want a signal: a bit per signal that tells whether anybody does, and a list of those who do.

use crate::batch::SignalId;

/// A class's place in the list of classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClassId(pub usize);

/// Kept up to date as classes come and go and as signals appear.
#[derive(Debug, Default)]
pub struct Interest {
    /// Those who want every signal.
    everything: Vec<ClassId>,
    /// Those who want a signal by its number, of those who do not want every one.
    by_signal: Vec<Vec<ClassId>>,
    /// A bit per signal that somebody wants, so that passing over what nobody watches costs next to nothing.
    wanted: Vec<u64>,
}

impl Interest {
    /// How many signals have been looked at; those from this number on must be [`Interest::learn`]ed.
    pub fn known(&self) -> usize {
        self.by_signal.len()
    }

    /// Adds the next signal with those who want it.
    pub fn learn(&mut self, classes: Vec<ClassId>) {
        let signal = self.by_signal.len();
        self.by_signal.push(classes);
        self.update(signal);
    }

    /// A class that wants every signal.
    pub fn add_everything(&mut self, class: ClassId) {
        self.everything.push(class);
    }

    /// A class that wants one of the signals looked at.
    pub fn add(&mut self, class: ClassId, signal: SignalId) {
        let signal = signal.0 as usize;
        if let Some(classes) = self.by_signal.get_mut(signal) {
            classes.push(class);
            self.update(signal);
        }
    }

    /// A class that wants nothing any more.
    pub fn remove(&mut self, class: ClassId) {
        self.everything.retain(|other| *other != class);
        for signal in 0..self.by_signal.len() {
            if self.by_signal[signal].contains(&class) {
                self.by_signal[signal].retain(|other| *other != class);
                self.update(signal);
            }
        }
    }

    /// Those who want the signal.
    pub fn classes(&self, signal: SignalId) -> impl Iterator<Item = ClassId> {
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
        let mut interest = Interest::default();
        let classes = |interest: &Interest, signal| {
            interest.classes(SignalId(signal)).map(|class| class.0).collect::<Vec<_>>()
        };
        for signal in 0..200 {
            interest.learn(if signal % 2 == 0 { vec![ClassId(1)] } else { vec![] });
        }
        interest.add_everything(ClassId(2));
        interest.add(ClassId(3), SignalId(131));
        assert_eq!(classes(&interest, 130), [2, 1]);
        assert_eq!(classes(&interest, 131), [2, 3]);
        assert_eq!(classes(&interest, 5_000), [2]);
        interest.remove(ClassId(2));
        interest.remove(ClassId(3));
        assert_eq!(classes(&interest, 130), [1]);
        assert_eq!(classes(&interest, 131), Vec::<usize>::new());
    }
}
