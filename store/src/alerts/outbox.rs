//! Notices that wait for a channel, and the messages that are made of them.

use afterglow_wire::Timestamp;
use afterglow_wire::alert::{Message, Notice};
use afterglow_wire::channel::{Delivery, DeliveryLog};

use crate::{Store, StoreError};

/// What waits for a channel and is in no message yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    /// What it has in common.
    pub topic: String,
    /// How many notices.
    pub waiting: u64,
}

/// A message in the outbox.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    /// The message.
    pub message: Message,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is to be tried next.
    pub next_at: Timestamp,
}

/// Notices. Every call blocks.
impl Store {
    /// The channels with notices.
    ///
    /// # Errors
    /// When all readers are busy or the database does not answer.
    pub fn busy_channels(&self) -> Result<Vec<String>, StoreError> {
        self.engine.busy_channels()
    }

    /// What waits for a channel and is in no message, by topic, the oldest first.
    ///
    /// # Errors
    /// When all readers are busy or the database does not answer.
    pub fn topics(&self, channel: &str) -> Result<Vec<Topic>, StoreError> {
        self.engine.topics(channel)
    }

    /// Makes one message of what waits for a channel and a topic, or all topics, which `compose` gets, the oldest first. When the call
    /// returns the message is on the disk.
    ///
    /// # Errors
    /// When the disk is full or the database does not answer.
    pub fn compose(
        &self,
        channel: &str,
        topic: Option<&str>,
        too_many: bool,
        compose: impl FnOnce(Vec<Notice>) -> Message,
    ) -> Result<(), StoreError> {
        self.engine.compose(channel, topic, too_many, compose)
    }

    /// The message of a channel that is to be sent first.
    ///
    /// # Errors
    /// When all readers are busy or the database does not answer.
    pub fn first_message(&self, channel: &str) -> Result<Option<Stored>, StoreError> {
        self.engine.first_message(channel)
    }

    /// Notes how an attempt ended: with `next_at` the message stays and is due then, without it is gone.
    ///
    /// # Errors
    /// When the disk is full or the database does not answer.
    pub fn delivered(
        &self,
        channel: &str,
        delivery: &Delivery,
        next_at: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        self.engine.delivered(channel, delivery, next_at)
    }

    /// Adds an attempt that was not about a stored message to a channel's log.
    ///
    /// # Errors
    /// When the disk is full or the database does not answer.
    pub fn log_delivery(&self, channel: &str, delivery: &Delivery) -> Result<(), StoreError> {
        self.engine.log_delivery(channel, delivery)
    }

    /// The last attempts of a channel, and what waits.
    ///
    /// # Errors
    /// When all readers are busy or the database does not answer.
    pub fn deliveries(&self, channel: &str) -> Result<DeliveryLog, StoreError> {
        self.limited(|| self.engine.deliveries(channel))
    }
}
