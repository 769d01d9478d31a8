//! How the fleet learns that an actor is gone.

use tokio::sync::mpsc;

/// An actor's place in the fleet. Dropped without [`Self::leave`], it tells the fleet that the actor is lost.
#[derive(Debug)]
pub struct Post {
    label: String,
    left: bool,
    news: mpsc::Sender<Departure>,
}

/// How an actor went.
#[derive(Debug)]
pub struct Departure {
    /// What the fleet calls it.
    pub label: String,
    /// Whether it went without leave.
    pub lost: bool,
}

impl Post {
    /// The place of the actor `label`, whose departure `news` reports.
    pub const fn new(label: String, news: mpsc::Sender<Departure>) -> Self {
        Self { label, left: false, news }
    }

    /// The actor's work is done; it may go.
    pub const fn leave(&mut self) {
        self.left = true;
    }
}

impl Drop for Post {
    fn drop(&mut self) {
        // There is room for one departure per post; at the very end nobody listens, and need not.
        let _ = self.news.try_send(Departure { label: std::mem::take(&mut self.label), lost: !self.left });
    }
}
