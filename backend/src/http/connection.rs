//! Connections that pass requests on one at a time.
//!
//! actix-http reads ahead: it decodes requests that wait in a connection while the one before them is answered, and keeps
//! answers that their client does not read. So a client that sends requests and reads nothing would fill the memory. A
//! [`Connection`], which is between actix-http and the socket, holds the next request back until the answer to the one before it was handed
//! to the socket: most of what comes meanwhile stays in the kernel's buffers, and the client has to wait.

mod request;

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::web::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

pub(super) use request::Body;
use request::Progress;

/// Bytes after a request that are read while it is answered, to see whether the client is still there. Beyond it, nothing more is
/// read until the answer is over.
const AHEAD: usize = 4 << 10;

/// Bytes of a head that are held back until all of it is here: actix-http parses it from its beginning each time that a part
/// comes. It refuses one that is longer.
const HEAD: usize = 128 << 10;

/// A connection, over the socket or TLS stream `T`.
pub(super) struct Connection<T> {
    io: T,
    turn: Rc<Turn>,
    /// What was read and is not passed on yet: at most [`HEAD`] and [`AHEAD`], or what came in one piece.
    ahead: BytesMut,
    /// How many of these bytes, the first, are of a head that is not passed on yet.
    held: usize,
    /// Whether the head that comes is longer than [`HEAD`]: no more of it is held back.
    is_too_long: bool,
    /// Whether nothing comes after that.
    is_at_end: bool,
}

/// Whose turn it is on a connection: the client's, which sends a request, or the server's, which answers it.
#[derive(Default)]
pub(super) struct Turn {
    request: RefCell<Progress>,
    /// How many answers are under way: one or none.
    answers: Cell<usize>,
    /// Whether a part of the last answer was not handed to the socket yet.
    is_unsent: Cell<bool>,
    /// Whether bytes wait to be passed on.
    has_ahead: Cell<bool>,
    /// Whether actix-http has read since this was last set to false.
    is_read: Cell<bool>,
}

/// An answer that is under way until this is dropped.
pub(super) struct Answering(Rc<Turn>);

/// The body of an answer, which is over with it.
pub(super) struct Answer {
    body: BoxBody,
    _answering: Option<Answering>,
}

impl Turn {
    /// An answer begins, to a request with `body`; what has come of the body is passed on before this returns. So a request
    /// that is refused for its head leaves nothing unread where all of it is here.
    pub(super) async fn begin(self: &Rc<Self>, body: Option<Body>) -> Answering {
        self.request.borrow_mut().expect(body);
        self.answers.set(self.answers.get() + 1);
        self.is_unsent.set(true);
        let answering = Answering(Rc::clone(self));
        if self.has_ahead.get() && self.is_open() {
            self.is_read.set(false);
            let mut is_woken = false;
            poll_fn(|context| {
                if self.is_read.get() {
                    return Poll::Ready(());
                }
                // Until it reads, actix-http asks more than once.
                if !std::mem::replace(&mut is_woken, true) {
                    context.waker().wake_by_ref();
                }
                Poll::Pending
            })
            .await;
        }
        answering
    }

    /// Whether the bytes that come next are passed on.
    fn is_open(&self) -> bool {
        !matches!(*self.request.borrow(), Progress::Headed | Progress::Whole)
    }

    /// Whether a head is to come, or the rest of it.
    fn is_in_head(&self) -> bool {
        matches!(*self.request.borrow(), Progress::Before | Progress::Head(_))
    }

    /// How many of `bytes` are passed on.
    fn pass(&self, bytes: &[u8]) -> usize {
        let mut request = self.request.borrow_mut();
        let passed = request.take(bytes);
        // Its answer may have been sent before its end came.
        if *request == Progress::Whole && !self.is_unsent.get() {
            *request = Progress::default();
        }
        passed
    }

    /// All that was written is handed to the socket. Whether the client has its turn again.
    fn sent(&self) -> bool {
        if self.answers.get() > 0 {
            return false;
        }
        self.is_unsent.set(false);
        let mut request = self.request.borrow_mut();
        // `Headed`: actix-http has refused the head, so the gate has not seen it.
        let is_over = matches!(*request, Progress::Whole | Progress::Headed);
        if is_over {
            *request = Progress::default();
        }
        is_over
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.answers.set(self.0.answers.get() - 1);
    }
}

impl Answer {
    pub(super) fn new(body: BoxBody, answering: Option<Answering>) -> Self {
        Self { body, _answering: answering }
    }
}

impl MessageBody for Answer {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.body).poll_next(context)
    }
}

impl<T> Connection<T> {
    pub(super) fn new(io: T) -> Self {
        Self {
            io,
            turn: Rc::default(),
            ahead: BytesMut::new(),
            held: 0,
            is_too_long: false,
            is_at_end: false,
        }
    }

    /// The socket or TLS stream.
    pub(super) fn io(&self) -> &T {
        &self.io
    }

    pub(super) fn turn(&self) -> &Rc<Turn> {
        &self.turn
    }
}

impl<T: AsyncRead + Unpin> Connection<T> {
    /// Passes on as many of the bytes that were read before.
    fn pass_ahead(&mut self, length: usize, buffer: &mut ReadBuf<'_>) {
        buffer.put_slice(&self.ahead.split_to(length));
        if self.ahead.is_empty() {
            self.ahead = BytesMut::new();
        }
    }

    /// Passes nothing on but the end of the connection, which comes last, and errors.
    fn poll_ahead(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.ahead.len() < AHEAD && !self.is_at_end {
            let mut space = [MaybeUninit::uninit(); AHEAD];
            let mut arrived = ReadBuf::uninit(&mut space);
            ready!(Pin::new(&mut self.io).poll_read(context, &mut arrived))?;
            self.ahead.extend_from_slice(arrived.filled());
            self.is_at_end = arrived.filled().is_empty();
        }
        // What is held back is passed on later: see `poll_flush`.
        if self.ahead.is_empty() { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    fn poll_pass(&mut self, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            let is_in_head = self.turn.is_in_head();
            self.is_too_long = is_in_head && (self.is_too_long || self.held >= HEAD);
            // A head that is complete, too long, or never will be complete.
            if self.held > 0 && (!is_in_head || self.is_too_long || self.is_at_end) {
                let length = self.held.min(buffer.remaining());
                self.held -= length;
                self.pass_ahead(length, buffer);
                return Poll::Ready(Ok(()));
            }
            if !self.turn.is_open() {
                return self.poll_ahead(context);
            }
            let is_held_back = is_in_head && !self.is_too_long;
            if self.ahead.len() > self.held {
                if is_held_back {
                    self.held += self.turn.pass(&self.ahead[self.held..]);
                    continue;
                }
                let length = self.ahead.len().min(buffer.remaining());
                let length = self.turn.pass(&self.ahead[..length]);
                self.pass_ahead(length, buffer);
                return Poll::Ready(Ok(()));
            }
            if self.is_at_end {
                return Poll::Ready(Ok(()));
            }
            let before = buffer.filled().len();
            ready!(Pin::new(&mut self.io).poll_read(context, buffer))?;
            let arrived = &buffer.filled()[before..];
            self.is_at_end = arrived.is_empty();
            if is_held_back && self.held > 0 {
                self.ahead.extend_from_slice(arrived);
                buffer.set_filled(before);
                continue;
            }
            let passed = self.turn.pass(arrived);
            if is_held_back && self.turn.is_in_head() {
                // Most heads come in one piece, and are not copied.
                self.ahead.extend_from_slice(arrived);
                self.held = passed;
                buffer.set_filled(before);
                continue;
            }
            self.ahead.extend_from_slice(&arrived[passed..]);
            buffer.set_filled(before + passed);
            return Poll::Ready(Ok(()));
        }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Connection<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let polled = self.poll_pass(context, buffer);
        // After an error actix-http reads no more.
        let is_broken = matches!(polled, Poll::Ready(Err(_)));
        self.turn.has_ahead.set(!self.ahead.is_empty() && !is_broken);
        self.turn.is_read.set(true);
        polled
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Connection<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(context, bytes)
    }

    /// actix-http does this at the end of each of its turns, once it has written all that it has.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.io).poll_flush(context))?;
        if self.turn.sent() && (!self.ahead.is_empty() || self.is_at_end) {
            context.waker().wake_by_ref();
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}
