//! Links to one board, for people without an account; and tickets for live connections.

use serde::{Deserialize, Serialize};

use super::{Key, Kind, Scope};
use crate::invalid::{self, Invalid};
use crate::limits::KEY_LABEL_BYTES;
use crate::{Timestamp, slug};

/// How long a link is valid when the request does not say.
const DEFAULT_MICROS: i64 = 30 * 86_400_000_000;

/// A link to a board, as it is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewShare {
    /// The board's address.
    pub board: String,
    /// For whom it is.
    #[serde(default)]
    pub label: String,
    /// It is not valid from this instant on; in 30 days when absent.
    #[cfg_attr(feature = "schema", schema(schema_with = crate::schema::instant))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// Live clients that may be connected with it at once, each open page is one; any number when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub viewers: Option<u32>,
}

impl NewShare {
    /// The key that stands behind the link, made at `now`. Its signals are those of the board, whenever they are asked for.
    ///
    /// # Errors
    /// Which field is not allowed.
    pub fn accept(self, id: String, now: Timestamp, creator: String) -> Result<Key, Invalid> {
        slug::check("board", &self.board)?;
        if !self.label.is_empty() {
            invalid::filled_line("label", &self.label, KEY_LABEL_BYTES)?;
        }
        let expires = self.expires.unwrap_or(Timestamp::from_micros(now.micros() + DEFAULT_MICROS));
        if expires <= now {
            return Err(Invalid::new("expires", format!("it is past; the server's time is {now}")));
        }
        if self.viewers == Some(0) {
            return Err(Invalid::new("viewers", "a whole number above 0 is expected"));
        }
        Ok(Key {
            id,
            viewers: self.viewers,
            label: self.label,
            kind: Kind::Share,
            scopes: vec![Scope::Read],
            signals: Some(Vec::new()),
            board: Some(self.board),
            expires: Some(expires),
            created: now,
            creator,
            ..Key::default()
        })
    }
}

/// A link to a board, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Share {
    /// Its id.
    pub id: String,
    /// The board's address.
    pub board: String,
    /// For whom it is.
    pub label: String,
    /// It is not valid from this instant on.
    pub expires: Option<Timestamp>,
    /// When it was made.
    pub created: Timestamp,
    /// Who made it.
    pub creator: String,
    /// Live clients that may be connected with it at once; any number when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub viewers: Option<u32>,
    /// The minute of the last request with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used: Option<Timestamp>,
}

impl Share {
    /// What stands behind the link, unless that is another key.
    pub fn of(key: Key) -> Option<Self> {
        let Key { id, board, label, expires, viewers, created, creator, last_used, .. } = key;
        Some(Self { id, board: board?, label, expires, viewers, created, creator, last_used })
    }
}

/// A link that was just made: the answer that makes it, this once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct CreatedShare {
    /// The path below the server's address. What is behind the `#` is sent to nobody by browsers; programs send it as a key.
    #[cfg_attr(feature = "schema", schema(example = "/s#ags_..."))]
    pub link: String,
    /// What it is.
    #[serde(flatten)]
    pub share: Share,
}

/// A body of `POST /api/shares/open`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct OpenShare {
    /// What stands behind the `#` of the link.
    pub token: String,
}

/// Where a link leads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct OpenedShare {
    /// The board's address.
    pub board: String,
}

/// What stands for a key in one request that opens a live connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct NewTicket {
    /// The ticket. A WebSocket offers it as the subprotocol `ag.ticket.` and this; an event stream has it as `?ticket=`.
    pub ticket: String,
    /// It counts once, before this instant.
    pub expires: Timestamp,
}
