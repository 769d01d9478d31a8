//! What was used of what there is.

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// An answer of `GET /api/usage`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Usage {
    /// Counts are since this instant, when the server started.
    pub since: Timestamp,
    /// Signals that there are.
    pub signals: usize,
    /// Signals that there may be.
    pub most_signals: usize,
    /// Samples that were written.
    pub samples: u64,
    /// Samples a second that may be written with all keys together, on average; any number when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub samples_per_second: Option<u32>,
    /// Signals that became new today (UTC), since the first of them was asked for; 0 where there is no limit.
    pub new_signals_today: usize,
    /// Signals that may become new in a day; any number when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new_signals_per_day: Option<u32>,
    /// Seconds for which readers of the database were held by queries, where there is a limit.
    pub reader_seconds: f64,
    /// For how many seconds a minute that may be, on average; for any time when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reader_seconds_per_minute: Option<u32>,
    /// Live clients that are connected.
    pub live_clients: usize,
    /// Live clients that may be connected at once.
    pub most_live_clients: usize,
    /// What was done with each key, by id.
    pub keys: Vec<KeyUsage>,
}

/// What was done with one key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct KeyUsage {
    /// Its id.
    pub id: String,
    /// What it is for.
    pub label: String,
    /// Samples that were written with it.
    pub samples: u64,
    /// Samples that were refused because they came faster than its quota allows.
    pub refused: u64,
    /// Samples a second that may be written with it, on average; any number when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub samples_per_second: Option<u32>,
    /// How many signals there may be of those that it may write, for it to make a new one; any number when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most_signals: Option<u32>,
    /// Signals that became new today (UTC), of those that it may write, since the first of them was asked for; 0 where there is no limit.
    pub new_signals_today: usize,
    /// How many may in a day; any number when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new_signals_per_day: Option<u32>,
    /// Seconds for which readers of the database were held by queries with it, where there is a limit.
    pub reader_seconds: f64,
    /// For how many seconds a minute that may be, on average; for any time when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reader_seconds_per_minute: Option<u32>,
}
