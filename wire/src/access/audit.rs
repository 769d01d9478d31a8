//! The audit log as the API shows it.

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// Something that was done, or refused: a line of `GET /api/audit`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct AuditEntry {
    /// Its number; they have no holes.
    pub id: i64,
    /// When it was written.
    pub at: Timestamp,
    /// Who did it: `local`, `key:` and a key's id, `command line`, `server`, or `nobody`.
    pub who: String,
    /// From which network address.
    pub address: String,
    /// What was done, such as `board.create`.
    pub action: String,
    /// What it was done to.
    pub object: String,
    /// `done`, `begun`, or the code of the refusal.
    pub outcome: String,
    /// More about it.
    pub detail: String,
    /// SHA-256 of the entry and of the hash of the one before it, in hexadecimal digits.
    pub hash: String,
}
