//! Deletions of samples: off the async workers, one at a time, addresses in turn. After each the live clients begin again.

use std::net::IpAddr;

use actix::Addr;
use afterglow_wire::Code;
use afterglow_wire::telemetry::Deletion;

use crate::actors::broadcaster::{Broadcaster, Deleted};
use crate::places::Places;
use crate::pool::blocking;
use crate::refusal::Refusal;
use crate::shares::Shares;
use crate::signals::Selector;
use crate::store::{self, Sequences, Span, Store};

/// Deletions that may wait for their turn, half of them of one address; beyond it one is refused with `queue_full`. While one runs nothing is sealed.
const WAITING: usize = 8;

/// Access to deletions. Cloning is cheap.
#[derive(Clone)]
pub struct Deletions {
    store: Store,
    live: Addr<Broadcaster>,
    places: Shares,
    turn: Places,
}

impl Deletions {
    /// Deletions from `store`, of which `live` hears.
    pub fn new(store: Store, live: Addr<Broadcaster>) -> Self {
        Self { store, live, places: Shares::halves(WAITING), turn: Places::new(1, 1) }
    }

    /// Deletes what [`Store::delete`] says for a client at `address` when its turn comes, or says what that would be. It goes on when the client that asked
    /// for it leaves.
    ///
    /// # Errors
    /// When too many wait, or the store does not do it.
    pub async fn delete(
        &self,
        address: IpAddr,
        signals: Selector,
        span: Span,
        dry_run: bool,
    ) -> Result<Deletion, Refusal> {
        let place = self.places.take(address, 1).map_err(|_| {
            let own = WAITING / 2;
            let message = format!(
                "{WAITING} deletions are waiting, or {own} of this address; send it again in a moment"
            );
            Refusal::new(Code::QueueFull, message)
        })?;
        let broken = || Refusal::new(Code::Internal, "the deletion broke; the server's log says why");
        let turn = self.turn.take(address).await.ok_or_else(broken)?;
        let (store, live) = (self.store.clone(), self.live.clone());
        let deleting = blocking(move || {
            let _held = (place, turn);
            if dry_run {
                return store.would_delete(&signals, span);
            }
            let deleted = store.delete(&signals, span)?;
            // Where there is no room the next commit says the same.
            deleted.sequences.map(|Sequences { last, .. }| live.try_send(Deleted { sequence: last }));
            Ok(deleted)
        });
        let deleted = deleting.await.map_err(|panic| {
            log::error!("a deletion broke: {panic}");
            broken()
        })?;
        let deleted = deleted.map_err(|error| Refusal::new(error.code(), error.to_string()))?;
        Ok(answer(deleted, dry_run))
    }
}

/// What the store has deleted, or would delete, as an answer.
pub fn answer(deleted: store::Deleted, dry_run: bool) -> Deletion {
    let store::Deleted { signals, samples, expired, damaged, .. } = deleted;
    // Live clients, queued batches and the journal mean signals by number, so none is given to another name.
    Deletion { signals, samples, expired, damaged, dry_run, names_kept: true }
}
