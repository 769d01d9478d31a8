//! Signals live: history and what follows it as one stream that goes on after every interruption.
//!
//! A [`Subscription`] connects, subscribes, and gives [`News`] in order. When the connection breaks it comes back with
//! back-off and jitter and resumes where it was: everything committed meanwhile arrives, nothing arrives twice. Only
//! where the server cannot tell any more what was missed (it was started afresh, or the absence was long) does the
//! history come again, after a [`News::Began`] that says so.

mod connection;
mod state;

use std::sync::Arc;
use std::time::Duration;

use afterglow_wire::v1::{Position, Subscribe};

use crate::access::Access;
use crate::backoff::Backoff;
use connection::{Address, Connection};
use state::{Next, State};

/// The waits before a new connection: with full jitter, so that the clients of a server that was restarted do not all
/// come at once.
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(250), Duration::from_secs(5));

/// What a subscription tells.
#[derive(Clone, Debug, PartialEq)]
pub enum News {
    /// The server answers. Unless it is resumed, forget everything: a history follows.
    Began {
        /// Whether the stream goes on exactly where it was.
        is_resumed: bool,
    },
    /// The history is complete; from here on samples come as they are committed.
    Live,
    /// Samples of one signal.
    Samples(Samples),
    /// The server had to leave samples out because this client reads too slowly. They are fetched now.
    Conflated,
    /// Something other than samples has changed; the text is an [`afterglow_wire::revision::Revision`] as JSON.
    Changed(String),
    /// Nothing new; the server's clock, microseconds since 1970.
    Idle(i64),
    /// The connection broke; it is tried again after `wait`.
    Offline {
        /// Why.
        reason: String,
        /// How long the subscription waits, within the next call.
        wait: Duration,
    },
}

/// Samples of one signal, each instant once and in order.
#[derive(Clone, Debug, PartialEq)]
pub struct Samples {
    /// The signal's name.
    pub signal: Arc<str>,
    /// Microseconds since 1970, strictly rising. They may be older than samples that came before: merge by time.
    pub times: Vec<i64>,
    /// A value for each.
    pub values: Vec<f64>,
    /// Whether they are of the history rather than newly committed.
    pub is_history: bool,
    /// The server's clock when they were sent, microseconds since 1970.
    pub server_time: i64,
}

/// Why a subscription cannot go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubscribeError {
    /// The address is none that can be connected to.
    #[error("{0:?} is no address of a backend; http://HOST:PORT or https://HOST:PORT is expected")]
    BadAddress(String),
    /// The server refuses the request; it would refuse it again.
    #[error("{0}")]
    Refused(String),
}

/// Follows signals.
///
/// ```no_run
/// use afterglow_client::subscribe::{News, Subscription};
///
/// let mut subscription = Subscription::new("http://127.0.0.1:5001", vec!["room.*".into()])?.window(60.0, None)?;
/// loop {
///     if let News::Samples(samples) = subscription.receive()? {
///         println!("{} {:?}", samples.signal, samples.values);
///     }
/// }
/// # Ok::<(), afterglow_client::subscribe::SubscribeError>(())
/// ```
#[derive(Debug)]
pub struct Subscription {
    address: Address,
    access: Access,
    request: Subscribe,
    connection: Option<Connection>,
    state: State,
    backoff: Backoff,
    /// How long to wait before the next attempt.
    wait: Duration,
}

impl Subscription {
    /// A subscription to `signals`, names in which `*` stands for any characters, at the backend's address
    /// (`http://HOST:PORT`, or `https` for TLS with a certificate of a public authority). It connects with the first call of [`Self::receive`].
    ///
    /// # Errors
    /// When the address or a name cannot be used.
    pub fn new(backend: &str, signals: Vec<String>) -> Result<Self, SubscribeError> {
        let address =
            Address::parse(backend).ok_or_else(|| SubscribeError::BadAddress(backend.to_owned()))?;
        let request = Subscribe { id: 1, signals, ..Subscribe::default() };
        request.check().map_err(SubscribeError::Refused)?;
        Ok(Self {
            address,
            access: Access::default(),
            request,
            connection: None,
            state: State::default(),
            backoff: BACKOFF,
            wait: Duration::ZERO,
        })
    }

    /// Asks for the last `seconds` first; with a `width` in pixels, at most two samples a pixel and signal, the
    /// lowest and the highest.
    ///
    /// # Errors
    /// When one of them is not allowed.
    pub fn window(mut self, seconds: f64, width: Option<u32>) -> Result<Self, SubscribeError> {
        self.request.window = Some(seconds);
        self.request.width = width;
        self.request.check().map_err(SubscribeError::Refused)?;
        Ok(self)
    }

    /// Shows a key, or trusts other authorities than the public ones.
    #[must_use]
    pub fn access(mut self, access: Access) -> Self {
        self.access = access;
        self
    }

    /// What this client has: everything up to there.
    pub fn position(&self) -> Option<Position> {
        self.state.position()
    }

    /// Breaks the connection off, as a network may; the next call resumes.
    pub fn disconnect(&mut self) {
        self.connection = None;
    }

    /// Waits for the next news.
    ///
    /// # Errors
    /// When the server refuses the request.
    pub fn receive(&mut self) -> Result<News, SubscribeError> {
        loop {
            if let Some(news) = self.state.next() {
                return Ok(news);
            }
            let step = self.advance();
            if let Err(Interrupted::Refused(message)) = step {
                return Err(SubscribeError::Refused(message));
            }
            if let Err(Interrupted::Broken(reason)) = step {
                self.disconnect();
                self.wait = self.backoff.next(None, rand::random());
                return Ok(News::Offline { reason, wait: self.wait });
            }
        }
    }

    /// Connects, or reads one frame.
    fn advance(&mut self) -> Result<(), Interrupted> {
        if let Some(connection) = &mut self.connection {
            let next = self.state.take(&connection.read()?)?;
            self.backoff.reset();
            return if next == Next::Resume { self.request() } else { Ok(()) };
        }
        std::thread::park_timeout(std::mem::take(&mut self.wait));
        self.connection = Some(Connection::open(&self.address, &self.access)?);
        self.request()
    }

    fn request(&mut self) -> Result<(), Interrupted> {
        let Some(connection) = &mut self.connection else { return Ok(()) };
        self.state.requested();
        connection.send(Subscribe { resume: self.state.position(), ..self.request.clone() })
    }
}

/// Why a connection ended.
#[derive(Debug)]
enum Interrupted {
    /// It may work the next time.
    Broken(String),
    /// It never will.
    Refused(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_leave_the_scheme_out() {
        for good in
            ["http://127.0.0.1:5001", "http://example.org/", "https://example.org", "[::1]:80", "localhost:1"]
        {
            assert!(Subscription::new(good, vec!["*".into()]).is_ok(), "{good}");
        }
        for bad in ["", "http://", "https://", "ws://a", "http://a/b", "a b"] {
            let error = Subscription::new(bad, vec!["*".into()]).unwrap_err();
            assert_eq!(error, SubscribeError::BadAddress(bad.to_owned()));
        }
        assert!(matches!(Subscription::new("a:1", vec![]), Err(SubscribeError::Refused(_))));
    }
}
