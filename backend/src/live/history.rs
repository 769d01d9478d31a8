//! What comes before the tail: a snapshot of the past, or what was committed while a client was away.

mod snapshot;

use std::cell::RefCell;
use std::collections::HashMap;

use afterglow_wire::v1::Position;
use afterglow_wire::{Code, Timestamp};

pub use snapshot::snapshot;

use super::{Frame, Protocol, Replay, Step, known};
use crate::batch::{Batch, SignalId};
use crate::signals::Selector;
use crate::store::{Since, Stopped, Store, StoreError};

/// Rows of the journal that are read at once: at most some 15 MB of text.
const ROWS: u32 = 32;

/// Takes frames.
pub trait Output {
    /// Takes the next one.
    ///
    /// # Errors
    /// [`Stopped::Cancelled`] or [`Stopped::Timeout`] when the client does not take it.
    fn frame(&mut self, frame: Frame) -> Result<(), Stopped>;

    /// Whether more is wanted; see [`Sink::check`](crate::store::Sink::check).
    ///
    /// # Errors
    /// As there.
    fn check(&mut self) -> Result<(), Stopped>;
}

/// Where a history ends and the tail begins.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CaughtUp {
    /// What the client has now.
    pub position: Position,
    /// How many signals of the dictionary, from the first on, have been named.
    pub named: u32,
}

/// Why there is no history.
#[derive(Debug)]
pub enum HistoryError {
    /// What the client missed can no longer be replayed commit by commit: it needs a snapshot.
    Compacted,
    /// The request cannot be answered, or the client has gone.
    Failed(Code, String),
}

impl From<Stopped> for HistoryError {
    fn from(stopped: Stopped) -> Self {
        Self::Failed(stopped.code(), stopped.to_string())
    }
}

impl From<StoreError> for HistoryError {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.code(), error.to_string())
    }
}

/// A client that reads what was committed while it was away.
#[derive(Clone, Copy)]
pub struct Missed<'a> {
    /// Where it was committed.
    pub store: &'a Store,
    /// What the client speaks.
    pub protocol: Protocol,
    /// Which signals it wants.
    pub wanted: &'a Selector,
    /// The server's clock.
    pub now: Timestamp,
}

/// A part of what was committed since some position.
pub enum Page {
    /// These, up to there.
    Frames(Vec<Frame>, CaughtUp),
    /// Nothing.
    End,
}

impl Missed<'_> {
    /// Reads the next part of what was committed since `caught_up`. Blocks.
    ///
    /// # Errors
    /// [`HistoryError::Compacted`] when that can no longer be replayed.
    pub fn page(&self, caught_up: CaughtUp) -> Result<Page, HistoryError> {
        let signals = self.store.signals();
        let CaughtUp { position, named } = caught_up;
        match self.store.committed_since(position.sequence, ROWS)? {
            Since::Nothing => Ok(Page::End),
            Since::Sealed => Err(HistoryError::Compacted),
            Since::Samples(sequence, samples) => {
                let mut batch = Batch::default();
                samples.into_iter().for_each(|sample| batch.push(sample));
                let after = Position { sequence, ..position };
                let known = known(signals);
                let compared = RefCell::new(HashMap::new());
                let compare = |signal| signals.name(signal).is_some_and(|name| self.wanted.has(&name));
                let wants = |signal: SignalId| {
                    *compared.borrow_mut().entry(signal).or_insert_with(|| compare(signal))
                };
                let replay = Replay { protocol: self.protocol, wants: &wants, signals, known };
                let step = Step { before: position, after, server_time: self.now.micros() };
                let frames = replay.whole(&step, named, std::iter::once(&batch));
                Ok(Page::Frames(frames, CaughtUp { position: after, named: known }))
            }
        }
    }

    /// Writes all of it; `first` is the part after `caught_up`. Blocks.
    ///
    /// # Errors
    /// [`HistoryError::Compacted`] when that can no longer be replayed.
    pub fn write(
        &self,
        mut caught_up: CaughtUp,
        first: Page,
        output: &mut dyn Output,
    ) -> Result<CaughtUp, HistoryError> {
        let mut next = first;
        while let Page::Frames(frames, reached) = next {
            frames.into_iter().try_for_each(|frame| output.frame(frame))?;
            caught_up = reached;
            next = self.page(caught_up)?;
        }
        Ok(caught_up)
    }
}
