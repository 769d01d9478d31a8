//! Answers that wait for their clients to read them.
//!
//! actix-web copies each piece of a body into the buffer of its connection, whatever size it has, and a client may leave it there.
//! [`hand_on`] sees every answer: a long one goes there in pieces, and counts towards [`UNREAD`] until the last one is taken.

use std::convert::Infallible;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::LazyLock;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::ServiceResponse;
use actix_web::web::Bytes;
use actix_web::{HttpResponse, ResponseError};
use afterglow_wire::Code;

use super::problem::Problem;
use crate::memory;
use crate::shares::{Exhausted, Share, Shares};

/// Bytes of answers that wait for their clients to read them, in all; one address may have a half of them. Beyond it
/// 503 `queue_full`; an answer to a change that was made breaks off after its head.
const UNREAD: usize = 64 << 20;

/// Bytes of the pieces in which an answer is handed on; an answer of one piece does not count towards [`UNREAD`].
const PIECE: usize = 16 << 10;

static SHARES: LazyLock<Shares> = LazyLock::new(|| Shares::halves(memory::bound(UNREAD)));

/// Says that the bytes of an answer are those of everyone who asks for it: they do not count.
struct Common;

/// A place that an answer keeps until its client has taken the last piece.
struct Place(Share);

/// An answer of bytes that are in memory once, for everyone who asks for them.
pub(super) fn common(mut response: HttpResponse) -> HttpResponse {
    response.extensions_mut().insert(Common);
    response
}

/// An answer that keeps `place` until its client has taken it.
pub(super) fn keeping(mut response: HttpResponse, place: Share) -> HttpResponse {
    response.extensions_mut().insert(Place(place));
    response
}

/// The answer as it is sent to a client at `address`.
pub(super) fn hand_on(response: ServiceResponse, address: IpAddr) -> ServiceResponse {
    let (request, response) = response.into_parts();
    let may_refuse = request.method().is_safe() || !response.status().is_success();
    ServiceResponse::new(request, in_pieces(response, may_refuse, address, &SHARES))
}

fn in_pieces(mut response: HttpResponse, may_refuse: bool, address: IpAddr, unread: &Shares) -> HttpResponse {
    let BodySize::Sized(length) = response.body().size() else { return response };
    let is_common = response.extensions_mut().remove::<Common>().is_some();
    let place = response.extensions_mut().remove::<Place>().map(|Place(share)| share);
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    if length <= PIECE {
        return response;
    }
    let (response, body) = response.into_parts();
    let rest = match body.try_into_bytes() {
        Ok(bytes) => bytes,
        // Made of pieces already.
        Err(body) => return response.set_body(body),
    };
    let share = match unread.take(address, if is_common { 0 } else { length }) {
        Ok(share) => share,
        Err(exhausted) if may_refuse => return too_many(exhausted).error_response(),
        // What was done must not be answered as if it could be tried again.
        Err(_) => return response.set_body(BoxBody::new(BreaksOff(length as u64))),
    };
    response.set_body(BoxBody::new(Pieces { rest, _share: share, _place: place }))
}

fn too_many(exhausted: Exhausted) -> Problem {
    let whose = match exhausted {
        Exhausted::All => "clients",
        Exhausted::Address => "clients at this address",
    };
    let message = format!("{whose} have too many answers that they do not read; ask again in a moment");
    Problem::new(Code::QueueFull, message)
}

/// A body that is handed on piece by piece.
struct Pieces {
    rest: Bytes,
    _share: Share,
    _place: Option<Share>,
}

impl MessageBody for Pieces {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.rest.len() as u64)
    }

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, Infallible>>> {
        let length = self.rest.len().min(PIECE);
        let piece = self.rest.split_to(length);
        Poll::Ready((!piece.is_empty()).then_some(Ok(piece)))
    }
}

/// A body of this many bytes, none of which comes.
struct BreaksOff(u64);

impl MessageBody for BreaksOff {
    type Error = io::Error;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.0)
    }

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        Poll::Ready(Some(Err(io::Error::other("clients have too many answers that they do not read"))))
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    const A: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 1));
    const B: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 2));

    fn answer(length: usize) -> HttpResponse {
        HttpResponse::Ok().body(vec![7; length])
    }

    async fn next(body: &mut BoxBody) -> Option<Bytes> {
        let mut body = Pin::new(body);
        poll_fn(|context| body.as_mut().poll_next(context)).await.map(|piece| piece.unwrap())
    }

    #[actix_rt::test]
    async fn answers_that_nobody_reads_are_bounded_and_given_back() {
        let unread = Shares::halves(4 * PIECE);
        let ask = |address| in_pieces(answer(PIECE + 1), true, address, &unread);
        let is_refused = |address| ask(address).status() == 503;
        let mut first = ask(A).into_body();
        assert!(is_refused(A));
        assert_eq!(in_pieces(answer(PIECE), true, A, &unread).status(), 200, "one piece does not count");
        let _other = ask(B);
        for length in [PIECE, 1] {
            assert_eq!(next(&mut first).await.unwrap().len(), length);
            assert!(is_refused(A), "it holds the rest");
        }
        assert!(next(&mut first).await.is_none());
        drop(first);
        assert!(!is_refused(A));
    }

    #[actix_rt::test]
    async fn what_is_in_memory_for_everyone_does_not_count_and_is_not_copied() {
        let unread = Shares::halves(4 * PIECE);
        let page = Bytes::from(vec![7; 9 * PIECE]);
        for _ in 0..9 {
            let body = common(HttpResponse::Ok().body(page.clone()));
            let mut body = in_pieces(body, true, A, &unread).into_body();
            assert_eq!(body.size(), BodySize::Sized(9 * PIECE as u64));
            let piece = next(&mut body).await.unwrap();
            assert_eq!((piece.len(), piece.as_ptr()), (PIECE, page.as_ptr()));
        }
    }

    #[actix_rt::test]
    async fn a_change_that_was_made_is_not_answered_as_if_it_could_be_tried_again() {
        let unread = Shares::halves(PIECE);
        let response = in_pieces(answer(PIECE + 1), false, A, &unread);
        assert_eq!(response.status(), 200);
        let mut body = response.into_body();
        let mut body = Pin::new(&mut body);
        assert!(poll_fn(|context| body.as_mut().poll_next(context)).await.unwrap().is_err());
    }

    #[actix_rt::test]
    async fn a_place_is_kept_until_the_answer_is_read() {
        let (places, unread) = (Shares::new(1, 1), Shares::halves(9 * PIECE));
        let response = keeping(answer(PIECE + 1), places.take(A, 1).unwrap());
        let mut body = in_pieces(response, true, A, &unread).into_body();
        assert_eq!(next(&mut body).await.unwrap().len(), PIECE);
        assert!(places.take(A, 1).is_err());
        drop(body);
        assert!(places.take(A, 1).is_ok());
    }
}
