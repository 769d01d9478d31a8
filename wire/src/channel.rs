//! Channels: where messages about alerts go.

mod delivery;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::document::{self, Document};
use crate::invalid::{self, Invalid};
use crate::limits::{CHANNEL_RECIPIENTS, CHANNELS, PANEL_SIGNALS, TAGS, TITLE_BYTES};
use crate::rule::Severity;
use crate::secret::Secret;
use crate::{Timestamp, name, slug};

pub use delivery::{ChannelTest, Delivery, DeliveryLog, Outcome};

/// A way to notify people.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Channel {
    /// Its name: lower-case letters, digits and hyphens. Made from the title when a new channel brings none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// Counts its changes, from 1. A change must bring the version that it replaces.
    #[serde(default)]
    pub version: i32,
    /// What people call it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// Whom it notifies, and how.
    pub kind: ChannelKind,
    /// Whether it gets what no rule and no other channel asks for.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub default: bool,
    /// What it gets of the rules that name no channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub takes: Option<Takes>,
    /// What is sent together: the alerts of one rule, or those with the same value of this label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_by: Option<String>,
    /// The channel that is notified when this one has failed for a minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback: Option<String>,
    /// The shape of a webhook's body.
    #[serde(default, skip_serializing_if = "BodyFormat::is_own")]
    pub format: BodyFormat,
    /// Where it is reached: the whole address of `webhook`, `slack`, `discord`, `teams` and `heartbeat`, the server's of
    /// `ntfy`, `gotify` and `alertmanager`, and of `telegram` and `pagerduty` where it is not the usual one. Never shown.
    #[serde(default, skip_serializing)]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>, write_only))]
    pub url: Option<Secret>,
    /// Signs the bodies of a `webhook`. Never shown.
    #[serde(default, skip_serializing)]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>, write_only))]
    pub secret: Option<Secret>,
    /// A second signature while a webhook's secret is replaced. Never shown.
    #[serde(default, skip_serializing)]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>, write_only))]
    pub old_secret: Option<Secret>,
    /// What `telegram`, `ntfy` and `gotify` are asked with, and the routing key of `pagerduty`. Never shown.
    #[serde(default, skip_serializing)]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>, write_only))]
    pub token: Option<Secret>,
    /// The password of the `email` server's user. Never shown.
    #[serde(default, skip_serializing)]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>, write_only))]
    pub password: Option<Secret>,
    /// The chat of `telegram`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chat: Option<String>,
    /// The topic of `ntfy`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    /// Whom `email` goes to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub to: Vec<String>,
    /// Whom `email` comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The host of the `email` server, with its port where it is not the usual one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// The user of the `email` server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// How the connection to the `email` server is protected.
    #[serde(default, skip_serializing_if = "Protection::is_usual")]
    pub protection: Protection,
    /// The name of a `command` of the configuration file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// Which of its secrets are kept, and since when; ignored in requests. A secret that a change does not bring stays.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub kept: BTreeMap<String, Kept>,
}

/// A secret that is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Kept {
    /// Since when.
    pub at: Timestamp,
    /// Of an address, its scheme and host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
}

/// Whom a channel notifies, and how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum ChannelKind {
    /// A program, by a signed POST.
    #[default]
    Webhook,
    /// An incoming webhook of Slack.
    Slack,
    /// A webhook of Discord.
    Discord,
    /// A workflow of Microsoft Teams.
    Teams,
    /// A chat with a bot of Telegram.
    Telegram,
    /// A topic of ntfy.
    Ntfy,
    /// A Gotify server.
    Gotify,
    /// E-mail, by SMTP.
    Email,
    /// PagerDuty, by its events API of version 2.
    Pagerduty,
    /// An Alertmanager of Prometheus, by its API of version 2.
    Alertmanager,
    /// A program of this machine, named in the configuration file.
    Command,
    /// Nobody: asked every minute, so that what watches this server notices its end.
    Heartbeat,
}

/// The shape of a webhook's body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum BodyFormat {
    /// Our own.
    #[default]
    Afterglow,
    /// That of Alertmanager's webhooks, version 4.
    Alertmanager,
}

impl BodyFormat {
    fn is_own(&self) -> bool {
        *self == Self::Afterglow
    }
}

/// How the connection to a mail server is protected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Protection {
    /// By STARTTLS, which the server must offer.
    #[default]
    Starttls,
    /// By TLS from the beginning.
    Tls,
    /// Not at all: only to a server on this machine.
    None,
}

impl Protection {
    fn is_usual(&self) -> bool {
        *self == Self::Starttls
    }
}

/// Which alerts a channel takes; an absent list takes all.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Takes {
    /// Severities.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub severities: Vec<Severity>,
    /// Names of rules, or patterns.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<String>,
    /// Names of signals, or patterns.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signals: Vec<String>,
    /// Labels that a rule must have.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

impl Takes {
    /// Whether an alert is one of those that are meant.
    pub fn matches(
        &self,
        rule: &str,
        scope: &str,
        severity: Severity,
        labels: &BTreeMap<String, String>,
    ) -> bool {
        let any = |patterns: &[String], name: &str| {
            patterns.is_empty() || patterns.iter().any(|pattern| name::matches(pattern, name))
        };
        (self.severities.is_empty() || self.severities.contains(&severity))
            && any(&self.rules, rule)
            && any(&self.signals, scope)
            && self.labels.iter().all(|(name, value)| labels.get(name) == Some(value))
    }

    pub(crate) fn check(&self) -> Result<(), Invalid> {
        invalid::patterns("rules", &self.rules, PANEL_SIGNALS)?;
        invalid::patterns("signals", &self.signals, PANEL_SIGNALS)?;
        invalid::count("labels", self.labels.len(), TAGS)
    }
}

/// The fields that kinds of channels have of their own.
const OWN: [&str; 13] = [
    "format",
    "url",
    "secret",
    "old_secret",
    "token",
    "password",
    "chat",
    "topic",
    "to",
    "from",
    "server",
    "user",
    "command",
];

impl ChannelKind {
    /// The fields of its own that it needs, and those that it may have besides.
    fn fields(self) -> (&'static [&'static str], &'static [&'static str]) {
        match self {
            Self::Webhook => (&["url"], &["secret", "old_secret", "format"]),
            Self::Slack | Self::Discord | Self::Teams | Self::Heartbeat => (&["url"], &[]),
            Self::Alertmanager => (&["url"], &["token"]),
            Self::Telegram => (&["token", "chat"], &["url"]),
            Self::Ntfy => (&["url", "topic"], &["token"]),
            Self::Gotify => (&["url", "token"], &[]),
            Self::Email => (&["server", "from", "to"], &["user", "password"]),
            Self::Pagerduty => (&["token"], &["url"]),
            Self::Command => (&["command"], &[]),
        }
    }
}

impl Channel {
    /// Its secrets by name, those that this document brings.
    pub fn secrets(&self) -> [(&'static str, Option<&Secret>); 5] {
        [
            ("url", self.url.as_ref()),
            ("secret", self.secret.as_ref()),
            ("old_secret", self.old_secret.as_ref()),
            ("token", self.token.as_ref()),
            ("password", self.password.as_ref()),
        ]
    }

    /// Gives it one of its secrets.
    pub fn put_secret(&mut self, name: &str, secret: Option<Secret>) {
        match name {
            "url" => self.url = secret,
            "secret" => self.secret = secret,
            "old_secret" => self.old_secret = secret,
            "token" => self.token = secret,
            "password" => self.password = secret,
            _ => {}
        }
    }

    fn has(&self, field: &str) -> bool {
        match field {
            "format" => !self.format.is_own(),
            "chat" => self.chat.is_some(),
            "topic" => self.topic.is_some(),
            "to" => !self.to.is_empty(),
            "from" => self.from.is_some(),
            "server" => self.server.is_some(),
            "user" => self.user.is_some(),
            "command" => self.command.is_some(),
            secret => self.secrets().iter().any(|(name, value)| *name == secret && value.is_some()),
        }
    }

    /// Checks a channel as it will be used, with its secrets: that it has what its kind needs.
    ///
    /// # Errors
    /// Names the field that is missing.
    pub fn check_whole(&self) -> Result<(), Invalid> {
        self.check()?;
        let (needed, _) = self.kind.fields();
        match needed.iter().find(|field| !self.has(field)) {
            Some(field) => Err(Invalid::new(*field, "a channel of this kind needs it")),
            None => Ok(()),
        }
    }
}

impl Document for Channel {
    const KIND: &'static str = "channel";
    const LIST: &'static str = "/api/channels";
    const MOST: usize = CHANNELS;

    document::named!();

    fn check(&self) -> Result<(), Invalid> {
        slug::check_new("id", &self.id)?;
        invalid::line("title", &self.title, TITLE_BYTES)?;
        let (needed, allowed) = self.kind.fields();
        let strange = |field: &&&str| self.has(field) && !needed.contains(field) && !allowed.contains(field);
        if let Some(field) = OWN.iter().find(strange) {
            return Err(Invalid::new(*field, "a channel of this kind has none"));
        }
        for (field, secret) in self.secrets() {
            secret.map_or(Ok(()), |secret| secret.check(field))?;
        }
        for (field, text) in [
            ("group_by", &self.group_by),
            ("chat", &self.chat),
            ("topic", &self.topic),
            ("from", &self.from),
            ("server", &self.server),
            ("user", &self.user),
            ("command", &self.command),
        ] {
            text.as_deref().map_or(Ok(()), |text| invalid::filled_line(field, text, TITLE_BYTES))?;
        }
        if let Some(fallback) = &self.fallback {
            slug::check("fallback", fallback)?;
            if *fallback == self.id {
                return Err(Invalid::new("fallback", "a channel cannot stand in for itself"));
            }
        }
        if let Some(topic) = &self.topic
            && !topic.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        {
            return Err(Invalid::new("topic", "letters, digits, - and _ are allowed"));
        }
        invalid::count("to", self.to.len(), CHANNEL_RECIPIENTS)?;
        for (index, address) in self.to.iter().enumerate() {
            check_address(&format!("to[{index}]"), address)?;
        }
        self.from.as_deref().map_or(Ok(()), |from| check_address("from", from))?;
        if self.protection == Protection::None && !self.server.as_deref().is_some_and(is_here) {
            let message =
                "only a server on this machine may be spoken to without TLS; starttls or tls is expected";
            return Err(Invalid::new("protection", message));
        }
        self.takes.as_ref().map_or(Ok(()), |takes| takes.check().map_err(|invalid| invalid.within("takes")))
    }
}

/// Whether a host, with or without a port, is a loopback address or the name of one.
fn is_here(server: &str) -> bool {
    let host = server.rsplit_once(':').map_or(server, |(host, _)| host);
    matches!(host, "localhost" | "127.0.0.1" | "[::1]")
}

/// One address of e-mail, without a name before it.
fn check_address(field: &str, address: &str) -> Result<(), Invalid> {
    invalid::filled_line(field, address, TITLE_BYTES)?;
    let is_plain = address.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>,;:()[]\"\\".contains(&byte));
    match address.rsplit_once('@') {
        Some((user, host)) if is_plain && !user.is_empty() && !host.is_empty() && !user.contains('@') => {
            Ok(())
        }
        _ => Err(Invalid::new(field, "an address such as ops@example.org is expected")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Channel, Invalid> {
        let channel: Channel =
            serde_json::from_str(text).map_err(|error| Invalid::new("json", error.to_string()))?;
        channel.check_whole().map(|()| channel)
    }

    #[test]
    fn each_kind_has_what_it_needs() {
        for (text, field) in [
            (r#"{"kind":"webhook"}"#, "url"),
            (r#"{"kind":"telegram","token":"t"}"#, "chat"),
            (r#"{"kind":"ntfy","url":"http://a"}"#, "topic"),
            (r#"{"kind":"ntfy","url":"http://a","topic":"a/b"}"#, "topic"),
            (r#"{"kind":"email","server":"a","from":"a@b"}"#, "to"),
            (r#"{"kind":"email","server":"a","from":"a@b","to":["x\r\nBcc: y@z"]}"#, "to[0]"),
            (r#"{"kind":"email","server":"a","from":"A <a@b>","to":["a@b"]}"#, "from"),
            (
                r#"{"kind":"email","server":"mail.example.org:25","from":"a@b","to":["a@b"],"protection":"none"}"#,
                "protection",
            ),
            (r#"{"kind":"slack","url":"http://a","secret":"s"}"#, "secret"),
            (r#"{"kind":"webhook","url":"http://a","id":"A b"}"#, "id"),
            (r#"{"kind":"webhook","url":"http://a","id":"a","fallback":"a"}"#, "fallback"),
            (r#"{"kind":"webhook","url":""}"#, "url"),
            (r#"{"kind":"opsgenie"}"#, "json"),
            (r#"{"kind":"webhook","url":"http://a","colour":1}"#, "json"),
        ] {
            assert_eq!(read(text).unwrap_err().field, field, "{text}");
        }
        for text in [
            r#"{"id":"ops","kind":"webhook","url":"http://127.0.0.1:9/x","secret":"s","default":true}"#,
            r#"{"kind":"email","server":"127.0.0.1:2525","from":"a@b","to":["c@d"],"protection":"none"}"#,
            r#"{"kind":"command","command":"page"}"#,
            r#"{"kind":"pagerduty","token":{"env":"AFTERGLOW_SECRET_PD"}}"#,
        ] {
            read(text).unwrap();
        }
    }

    #[test]
    fn what_is_shown_has_no_secret() {
        let channel =
            read(r#"{"kind":"webhook","url":"http://h/hush","secret":"hush","old_secret":"hush"}"#).unwrap();
        assert!(!serde_json::to_string(&channel).unwrap().contains("hush"));
        assert!(!format!("{channel:?}").contains("hush"));
    }
}
