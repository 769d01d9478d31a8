//! How messages were delivered: a channel's log.

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// An attempt to deliver a message, in the log of its channel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Delivery {
    /// When it began.
    pub at: Timestamp,
    /// The message's number, the same at every attempt.
    pub message: String,
    /// What the message is about, in a line.
    pub what: String,
    /// Which attempt it was, from 1.
    pub attempt: u32,
    /// How it ended.
    pub outcome: Outcome,
    /// The status of the answer, where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// How long it took, in milliseconds.
    pub took_millis: u64,
    /// What went wrong. It names no secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The message was taken.
    Delivered,
    /// It was not, and is sent again.
    Retry,
    /// It was refused for good: the channel is set up wrongly.
    Refused,
    /// It failed for a day and is not sent again.
    GivenUp,
}

/// The answer to `GET /api/channels/{id}/log`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct DeliveryLog {
    /// The last attempts, the newest first.
    pub deliveries: Vec<Delivery>,
    /// How many messages and notices wait.
    pub waiting: u64,
    /// Why the channel sends nothing, when its last message was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub broken: Option<String>,
}

/// The answer to `POST /api/channels/{id}/test`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ChannelTest {
    /// How the attempt ended.
    pub delivery: Delivery,
    /// What was sent, as text.
    pub sent: String,
}
