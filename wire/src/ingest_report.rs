//! The answer to `GET /api/ingest`: what arrived lately, and what became of it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// What arrived since the server's start.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct IngestReport {
    /// The server's start.
    pub since: Timestamp,
    /// The server's time.
    pub now: Timestamp,
    /// Everything since the start.
    pub totals: Totals,
    /// Requests a second over the last ten whole seconds.
    pub requests_per_second: f64,
    /// Accepted samples a second over the last ten whole seconds.
    pub samples_per_second: f64,
    /// How often each code refused a sample or a whole request; of each request, only the rejections that its answer lists.
    pub rejected_by_code: BTreeMap<Cow<'static, str>, u64>,
    /// Senders, the latest first; at most [`crate::limits::INGEST_SOURCES`].
    pub sources: Vec<Source>,
    /// The latest requests, the latest first; at most [`crate::limits::INGEST_REQUESTS`].
    pub requests: Vec<Request>,
    /// The latest requests of which something was refused, the latest first; at most [`crate::limits::INGEST_REFUSED`].
    /// Requests that were stored as a whole do not push them out.
    #[serde(default)]
    pub refused: Vec<Request>,
    /// By code, the latest request of which something was refused for that.
    #[serde(default)]
    pub examples: BTreeMap<Cow<'static, str>, Request>,
}

/// Sums of requests and samples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Totals {
    /// Requests, whatever became of them.
    pub requests: u64,
    /// Requests of which nothing was stored.
    pub failed: u64,
    /// Bytes of bodies, after decompression.
    pub bytes: u64,
    /// Samples durably stored.
    pub accepted: u64,
    /// Samples, or whole objects, refused.
    pub rejected: u64,
    /// Accepted samples that were older than [`crate::limits::LATE_MICROS`] when they arrived.
    pub late: u64,
}

/// A sender, by its address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Source {
    /// The IP address that its connections came from; that of a proxy where there is one.
    pub address: String,
    /// When it sent last.
    pub last: Timestamp,
    /// How many requests it sent since it was first seen, or seen again after many others.
    pub requests: u64,
    /// How many of its samples were stored.
    pub accepted: u64,
    /// How many of its samples were refused.
    pub rejected: u64,
    /// How far its clock is ahead of the server's, in microseconds, as the newest timestamp of its latest request shows:
    /// negative when it is behind, or sends what it measured earlier. Absent when it sends no timestamps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skew_micros: Option<i64>,
}

/// One request and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Request {
    /// When it was answered.
    pub at: Timestamp,
    /// The IP address and port it came from.
    pub source: String,
    /// Bytes of its body, after decompression.
    pub bytes: u64,
    /// The status it was answered with.
    pub status: u16,
    /// Its code, if it was refused as a whole.
    #[cfg_attr(feature = "schema", schema(value_type = Option<crate::Code>))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<Cow<'static, str>>,
    /// How many of its samples were stored.
    pub accepted: u64,
    /// How many of its samples, or whole objects, were refused.
    pub rejected: u64,
    /// How many of the stored ones were late.
    pub late: u64,
    /// The signal of the first refusal; absent when an object or the request was refused as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<String>,
    /// The first refusal in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The first warning about what was stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
    /// From the whole body to the answer, in microseconds.
    pub took_micros: u64,
}
