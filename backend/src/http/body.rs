//! Reads a request's body: in time, under a cap, decompressed under the same cap.

pub(crate) mod expand;

use std::net::IpAddr;
use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName};
use actix_web::web::{Bytes, Payload};
use afterglow_wire::Code;
use afterglow_wire::limits::{BODIES_BYTES, BODY_BYTES};
use futures_util::StreamExt;

use super::address::address;
use super::problem::Problem;
use crate::decode::json::Format;
use crate::memory;
use crate::pool::{Broken, Pool};
use crate::refusal::Refusal;
use crate::shares::{Exhausted, Share, Shares};
use expand::Encoding;

/// How much of a body that is too large is read and thrown away, so that its sender gets to read the answer: most
/// clients read it only once they have sent everything.
const DISCARDED_BYTES: usize = 8 * BODY_BYTES;

/// Bytes of a body that do not count: small requests are never refused for large ones.
const FREE: usize = 64 << 10;

/// Bytes that are decompressed and decoded on the event loop: a millisecond at most.
const INLINE: usize = 64 << 10;

/// What a body can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MediaType {
    /// JSON, whole or in lines.
    Json(Format),
    /// A table; the separator, where the type tells it.
    Csv(Option<u8>),
}

/// What a request's `Content-Type` names; JSON when it names none.
pub(super) fn media_type(headers: &HeaderMap) -> Result<MediaType, Problem> {
    let given = text(headers, &CONTENT_TYPE)?;
    let media_type = given.split(';').next().unwrap_or_default().trim();
    let is = |names: &[&str]| names.iter().any(|name| media_type.eq_ignore_ascii_case(name));
    let ending = media_type.len().checked_sub("+json".len()).and_then(|start| media_type.get(start..));
    if is(&["", "application/json"]) || ending.is_some_and(|ending| ending.eq_ignore_ascii_case("+json")) {
        Ok(MediaType::Json(Format::Json))
    } else if is(&["application/x-ndjson", "application/ndjson", "application/jsonl"]) {
        Ok(MediaType::Json(Format::NdJson))
    } else if is(&["text/csv", "application/csv"]) {
        Ok(MediaType::Csv(None))
    } else if is(&["text/tab-separated-values"]) {
        Ok(MediaType::Csv(Some(b'\t')))
    } else {
        let message = format!(
            "content type {media_type} is not read; send application/json, application/x-ndjson or text/csv"
        );
        Err(Problem::new(Code::UnsupportedMediaType, message))
    }
}

/// Reads bodies: under a common bound of bytes, and off the event loop when they are large. Cloning shares the bound.
///
/// **Bound.** [`BODIES_BYTES`] of bodies in all, a half of them for one address, as they arrive and after decompression; the first
/// [`FREE`] bytes of a body do not count. **Overload.** 503 `queue_full`.
#[derive(Clone)]
pub struct Bodies {
    bytes: Shares,
    pool: Pool,
    timeout: Duration,
}

/// A body, decompressed.
pub(super) struct Body {
    bytes: Bytes,
    address: IpAddr,
    share: Share,
}

impl std::ops::Deref for Body {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Bodies {
    /// A body may take `timeout` to arrive; as many `threads` work on large ones.
    pub fn new(timeout: Duration, threads: usize) -> Self {
        Self {
            bytes: Shares::halves(memory::bound(BODIES_BYTES).max(2 * BODY_BYTES)),
            pool: Pool::new(threads),
            timeout,
        }
    }

    /// The whole body, decompressed.
    pub(super) async fn read(&self, request: &HttpRequest, payload: Payload) -> Result<Body, Problem> {
        let headers = request.headers();
        let encoding = encoding(headers)?;
        let announced = text(headers, &CONTENT_LENGTH)?.parse().unwrap_or(0);
        let address = address(request);
        let share = self.bytes.take(address, 0).map_err(full)?;
        let mut body = Body { bytes: Bytes::new(), address, share };
        let collected = tokio::time::timeout(self.timeout, collect(payload, announced, &mut body.share));
        body.bytes = collected.await.map_err(|_| {
            let message = format!("the body did not arrive within {} s", self.timeout.as_secs());
            Problem::new(Code::BodyTimeout, message)
        })??;
        if encoding != Encoding::Identity {
            let expanded = self.expand(&body, encoding).await?;
            body.share.grow(expanded.len().saturating_sub(FREE)).map_err(full)?;
            body.bytes = expanded;
        }
        Ok(body)
    }

    async fn expand(&self, body: &Body, encoding: Encoding) -> Result<Bytes, Problem> {
        if body.len() <= INLINE
            && let Some(expanded) = expand::expand(body, encoding, INLINE)?
        {
            return Ok(expanded.into());
        }
        let raw = body.bytes.clone();
        let expanding = self.pool.run(body.address, move || expand::expand(&raw, encoding, BODY_BYTES));
        // More than that is refused, and never left out.
        Ok(expanding.await??.unwrap_or_default().into())
    }

    /// Does `work` on a body: here when it is small, else on a thread of the pool.
    pub(super) async fn work<T: Send + 'static>(
        &self,
        body: Body,
        work: impl FnOnce(&[u8]) -> T + Send + 'static,
    ) -> Result<T, Broken> {
        if body.len() <= INLINE {
            return Ok(work(&body));
        }
        self.pool.run(body.address, move || work(&body)).await
    }
}

fn encoding(headers: &HeaderMap) -> Result<Encoding, Problem> {
    let name = text(headers, &CONTENT_ENCODING)?.trim();
    let is = |names: &[&str]| names.iter().any(|known| name.eq_ignore_ascii_case(known));
    if is(&["", "identity"]) {
        Ok(Encoding::Identity)
    } else if is(&["gzip", "x-gzip"]) {
        Ok(Encoding::Gzip)
    } else if is(&["zstd"]) {
        Ok(Encoding::Zstd)
    } else {
        let message = format!("content encoding {name} is not read; send gzip, zstd or none");
        Err(Problem::new(Code::UnsupportedMediaType, message))
    }
}

fn full(exhausted: Exhausted) -> Problem {
    let whose = match exhausted {
        Exhausted::All => "the bodies of all requests",
        Exhausted::Address => "the bodies of requests from this address",
    };
    let message = format!("{whose} have as many bytes as fit at once; send it again in a moment");
    Problem::new(Code::QueueFull, message)
}

async fn collect(mut payload: Payload, announced: usize, share: &mut Share) -> Result<Bytes, Problem> {
    let mut body = Vec::new();
    let mut length = 0_usize;
    while let Some(chunk) = payload.next().await {
        let chunk =
            chunk.map_err(|error| Problem::new(Code::BrokenBody, format!("the body broke off: {error}")))?;
        let counted = length.saturating_sub(FREE);
        length += chunk.len();
        if length.max(announced) > DISCARDED_BYTES {
            break;
        }
        if length.max(announced) <= BODY_BYTES {
            share.grow(length.saturating_sub(FREE) - counted).map_err(full)?;
            if body.capacity() == 0 {
                body.reserve(announced);
            }
            body.extend_from_slice(&chunk);
        } else {
            body = Vec::new();
        }
    }
    if length.max(announced) > BODY_BYTES { Err(too_large("").into()) } else { Ok(Bytes::from(body)) }
}

fn too_large(when: &str) -> Refusal {
    let message = format!("the body has more than {BODY_BYTES} bytes{when}; send it in smaller parts");
    Refusal::new(Code::BodyTooLarge, message)
}

/// A header's text; empty when absent.
fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<&'h str, Problem> {
    let Some(value) = headers.get(name) else { return Ok("") };
    value
        .to_str()
        .map_err(|_| Problem::new(Code::UnsupportedMediaType, format!("the header {name} is not plain text")))
}
