//! The way to saved things: one change at a time, off the async workers, and everybody who watches hears of it.

use std::sync::Arc;

use afterglow_wire::revision::Revision;
use tokio::sync::{Semaphore, watch};

use crate::clock::Clock;
use crate::store::{SaveError, Store, StoreError};

/// Changes that may wait for their turn; beyond it a change is refused with `queue_full`. Commits of samples use the
/// same connection: whoever floods the server with changes makes them wait for one change, not for all.
const WAITING: usize = 64;

/// A kind of saved things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Boards.
    Boards,
    /// Annotations.
    Annotations,
    /// What is said about signals.
    Metadata,
}

/// Boards, annotations and metadata, shared by all who change them and all who watch. Cloning is cheap.
#[derive(Clone)]
pub struct Saved {
    store: Store,
    places: Arc<Semaphore>,
    turn: Arc<Semaphore>,
    revision: Arc<watch::Sender<Revision>>,
}

impl Saved {
    /// The saved things of `store`.
    pub fn new(store: Store, clock: &Clock) -> Self {
        // Counting goes on from the time: no number comes back after a restart.
        let start = u64::try_from(clock.now().micros()).unwrap_or_default();
        let revision = Revision { boards: start, annotations: start, metadata: start };
        Self {
            store,
            places: Arc::new(Semaphore::new(WAITING)),
            turn: Arc::new(Semaphore::new(1)),
            revision: Arc::new(watch::Sender::new(revision)),
        }
    }

    /// Does `work`, which blocks, when its turn comes; then tells those who watch that things of this kind changed.
    ///
    /// # Errors
    /// What `work` refuses; `queue_full` when too many changes wait.
    pub async fn change<T: Send + 'static>(
        &self,
        kind: Kind,
        work: impl FnOnce(&Store) -> Result<T, SaveError> + Send + 'static,
    ) -> Result<T, SaveError> {
        let _place = self.places.try_acquire().map_err(|_| StoreError::Busy)?;
        let turn = Arc::clone(&self.turn).acquire_owned().await.map_err(|_| StoreError::Busy)?;
        let (store, revision) = (self.store.clone(), Arc::clone(&self.revision));
        // The turn and the news go with the work: it ends even when the client that asked for it has left.
        let changing = actix_rt::task::spawn_blocking(move || {
            let _turn = turn;
            let done = work(&store)?;
            revision.send_modify(|revision| *number(revision, kind) += 1);
            Ok(done)
        });
        changing.await.map_err(|broken| StoreError::Down(broken.to_string()))?
    }

    /// Does `work`, which blocks and changes nothing.
    ///
    /// # Errors
    /// What `work` refuses.
    pub async fn read<T: Send + 'static, E: From<StoreError> + Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E> {
        let store = self.store.clone();
        let reading = actix_rt::task::spawn_blocking(move || work(&store));
        reading.await.map_err(|broken| StoreError::Down(broken.to_string()))?
    }

    /// The newest revision, and a way to wait for the next one.
    pub fn watch(&self) -> watch::Receiver<Revision> {
        self.revision.subscribe()
    }

    /// The newest revision.
    pub fn revision(&self) -> Revision {
        *self.revision.borrow()
    }

    /// The newest revision's number of one kind.
    pub fn number(&self, kind: Kind) -> u64 {
        *number(&mut self.revision(), kind)
    }
}

fn number(revision: &mut Revision, kind: Kind) -> &mut u64 {
    match kind {
        Kind::Boards => &mut revision.boards,
        Kind::Annotations => &mut revision.annotations,
        Kind::Metadata => &mut revision.metadata,
    }
}
