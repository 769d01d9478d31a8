//! Where a request ends, and the next one on its connection begins.
//!
//! Whether a request is well-formed is decided by actix-http alone: what is counted here need only be right where it is.

use actix_web::dev::{Payload, ServiceRequest};
use actix_web::http::header::{CONTENT_LENGTH, TRANSFER_ENCODING, UPGRADE};
use memchr::memchr;

/// How far the bytes of a request have come.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) enum Progress {
    /// Nothing of the request has come; blank lines may precede it.
    #[default]
    Before,
    /// The head.
    Head(Line),
    /// The head is complete; what follows it is not known yet.
    Headed,
    /// The body.
    Body(Body),
    /// All of the request.
    Whole,
}

/// How far a line of a head has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// The last byte ended the line before.
    Start,
    /// The line is a carriage return so far.
    Return,
    /// The line has other bytes.
    Text,
}

/// What of a body is still to come.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::http) enum Body {
    /// As many bytes.
    Sized(u64),
    /// Chunks.
    Chunks(Chunks),
    /// Whatever comes until the connection ends.
    Endless,
}

/// How far a body of chunks has come.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::http) enum Chunks {
    /// The line that says how long the next chunk is: its number so far, and whether that has ended.
    Size(u64, bool),
    /// As many bytes are to come of a chunk and the line break that ends it.
    Data(u64),
    /// A line after the last chunk, which has as many bytes so far; an empty one ends the body.
    Trailer(u64),
}

impl Body {
    /// What follows the head of `request`; none when nothing does.
    pub(in crate::http) fn of(request: &ServiceRequest) -> Option<Self> {
        let (request, payload) = request.parts();
        if matches!(payload, Payload::None) {
            return None;
        }
        let headers = request.headers();
        if headers.contains_key(TRANSFER_ENCODING) {
            return Some(Self::Chunks(Chunks::Size(0, false)));
        }
        if headers.get_all(UPGRADE).any(|to| to.as_bytes().trim_ascii().eq_ignore_ascii_case(b"websocket")) {
            return Some(Self::Endless);
        }
        let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.trim().parse().ok());
        Some(length.map_or(Self::Endless, Self::Sized))
    }

    /// How many of `bytes` belong to the body, and whether it is complete.
    fn take(&mut self, bytes: &[u8]) -> (usize, bool) {
        match self {
            Self::Sized(left) => {
                let taken = bytes.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                *left -= taken as u64;
                (taken, *left == 0)
            }
            Self::Chunks(chunks) => chunks.take(bytes),
            Self::Endless => (bytes.len(), false),
        }
    }
}

impl Chunks {
    fn take(&mut self, bytes: &[u8]) -> (usize, bool) {
        let mut taken = 0;
        while let Some(byte) = bytes.get(taken) {
            taken += 1;
            *self = match (&*self, byte) {
                (Self::Size(0, _), b'\n') => Self::Trailer(0),
                // With the line break after it.
                (Self::Size(length, _), b'\n') => Self::Data(length.saturating_add(2)),
                (Self::Size(length, false), byte) => match char::from(*byte).to_digit(16) {
                    Some(digit) => Self::Size(length.saturating_mul(16).saturating_add(digit.into()), false),
                    None => Self::Size(*length, true),
                },
                (Self::Size(length, true), _) => Self::Size(*length, true),
                (Self::Data(left), _) => {
                    let data = (bytes.len() - taken + 1).min(usize::try_from(*left).unwrap_or(usize::MAX));
                    taken += data - 1;
                    match left - data as u64 {
                        0 => Self::Size(0, false),
                        left => Self::Data(left),
                    }
                }
                (Self::Trailer(0), b'\n') => return (taken, true),
                (Self::Trailer(_), b'\n') => Self::Trailer(0),
                (Self::Trailer(length), b'\r') => Self::Trailer(*length),
                (Self::Trailer(length), _) => Self::Trailer(length + 1),
            };
        }
        (taken, false)
    }
}

impl Progress {
    /// How many of `bytes`, which are some, belong to this request: at least one, while it is not complete.
    pub(super) fn take(&mut self, bytes: &[u8]) -> usize {
        match self {
            Self::Before | Self::Head(_) => self.take_head(bytes),
            Self::Headed | Self::Whole => 0,
            Self::Body(body) => {
                let (taken, is_complete) = body.take(bytes);
                if is_complete {
                    *self = Self::Whole;
                }
                taken
            }
        }
    }

    fn take_head(&mut self, bytes: &[u8]) -> usize {
        let mut taken = 0;
        while let Some(byte) = bytes.get(taken) {
            *self = match (&*self, byte) {
                (Self::Before, b'\r' | b'\n') => Self::Before,
                // No method begins so, as what is TLS: actix-http refuses it at once.
                (Self::Before, byte) if !byte.is_ascii_graphic() => {
                    *self = Self::Headed;
                    return taken + 1;
                }
                (Self::Head(Line::Start | Line::Return), b'\n') => {
                    *self = Self::Headed;
                    return taken + 1;
                }
                (Self::Head(Line::Start), b'\r') => Self::Head(Line::Return),
                _ => match memchr(b'\n', &bytes[taken..]) {
                    Some(rest) => {
                        taken += rest;
                        Self::Head(Line::Start)
                    }
                    None => {
                        taken = bytes.len() - 1;
                        Self::Head(Line::Text)
                    }
                },
            };
            taken += 1;
        }
        taken
    }

    /// The head was understood: `body` follows it.
    pub(super) fn expect(&mut self, body: Option<Body>) {
        *self = match body {
            None | Some(Body::Sized(0)) => Self::Whole,
            Some(body) => Self::Body(body),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GET: &str = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

    /// The lengths of the parts that `text` falls into when it comes in pieces of `piece` bytes, and each head is followed by
    /// the next of `bodies`.
    fn parts(text: &str, piece: usize, bodies: &[fn() -> Option<Body>]) -> Vec<usize> {
        let (mut progress, mut bodies) = (Progress::default(), bodies.iter());
        let mut parts = vec![0];
        for mut piece in text.as_bytes().chunks(piece) {
            while !piece.is_empty() {
                let taken = progress.take(piece);
                assert!(taken > 0, "{progress:?}");
                *parts.last_mut().unwrap() += taken;
                piece = &piece[taken..];
                if progress == Progress::Headed {
                    progress.expect(bodies.next().and_then(|body| body()));
                    if progress != Progress::Whole {
                        parts.push(0);
                    }
                }
                if progress == Progress::Whole {
                    progress = Progress::default();
                    parts.push(0);
                }
            }
        }
        assert_eq!(parts.iter().sum::<usize>(), text.len());
        parts
    }

    fn check(texts: &[&str], bodies: &[fn() -> Option<Body>]) {
        let text = texts.concat();
        let lengths: Vec<_> = texts.iter().map(|text| text.len()).collect();
        for piece in 1..=text.len() {
            let parts = parts(&text, piece, bodies);
            assert_eq!(parts, lengths, "in pieces of {piece}");
        }
    }

    #[test]
    fn heads_end_where_they_end() {
        check(&[GET, GET, "\r\n\r\nGET / HTTP/1.1\r\n\r\n", ""], &[]);
        check(&["GET / HTTP/1.1\nHost: x\n\n", "\nGET / HTTP/1.0\r\n\n", "G\n\r\n", "G\r\nH"], &[]);
    }

    #[test]
    fn bodies_end_where_they_end() {
        let two = || Some(Body::Sized(2));
        check(&[GET, "\r\n", GET, "\n\n", GET, GET, ""], &[two, two, || Some(Body::Sized(0)), || None]);
        let endless = || Some(Body::Endless);
        check(&[GET, GET, "\r\n\r\nand so on"], &[|| None, endless]);
    }

    #[test]
    fn bodies_of_chunks_end_where_they_end() {
        let chunks = || Some(Body::Chunks(Chunks::Size(0, false)));
        let body = "3\r\n\r\n0\r\n1A ; x=\"y\"\r\nabcdefghijklmnop\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n";
        let trailers = "0;x\r\nA: b\r\n\r\r\r\n";
        check(&[GET, body, GET, trailers, GET, "FFFFFFFFFFFFFFFFF\r\n0\r\n\r\n"], &[chunks, chunks, chunks]);
    }
}
