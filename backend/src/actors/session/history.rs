//! Reads history for sessions, on threads that may block, for a limited number at once: later requests wait their turn. One
//! whose client has not taken what was read keeps its thread, but lets others read; a snapshot keeps its reader of the database, too.

use std::sync::Arc;
use std::time::Duration;

use afterglow_wire::Timestamp;
use afterglow_wire::v1::Subscribe;
use futures_util::{Stream, StreamExt as _, stream};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use crate::clock::Stopwatch;
use crate::live::history::{self, CaughtUp, HistoryError, Missed, Output};
use crate::live::{Frame, Protocol};
use crate::signals::Selector;
use crate::store::{Stopped, Store, while_wanted};

/// Frames that may have been made before the client has taken them: 3 MB, so that most snapshots fit as a whole and
/// a slow client keeps nobody else from theirs.
pub(super) const PIECES: usize = 64;

/// Histories that are read or wait for their clients.
const THREADS: usize = 64;

/// What is to be read.
#[derive(Clone, Copy, Debug)]
pub(super) enum HistoryRequest {
    /// The window that the subscription names.
    Snapshot,
    /// What was committed since.
    Missed(CaughtUp),
}

/// What comes back, in order.
pub(super) enum Piece {
    /// There is an answer.
    Began { is_resumed: bool },
    /// A part of it.
    Frame(Frame),
    /// The end: where the tail goes on, or why there is none.
    End(Result<CaughtUp, HistoryError>),
}

/// Threads that read history: at most a number of them at once.
#[derive(Clone, Debug)]
pub struct HistoryReaders {
    threads: Arc<Semaphore>,
    places: Arc<Semaphore>,
    slow_timeout: Duration,
}

impl HistoryReaders {
    /// At most `readers` read at once; each ends when its client takes nothing for `slow_timeout`.
    pub fn new(readers: usize, slow_timeout: Duration) -> Self {
        let threads = Arc::new(Semaphore::new(THREADS));
        Self { threads, places: Arc::new(Semaphore::new(readers)), slow_timeout }
    }

    pub(super) fn send(
        &self,
        store: &Store,
        subscribe: Subscribe,
        request: HistoryRequest,
        epoch: u64,
        now: Timestamp,
    ) -> impl Stream<Item = Piece> + 'static {
        let (pieces, received) = mpsc::channel(PIECES);
        let (store, places, slow_timeout) = (store.clone(), Arc::clone(&self.places), self.slow_timeout);
        let threads = Arc::clone(&self.threads);
        let start = async move {
            // Never closed.
            let thread = threads.acquire_owned().await;
            let place = Arc::clone(&places).acquire_owned().await.ok();
            drop(actix_rt::task::spawn_blocking(move || {
                let asked = pieces.clone();
                let is_snapshot = matches!(request, HistoryRequest::Snapshot);
                let since = Stopwatch::start();
                let mut output = Pieces { pieces, slow_timeout, since, places, place, is_snapshot };
                while_wanted(
                    move || asked.is_closed(),
                    || {
                        let end = read(&store, &subscribe, request, epoch, now, &mut output);
                        let _ = output.send(Piece::End(end));
                    },
                );
                drop(thread);
            }));
            received
        };
        let rest = |received| {
            stream::unfold(received, async |mut received: mpsc::Receiver<_>| {
                received.recv().await.map(|piece| (piece, received))
            })
        };
        stream::once(start).flat_map(rest)
    }
}

fn read(
    store: &Store,
    subscribe: &Subscribe,
    request: HistoryRequest,
    epoch: u64,
    now: Timestamp,
    output: &mut Pieces,
) -> Result<CaughtUp, HistoryError> {
    match request {
        HistoryRequest::Snapshot => {
            output.send(Piece::Began { is_resumed: false })?;
            history::snapshot(store, subscribe, epoch, now, output)
        }
        HistoryRequest::Missed(caught_up) => {
            let wanted = Selector::new(&subscribe.signals);
            let missed = Missed { store, protocol: Protocol::V1, wanted: &wanted, now };
            let resumes = subscribe.resume == Some(caught_up.position);
            // Whether it can be resumed at all shows with the first page.
            let first = missed.page(caught_up)?;
            if resumes {
                output.send(Piece::Began { is_resumed: true })?;
            }
            missed.write(caught_up, first, output)
        }
    }
}

struct Pieces {
    pieces: mpsc::Sender<Piece>,
    slow_timeout: Duration,
    /// Since the last piece was taken.
    since: Stopwatch,
    places: Arc<Semaphore>,
    /// Held while it reads.
    place: Option<OwnedSemaphorePermit>,
    /// Whether a reader of the database is kept also while the client takes nothing: a snapshot is one transaction.
    is_snapshot: bool,
}

impl Pieces {
    fn send(&mut self, piece: Piece) -> Result<(), Stopped> {
        match self.pieces.try_send(piece) {
            Ok(()) => {}
            Err(TrySendError::Closed(_)) => return Err(Stopped::Cancelled),
            Err(TrySendError::Full(piece)) => self.wait(piece)?,
        }
        self.since = Stopwatch::start();
        Ok(())
    }

    /// Sends when the client has taken something; others read meanwhile, unless this keeps a reader of the database.
    fn wait(&mut self, piece: Piece) -> Result<(), Stopped> {
        let kept = self.place.take().filter(|_| self.is_snapshot);
        let (slow_timeout, sender, places) = (self.slow_timeout, &self.pieces, Arc::clone(&self.places));
        self.place = tokio::runtime::Handle::current().block_on(async {
            match tokio::time::timeout(slow_timeout, sender.send(piece)).await {
                Ok(Ok(())) if kept.is_some() => Ok(kept),
                // With a limit: those who have the places may wait for this thread.
                Ok(Ok(())) => match tokio::time::timeout(slow_timeout, places.acquire_owned()).await {
                    Ok(place) => Ok(place.ok()),
                    Err(_) => Err(Stopped::NoPlace),
                },
                Ok(Err(_)) => Err(Stopped::Cancelled),
                Err(_) => Err(Stopped::Timeout(slow_timeout)),
            }
        })?;
        Ok(())
    }
}

impl Output for Pieces {
    fn frame(&mut self, frame: Frame) -> Result<(), Stopped> {
        self.send(Piece::Frame(frame))
    }

    fn check(&mut self) -> Result<(), Stopped> {
        if self.pieces.is_closed() {
            return Err(Stopped::Cancelled);
        }
        if self.since.elapsed() > self.slow_timeout {
            return Err(Stopped::Timeout(self.slow_timeout));
        }
        Ok(())
    }
}
