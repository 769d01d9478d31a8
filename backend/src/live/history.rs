//! What comes before the tail: a snapshot of the past, or what was committed while a client was away.

mod snapshot;

use afterglow_wire::v1::Position;
use afterglow_wire::{Code, Timestamp};

pub use snapshot::snapshot;

use super::{Frame, Protocol, Replay, Step, known};
use crate::batch::Batch;
use crate::signals::Selector;
use crate::store::{Since, Store, StoreError};

/// Rows of the journal that are read at once.
const ROWS: u32 = 256;

/// Takes frames.
pub trait Output {
    /// Takes the next one.
    ///
    /// # Errors
    /// [`StoreError::Cancelled`] or [`StoreError::QueryTimeout`] when the client does not take it.
    fn frame(&mut self, frame: Frame) -> Result<(), StoreError>;

    /// Whether more is wanted; see [`Sink::check`](crate::store::Sink::check).
    ///
    /// # Errors
    /// As there.
    fn check(&mut self) -> Result<(), StoreError>;
}

/// The end of a history: where the tail must go on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Filled {
    /// What the client has now.
    pub position: Position,
    /// The first so many signals of the dictionary have been named.
    pub named: u32,
}

/// Why there is no history.
#[derive(Debug)]
pub enum NoHistory {
    /// What the client missed cannot be told apart any more: it needs a snapshot.
    Sealed,
    /// The request cannot be answered, or nobody wants the answer any more.
    Failed(Code, String),
}

impl From<StoreError> for NoHistory {
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
    Frames(Vec<Frame>, Filled),
    /// Nothing.
    End,
}

impl Missed<'_> {
    /// Reads the next part of what was committed since `filled`. Blocks.
    ///
    /// # Errors
    /// [`NoHistory::Sealed`] when that cannot be told any more.
    pub fn page(&self, filled: Filled) -> Result<Page, NoHistory> {
        let signals = self.store.signals();
        let Filled { position, named } = filled;
        match self.store.committed_since(position.sequence, ROWS)? {
            Since::Nothing => Ok(Page::End),
            Since::Sealed => Err(NoHistory::Sealed),
            Since::Samples(sequence, samples) => {
                let mut batch = Batch::default();
                samples.into_iter().for_each(|sample| batch.push(sample));
                let after = Position { sequence, ..position };
                let known = known(signals);
                let replay = Replay { protocol: self.protocol, wanted: self.wanted, signals };
                let step = Step { before: position, after, server_time: self.now.micros() };
                let frames = replay.whole(&step, named, std::iter::once(&batch));
                Ok(Page::Frames(frames, Filled { position: after, named: known }))
            }
        }
    }

    /// Writes all of it; `first` is the part after `filled`. Blocks.
    ///
    /// # Errors
    /// [`NoHistory::Sealed`] when that cannot be told any more.
    pub fn write(
        &self,
        mut filled: Filled,
        first: Page,
        output: &mut dyn Output,
    ) -> Result<Filled, NoHistory> {
        let mut next = first;
        while let Page::Frames(frames, reached) = next {
            frames.into_iter().try_for_each(|frame| output.frame(frame))?;
            filled = reached;
            next = self.page(filled)?;
        }
        Ok(filled)
    }
}
