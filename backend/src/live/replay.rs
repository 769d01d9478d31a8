//! What brings a client up to date that was away.

use super::newest::{Newest, Room};
use super::{Frame, LiveSample, Protocol, Step};
use crate::batch::{Batch, SignalId};
use crate::signals::Signals;

/// Writes commits again for one client.
#[derive(Clone, Copy)]
pub struct Replay<'a> {
    /// What the client speaks.
    pub protocol: Protocol,
    /// Which signals it wants.
    pub wants: &'a dyn Fn(SignalId) -> bool,
    /// The names of the signals.
    pub signals: &'a Signals,
    /// How many of them, from the first on, the client may be given names of.
    pub known: u32,
}

impl Replay<'_> {
    /// All samples of the commits between the step's positions; before them the names after the first `named` ones.
    pub fn whole<'b>(&self, step: &Step, named: u32, commits: impl Iterator<Item = &'b Batch>) -> Vec<Frame> {
        let mut frames = self.names(step, named);
        frames.extend(self.protocol.dialect().samples(step, &mut self.wanted(commits), self.signals));
        frames
    }

    /// The same where some commits between the positions are unknown: only the newest value of each signal.
    pub fn newest<'b>(
        &self,
        step: &Step,
        named: u32,
        commits: impl Iterator<Item = &'b Batch>,
    ) -> Vec<Frame> {
        let mut newest = Newest::new(&Room::default());
        newest.add(self.wanted(commits).iter().map(|live| live.sample));
        let mut frames = self.names(step, named);
        frames.extend(self.protocol.dialect().conflated(step, &newest, self.signals));
        frames
    }

    fn names(&self, step: &Step, named: u32) -> Vec<Frame> {
        let mut new = (named..self.known).map(SignalId).filter(|signal| (self.wants)(*signal));
        self.protocol.dialect().names(step, self.signals, &mut new)
    }

    /// The samples that the client wants, all taken for late ones.
    fn wanted<'b>(&self, commits: impl Iterator<Item = &'b Batch>) -> Vec<LiveSample> {
        let instants = commits.flat_map(Batch::instants).zip(0..);
        let samples =
            instants.flat_map(|(samples, instant)| samples.iter().map(move |sample| (*sample, instant)));
        samples
            .filter(|(sample, _)| (self.wants)(sample.signal))
            .map(|(sample, instant)| LiveSample { sample, instant, late: true })
            .collect()
    }
}
