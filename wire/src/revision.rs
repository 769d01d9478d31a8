//! Revisions: how pages learn that a document changed.

use serde::{Deserialize, Serialize};

/// The answer to `GET /api/revision`: a number for each kind of documents that differs after every change, also after a
/// restart of the server. A client that sees a new number queries the documents again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Revision {
    /// Of `GET /api/boards` and every board.
    pub boards: u64,
    /// Of `GET /api/annotations`.
    pub annotations: u64,
    /// Of signal metadata.
    pub metadata: u64,
    /// Of `GET /api/rules` and every rule.
    #[serde(default)]
    pub rules: u64,
    /// Of `GET /api/alerts` and their history.
    #[serde(default)]
    pub alerts: u64,
    /// Of `GET /api/silences`.
    #[serde(default)]
    pub silences: u64,
    /// Of `GET /api/channels`.
    #[serde(default)]
    pub channels: u64,
}
