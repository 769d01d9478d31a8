//! How long what somebody has identified himself with stays valid, for what outlives the request: live clients.

use std::sync::Arc;

use tokio::sync::watch;

/// Ends when the key or the session that it belongs to is revoked, changed or expired. Clones end together.
#[derive(Clone, Debug)]
pub struct Grant {
    is_over: Arc<watch::Sender<bool>>,
}

impl Grant {
    /// One that is valid.
    pub fn new() -> Self {
        Self { is_over: Arc::new(watch::Sender::new(false)) }
    }

    /// Ends it: those who wait in [`Grant::over`] hear of it.
    pub fn end(&self) {
        self.is_over.send_replace(true);
    }

    /// Whether it has ended.
    pub fn is_over(&self) -> bool {
        *self.is_over.borrow()
    }

    /// Waits until it ends.
    pub async fn over(&self) {
        // The sender lives as long as this borrow: the wait cannot fail.
        let _ = self.is_over.subscribe().wait_for(|is_over| *is_over).await;
    }

    /// Whether something is connected with it, beside the one who asks.
    pub fn is_shared(&self) -> bool {
        Arc::strong_count(&self.is_over) > 1
    }

    /// Whether both are one.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.is_over, &other.is_over)
    }
}

impl Default for Grant {
    fn default() -> Self {
        Self::new()
    }
}
