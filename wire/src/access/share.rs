//! Links to one board, for people without an account; and tickets for live connections.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::key::duration;
use super::{Key, Kind, Scope};
use crate::invalid::{self, Invalid};
use crate::limits::{KEY_LABEL_BYTES, SHARE_ORIGINS};
use crate::{Timestamp, slug};

/// How long a link is valid when the request does not say.
const DEFAULT_MICROS: i64 = 30 * 86_400_000_000;

/// How far back somebody sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// As long ago as this, whenever it is looked at.
    Ago(Duration),
    /// From this instant on.
    At(Timestamp),
}

impl Since {
    /// What a text such as `24h` or `2026-01-01T00:00:00Z` means.
    ///
    /// # Errors
    /// What is allowed.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        const ALLOWED: &str = "a whole number above 0 with s, m, h or d is expected, such as 24h, or an instant such as 2026-01-01T00:00:00Z";
        let ago = duration(text).map(Self::Ago);
        ago.or_else(|_| Timestamp::parse(text).map(Self::At)).map_err(|_| ALLOWED)
    }

    /// The earliest instant that is seen at `now`.
    pub fn earliest(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Ago(ago) => {
                let micros = i64::try_from(ago.as_micros()).unwrap_or(i64::MAX);
                Timestamp::from_micros(now.micros().saturating_sub(micros))
            }
            Self::At(instant) => instant,
        }
    }
}

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
    /// How far back it shows samples: as long ago as `24h` from whenever it is looked at, or from an instant on; all when absent.
    #[cfg_attr(feature = "schema", schema(example = "24h"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// Origins whose pages may show the board in a frame, each written as browsers write it; those of no other site when it is empty.
    #[cfg_attr(feature = "schema", schema(example = json!(["https://intranet.example"])))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub embed_from: Vec<String>,
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
        if let Some(since) = &self.since {
            Since::parse(since).map_err(|allowed| Invalid::new("since", allowed))?;
        }
        invalid::count("embed_from", self.embed_from.len(), SHARE_ORIGINS)?;
        for (index, origin) in self.embed_from.iter().enumerate() {
            if !is_origin(origin) {
                let allowed = "an origin such as https://intranet.example or http://127.0.0.1:8080 is expected, in small letters, without \
                    a path, a pattern or its scheme's own port";
                return Err(Invalid::new(format!("embed_from[{index}]"), allowed));
            }
        }
        Ok(Key {
            id,
            viewers: self.viewers,
            since: self.since,
            embed_from: self.embed_from,
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

/// Whether a text is an origin as browsers write it, and as a policy may name it: nothing in it ends the policy or widens it.
fn is_origin(text: &str) -> bool {
    let schemes = [("https://", 443), ("http://", 80)];
    let Some((rest, own)) = schemes.iter().find_map(|(scheme, own)| Some((text.strip_prefix(scheme)?, *own)))
    else {
        return false;
    };
    let (host, port) = rest.split_once(':').map_or((rest, None), |(host, port)| (host, Some(port)));
    let is_host = !host.is_empty()
        && host.len() <= 253
        && host
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(&byte));
    // As it would be written: no sign, no zero before it.
    let is_port = |port: &str| {
        port.parse::<u16>().is_ok_and(|number| number > 0 && number != own && number.to_string() == port)
    };
    is_host && port.is_none_or(is_port)
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
    /// How far back it shows samples; all when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// Origins whose pages may show it in a frame.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub embed_from: Vec<String>,
    /// The minute of the last request with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used: Option<Timestamp>,
}

impl Share {
    /// What stands behind the link, unless that is another key.
    pub fn of(key: Key) -> Option<Self> {
        let Key {
            id, board, label, expires, viewers, since, embed_from, created, creator, last_used, ..
        } = key;
        Some(Self {
            id,
            board: board?,
            label,
            expires,
            viewers,
            since,
            embed_from,
            created,
            creator,
            last_used,
        })
    }
}

/// A link that was just made: the answer that makes it, this once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct CreatedShare {
    /// The path below the server's address. What is behind the `#` is sent to nobody by browsers; programs send it as a key.
    #[cfg_attr(feature = "schema", schema(example = "/s#ags_..."))]
    pub link: String,
    /// The address that a frame of the origins in `embed_from` may have; absent when there are none.
    #[cfg_attr(feature = "schema", schema(example = "/boards/workshop?share=0123456789abcdef#ags_..."))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frame: Option<String>,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_origins_may_frame_a_link() {
        for origin in
            ["https://intranet.example", "http://127.0.0.1:8080", "http://localhost:1", "https://a-b.c:80"]
        {
            assert!(is_origin(origin), "{origin}");
        }
        for other in [
            "",
            "*",
            "https://",
            "https://*",
            "https://*.example",
            "https://a.example/",
            "https://a.example/x",
            "https://A.example",
            "https://a.example:443",
            "http://a.example:80",
            "https://a.example:0",
            "https://a.example:+1",
            "https://a.example:01",
            "https://a.example:99999",
            "https://a.example:",
            "https://me@a.example",
            "https://a.example https://b.example",
            "https://a.example; script-src *",
            "https://a.example,https://b.example",
            "https://é.example",
            "ftp://a.example",
            "a.example",
            "'self'",
            "data:",
        ] {
            assert!(!is_origin(other), "{other}");
        }
    }

    #[test]
    fn a_link_sees_as_far_back_as_it_says() {
        let now = Timestamp::from_micros(1_700_000_000_000_000);
        let earliest = |text| Since::parse(text).map(|since| since.earliest(now).micros());
        assert_eq!(earliest("1h"), Ok(now.micros() - 3_600_000_000));
        assert_eq!(earliest("2001-01-01T00:00:00Z"), Ok(978_307_200_000_000));
        for wrong in ["", "0h", "yesterday", "-1h", "1", "3651d"] {
            assert!(earliest(wrong).is_err(), "{wrong}");
        }
    }
}
