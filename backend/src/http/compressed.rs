//! Answers as gzip, for clients that accept it: histories and lists are texts that become a tenth.

use std::io::Write as _;

use actix_web::http::header::{ACCEPT_ENCODING, HeaderMap};
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::encode::Output;
use crate::store::Stopped;

/// A piece is handed on when it has grown to this many bytes.
const PIECE: usize = 16 * 1024;
/// Half as many bytes as no compression effort leaves, in a third of the time of the usual effort.
const EFFORT: Compression = Compression::new(3);

/// Whether a client accepts `encoding`.
pub(super) fn accepts(headers: &HeaderMap, encoding: &str) -> bool {
    let accepted = headers.get(ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut offers = accepted.split(',').map(|offer| offer.split(';').map(str::trim));
    offers.any(|mut offer| offer.next() == Some(encoding) && offer.next() != Some("q=0"))
}

/// Hands pieces on, as gzip if its client accepts that.
pub(super) struct Compressed<O> {
    output: O,
    encoder: Option<GzEncoder<Vec<u8>>>,
}

impl<O: Output> Compressed<O> {
    /// Nothing yet.
    pub(super) fn new(output: O, is_compressed: bool) -> Self {
        Self { output, encoder: is_compressed.then(|| GzEncoder::new(Vec::new(), EFFORT)) }
    }

    /// Hands on what is left.
    ///
    /// # Errors
    /// As [`Output::write`].
    pub(super) fn finish(mut self) -> Result<(), Stopped> {
        match self.encoder {
            Some(encoder) => self.output.write(encoder.finish().map_err(broken)?),
            None => Ok(()),
        }
    }
}

impl<O: Output> Output for Compressed<O> {
    fn write(&mut self, piece: Vec<u8>) -> Result<(), Stopped> {
        let Some(encoder) = &mut self.encoder else { return self.output.write(piece) };
        encoder.write_all(&piece).map_err(broken)?;
        if encoder.get_ref().len() < PIECE {
            Ok(())
        } else {
            self.output.write(std::mem::take(encoder.get_mut()))
        }
    }

    fn check(&mut self) -> Result<(), Stopped> {
        self.output.check()
    }
}

/// Memory takes whatever is written to it.
fn broken(_: std::io::Error) -> Stopped {
    Stopped::Cancelled
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use actix_web::http::header::HeaderValue;

    use super::*;

    #[derive(Default)]
    struct Pieces(Vec<Vec<u8>>);

    impl Output for &mut Pieces {
        fn write(&mut self, piece: Vec<u8>) -> Result<(), Stopped> {
            self.0.push(piece);
            Ok(())
        }
    }

    #[test]
    fn pieces_are_one_gzip_stream_or_as_they_were() {
        let text: String = (0..200_000).map(|n| format!("{},", n * 7_919 % 10_007)).collect();
        let sent = |is_compressed| {
            let mut pieces = Pieces::default();
            let mut output = Compressed::new(&mut pieces, is_compressed);
            text.as_bytes().chunks(65_536).for_each(|piece| output.write(piece.to_vec()).unwrap());
            output.finish().unwrap();
            pieces.0
        };
        assert_eq!(sent(false).concat(), text.as_bytes());
        let compressed = sent(true);
        assert!(compressed.len() > 2, "it is sent while it is made");
        let mut read = String::new();
        flate2::read::GzDecoder::new(&compressed.concat()[..]).read_to_string(&mut read).unwrap();
        assert_eq!(read, text);
    }

    #[test]
    fn only_who_accepts_gzip_gets_it() {
        let accepts = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(value));
            accepts(&headers, "gzip")
        };
        assert!(accepts("br, gzip;q=0.5") && accepts("gzip"));
        assert!(!accepts("gzip;q=0") && !accepts("br") && !accepts(""));
    }
}
