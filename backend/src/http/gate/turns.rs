//! Turns of connections: requests that wait in one are handled one after the other without a pause, and there may be thousands.

use std::cell::Cell;

/// Requests of one connection that are answered before others have a turn.
const TURN: u8 = 8;

/// Counts the requests of a connection.
#[derive(Default)]
pub(in crate::http) struct Turns(Cell<u8>);

impl Turns {
    /// Waits for another turn, where this connection's is over.
    pub(super) async fn take(&self) {
        self.0.set((self.0.get() + 1) % TURN);
        if self.0.get() == 0 {
            tokio::task::yield_now().await;
        }
    }
}
