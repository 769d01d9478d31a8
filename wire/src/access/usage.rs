//! What was used of what there is.

use serde::{Deserialize, Serialize};

use super::Key;
use crate::Timestamp;

/// An answer of `GET /api/usage`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Usage {
    /// Counts are since this instant, when the server started.
    pub since: Timestamp,
    /// Signals that there are.
    pub signals: usize,
    /// Signals that there may be.
    pub most_signals: usize,
    /// What was done with each key, by id.
    pub keys: Vec<KeyUsage>,
}

/// What was done with one key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
}

impl KeyUsage {
    /// That of `key`, with these numbers of samples written and refused.
    pub fn of(key: &Key, (samples, refused): (u64, u64)) -> Self {
        Self {
            id: key.id.clone(),
            label: key.label.clone(),
            samples,
            refused,
            samples_per_second: key.samples_per_second,
            most_signals: key.most_signals,
        }
    }
}
