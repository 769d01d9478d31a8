//! The bus: servers of one database tell each other of their commits over NATS, beside the database.
//!
//! It makes what one server takes appear sooner on the screens of another, and nothing else: nothing that is acknowledged depends on
//! it. Whatever it does not bring is found in the database, by the next look of the [follower](crate::actors::follower).
//!
//! **Role.** A thread of its own, with the connection: sends frames of this server's commits, and opens those of others.
//! **Bound.** [`WAITING`] commits and [`WAITING_SAMPLES`] samples that wait to be sent, [`UNSENT`] frames in the client and
//! [`UNREAD`] that it has received.
//! **Overload.** Drop: a frame that does not fit, or is not taken by the connection within [`PATIENCE`], is not sent, and one that the
//! follower has no room for is not kept. The others find the commit by their next look.
//! **Restart.** The client connects again by itself. When the thread is lost, servers go on without a bus.

mod address;
mod early;
mod frame;
mod trust;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use async_nats::connection::State;
use async_nats::{Client, ConnectOptions, Event, Subscriber};
use futures_util::StreamExt as _;
use tokio::sync::mpsc;

use crate::health::Health;
use crate::metrics::{BusFrame, BusMetrics};
use crate::store::Commit;

use early::samples;

pub use address::{Address, Credentials};
pub use early::Early;
pub use frame::{Frame, Key};
pub use trust::Trust;

/// Commits, and samples of them, that wait to be sent.
const WAITING: usize = 256;
const WAITING_SAMPLES: usize = 1_000_000;

/// Frames that the client has not written yet.
const UNSENT: usize = 64;

/// Frames that have been received and not opened.
const UNREAD: usize = 256;

/// How long a frame may wait for the client to take it.
const PATIENCE: Duration = Duration::from_millis(50);

/// How often the connection is tried when nothing is heard; two that are not answered end it.
const PING: Duration = Duration::from_secs(5);

/// How long an attempt to connect may take, and the longest pause between attempts.
const CONNECT: Duration = Duration::from_secs(5);
const RECONNECT: Duration = Duration::from_secs(1);

/// What a bus is made of.
pub struct Parts {
    /// Where it is.
    pub address: Address,
    /// Certificates of authorities (PEM) that count in place of this machine's.
    pub authorities: Option<PathBuf>,
    /// What frames are signed with.
    pub key: Key,
    /// What is counted.
    pub metrics: BusMetrics,
    /// What hears how the connection is.
    pub health: Health,
}

/// The bus, seen by those who use it. Cloning shares it; it ends with the last of them.
#[derive(Clone)]
pub struct Bus {
    outbox: mpsc::Sender<Commit>,
    /// Samples in the outbox.
    waiting: Arc<AtomicUsize>,
    connection: Arc<Connection>,
}

/// How the connection is.
struct Connection {
    is_up: AtomicBool,
    /// Whether the log says that it is not.
    is_reported: AtomicBool,
    address: String,
    metrics: BusMetrics,
    health: Health,
}

impl Bus {
    /// Starts the thread. `deliver` is given what other servers send, in the order in which it arrives, and says whether it had room; it
    /// must not block.
    ///
    /// # Errors
    /// When there can be no thread.
    pub fn start(parts: Parts, deliver: impl Fn(Frame) -> bool + Send + 'static) -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (outbox, commits) = mpsc::channel(WAITING);
        let waiting = Arc::<AtomicUsize>::default();
        let connection = Arc::new(Connection {
            is_up: AtomicBool::new(false),
            is_reported: AtomicBool::new(false),
            address: parts.address.to_string(),
            metrics: parts.metrics.clone(),
            health: parts.health.clone(),
        });
        connection.health.has_bus(connection.address.clone());
        let bus = Self { outbox, waiting: Arc::clone(&waiting), connection: Arc::clone(&connection) };
        let run = move || {
            // Also when what follows panics.
            let end = End(connection);
            runtime.block_on(work(parts, commits, &waiting, &end.0, deliver));
        };
        thread::Builder::new().name("bus".into()).spawn(run)?;
        Ok(bus)
    }

    /// Lets the other servers know of a commit that this one has made. Does not wait.
    pub fn send(&self, commit: Commit) {
        if !(self.is_connected() && self.take(commit)) {
            self.connection.metrics.count(BusFrame::Dropped);
        }
    }

    fn take(&self, commit: Commit) -> bool {
        let samples = samples(&commit);
        let before = self.waiting.fetch_add(samples, Ordering::Relaxed);
        let is_taken = before + samples <= WAITING_SAMPLES && self.outbox.try_send(commit).is_ok();
        if !is_taken {
            self.waiting.fetch_sub(samples, Ordering::Relaxed);
        }
        is_taken
    }

    /// Whether there is a connection, as far as is known.
    pub fn is_connected(&self) -> bool {
        self.connection.is_up.load(Ordering::Relaxed)
    }
}

struct End(Arc<Connection>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.is_up.store(false, Ordering::Relaxed);
        self.0.metrics.connected(false);
        if thread::panicking() {
            self.0.health.bus_connected(Err("its thread broke"));
            log::error!(
                "the thread of the bus broke: this server goes on without a bus until it is started again"
            );
        }
    }
}

impl Connection {
    /// Says once what is wrong, until it is well again.
    fn fails(&self, why: &str) {
        if !self.is_up.load(Ordering::Relaxed) {
            self.health.bus_connected(Err(why));
        }
        if !self.is_reported.swap(true, Ordering::Relaxed) {
            log::warn!(
                "the bus at {} is not there ({why}): what other servers commit is seen by looking into the database",
                self.address
            );
        }
    }

    fn hear(&self, event: &Event) {
        match event {
            Event::Connected => {
                self.is_up.store(true, Ordering::Relaxed);
                self.is_reported.store(false, Ordering::Relaxed);
                self.metrics.connected(true);
                self.health.bus_connected(Ok(()));
                log::info!("the bus at {} is connected", self.address);
            }
            Event::Disconnected | Event::Closed => {
                self.is_up.store(false, Ordering::Relaxed);
                self.metrics.connected(false);
                self.fails("the connection was lost");
            }
            // What is too much for a subscription is dropped there.
            Event::SlowConsumer(_) => self.metrics.count(BusFrame::Dropped),
            Event::ServerError(error) => self.fails(&error.to_string()),
            Event::ClientError(error) => self.fails(&error.to_string()),
            Event::LameDuckMode | Event::Draining => {}
        }
    }
}

/// Connects, and works until nobody can send any more.
async fn work(
    parts: Parts,
    commits: mpsc::Receiver<Commit>,
    waiting: &AtomicUsize,
    connection: &Arc<Connection>,
    deliver: impl Fn(Frame) -> bool,
) {
    let Parts { address, authorities, key, metrics, .. } = parts;
    let subject = key.subject();
    let events = Arc::clone(connection);
    let mut options = ConnectOptions::new()
        .name("afterglow")
        .no_echo()
        .retry_on_initial_connect()
        .ignore_discovered_servers()
        .max_reconnects(None)
        .reconnect_delay_callback(|attempt| {
            RECONNECT
                .min(Duration::from_millis(50).saturating_mul(u32::try_from(attempt).unwrap_or(u32::MAX)))
        })
        .connection_timeout(CONNECT)
        .ping_interval(PING)
        .client_capacity(UNSENT)
        .subscription_capacity(UNREAD)
        .event_callback(move |event| {
            events.hear(&event);
            std::future::ready(())
        });
    options = match address.credentials() {
        Some(Credentials::Token(token)) => options.token(token.clone()),
        Some(Credentials::User(user, password)) => options.user_and_password(user.clone(), password.clone()),
        None => options,
    };
    if let Some(file) = authorities {
        options = options.add_root_certificates(file);
    }
    let client = match options.connect(address.servers()).await {
        Ok(client) => client,
        Err(error) => return connection.fails(&error.to_string()),
    };
    let subscription = match client.subscribe(subject.clone()).await {
        Ok(subscription) => subscription,
        Err(error) => return connection.fails(&error.to_string()),
    };
    tokio::select! {
        () = send(&client, &subject, &key, commits, waiting, &metrics) => {}
        () = receive(subscription, &key, &metrics, deliver) => {}
    }
}

async fn send(
    client: &Client,
    subject: &str,
    key: &Key,
    mut commits: mpsc::Receiver<Commit>,
    waiting: &AtomicUsize,
    metrics: &BusMetrics,
) {
    while let Some(commit) = commits.recv().await {
        waiting.fetch_sub(samples(&commit), Ordering::Relaxed);
        // A client that is not connected keeps what it is given for later, when it is of no use.
        let is_sent = client.connection_state() == State::Connected && {
            let frame = key.seal(&commit);
            let published = client.publish(subject.to_owned(), frame.into());
            matches!(tokio::time::timeout(PATIENCE, published).await, Ok(Ok(())))
        };
        metrics.count(if is_sent { BusFrame::Sent } else { BusFrame::Dropped });
    }
}

async fn receive(
    mut subscription: Subscriber,
    key: &Key,
    metrics: &BusMetrics,
    deliver: impl Fn(Frame) -> bool,
) {
    while let Some(message) = subscription.next().await {
        metrics.count(BusFrame::Received);
        match key.open(&message.payload) {
            Some(frame) => {
                if !deliver(frame) {
                    metrics.count(BusFrame::Dropped);
                }
            }
            None => metrics.count(BusFrame::Refused),
        }
    }
}
