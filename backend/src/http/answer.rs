//! An answer that is sent while it is made: memory does not grow with it, and a client that reads slowly costs its place and
//! what is read ahead, but no reader of the database.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use actix_web::http::header::{CONTENT_ENCODING, VARY};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse};
use afterglow_wire::Code;
use futures_util::stream;
use serde::Serialize;
use tokio::sync::mpsc;

use super::compressed::{Compressed, accepts};
use super::gate::Allowed;
use super::gate::access::Queries;
use super::problem::Problem;
use crate::clock::Stopwatch;
use crate::encode::{Encoder, Format, Output};
use crate::fault;
use crate::metrics::Stage;
use crate::pace::Pace;
use crate::pool::blocking;
use crate::shares::{Exhausted, Shares};
use crate::store::{Query, Stopped, Store, StoreError, asked_by, while_wanted};

/// Pieces of 64 KiB that may be made before the client has taken them.
const PIECES: usize = 4;

/// Answers under way at once, each with about 4 MB read ahead at most, a half of them for one address; beyond it 503 `queue_full`.
const ANSWERS: usize = 32;

/// Bytes a second that a client must read on average, once it has used up its patience: slow links do.
const LEAST_RATE: u64 = 16 << 10;

static PLACES: LazyLock<Shares> = LazyLock::new(|| Shares::halves(ANSWERS));

/// What an answer is written to; as gzip for clients that accept it.
pub(super) type Writer = Compressed<Pieces>;

/// Answers `query`.
pub(super) async fn samples<P: Queries>(
    allowed: &Allowed<P>,
    request: &HttpRequest,
    query: Query,
    format: Format,
) -> Result<HttpResponse, Problem> {
    stream(allowed, request, format.content_type(), move |store, output| {
        let mut encoder = Encoder::new(format, output);
        store.query_in_pieces(&query, &mut encoder)?;
        Ok(encoder.finish()?)
    })
    .await
}

/// Has `write` make an answer on a thread of its own and sends it piece by piece. A piece may take the query timeout to be
/// made, and the client the same time to read it; in all it may take as long as [`LEAST_RATE`] takes more.
pub(super) async fn stream<P: Queries>(
    allowed: &Allowed<P>,
    request: &HttpRequest,
    content_type: &'static str,
    write: impl FnOnce(&Store, Writer) -> Result<Writer, StoreError> + Send + 'static,
) -> Result<HttpResponse, Problem> {
    let is_compressed = accepts(request.headers(), "gzip");
    let (store, metrics, patience) =
        (allowed.store().clone(), allowed.metrics().clone(), allowed.query_timeout());
    let id = allowed.request_id().clone();
    let place = PLACES.take(allowed.address(), 1).map_err(|exhausted| {
        let (count, whose) = match exhausted {
            Exhausted::All => (ANSWERS, ""),
            Exhausted::Address => (ANSWERS / 2, " for this address"),
        };
        Problem::new(Code::QueueFull, format!("{count} answers are under way{whose}; ask again in a moment"))
    })?;
    let (sender, mut pieces) = mpsc::channel(PIECES);
    let whole = Arc::new(AtomicBool::new(false));
    let finished = Arc::clone(&whole);
    let worker = blocking(move || {
        let stopwatch = Stopwatch::start();
        let output = Compressed::new(Pieces::new(sender.clone(), patience), is_compressed);
        let asked = sender.clone();
        let written =
            asked_by(place.address(), || while_wanted(move || asked.is_closed(), || write(&store, output)));
        match written.and_then(|output| Ok(output.finish()?)) {
            Ok(_) => finished.store(true, Ordering::Release),
            Err(error) => {
                if !matches!(error, StoreError::Stopped(Stopped::Cancelled)) {
                    log::warn!("request {id}: its answer ended early: {error}");
                }
                // For the status, if nothing has been sent yet; later there may be no room, nor anybody who reads.
                let _ = sender.try_send(Err(error));
            }
        }
        metrics.observe(Stage::Query, stopwatch.elapsed());
        drop(place);
    });
    // Until the first piece is there, an error can still be told by its status.
    let first = match pieces.recv().await {
        Some(first) => first?,
        None => {
            let _ = worker.await;
            return Err(Problem::new(Code::Internal, "the query broke; the server's log says why"));
        }
    };
    // An answer that ended early must not appear complete: its last chunk is an error, which breaks the connection off.
    let rest = stream::unfold((pieces, whole), |(mut pieces, whole)| async {
        match pieces.recv().await {
            Some(piece) => Some((piece, (pieces, whole))),
            None if whole.swap(true, Ordering::AcqRel) => None,
            None => Some((Err(Stopped::Cancelled.into()), (pieces, whole))),
        }
    });
    let body = futures_util::StreamExt::chain(stream::iter([Ok(first)]), rest);
    let mut response = HttpResponse::Ok();
    response.content_type(content_type).insert_header((VARY, "Accept-Encoding"));
    if is_compressed {
        response.insert_header((CONTENT_ENCODING, "gzip"));
    }
    Ok(response.streaming(body))
}

/// Writes a list as JSON, between `ends`.
pub(super) fn list<T: Serialize>(
    ends: [&str; 2],
    items: impl Iterator<Item = Result<T, StoreError>>,
    output: &mut impl Output,
) -> Result<(), StoreError> {
    self::items(ends, items, |piece, item| serde_json::to_writer(piece, &item), output)
}

/// Writes items piece by piece: those of 100,000 signals have 17 MB, and with their metadata much more.
pub(super) fn items<T>(
    [open, close]: [&str; 2],
    items: impl Iterator<Item = Result<T, StoreError>>,
    write: impl Fn(&mut Vec<u8>, T) -> serde_json::Result<()>,
    output: &mut impl Output,
) -> Result<(), StoreError> {
    const PIECE: usize = 64 << 10;
    let mut piece = Vec::from(open);
    for (number, item) in items.enumerate() {
        if number > 0 {
            piece.push(b',');
        }
        write(&mut piece, item?).map_err(not_text)?;
        if piece.len() >= PIECE {
            output.check()?;
            output.write(std::mem::take(&mut piece))?;
        }
    }
    piece.extend(close.as_bytes());
    Ok(output.write(piece)?)
}

fn not_text(error: serde_json::Error) -> StoreError {
    StoreError::Down(format!("an answer cannot be written: {error}"))
}

/// Hands pieces to the connection, as fast as its client takes them.
pub(super) struct Pieces {
    sender: mpsc::Sender<Result<Bytes, StoreError>>,
    pace: Pace,
    /// Since the last piece was taken.
    since: Stopwatch,
}

impl Pieces {
    fn new(sender: mpsc::Sender<Result<Bytes, StoreError>>, patience: Duration) -> Self {
        Self { sender, pace: Pace::new(patience, LEAST_RATE), since: Stopwatch::start() }
    }
}

impl Output for Pieces {
    fn write(&mut self, piece: Vec<u8>) -> Result<(), Stopped> {
        let (bytes, waiting) = (piece.len(), Stopwatch::start());
        let left = self.pace.left();
        let send = self.sender.send(Ok(piece.into()));
        let taken =
            tokio::runtime::Handle::current().block_on(async { tokio::time::timeout(left, send).await });
        self.pace.waited(waiting.elapsed());
        match taken {
            Ok(Ok(())) => {
                self.pace.took(bytes);
                self.since = Stopwatch::start();
                Ok(())
            }
            Ok(Err(_)) => Err(Stopped::Cancelled),
            Err(_) => Err(Stopped::Timeout(self.pace.patience())),
        }
    }

    fn check(&mut self) -> Result<(), Stopped> {
        if self.sender.is_closed() {
            return Err(Stopped::Cancelled);
        }
        if self.since.elapsed() > self.pace.patience() || fault::makes_queries_late() {
            Err(Stopped::Timeout(self.pace.patience()))
        } else {
            Ok(())
        }
    }
}
