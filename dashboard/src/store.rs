//! What the feed writes and the frame loop reads: one history, one clock, one status.

use std::cell::{Cell, RefCell};

use crate::clock::Clock;
use crate::history::History;
use crate::status::Status;
use crate::window;

/// The page's plain data. Nothing here is reactive.
pub struct Store {
    /// The samples of the longest window.
    pub history: RefCell<History>,
    /// The server's time.
    pub clock: Clock,
    status: RefCell<Status>,
    status_changed: Cell<bool>,
}

impl Store {
    /// Nothing yet.
    pub fn new() -> Self {
        Self {
            history: RefCell::new(History::new(window::LONGEST)),
            clock: Clock::default(),
            status: RefCell::default(),
            status_changed: Cell::new(true),
        }
    }

    /// Where the window ends: now, or at the newest sample when a sender's clock is ahead.
    pub fn edge(&self) -> i64 {
        let now = self.clock.now();
        self.history.borrow().newest().map_or(now, |newest| newest.max(now))
    }

    /// The status.
    pub fn status(&self) -> Status {
        self.status.borrow().clone()
    }

    /// Changes the status.
    pub fn set_status(&self, change: impl FnOnce(&mut Status)) {
        change(&mut self.status.borrow_mut());
        self.status_changed.set(true);
    }

    /// Whether the status was changed since this was last asked.
    pub fn take_status_changed(&self) -> bool {
        self.status_changed.replace(false)
    }
}

impl Default for Store {
    fn default() -> Self {
        Self::new()
    }
}
