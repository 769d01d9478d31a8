//! How pages learn that something was saved.

use serde::{Deserialize, Serialize};

/// The answer to `GET /api/revision`: a number for each kind of saved things that is another after every change, also
/// after a restart of the server. Whoever sees a new number asks again for the things.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Revision {
    /// Of `GET /api/boards` and every board.
    pub boards: u64,
    /// Of `GET /api/annotations`.
    pub annotations: u64,
    /// Of what is said about signals.
    pub metadata: u64,
}
