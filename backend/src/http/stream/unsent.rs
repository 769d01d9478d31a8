//! What of a stream's frames has not been sent yet, in pieces: the connection copies a piece, so no step is copied as a whole for
//! each client.

use actix_web::web::Bytes;

use crate::actors::broadcaster::Queued;
use crate::live::Frame;

/// Bytes of a piece.
const PIECE: usize = 64 << 10;

/// Frames, and how far they have been sent.
pub(super) struct Unsent {
    frames: Source,
    /// The next frame, and the next of its bytes.
    place: (usize, usize),
}

enum Source {
    Queued(Queued),
    Own(Vec<Frame>),
}

impl Unsent {
    pub(super) fn new(frames: Vec<Frame>) -> Self {
        Self { frames: Source::Own(frames), place: (0, 0) }
    }

    /// What was in the client's queue: it counts until all of it has been sent.
    pub(super) fn queued(frames: Queued) -> Self {
        Self { frames: Source::Queued(frames), place: (0, 0) }
    }

    /// The next piece: a part of a large frame, which is not copied, or some small ones.
    pub(super) fn piece(&mut self) -> Option<Bytes> {
        let frames: &[Frame] = match &self.frames {
            Source::Queued(frames) => frames,
            Source::Own(frames) => frames,
        };
        let (mut next, at) = self.place;
        let mut small = Vec::new();
        while let Some(frame) = frames.get(next) {
            if let Frame::Text(text) = frame {
                if text.len() > PIECE {
                    if !small.is_empty() {
                        break;
                    }
                    let end = (at + PIECE).min(text.len());
                    self.place = if end == text.len() { (next + 1, 0) } else { (next, end) };
                    return Some(text.as_bytes().slice(at..end));
                }
                if small.len() + text.len() > PIECE {
                    break;
                }
                small.extend_from_slice(text.as_bytes());
            }
            next += 1;
        }
        self.place = (next, 0);
        (!small.is_empty()).then(|| small.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_small_and_nothing_is_lost() {
        let texts: Vec<String> = [10, PIECE, PIECE + 1, 3 * PIECE, 0, 5, 6, PIECE - 11, 1]
            .iter()
            .enumerate()
            .map(|(number, length)| char::from(b'a' + number as u8).to_string().repeat(*length))
            .collect();
        let mut unsent = Unsent::new(texts.iter().map(|text| Frame::Text(text.as_str().into())).collect());
        let mut pieces = Vec::new();
        while let Some(piece) = unsent.piece() {
            assert!(!piece.is_empty() && piece.len() <= PIECE);
            pieces.push(piece);
        }
        assert_eq!(pieces.concat(), texts.concat().into_bytes());
        assert_eq!(pieces.iter().map(actix_web::web::Bytes::len).max(), Some(PIECE));
        assert_eq!(pieces.len(), 9, "small ones are gathered");
        assert_eq!(unsent.piece(), None);
    }
}
