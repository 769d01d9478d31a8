//! An answer that is sent while it is made: memory does not grow with it, and a reader is not held for a client that
//! does not read.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::web::Bytes;
use afterglow_wire::Code;
use futures_util::stream;
use tokio::sync::mpsc;

use super::super::problem::Problem;
use crate::clock::Stopwatch;
use crate::encode::{Encoder, Format, Output};
use crate::fault;
use crate::metrics::{Metrics, Stage};
use crate::store::{Query, Store, StoreError};

/// Pieces of 64 KiB that may be made before the client has taken them.
const PIECES: usize = 4;

/// Makes the answer to `query` on a thread of its own and sends it piece by piece. `patience` is how long a piece may
/// take to be made, and how long the client may take to read it.
pub(super) async fn stream(
    store: Store,
    query: Query,
    format: Format,
    patience: Duration,
    metrics: Metrics,
) -> Result<HttpResponse, Problem> {
    let (sender, mut pieces) = mpsc::channel(PIECES);
    let whole = Arc::new(AtomicBool::new(false));
    let finished = Arc::clone(&whole);
    let worker = actix_rt::task::spawn_blocking(move || {
        let stopwatch = Stopwatch::start();
        let output = Pieces { sender: sender.clone(), patience, since: Stopwatch::start() };
        let mut encoder = Encoder::new(format, output);
        match store.query(&query, &mut encoder).and_then(|_| encoder.finish()) {
            Ok(_) => finished.store(true, Ordering::Release),
            Err(error) => {
                if !matches!(error, StoreError::Cancelled) {
                    log::warn!("a query ended early: {error}");
                }
                // For the status, if nothing has been sent yet; later there may be no room, nor anybody who reads.
                let _ = sender.try_send(Err(error));
            }
        }
        metrics.observe(Stage::Query, stopwatch.elapsed());
    });
    // Until the first piece is there, an error can still be told by its status.
    let first = match pieces.recv().await {
        Some(first) => first?,
        None => {
            let _ = worker.await;
            return Err(Problem::new(Code::Internal, "the query broke; the server's log says why"));
        }
    };
    // An answer that ended early must not look whole: its last chunk is an error, which breaks the connection off.
    let rest = stream::unfold((pieces, whole), |(mut pieces, whole)| async {
        match pieces.recv().await {
            Some(piece) => Some((piece, (pieces, whole))),
            None if whole.swap(true, Ordering::AcqRel) => None,
            None => Some((Err(StoreError::Cancelled), (pieces, whole))),
        }
    });
    let body = futures_util::StreamExt::chain(stream::iter([Ok(first)]), rest);
    Ok(HttpResponse::Ok().content_type(format.content_type()).streaming(body))
}

struct Pieces {
    sender: mpsc::Sender<Result<Bytes, StoreError>>,
    patience: Duration,
    /// Since the last piece was taken.
    since: Stopwatch,
}

impl Output for Pieces {
    fn write(&mut self, piece: Vec<u8>) -> Result<(), StoreError> {
        let send = tokio::time::timeout(self.patience, self.sender.send(Ok(piece.into())));
        match tokio::runtime::Handle::current().block_on(send) {
            Ok(Ok(())) => {
                self.since = Stopwatch::start();
                Ok(())
            }
            Ok(Err(_)) => Err(StoreError::Cancelled),
            Err(_) => Err(StoreError::QueryTimeout(self.patience)),
        }
    }

    fn check(&mut self) -> Result<(), StoreError> {
        if self.sender.is_closed() {
            return Err(StoreError::Cancelled);
        }
        if self.since.elapsed() > self.patience || fault::makes_queries_late() {
            Err(StoreError::QueryTimeout(self.patience))
        } else {
            Ok(())
        }
    }
}
