//! What brings a client up to date that was away.

use super::newest::Newest;
use super::{Frame, LiveSample, Protocol, Step};
use crate::batch::Batch;
use crate::signals::{Selector, Signals};

/// Writes commits again for one client.
#[derive(Clone, Copy, Debug)]
pub struct Replay<'a> {
    /// What the client speaks.
    pub protocol: Protocol,
    /// Which signals it wants.
    pub wanted: &'a Selector,
    /// The names of the signals.
    pub signals: &'a Signals,
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
        let mut newest = Newest::default();
        newest.add(self.wanted(commits).iter().map(|live| live.sample));
        let mut frames = self.names(step, named);
        frames.extend(self.protocol.dialect().conflated(step, &newest, self.signals));
        frames
    }

    fn names(&self, step: &Step, named: u32) -> Vec<Frame> {
        let known = super::known(self.signals);
        self.protocol.dialect().names(step, self.signals, named..known, self.wanted)
    }

    /// The samples that the client wants, all taken for late ones.
    fn wanted<'b>(&self, commits: impl Iterator<Item = &'b Batch>) -> Vec<LiveSample> {
        let instants = commits.flat_map(Batch::instants).zip(0..);
        let samples =
            instants.flat_map(|(samples, instant)| samples.iter().map(move |sample| (*sample, instant)));
        let wants = |signal| {
            self.wanted.is_everything()
                || self.signals.name(signal).is_some_and(|name| self.wanted.has(&name))
        };
        samples
            .filter(|(sample, _)| wants(sample.signal))
            .map(|(sample, instant)| LiveSample { sample, instant, late: true })
            .collect()
    }
}
