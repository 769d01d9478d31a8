//! Rows of notices, messages, and the log of deliveries.

use crate::StoreError;

/// The outbox of every channel, in the order in which it is to be sent.
pub(crate) trait OutboxRows {
    /// Adds notices in this order, except those whose key is there.
    fn add_notices(&mut self, rows: &[NoticeRow<'_>]) -> Result<(), StoreError>;

    /// The channels with notices.
    fn busy_channels(&mut self) -> Result<Vec<String>, StoreError>;

    /// The topics of a channel that have notices in no message, by their first notice; how many, and the first's number.
    fn topics(&mut self, channel: &str) -> Result<Vec<TopicRow>, StoreError>;

    /// The first `limit` notices of a channel and a topic, or all topics, that are in no message, after the one numbered `after`: number,
    /// document.
    fn notices(
        &mut self,
        channel: &str,
        topic: Option<&str>,
        after: i64,
        limit: usize,
    ) -> Result<Vec<(i64, String)>, StoreError>;

    /// Puts the waiting notices of a channel and a topic, or all topics, up to the one numbered `last`, into a message.
    fn put_into_message(
        &mut self,
        channel: &str,
        topic: Option<&str>,
        last: i64,
        message: &str,
    ) -> Result<(), StoreError>;

    /// Removes the notices that are in a message, which says all that is kept of them.
    fn forget_notices(&mut self, message: &str) -> Result<(), StoreError>;

    /// Adds a message, unless there is one with its number.
    fn add_message(&mut self, id: &str, channel: &str, document: &str, now: i64) -> Result<(), StoreError>;

    /// The first message of a channel.
    fn first_message(&mut self, channel: &str) -> Result<Option<MessageRow>, StoreError>;

    /// Notes an attempt, and when the next one is due.
    fn attempted(&mut self, message: &str, attempts: i32, next_at: i64) -> Result<(), StoreError>;

    /// Removes a message and the notices in it.
    fn delete_message(&mut self, message: &str) -> Result<(), StoreError>;

    /// Removes all that waits for a channel, and its log.
    fn forget_channel(&mut self, channel: &str) -> Result<(), StoreError>;

    /// Adds an entry to the log of a channel, of which the last `most` stay.
    fn log_delivery(&mut self, channel: &str, document: &str, most: usize) -> Result<(), StoreError>;

    /// The log of a channel, the newest entry first.
    fn deliveries(&mut self, channel: &str) -> Result<Vec<String>, StoreError>;
}

/// A notice that is new.
#[derive(Clone, Debug)]
pub(crate) struct NoticeRow<'r> {
    pub(crate) key: &'r str,
    pub(crate) channel: &'r str,
    pub(crate) topic: &'r str,
    pub(crate) document: String,
}

/// What waits of one topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TopicRow {
    pub(crate) topic: String,
    pub(crate) first: i64,
    pub(crate) count: i64,
}

/// A message as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MessageRow {
    pub(crate) id: String,
    pub(crate) document: String,
    pub(crate) attempts: i32,
    pub(crate) next_at: i64,
}
