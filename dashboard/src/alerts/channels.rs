//! What each kind of channel needs, as the form of a channel shows it. The server checks it; a field that is missing here can be
//! set by REST, and stays when a channel is changed on the page.

/// A field of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name in the document.
    pub name: &'static str,
    /// Its label.
    pub label: &'static str,
    /// Whether it is written and never shown.
    pub is_secret: bool,
    /// Whether it may be left out.
    pub is_optional: bool,
}

const fn shown(name: &'static str, label: &'static str) -> Field {
    Field { name, label, is_secret: false, is_optional: false }
}

const fn secret(name: &'static str, label: &'static str) -> Field {
    Field { name, label, is_secret: true, is_optional: false }
}

const fn optional(field: Field) -> Field {
    Field { is_optional: true, ..field }
}

const ADDRESS: Field = secret("url", "Address");
const SERVER: Field = secret("url", "Address of the server");
const TOKEN: Field = secret("token", "Token");

/// The kinds, what they are called, and their fields.
pub const KINDS: [(&str, &str, &[Field]); 12] = [
    ("webhook", "Webhook", &[ADDRESS, optional(secret("secret", "Signing secret (made when empty)"))]),
    (
        "email",
        "E-mail",
        &[
            shown("to", "To, separated by commas"),
            shown("from", "From"),
            shown("server", "Mail server"),
            optional(shown("user", "User")),
            optional(secret("password", "Password")),
        ],
    ),
    ("ntfy", "ntfy", &[SERVER, shown("topic", "Topic"), optional(TOKEN)]),
    ("slack", "Slack", &[ADDRESS]),
    ("discord", "Discord", &[ADDRESS]),
    ("teams", "Microsoft Teams (workflow)", &[ADDRESS]),
    ("telegram", "Telegram", &[TOKEN, shown("chat", "Chat")]),
    ("gotify", "Gotify", &[SERVER, TOKEN]),
    ("pagerduty", "PagerDuty", &[secret("token", "Routing key")]),
    ("alertmanager", "Alertmanager", &[SERVER, optional(TOKEN)]),
    ("command", "Command of the configuration file", &[shown("command", "Its name")]),
    ("heartbeat", "Heartbeat, asked every minute", &[ADDRESS]),
];

/// What a kind is called.
pub fn label(kind: &str) -> &str {
    KINDS.iter().find(|(name, ..)| *name == kind).map_or(kind, |(_, label, _)| label)
}

/// The fields of a kind.
pub fn fields(kind: &str) -> &'static [Field] {
    KINDS.iter().find(|(name, ..)| *name == kind).map_or(&[], |(.., fields)| fields)
}

#[cfg(test)]
mod tests {
    use afterglow_wire::channel::{Channel, ChannelKind};

    use super::*;

    #[test]
    fn a_form_that_is_filled_in_makes_a_channel() {
        for (kind, label, fields) in KINDS {
            let filled = |all: bool| {
                let mut document = serde_json::json!({ "kind": kind });
                for field in fields.iter().filter(|field| all || !field.is_optional) {
                    document[field.name] = match field.name {
                        "to" => serde_json::json!(["ops@example.org"]),
                        "from" => "ops@example.org".into(),
                        "url" => "https://example.org/x".into(),
                        _ => "x".into(),
                    };
                }
                let channel: Channel = serde_json::from_value(document).unwrap();
                channel.check_whole()
            };
            assert_eq!(filled(false), Ok(()), "{label}");
            assert_eq!(filled(true), Ok(()), "{label}");
            serde_json::from_value::<ChannelKind>(kind.into()).unwrap();
        }
    }
}
