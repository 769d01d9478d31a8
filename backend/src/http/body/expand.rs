//! Decompresses bodies, and refuses those that are made to cost much.

use std::io::Read;

use afterglow_wire::Code;
use afterglow_wire::limits::{BODY_BYTES, BODY_MEMBERS, BODY_RATIO, BODY_RATIO_BYTES};

use super::too_large;
use crate::refusal::Refusal;

/// Memory a zstd frame may ask for: 8 MiB, the format's recommendation for every decoder.
const ZSTD_WINDOW_LOG: u32 = 23;

/// How a body is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    Identity,
    Gzip,
    Zstd,
}

/// What a compressed body says, or nothing when that is more than `most` bytes. At most [`BODY_MEMBERS`] members of gzip or frames of
/// zstd are read, and above [`BODY_RATIO_BYTES`] at most [`BODY_RATIO`] times the compressed size.
///
/// # Errors
/// When the body is not whole, or one of these limits is exceeded.
pub(crate) fn expand(raw: &[u8], encoding: Encoding, most: usize) -> Result<Option<Vec<u8>>, Refusal> {
    let by_ratio = BODY_RATIO.saturating_mul(raw.len()).max(BODY_RATIO_BYTES);
    let limit = most.min(by_ratio).min(BODY_BYTES);
    let (mut rest, mut body) = (raw, Vec::new());
    for _ in 0..BODY_MEMBERS {
        rest = match encoding {
            Encoding::Identity => return Ok(Some(raw.to_vec())),
            Encoding::Gzip => gzip_member(rest, limit, &mut body).map_err(|error| broken("gzip", &error))?,
            Encoding::Zstd => zstd_frame(rest, limit, &mut body).map_err(|error| broken("zstd", &error))?,
        };
        if body.len() > limit {
            return match limit {
                BODY_BYTES => Err(too_large(" after decompression")),
                limit if limit == by_ratio => Err(Refusal::new(
                    Code::BodyTooLarge,
                    format!(
                        "the body grows to more than {BODY_RATIO} times its {} bytes when it is decompressed, and to more \
                         than {BODY_RATIO_BYTES} bytes; compress it less, or send it in smaller parts",
                        raw.len()
                    ),
                )),
                _ => Ok(None),
            };
        }
        if rest.is_empty() {
            return Ok(Some(body));
        }
    }
    let message = format!(
        "the body has more than {BODY_MEMBERS} gzip members or zstd frames; compress it as a whole, or send it in smaller parts"
    );
    Err(Refusal::new(Code::BodyTooLarge, message))
}

/// Appends what one member says, but for what goes beyond `limit` by more than a byte; returns what follows it.
fn gzip_member<'r>(raw: &'r [u8], limit: usize, body: &mut Vec<u8>) -> std::io::Result<&'r [u8]> {
    let mut member = flate2::bufread::GzDecoder::new(raw);
    member.by_ref().take(room(limit, body)).read_to_end(body)?;
    Ok(member.into_inner())
}

/// As [`gzip_member`].
fn zstd_frame<'r>(raw: &'r [u8], limit: usize, body: &mut Vec<u8>) -> std::io::Result<&'r [u8]> {
    let mut frame = zstd::stream::read::Decoder::with_buffer(raw)?.single_frame();
    frame.window_log_max(ZSTD_WINDOW_LOG)?;
    frame.by_ref().take(room(limit, body)).read_to_end(body)?;
    Ok(frame.finish())
}

fn room(limit: usize, body: &[u8]) -> u64 {
    (limit + 1 - body.len()) as u64
}

fn broken(encoding: &str, error: &std::io::Error) -> Refusal {
    Refusal::new(Code::BadEncoding, format!("the body is not whole {encoding}: {error}"))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(text: &[u8]) -> Vec<u8> {
        zstd::encode_all(text, 3).unwrap()
    }

    #[test]
    fn members_and_frames_are_joined_up_to_a_number() {
        for (encoding, compress) in [(Encoding::Gzip, gzip as fn(&[u8]) -> Vec<u8>), (Encoding::Zstd, zstd)] {
            let raw = [compress(b"a"), compress(b""), compress(b"bc")].concat();
            assert_eq!(expand(&raw, encoding, 9), Ok(Some(b"abc".to_vec())));
            assert_eq!(expand(&raw, encoding, 3), Ok(Some(b"abc".to_vec())));
            assert_eq!(expand(&raw, encoding, 2), Ok(None));
            assert!(expand(&compress(b"a").repeat(BODY_MEMBERS), encoding, 100).unwrap().is_some());
            let many = expand(&compress(b"").repeat(BODY_MEMBERS + 1), encoding, 100).unwrap_err();
            assert!(many.code == Code::BodyTooLarge && many.message.contains("more than 8 gzip"), "{many:?}");
            let cut = expand(&raw[..raw.len() - 1], encoding, 100).unwrap_err();
            assert_eq!(cut.code, Code::BadEncoding);
            assert_eq!(expand(b"", encoding, 9).unwrap_err().code, Code::BadEncoding, "nothing is not whole");
        }
    }

    #[test]
    fn what_grows_too_much_is_refused() {
        for (encoding, compress) in [(Encoding::Gzip, gzip as fn(&[u8]) -> Vec<u8>), (Encoding::Zstd, zstd)] {
            let small = compress(&vec![b' '; BODY_RATIO_BYTES]);
            assert!(expand(&small, encoding, BODY_BYTES).unwrap().is_some());
            let bomb = expand(&compress(&vec![b' '; 4 << 20]), encoding, BODY_BYTES).unwrap_err();
            assert!(bomb.code == Code::BodyTooLarge && bomb.message.contains("200 times"), "{bomb:?}");
            assert_eq!(expand(&small, encoding, 1_000), Ok(None));
        }
    }

    #[test]
    fn no_compressed_body_breaks_the_decoders() {
        let text = br#"{"signals":{"a":1,"b":2.5}}"#;
        let corpus =
            [gzip(text), zstd(text), gzip(&[b' '; 5_000]), zstd(&[b' '; 5_000]), gzip(b"").repeat(3)];
        crate::fuzz::each(25, &corpus, |input| {
            for encoding in [Encoding::Gzip, Encoding::Zstd] {
                match expand(input, encoding, 100_000) {
                    Ok(body) => assert!(body.is_none_or(|body| body.len() <= 100_000)),
                    Err(refusal) => {
                        assert!(
                            matches!(refusal.code, Code::BadEncoding | Code::BodyTooLarge),
                            "{refusal:?}"
                        );
                    }
                }
            }
        });
    }
}
