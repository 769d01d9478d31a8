//! The outbox: notices become messages, which are stored before they are sent and removed when they are taken.

use afterglow_wire::Timestamp;
use afterglow_wire::alert::{Message, Notice};
use afterglow_wire::channel::{Delivery, DeliveryLog, Outcome};
use afterglow_wire::limits::DELIVERIES;

use super::Engine;
use crate::StoreError;
use crate::alerts::{Stored, Topic};
use crate::documents::json;

/// Notices that are read for one message: what does not fit is counted.
const NOTICES: usize = 20_000;

/// Notices that are read with one statement: their texts are not all in memory at once.
const NOTICES_AT_ONCE: usize = 500;

impl Engine {
    /// The channels with notices.
    pub(crate) fn busy_channels(&self) -> Result<Vec<String>, StoreError> {
        self.tables.in_documents(|reader| reader.busy_channels())
    }

    /// What waits for a channel and is in no message, by topic.
    pub(crate) fn topics(&self, channel: &str) -> Result<Vec<Topic>, StoreError> {
        let rows = self.tables.in_documents(|reader| reader.topics(channel))?;
        Ok(rows
            .into_iter()
            .map(|row| Topic { topic: row.topic, waiting: row.count.cast_unsigned() })
            .collect())
    }

    /// Makes one message of what waits for a channel and a topic, or all topics. `compose` gets the notices, oldest first. When there are `too_many` the
    /// message replaces them: it lists some, and counts the others.
    pub(crate) fn compose(
        &self,
        channel: &str,
        topic: Option<&str>,
        too_many: bool,
        compose: impl FnOnce(Vec<Notice>) -> Message,
    ) -> Result<(), StoreError> {
        let read = |(id, document): (i64, String)| {
            serde_json::from_str(&document)
                .map_err(|error| self.damaged.report("alert_notice", id, &error))
                .ok()
        };
        let (mut notices, mut last, mut rows) = (Vec::new(), None, 0);
        while rows < NOTICES {
            let after = last.unwrap_or(i64::MIN);
            let some =
                self.tables.in_documents(|reader| reader.notices(channel, topic, after, NOTICES_AT_ONCE))?;
            let Some((id, _)) = some.last() else { break };
            last = Some(*id);
            rows += some.len();
            notices.extend(some.into_iter().filter_map(read));
        }
        let Some(last) = last else { return Ok(()) };
        let message = compose(notices);
        let document = json(&message)?;
        self.tables.maintaining(|writer| {
            writer.put_into_message(channel, topic, last, &message.id)?;
            if too_many {
                writer.forget_notices(&message.id)?;
            }
            writer.add_message(&message.id, channel, &document, message.at.micros())
        })
    }

    /// The message of a channel that is to be sent first.
    pub(crate) fn first_message(&self, channel: &str) -> Result<Option<Stored>, StoreError> {
        let Some(row) = self.tables.in_documents(|reader| reader.first_message(channel))? else {
            return Ok(None);
        };
        match serde_json::from_str(&row.document) {
            Ok(message) => Ok(Some(Stored {
                message,
                attempts: row.attempts.unsigned_abs(),
                next_at: Timestamp::from_micros(row.next_at),
            })),
            Err(error) => {
                log::error!(
                    "the message {:?} of the channel {channel:?} cannot be read and is dropped: {error}",
                    row.id
                );
                self.tables.maintaining(|writer| writer.delete_message(&row.id))?;
                self.first_message(channel)
            }
        }
    }

    /// Notes how an attempt ended: with `next_at` the message is tried again then, without it is done with.
    pub(crate) fn delivered(
        &self,
        channel: &str,
        delivery: &Delivery,
        next_at: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        let document = json(delivery)?;
        self.tables.maintaining(|writer| {
            match next_at {
                Some(next_at) => {
                    let attempts = i32::try_from(delivery.attempt).unwrap_or(i32::MAX);
                    writer.attempted(&delivery.message, attempts, next_at.micros())?;
                }
                None => writer.delete_message(&delivery.message)?,
            }
            writer.log_delivery(channel, &document, DELIVERIES)
        })
    }

    /// Adds an attempt that is not about a stored message to a channel's log.
    pub(crate) fn log_delivery(&self, channel: &str, delivery: &Delivery) -> Result<(), StoreError> {
        let document = json(delivery)?;
        self.tables.writing(|writer| writer.log_delivery(channel, &document, DELIVERIES))
    }

    /// The last attempts of a channel.
    pub(crate) fn deliveries(&self, channel: &str) -> Result<DeliveryLog, StoreError> {
        let (rows, topics, first) = self.tables.in_lists(|reader| {
            Ok::<_, StoreError>((
                reader.deliveries(channel)?,
                reader.topics(channel)?,
                reader.first_message(channel)?,
            ))
        })?;
        let waiting: i64 = topics.iter().map(|topic| topic.count).sum();
        let deliveries: Vec<Delivery> =
            rows.iter().filter_map(|row| serde_json::from_str(row).ok()).collect();
        let last = deliveries.first().filter(|last| last.outcome == Outcome::Refused);
        let broken = last.map(|last| last.error.clone().unwrap_or_default());
        Ok(DeliveryLog { deliveries, waiting: waiting.cast_unsigned() + u64::from(first.is_some()), broken })
    }
}
