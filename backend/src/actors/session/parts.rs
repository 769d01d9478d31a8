//! Messages that come in parts.

use std::borrow::Cow;

use actix_http::ws::Item;
use actix_web::web::BytesMut;
use afterglow_wire::close;

/// The beginning of a message whose end has not come.
#[derive(Debug)]
pub(super) struct Parts {
    begun: Option<BytesMut>,
    /// Bytes that a message may have.
    most: usize,
}

impl Parts {
    /// No message yet; one may have `most` bytes.
    pub(super) fn new(most: usize) -> Self {
        Self { begun: None, most }
    }

    /// Adds a part; the whole message with its last one, or the close code with the reason. RFC 6455, section 5.4.
    pub(super) fn join(&mut self, part: Item) -> Result<Option<BytesMut>, (u16, Cow<'static, str>)> {
        let is_last = matches!(part, Item::Last(_));
        let bytes = match part {
            Item::FirstText(_) if self.begun.is_some() => {
                return Err((close::PROTOCOL_ERROR, "a message begins within another".into()));
            }
            Item::FirstText(bytes) => {
                self.begun = Some(BytesMut::new());
                bytes
            }
            Item::FirstBinary(_) => return Err((close::UNSUPPORTED, "requests are text messages".into())),
            Item::Continue(bytes) | Item::Last(bytes) => bytes,
        };
        let begun = self.begun.as_mut().ok_or((close::PROTOCOL_ERROR, "nothing to continue".into()))?;
        if begun.len() + bytes.len() > self.most {
            return Err((close::TOO_BIG, too_big(self.most).into()));
        }
        begun.extend_from_slice(&bytes);
        if is_last { Ok(self.begun.take()) } else { Ok(None) }
    }
}

/// The reason for closing after a message of more than `most` bytes.
pub(super) fn too_big(most: usize) -> String {
    format!("the message is larger than {most} bytes")
}

#[cfg(test)]
mod tests {
    use actix_web::web::Bytes;
    use afterglow_wire::limits::CLIENT_MESSAGE_BYTES;

    use super::*;

    #[test]
    fn parts_are_joined_within_bounds() {
        let part = |text: &'static str| Bytes::from_static(text.as_bytes());
        let mut parts = Parts::new(CLIENT_MESSAGE_BYTES);
        assert_eq!(parts.join(Item::Continue(part("x"))).unwrap_err().0, 1002);
        assert_eq!(parts.join(Item::FirstText(part("a"))), Ok(None));
        assert_eq!(parts.join(Item::Continue(part("b"))), Ok(None));
        assert_eq!(parts.join(Item::Last(part("c"))).unwrap().unwrap(), "abc");
        assert_eq!(parts.join(Item::FirstText(part("a"))), Ok(None));
        assert_eq!(parts.join(Item::FirstText(part("a"))).unwrap_err().0, 1002);
        let large = Bytes::from(vec![b'x'; CLIENT_MESSAGE_BYTES]);
        assert_eq!(parts.join(Item::Continue(large)).unwrap_err().0, 1009);
        assert_eq!(Parts::new(CLIENT_MESSAGE_BYTES).join(Item::FirstBinary(part("x"))).unwrap_err().0, 1003);
    }

    /// A frame as clients send it, masked with zeros.
    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let length = match payload.len() {
            short @ ..126 => vec![0x80 | short as u8],
            long => [vec![0x80 | 126], (long as u16).to_be_bytes().to_vec()].concat(),
        };
        [&[first], &length[..], &[0; 4], payload].concat()
    }

    #[test]
    fn no_frames_break_a_session() {
        use actix_http::ws::{OpCode, Parser};
        use afterglow_wire::v1::Request;

        let subscribe = br#"{"type":"subscribe","id":1,"signals":["a*","b"],"window":3.5,"width":700,"resume":{"epoch":1,"sequence":2}}"#;
        let corpus = [
            frame(0x81, subscribe),
            [frame(0x01, &subscribe[..40]), frame(0x00, &subscribe[40..80]), frame(0x80, &subscribe[80..])]
                .concat(),
            [frame(0x89, b"ping"), frame(0x81, &[b' '; 300]), frame(0x88, &[3, 232])].concat(),
            frame(0x82, b"binary"),
        ];
        crate::fuzz::each(20, &corpus, |input| {
            let (mut bytes, mut parts) = (BytesMut::from(input), Parts::new(300));
            while let Ok(Some((is_last, code, payload))) =
                Parser::parse(&mut bytes, true, CLIENT_MESSAGE_BYTES)
            {
                let payload = payload.unwrap_or_default();
                let part = match (code, is_last) {
                    (OpCode::Text, false) => Item::FirstText(payload.freeze()),
                    (OpCode::Binary, false) => Item::FirstBinary(payload.freeze()),
                    (OpCode::Continue, false) => Item::Continue(payload.freeze()),
                    (OpCode::Continue, true) => Item::Last(payload.freeze()),
                    _ => {
                        let _ = serde_json::from_slice::<Request>(&payload);
                        continue;
                    }
                };
                let message = parts.join(part).ok().flatten();
                if let Some(Ok(Request::Subscribe(subscribe))) =
                    message.map(|message| serde_json::from_slice(&message))
                {
                    let _ = subscribe.check();
                }
            }
        });
    }
}
