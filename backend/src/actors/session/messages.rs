//! A client's messages: how many there may be, and those that come in parts.

use actix_http::ws::Item;
use actix_web::web::BytesMut;
use afterglow_wire::close;
use afterglow_wire::limits::{CLIENT_MESSAGE_BYTES, CLIENT_MESSAGES};

use crate::clock::Stopwatch;

/// A token bucket, and the beginning of a message whose end has not come.
#[derive(Debug)]
pub(super) struct Messages {
    tokens: f64,
    filled: Stopwatch,
    begun: Option<BytesMut>,
}

impl Default for Messages {
    fn default() -> Self {
        Self { tokens: f64::from(CLIENT_MESSAGES), filled: Stopwatch::start(), begun: None }
    }
}

impl Messages {
    /// Counts a message; whether there have not been too many.
    pub(super) fn are_few(&mut self) -> bool {
        let most = f64::from(CLIENT_MESSAGES);
        self.tokens = (self.tokens + self.filled.elapsed().as_secs_f64() * most).min(most);
        self.filled = Stopwatch::start();
        self.tokens -= 1.0;
        self.tokens >= 0.0
    }

    /// Adds a part; the whole message with its last one, or the close code with the reason. RFC 6455, section 5.4.
    pub(super) fn join(&mut self, part: Item) -> Result<Option<BytesMut>, (u16, &'static str)> {
        let is_last = matches!(part, Item::Last(_));
        let bytes = match part {
            Item::FirstText(_) if self.begun.is_some() => {
                return Err((close::PROTOCOL_ERROR, "a message begins within another"));
            }
            Item::FirstText(bytes) => {
                self.begun = Some(BytesMut::new());
                bytes
            }
            Item::FirstBinary(_) => return Err((close::UNSUPPORTED, "requests are text messages")),
            Item::Continue(bytes) | Item::Last(bytes) => bytes,
        };
        let begun = self.begun.as_mut().ok_or((close::PROTOCOL_ERROR, "nothing to continue"))?;
        if begun.len() + bytes.len() > CLIENT_MESSAGE_BYTES {
            return Err((close::TOO_BIG, "the message is larger than 65536 bytes"));
        }
        begun.extend_from_slice(&bytes);
        if is_last { Ok(self.begun.take()) } else { Ok(None) }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::web::Bytes;

    use super::*;

    #[test]
    fn a_burst_is_allowed_and_a_flood_is_not() {
        let mut messages = Messages::default();
        assert!((0..CLIENT_MESSAGES).all(|_| messages.are_few()));
        assert!((0..CLIENT_MESSAGES).any(|_| !messages.are_few()));
    }

    #[test]
    fn parts_are_joined_within_bounds() {
        let part = |text: &'static str| Bytes::from_static(text.as_bytes());
        let mut messages = Messages::default();
        assert_eq!(messages.join(Item::Continue(part("x"))).unwrap_err().0, 1002);
        assert_eq!(messages.join(Item::FirstText(part("a"))), Ok(None));
        assert_eq!(messages.join(Item::Continue(part("b"))), Ok(None));
        assert_eq!(messages.join(Item::Last(part("c"))).unwrap().unwrap(), "abc");
        assert_eq!(messages.join(Item::FirstText(part("a"))), Ok(None));
        assert_eq!(messages.join(Item::FirstText(part("a"))).unwrap_err().0, 1002);
        let large = Bytes::from(vec![b'x'; CLIENT_MESSAGE_BYTES]);
        assert_eq!(messages.join(Item::Continue(large)).unwrap_err().0, 1009);
        assert_eq!(Messages::default().join(Item::FirstBinary(part("x"))).unwrap_err().0, 1003);
    }
}
