//! Messages that come in parts.

use actix_http::ws::Item;
use actix_web::web::BytesMut;
use afterglow_wire::close;
use afterglow_wire::limits::CLIENT_MESSAGE_BYTES;

/// The beginning of a message whose end has not come.
#[derive(Debug, Default)]
pub(super) struct Parts(Option<BytesMut>);

impl Parts {
    /// Adds a part; the whole message with its last one, or the close code with the reason. RFC 6455, section 5.4.
    pub(super) fn join(&mut self, part: Item) -> Result<Option<BytesMut>, (u16, &'static str)> {
        let is_last = matches!(part, Item::Last(_));
        let bytes = match part {
            Item::FirstText(_) if self.0.is_some() => {
                return Err((close::PROTOCOL_ERROR, "a message begins within another"));
            }
            Item::FirstText(bytes) => {
                self.0 = Some(BytesMut::new());
                bytes
            }
            Item::FirstBinary(_) => return Err((close::UNSUPPORTED, "requests are text messages")),
            Item::Continue(bytes) | Item::Last(bytes) => bytes,
        };
        let begun = self.0.as_mut().ok_or((close::PROTOCOL_ERROR, "nothing to continue"))?;
        if begun.len() + bytes.len() > CLIENT_MESSAGE_BYTES {
            return Err((close::TOO_BIG, "the message is larger than 65536 bytes"));
        }
        begun.extend_from_slice(&bytes);
        if is_last { Ok(self.0.take()) } else { Ok(None) }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::web::Bytes;

    use super::*;

    #[test]
    fn parts_are_joined_within_bounds() {
        let part = |text: &'static str| Bytes::from_static(text.as_bytes());
        let mut parts = Parts::default();
        assert_eq!(parts.join(Item::Continue(part("x"))).unwrap_err().0, 1002);
        assert_eq!(parts.join(Item::FirstText(part("a"))), Ok(None));
        assert_eq!(parts.join(Item::Continue(part("b"))), Ok(None));
        assert_eq!(parts.join(Item::Last(part("c"))).unwrap().unwrap(), "abc");
        assert_eq!(parts.join(Item::FirstText(part("a"))), Ok(None));
        assert_eq!(parts.join(Item::FirstText(part("a"))).unwrap_err().0, 1002);
        let large = Bytes::from(vec![b'x'; CLIENT_MESSAGE_BYTES]);
        assert_eq!(parts.join(Item::Continue(large)).unwrap_err().0, 1009);
        assert_eq!(Parts::default().join(Item::FirstBinary(part("x"))).unwrap_err().0, 1003);
    }
}
