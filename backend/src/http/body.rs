//! Reads a request's body: in time, under a cap, decompressed under the same cap.

use std::io::Read;
use std::time::Duration;

use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName};
use actix_web::web::{Bytes, Payload};
use afterglow_wire::Code;
use afterglow_wire::limits::BODY_BYTES;
use futures_util::StreamExt;

use super::problem::Problem;
use crate::decode::json::Format;

/// How much of a body that is too large is read and thrown away, so that its sender gets to read the answer: most
/// clients read it only once they have sent everything.
const DISCARDED_BYTES: usize = 8 * BODY_BYTES;

/// Memory a zstd frame may ask for: 8 MiB, the format's recommendation for every decoder.
const ZSTD_WINDOW_LOG: u32 = 23;

/// The format that a request's `Content-Type` names; JSON when it names none.
pub(super) fn format(headers: &HeaderMap) -> Result<Format, Problem> {
    let given = text(headers, &CONTENT_TYPE)?;
    let media_type = given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match media_type.as_str() {
        "" | "application/json" => Ok(Format::Json),
        "application/x-ndjson" | "application/ndjson" | "application/jsonl" => Ok(Format::NdJson),
        other if other.ends_with("+json") => Ok(Format::Json),
        other => {
            let message =
                format!("content type {other} is not read; send application/json or application/x-ndjson");
            Err(Problem::new(Code::UnsupportedMediaType, message))
        }
    }
}

/// The whole body, decompressed.
pub(super) async fn read(headers: &HeaderMap, payload: Payload, timeout: Duration) -> Result<Bytes, Problem> {
    let encoding = Encoding::of(headers)?;
    let announced = text(headers, &CONTENT_LENGTH)?.parse().unwrap_or(0);
    let raw = tokio::time::timeout(timeout, collect(payload, announced)).await.map_err(|_| {
        let message = format!("the body did not arrive within {} s", timeout.as_secs());
        Problem::new(Code::BodyTimeout, message)
    })??;
    match encoding {
        Encoding::Identity => Ok(raw),
        Encoding::Gzip => expand(flate2::read::MultiGzDecoder::new(&raw[..]), "gzip"),
        Encoding::Zstd => {
            let mut decoder =
                zstd::stream::read::Decoder::with_buffer(&raw[..]).map_err(|e| broken("zstd", &e))?;
            decoder.window_log_max(ZSTD_WINDOW_LOG).map_err(|e| broken("zstd", &e))?;
            expand(decoder, "zstd")
        }
    }
}

enum Encoding {
    Identity,
    Gzip,
    Zstd,
}

impl Encoding {
    fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        match text(headers, &CONTENT_ENCODING)?.trim().to_ascii_lowercase().as_str() {
            "" | "identity" => Ok(Self::Identity),
            "gzip" | "x-gzip" => Ok(Self::Gzip),
            "zstd" => Ok(Self::Zstd),
            other => {
                let message = format!("content encoding {other} is not read; send gzip, zstd or none");
                Err(Problem::new(Code::UnsupportedMediaType, message))
            }
        }
    }
}

async fn collect(mut payload: Payload, announced: usize) -> Result<Bytes, Problem> {
    let mut body = Vec::with_capacity(announced.min(BODY_BYTES));
    let mut length = 0_usize;
    while let Some(chunk) = payload.next().await {
        let chunk =
            chunk.map_err(|error| Problem::new(Code::BrokenBody, format!("the body broke off: {error}")))?;
        length += chunk.len();
        if length.max(announced) > DISCARDED_BYTES {
            break;
        }
        if length.max(announced) <= BODY_BYTES {
            body.extend_from_slice(&chunk);
        } else {
            body = Vec::new();
        }
    }
    if length.max(announced) > BODY_BYTES { Err(too_large("")) } else { Ok(Bytes::from(body)) }
}

fn expand(decoder: impl Read, encoding: &str) -> Result<Bytes, Problem> {
    let mut body = Vec::new();
    decoder.take(BODY_BYTES as u64 + 1).read_to_end(&mut body).map_err(|error| broken(encoding, &error))?;
    if body.len() > BODY_BYTES { Err(too_large(" after decompression")) } else { Ok(Bytes::from(body)) }
}

fn too_large(when: &str) -> Problem {
    let message = format!("the body has more than {BODY_BYTES} bytes{when}; send it in smaller parts");
    Problem::new(Code::BodyTooLarge, message)
}

fn broken(encoding: &str, error: &std::io::Error) -> Problem {
    Problem::new(Code::BadEncoding, format!("the body is not whole {encoding}: {error}"))
}

/// A header's text; empty when absent.
fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<&'h str, Problem> {
    let Some(value) = headers.get(name) else { return Ok("") };
    value
        .to_str()
        .map_err(|_| Problem::new(Code::UnsupportedMediaType, format!("the header {name} is not plain text")))
}
