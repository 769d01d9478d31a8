//! What the packets of a client mean: Engine.IO 4, and within its messages Socket.IO 5. Knows no transport and no clock.

use std::collections::BTreeMap;

use serde::de::IgnoredAny;

/// Most binary attachments of one event.
const ATTACHMENTS: usize = 64;

/// Longest name of a namespace in bytes; a refusal repeats it.
const NAMESPACE_BYTES: usize = 200;

/// What a packet asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// A packet to send back.
    Reply(String),
    /// The client answers a ping.
    Pong,
    /// The client joins the one namespace that there is.
    Connect,
    /// The client leaves it; the session goes on.
    Disconnect,
    /// The client ends the session.
    Close,
}

/// Why a packet ends the session.
pub(crate) type Invalid = &'static str;

/// The state of a client's conversation.
#[derive(Debug, Default)]
pub(crate) struct Conversation {
    is_connected: bool,
    /// Binary packets that belong to the last event.
    attachments: usize,
}

impl Conversation {
    /// Whether the client has joined the namespace.
    pub(crate) fn is_connected(&self) -> bool {
        self.is_connected
    }

    /// Takes a text packet.
    ///
    /// # Errors
    /// When it breaks the protocol; the session ends then.
    pub(crate) fn text(&mut self, packet: &str) -> Result<Option<Effect>, Invalid> {
        let mut rest = packet.chars();
        match rest.next() {
            Some('1') => Ok(Some(Effect::Close)),
            Some('2') => Ok(Some(Effect::Reply(format!("3{}", shorten(rest.as_str()))))),
            Some('3') => Ok(Some(Effect::Pong)),
            Some('4') => self.message(rest.as_str()),
            Some('6') => Ok(None),
            Some('b') => self.binary().map(|()| None),
            _ => Err("an unknown type of packet"),
        }
    }

    /// Takes a binary packet.
    ///
    /// # Errors
    /// When no event announced it.
    pub(crate) fn binary(&mut self) -> Result<(), Invalid> {
        self.attachments =
            self.attachments.checked_sub(1).ok_or("a binary packet that no event announced")?;
        Ok(())
    }

    fn message(&mut self, text: &str) -> Result<Option<Effect>, Invalid> {
        if self.attachments > 0 {
            return Err("a message among the binary packets of an event");
        }
        let message = Message::parse(text)?;
        let is_main = message.namespace == "/";
        match message.kind {
            '0' if !is_main => {
                let refusal = r#"{"message":"Invalid namespace"}"#;
                Ok(Some(Effect::Reply(format!("44{},{refusal}", message.namespace))))
            }
            '0' => {
                let is_auth = |text| serde_json::from_str::<BTreeMap<String, IgnoredAny>>(text).is_ok();
                if self.is_connected || !(message.payload.is_empty() || is_auth(message.payload)) {
                    return Err("a connect packet that is not allowed here");
                }
                self.is_connected = true;
                Ok(Some(Effect::Connect))
            }
            '1' => {
                let was_connected = is_main && std::mem::take(&mut self.is_connected);
                Ok(was_connected.then_some(Effect::Disconnect))
            }
            '2' | '3' | '5' | '6' => {
                if !is_main || !self.is_connected {
                    return Err("an event of a namespace that is not connected");
                }
                let values = serde_json::from_str::<Vec<IgnoredAny>>(message.payload);
                let is_event = matches!(message.kind, '2' | '5');
                // An acknowledgement may be empty, an event has a name.
                if values.is_err() || is_event && values.is_ok_and(|values| values.is_empty()) {
                    return Err("an event that is not a JSON array with a name");
                }
                self.attachments = message.attachments;
                let id = message.id.filter(|_| is_event);
                Ok(id.map(|id| Effect::Reply(format!("43{id}[]"))))
            }
            _ => Err("an unknown type of message"),
        }
    }
}

/// A message of Socket.IO 5: `<type>[<attachments>-][<namespace>,][<id>][<JSON>]`.
struct Message<'a> {
    kind: char,
    attachments: usize,
    namespace: &'a str,
    id: Option<u64>,
    payload: &'a str,
}

impl<'a> Message<'a> {
    fn parse(text: &'a str) -> Result<Self, Invalid> {
        let kind = text.chars().next().ok_or("an empty message")?;
        let mut rest = &text[kind.len_utf8()..];
        let mut attachments = 0;
        if matches!(kind, '5' | '6') {
            let (number, after) = rest.split_once('-').ok_or("a binary event without a number")?;
            attachments = number.parse().ok().filter(|n| *n <= ATTACHMENTS).ok_or("too many attachments")?;
            rest = after;
        }
        let mut namespace = "/";
        if rest.starts_with('/') {
            (namespace, rest) = rest.split_once(',').unwrap_or((rest, ""));
            if namespace.len() > NAMESPACE_BYTES {
                return Err("the name of the namespace is too long");
            }
        }
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, payload) = rest.split_at(digits);
        let id = if digits > 0 {
            Some(number.parse().map_err(|_| "the event's number is too large")?)
        } else {
            None
        };
        Ok(Self { kind, attachments, namespace, id, payload })
    }
}

/// What a ping carries is sent back, but only a little of it.
fn shorten(text: &str) -> String {
    text.chars().take(32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(text: &str) -> Result<Option<Effect>, Invalid> {
        Ok(Some(Effect::Reply(text.to_owned())))
    }

    fn connected() -> Conversation {
        let mut conversation = Conversation::default();
        assert_eq!(conversation.text("40"), Ok(Some(Effect::Connect)));
        conversation
    }

    #[test]
    fn a_client_connects_once_and_to_the_main_namespace() {
        for packet in ["40", r#"40{"token":"x"}"#, "40/,", "40/"] {
            let mut conversation = Conversation::default();
            assert_eq!(conversation.text(packet), Ok(Some(Effect::Connect)), "{packet}");
            assert!(conversation.is_connected());
            assert!(conversation.text("40").is_err());
        }
        let mut conversation = Conversation::default();
        assert_eq!(conversation.text("40/x,"), reply(r#"44/x,{"message":"Invalid namespace"}"#));
        assert_eq!(conversation.text("40/x"), reply(r#"44/x,{"message":"Invalid namespace"}"#));
        assert!(!conversation.is_connected());
        for packet in ["40[]", "40abc", &format!("40/{},", "x".repeat(300))] {
            assert!(Conversation::default().text(packet).is_err(), "{packet}");
        }
    }

    #[test]
    fn events_are_ignored_and_acknowledged_where_asked() {
        let mut conversation = connected();
        assert_eq!(conversation.text(r#"42["hello",1]"#), Ok(None));
        assert_eq!(conversation.text(r#"4217["hello"]"#), reply("4317[]"));
        assert_eq!(conversation.text("43[]"), Ok(None));
        for packet in [r#"42{"a":1}"#, "42", "42[]", "42[1", "41x/", "4", "", "abc", "49", "5", "0"] {
            let mut conversation = connected();
            let taken = conversation.text(packet);
            assert!(taken.is_err() || taken == Ok(Some(Effect::Disconnect)), "{packet}: {taken:?}");
        }
        assert!(Conversation::default().text(r#"42["early"]"#).is_err());
        assert!(connected().text(r#"42/x,["elsewhere"]"#).is_err());
    }

    #[test]
    fn attachments_are_swallowed() {
        let mut conversation = connected();
        assert_eq!(conversation.text(r#"452-3["a",{"_placeholder":true}]"#), reply("433[]"));
        assert_eq!(conversation.text("bAQID"), Ok(None));
        assert_eq!(conversation.text("2"), reply("3"));
        assert!(conversation.text(r#"42["x"]"#).is_err(), "one is still to come");
        assert_eq!(conversation.binary(), Ok(()));
        assert_eq!(conversation.text(r#"42["x"]"#), Ok(None));
        assert!(conversation.binary().is_err());
        for packet in [r#"45["a"]"#, r#"4565-["a"]"#, r#"45x-["a"]"#] {
            assert!(connected().text(packet).is_err(), "{packet}");
        }
    }

    #[test]
    fn a_client_leaves_and_comes_back() {
        let mut conversation = connected();
        assert_eq!(conversation.text("41/x,"), Ok(None));
        assert_eq!(conversation.text("41"), Ok(Some(Effect::Disconnect)));
        assert_eq!(conversation.text("41"), Ok(None));
        assert_eq!(conversation.text("40"), Ok(Some(Effect::Connect)));
        assert_eq!(conversation.text("3"), Ok(Some(Effect::Pong)));
        assert_eq!(conversation.text("2probe"), reply("3probe"));
        assert_eq!(conversation.text("1"), Ok(Some(Effect::Close)));
    }
}
