//! Reads history for sessions, on threads that may block, for a limited number at once: later requests wait their turn. One
//! whose client has not taken what was read keeps its thread, but lets others read; a snapshot keeps its reader of the database, too.

use std::net::IpAddr;
use std::time::Duration;

use afterglow_wire::Timestamp;
use afterglow_wire::v1::Subscribe;
use futures_util::{Stream, StreamExt as _, stream};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use crate::clock::Stopwatch;
use crate::live::history::{self, CaughtUp, HistoryError, Missed, Output};
use crate::live::{Frame, Protocol};
use crate::pace::Pace;
use crate::places::{Place, Places};
use crate::signals::Selector;
use crate::store::{Stopped, Store, asked_by, while_wanted};

/// Frames that may have been made before the client has taken them: 3 MB, so that most snapshots fit as a whole and
/// a slow client keeps nobody else from theirs.
pub(super) const PIECES: usize = 64;

/// Histories that are read or wait for their clients; a half of them for one address.
const THREADS: usize = 64;

/// Bytes a second that a client must read on average, once it has used up its patience: what does not fit into [`PIECES`]
/// keeps a reader of the database, and a snapshot its transaction.
const LEAST_RATE: u64 = 256 << 10;

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
    threads: Places,
    places: Places,
    slow_timeout: Duration,
}

impl HistoryReaders {
    /// At most `readers` read at once for one address, and twice as many in all; each ends when its client takes nothing for
    /// `slow_timeout`, or too little.
    pub fn new(readers: usize, slow_timeout: Duration) -> Self {
        let threads = Places::new(THREADS, THREADS / 2);
        Self { threads, places: Places::new(2 * readers, readers), slow_timeout }
    }

    pub(super) fn send(
        &self,
        store: &Store,
        address: IpAddr,
        subscribe: Subscribe,
        request: HistoryRequest,
        epoch: u64,
        now: Timestamp,
    ) -> impl Stream<Item = Piece> + 'static {
        let (pieces, received) = mpsc::channel(PIECES);
        let (store, places, slow_timeout) = (store.clone(), self.places.clone(), self.slow_timeout);
        let threads = self.threads.clone();
        let start = async move {
            let thread = threads.take(address).await;
            let place = places.take(address).await;
            drop(actix_rt::task::spawn_blocking(move || {
                let asked = pieces.clone();
                let is_snapshot = matches!(request, HistoryRequest::Snapshot);
                let (since, pace) = (Stopwatch::start(), Pace::new(slow_timeout, LEAST_RATE));
                let mut output = Pieces { pieces, address, since, pace, places, place, is_snapshot };
                let write = || {
                    let end = read(&store, &subscribe, request, epoch, now, &mut output);
                    let _ = output.send(Piece::End(end));
                };
                asked_by(address, || while_wanted(move || asked.is_closed(), write));
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
            let wanted = Selector::new(&subscribe.signals).within(store.scope());
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
    address: IpAddr,
    /// Since the last piece was taken.
    since: Stopwatch,
    pace: Pace,
    places: Places,
    /// Held while it reads.
    place: Option<Place>,
    /// Whether a reader of the database is kept also while the client takes nothing: a snapshot is one transaction.
    is_snapshot: bool,
}

impl Pieces {
    fn send(&mut self, piece: Piece) -> Result<(), Stopped> {
        let bytes = if let Piece::Frame(frame) = &piece { frame.len() } else { 0 };
        match self.pieces.try_send(piece) {
            Ok(()) => {}
            Err(TrySendError::Closed(_)) => return Err(Stopped::Cancelled),
            Err(TrySendError::Full(piece)) => self.wait(piece)?,
        }
        self.pace.took(bytes);
        self.since = Stopwatch::start();
        Ok(())
    }

    /// Sends when the client has taken something; others read meanwhile, unless this keeps a reader of the database.
    fn wait(&mut self, piece: Piece) -> Result<(), Stopped> {
        let kept = self.place.take().filter(|_| self.is_snapshot);
        let (left, patience, waiting) = (self.pace.left(), self.pace.patience(), Stopwatch::start());
        let (sender, places, address) = (&self.pieces, &self.places, self.address);
        let place = tokio::runtime::Handle::current().block_on(async {
            match tokio::time::timeout(left, sender.send(piece)).await {
                Ok(Ok(())) if kept.is_some() => Ok(kept),
                // With a limit: those who have the places may wait for this thread.
                Ok(Ok(())) => match tokio::time::timeout(patience, places.take(address)).await {
                    Ok(place) => Ok(place),
                    Err(_) => Err(Stopped::NoPlace),
                },
                Ok(Err(_)) => Err(Stopped::Cancelled),
                Err(_) => Err(Stopped::Timeout(patience)),
            }
        });
        self.pace.waited(waiting.elapsed());
        self.place = place?;
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
        if self.since.elapsed() > self.pace.patience() {
            return Err(Stopped::Timeout(self.pace.patience()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[actix_rt::test]
    async fn a_client_that_takes_a_little_again_and_again_is_given_up() {
        let (pieces, mut received) = mpsc::channel(1);
        let (address, places) = (IpAddr::from([127, 0, 0, 1]), Places::new(2, 1));
        let place = places.take(address).await;
        let writes = actix_rt::task::spawn_blocking(move || {
            let (since, pace) = (Stopwatch::start(), Pace::new(Duration::from_millis(50), LEAST_RATE));
            let mut output = Pieces { pieces, address, since, pace, places, place, is_snapshot: true };
            let frame = || Frame::Binary(vec![0; 100].into());
            (0..10_000).find_map(|_| output.frame(frame()).err())
        });
        let mut taken = 0;
        while received.recv().await.is_some() {
            taken += 1;
            // A client that is slow, but never for as long as it is waited for.
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        assert!(matches!(writes.await.unwrap(), Some(Stopped::Timeout(_))), "{taken}");
    }
}
