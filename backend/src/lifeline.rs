//! Tells the pipeline that an actor is gone.

use tokio::sync::mpsc;

/// Held by an actor; tells the pipeline when the actor is gone, whatever the reason.
#[derive(Debug)]
pub struct Lifeline {
    actor: &'static str,
    /// Gone when the actor has ended as it should.
    lost: Option<mpsc::UnboundedSender<&'static str>>,
}

impl Lifeline {
    /// A lifeline for the actor named `actor`; its name is sent to `lost` when the lifeline is dropped.
    pub fn new(actor: &'static str, lost: mpsc::UnboundedSender<&'static str>) -> Self {
        Self { actor, lost: Some(lost) }
    }

    /// For an actor that may end: nothing is sent.
    pub fn end(mut self) {
        self.lost = None;
    }
}

impl Drop for Lifeline {
    fn drop(&mut self) {
        // At most one message per actor, ever: the channel needs no bound.
        let _ = self.lost.as_ref().map(|lost| lost.send(self.actor));
    }
}
