//! Keys as the API describes them.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Scope, Scopes};
use crate::invalid::{self, Invalid};
use crate::limits::{KEY_ADDRESSES, KEY_LABEL_BYTES, KEY_SIGNALS};
use crate::{Timestamp, name};

/// The longest time for which a key of the scope `admin` may be valid.
const ADMIN_MICROS: i64 = 366 * 86_400_000_000;

/// What a key is sent in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A header.
    #[default]
    Key,
    /// The address `/in/KEY`, for devices that can only be given an address. It can write samples and nothing else.
    In,
    /// A link to a board, which `POST /api/shares` makes.
    Share,
}

/// What a key may do, as it is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewKey {
    /// What it is for.
    pub label: String,
    /// What it is sent in.
    #[serde(default)]
    pub kind: Kind,
    /// Which operations it allows; `write` when it is absent and the kind is `in`.
    #[serde(default)]
    pub scopes: Vec<Scope>,
    /// Names or patterns of the signals that it may write and read; others do not exist for it. All when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signals: Option<Vec<String>>,
    /// Networks from which it is valid, such as `192.168.1.0/24`; from everywhere when absent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<String>,
    /// It is not valid before this instant.
    #[cfg_attr(feature = "schema", schema(schema_with = crate::schema::instant))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    /// It is not valid from this instant on. Needed for the scope `admin`, within a year.
    #[cfg_attr(feature = "schema", schema(schema_with = crate::schema::instant))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// Whether it may write signals that do not exist yet.
    #[serde(default = "yes")]
    pub create: bool,
    /// How far in the past the samples that it writes may lie, such as `10m`; what is older cannot be added or changed with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub append_only: Option<String>,
    /// Samples a second that may be written with it, on average; any number when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub samples_per_second: Option<u32>,
    /// How many signals there may be of those that it may write, for it to make a new one; any number when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most_signals: Option<u32>,
    /// How many signals may become new in a day (UTC), of those that it may write, for it to make one more; any number when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new_signals_per_day: Option<u32>,
    /// For how many seconds a minute readers of the database may be held by queries with it, on average; for any time when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reader_seconds_per_minute: Option<u32>,
    /// Whether `GET /in/KEY?signal=value` may be used too, for the kind `in`. Links are opened by programs that only look.
    #[serde(default)]
    pub get: bool,
    /// The tenant that it is for; the own one when absent. Only operators may name another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
}

fn yes() -> bool {
    true
}

impl NewKey {
    /// The key that this asks for, made at `now`.
    ///
    /// # Errors
    /// Which field is not allowed. Networks are not judged here.
    pub fn accept(mut self, id: String, now: Timestamp, creator: String) -> Result<Key, Invalid> {
        invalid::filled_line("label", &self.label, KEY_LABEL_BYTES)?;
        if self.kind == Kind::Share {
            return Err(Invalid::new("kind", "links to boards are made by POST /api/shares"));
        }
        if self.kind == Kind::In && self.scopes.is_empty() {
            self.scopes.push(Scope::Write);
        }
        let scopes: Scopes = self.scopes.into_iter().collect();
        if scopes.iter().next().is_none() {
            return Err(Invalid::new("scopes", format!("it is empty; allowed are {}", Scopes::all())));
        }
        if self.kind == Kind::In && scopes != [Scope::Write].into_iter().collect() {
            return Err(Invalid::new("scopes", "an address in /in can only write; [\"write\"] is expected"));
        }
        if let Some(signals) = &mut self.signals {
            if signals.is_empty() {
                return Err(Invalid::new("signals", "it is empty; leave it out for all signals"));
            }
            invalid::patterns("signals", signals, KEY_SIGNALS)?;
            name::check_patterns(signals).map_err(|(_, message)| Invalid::new("signals", message))?;
            signals.sort_unstable();
            signals.dedup();
        }
        invalid::count("addresses", self.addresses.len(), KEY_ADDRESSES)?;
        if self.expires.is_some_and(|expires| expires <= now) {
            return Err(Invalid::new("expires", format!("it is past; the server's time is {now}")));
        }
        if let (Some(from), Some(to)) = (self.not_before, self.expires)
            && from >= to
        {
            return Err(Invalid::new("not_before", "it is not before `expires`"));
        }
        if scopes.has(Scope::Admin) {
            let within = |expires: Timestamp| expires.micros().saturating_sub(now.micros()) <= ADMIN_MICROS;
            if !self.expires.is_some_and(within) {
                let message = "a key of the scope admin must expire, at most a year from now";
                return Err(Invalid::new("expires", message));
            }
            if self.signals.is_some() {
                let message =
                    "a key of the scope admin can make keys for all signals, so none can be kept from it";
                return Err(Invalid::new("signals", message));
            }
        }
        if let Some(text) = &self.append_only {
            duration(text).map_err(|message| Invalid::new("append_only", message))?;
        }
        for (field, quota) in [
            ("samples_per_second", self.samples_per_second),
            ("most_signals", self.most_signals),
            ("new_signals_per_day", self.new_signals_per_day),
            ("reader_seconds_per_minute", self.reader_seconds_per_minute),
        ] {
            if quota == Some(0) {
                return Err(Invalid::new(field, "a whole number above 0 is expected"));
            }
        }
        if self.get && self.kind != Kind::In {
            return Err(Invalid::new("get", "it is for the kind `in` only"));
        }
        Ok(Key {
            id,
            label: self.label,
            kind: self.kind,
            scopes: scopes.iter().collect(),
            signals: self.signals,
            board: None,
            addresses: self.addresses,
            not_before: self.not_before,
            expires: self.expires,
            create: self.create,
            append_only: self.append_only,
            samples_per_second: self.samples_per_second,
            most_signals: self.most_signals,
            new_signals_per_day: self.new_signals_per_day,
            reader_seconds_per_minute: self.reader_seconds_per_minute,
            viewers: None,
            embed_from: Vec::new(),
            since: None,
            get: self.get,
            created: now,
            creator,
            replaces: None,
            last_used: None,
            last_used_from: None,
        })
    }
}

/// A key without its secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Key {
    /// Its id: 16 hexadecimal digits, which are also in the key.
    pub id: String,
    /// What it is for.
    pub label: String,
    /// What it is sent in.
    pub kind: Kind,
    /// Which operations it allows.
    pub scopes: Vec<Scope>,
    /// Names or patterns of its signals; all when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signals: Option<Vec<String>>,
    /// The board that it shows, for the kind `share`: its signals are those of that board.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub board: Option<String>,
    /// Networks from which it is valid; everywhere when absent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<String>,
    /// It is not valid before this instant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    /// It is not valid from this instant on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// Whether it may write signals that do not exist yet.
    pub create: bool,
    /// How far in the past the samples that it writes may lie.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub append_only: Option<String>,
    /// Samples a second that may be written with it, on average; any number when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub samples_per_second: Option<u32>,
    /// How many signals there may be of those that it may write, for it to make a new one; any number when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most_signals: Option<u32>,
    /// How many signals may become new in a day (UTC), of those that it may write, for it to make one more; any number when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new_signals_per_day: Option<u32>,
    /// For how many seconds a minute readers of the database may be held by queries with it, on average; for any time when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reader_seconds_per_minute: Option<u32>,
    /// Live clients that may be connected with it at once, for the kind `share`; any number when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub viewers: Option<u32>,
    /// How far back it shows samples, for the kind `share`: `24h`, or an instant; all when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// Origins whose pages may show the board in a frame, for the kind `share`; those of no other site when it is empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub embed_from: Vec<String>,
    /// Whether its address takes GET too.
    #[serde(default)]
    pub get: bool,
    /// When it was made.
    pub created: Timestamp,
    /// Who made it.
    pub creator: String,
    /// The id of the key that it was made to replace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<String>,
    /// The minute of the last request with it; absent when there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used: Option<Timestamp>,
    /// The network of that request: a /24, or a /64 of IPv6.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used_from: Option<String>,
}

impl Key {
    /// [`Key::append_only`] as a duration.
    pub fn append_only(&self) -> Option<Duration> {
        self.append_only.as_deref().and_then(|text| duration(text).ok())
    }
}

/// A key that was just made, with its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct CreatedKey {
    /// The key itself. It is shown this once and kept nowhere.
    pub key: String,
    /// Where samples are sent with it, for the kind `in`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// What it may do.
    #[serde(flatten)]
    pub description: Key,
}

/// The body of `POST /api/keys/{id}/rotate`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Rotate {
    /// How long the old key stays valid, such as `24h`; not at all when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grace: Option<String>,
}

/// A whole number with s, m, h or d.
///
/// # Errors
/// What is allowed.
pub fn duration(text: &str) -> Result<Duration, &'static str> {
    const ALLOWED: &str =
        "a whole number above 0 with s, m, h or d is expected, such as 10m or 24h, at most 3650d";
    let unit = match text.as_bytes().last() {
        Some(b's') => 1,
        Some(b'm') => 60,
        Some(b'h') => 3_600,
        Some(b'd') => 86_400,
        _ => return Err(ALLOWED),
    };
    let number: u64 = text[..text.len() - 1].parse().map_err(|_| ALLOWED)?;
    let seconds = number.checked_mul(unit).filter(|seconds| (1..=3_650 * 86_400).contains(seconds));
    seconds.map(Duration::from_secs).ok_or(ALLOWED)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

    fn accept(json: &str) -> Result<Key, String> {
        let new: NewKey = serde_json::from_str(json).unwrap();
        new.accept("0".into(), NOW, "local".into()).map_err(|invalid| invalid.field)
    }

    #[test]
    fn what_a_key_may_ask_for() {
        let key =
            accept(r#"{"label":"a","scopes":["read","write","read"],"signals":["b.*","a","b.*"]}"#).unwrap();
        assert_eq!(key.scopes, [Scope::Write, Scope::Read]);
        assert_eq!(key.signals.unwrap(), ["a", "b.*"]);
        assert!(key.create);
        assert_eq!(accept(r#"{"label":"a","kind":"in","get":true}"#).unwrap().scopes, [Scope::Write]);
        for (json, field) in [
            (r#"{"label":" ","scopes":["read"]}"#, "label"),
            (r#"{"label":"a"}"#, "scopes"),
            (r#"{"label":"a","kind":"share","scopes":["read"]}"#, "kind"),
            (r#"{"label":"a","kind":"in","scopes":["write","read"]}"#, "scopes"),
            (r#"{"label":"a","scopes":["read"],"signals":[]}"#, "signals"),
            (r#"{"label":"a","scopes":["read"],"signals":["x",""]}"#, "signals[1]"),
            (r#"{"label":"a","scopes":["read"],"expires":"2001-01-01T00:00:00Z"}"#, "expires"),
            (r#"{"label":"a","scopes":["admin"]}"#, "expires"),
            (r#"{"label":"a","scopes":["admin"],"expires":"2030-01-01T00:00:00Z"}"#, "expires"),
            (
                r#"{"label":"a","scopes":["admin"],"expires":"2024-01-01T00:00:00Z","signals":["a"]}"#,
                "signals",
            ),
            (r#"{"label":"a","scopes":["write"],"append_only":"10"}"#, "append_only"),
            (r#"{"label":"a","scopes":["write"],"samples_per_second":0}"#, "samples_per_second"),
            (r#"{"label":"a","scopes":["write"],"most_signals":0}"#, "most_signals"),
            (r#"{"label":"a","scopes":["write"],"get":true}"#, "get"),
        ] {
            assert_eq!(accept(json).unwrap_err(), field, "{json}");
        }
    }

    #[test]
    fn durations() {
        assert_eq!(duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("2d"), Ok(Duration::from_secs(172_800)));
        for wrong in ["", "s", "0s", "-1h", "1.5h", "1 h", "1w", "99999999999999999999d", "3651d", "é"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
