//! The wiring, on one screen: builds the actors back to front, watches them, and drains them.

use std::future::Future;
use std::io::Write as _;
use std::net::TcpListener;
use std::time::Duration;

use futures_util::future::OptionFuture;
use tokio::sync::{mpsc, watch};

use crate::access::Access;
use crate::access::issuers::Issuers;
use crate::access::oidc::Logins;
use crate::access::people::People;
use crate::actors::alerts::{self, Alerts};
use crate::actors::broadcaster::{Broadcaster, CloseAll};
use crate::actors::certificate::CertificateKeeper;
use crate::actors::committer::Committer;
use crate::actors::compactor::Compactor;
use crate::actors::engine::Engines;
use crate::actors::issuer_keys;
use crate::actors::keeper::Keeper;
use crate::actors::notifier::Notifier;
use crate::actors::retention::Retention;
use crate::actors::session::{HistoryReaders, Sessions};
use crate::admission::Admission;
use crate::alerts::send::Sender;
use crate::clock::Clock;
use crate::committed::Listener;
use crate::config::Config;
use crate::deletions::Deletions;
use crate::documents::Documents;
use crate::http::{self, Bodies, Context};
use crate::ingest_report::Recorder;
use crate::intake::Intake;
use crate::lifeline::Lifeline;
use crate::metrics::Metrics;
use crate::pool::Pool;
use crate::store::{Store, StoreError};
use crate::tls::Certificate;

/// All of the drain must fit: admission, last commit, sessions, open requests.
const DRAIN: Duration = Duration::from_secs(9);

/// How long the link for the first admin is valid.
const SETUP_SECONDS: i64 = 30 * 60;

/// How long open HTTP requests may take to end once everything else is drained.
const HTTP_DRAIN_SECONDS: u64 = 3;

/// What ends a pipeline other than a request to stop.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    /// An actor is gone; nothing that was acknowledged is.
    #[error("the actor {0} was lost; the process stops so that it can be started afresh")]
    ActorLost(&'static str),
    /// The HTTP server ended by itself.
    #[error("the HTTP server ended: {0}")]
    Http(#[from] std::io::Error),
    /// The link for the first member cannot be stored.
    #[error("the link for the first member cannot be made: {0}")]
    Invitation(#[from] StoreError),
    /// Not everything could be written and closed in time.
    #[error("not drained within {} s; what was acknowledged is safe", DRAIN.as_secs())]
    DrainTimeout,
}

/// Where requests come in.
#[derive(Debug)]
pub struct Entrances {
    /// The server's.
    pub listener: TcpListener,
    /// What it shows, where it speaks TLS.
    pub certificate: Option<Certificate>,
    /// The port that leads readers to the page's address.
    pub redirect: Option<TcpListener>,
}

impl From<TcpListener> for Entrances {
    /// Without TLS.
    fn from(listener: TcpListener) -> Self {
        Self { listener, certificate: None, redirect: None }
    }
}

/// Who may do what, as the database has it: read before the server listens, because without it nobody can be let in.
pub struct Known {
    people: People,
    access: Access,
    issuers: Issuers,
}

impl Known {
    /// Reads keys, members, sessions and invitations. Tokens of `issuers` count too.
    ///
    /// # Errors
    /// When the database does not answer, or these are damaged.
    pub fn load(config: &Config, issuers: Issuers, store: &Store, clock: &Clock) -> Result<Self, StoreError> {
        let people = People::load(store, clock.clone())?;
        let access = Access::new(
            config.is_open(),
            store.access().clone(),
            config.access.requests_per_key,
            issuers.clone(),
            clock.now(),
        );
        access.reload()?;
        Ok(Self { people, access, issuers })
    }
}

/// Serves `entrances` until `stop` is ready, then drains and returns.
///
/// # Errors
/// When an actor or the server is lost, or the drain takes too long.
pub async fn run(
    config: Config,
    store: Store,
    Known { people, access, issuers }: Known,
    clock: Clock,
    entrances: Entrances,
    stop: impl Future<Output = ()>,
) -> Result<(), PipelineError> {
    let (lost, mut losses) = mpsc::unbounded_channel();
    let lifeline = |actor| Lifeline::new(actor, lost.clone());
    let metrics = Metrics::new();

    let latest = store.latest().unwrap_or_else(|error| {
        log::warn!("late samples are not told from new ones at first: {error}");
        Vec::new()
    });
    let scheme = if entrances.certificate.is_some() { "https" } else { "http" };
    let own = format!("{scheme}://{}", entrances.listener.local_addr()?);
    let origin = config.server.public_url.clone().unwrap_or(own);
    if !config.is_open() && !people.is_anybody() {
        announce_setup(&people, &origin)?;
    }
    let documents = Documents::new(store.clone(), &clock);
    let broadcaster = Broadcaster::start(
        &store,
        clock.clone(),
        &latest,
        documents.watch(),
        config.live.slow_seconds.duration(),
        metrics.clone(),
        lifeline("broadcaster"),
    );
    let live = Listener::new(
        broadcaster.clone().recipient(),
        metrics.broadcast.clone(),
        metrics.broadcast_shed.clone(),
    );
    let is_local = config.server.listen.ip().is_loopback();
    let page = config.server.public_url.clone();
    let sender = Sender::new(config.alerts.targets(is_local), config.alerts.commands.clone(), page.clone());
    let notifier = Notifier::start(store.clone(), sender, clock.clone(), metrics.clone(), lost.clone());
    let parts = alerts::Parts {
        store: store.clone(),
        clock: clock.clone(),
        metrics: metrics.clone(),
        documents: documents.clone(),
        notifier: notifier.clone(),
        page,
    };
    let alerts = Alerts::start(parts, lifeline("alerts"))?;
    let evaluated =
        Listener::new(alerts.clone(), metrics.alerts.samples.clone(), metrics.alerts.shed.clone());
    let listeners = vec![live, evaluated];
    let committer = Committer::start(store.clone(), listeners, metrics.clone(), lifeline("committer"));
    Compactor::start(store.clone(), metrics.clone(), lifeline("compactor"));
    Retention::start(store.clone(), config.store.retention(), clock.clone(), lifeline("retention"));
    if let Some(certificate) = entrances.certificate.clone() {
        CertificateKeeper::start(certificate, metrics.health.clone(), lifeline("certificate keeper"))?;
    }
    for issuer in issuers.published() {
        issuer_keys::start(issuers.clone(), issuer, clock.clone(), lifeline("issuer keys"))?;
    }
    let (stop_sessions, stopping) = watch::channel(false);
    let ping_interval = config.live.ping_seconds.duration();
    let engines = Engines::new(
        broadcaster.clone(),
        clock.clone(),
        ping_interval,
        stopping.clone(),
        store.signals().clone(),
    );
    let sessions = Sessions {
        broadcaster: broadcaster.clone(),
        store: store.clone(),
        epoch: store.epoch(),
        clock: clock.clone(),
        ping_interval,
        selecting: Pool::new(processors()),
        // One of an address's readers stays for queries: a client that reads its history slowly keeps one for as long as that
        // takes.
        history_readers: HistoryReaders::new(
            config.store.readers() as usize - 1,
            config.live.slow_seconds.duration(),
        ),
        engines,
        stopping,
        grant: None,
    };
    let ingest_report = Recorder::new(clock.now());
    let intake = Intake::new(
        store.signals().clone(),
        committer.clone(),
        ingest_report.clone(),
        metrics.clone(),
        clock.clone(),
        config.store.not_before,
    );
    let admission = Admission::new(config.live.live_clients, config.live.live_clients_per_address);
    Keeper::start(access.clone(), people.clone(), clock.clone(), lifeline("keeper"));
    let context = Context {
        access,
        people,
        logins: Logins::new(issuers, &origin),
        // Twice as many: the bodies of one address can use the whole machine, and those of others need not wait for them.
        bodies: Bodies::new(config.server.body_seconds.duration(), 2 * processors()),
        intake,
        committer: committer.clone(),
        store: store.clone(),
        documents,
        deletions: Deletions::new(store.clone(), broadcaster.clone()),
        alerts: alerts.clone(),
        notifier: notifier.clone(),
        ingest_report,
        sessions,
        admission,
        clock,
        metrics,
        config,
    };
    // Not drained: what it answers is said at once.
    let redirect =
        entrances.redirect.map(|listener| http::redirect(&context.config, listener)).transpose()?;
    let mut redirect = OptionFuture::from(redirect);
    let Entrances { listener, certificate, .. } = entrances;
    let mut server = http::serve(context, listener, certificate.as_ref(), HTTP_DRAIN_SECONDS)?;
    let handle = server.handle();

    tokio::select! {
        () = stop => log::info!("stopping: no new samples are taken, what was taken is being written"),
        Some(actor) = losses.recv() => return Err(PipelineError::ActorLost(actor)),
        ended = &mut server => return Ok(ended?),
        Some(ended) = &mut redirect => return Ok(ended?),
    }

    let drain = async {
        committer.drain().await;
        // What was committed last is evaluated; what follows is told now or after the next start.
        alerts.stop().await;
        notifier.stop();
        let _ = broadcaster.send(CloseAll).await;
        stop_sessions.send_replace(true);
        // The server's own future must run for its handle to be heard.
        let (_, ended) = tokio::join!(handle.stop(true), server);
        ended
    };
    tokio::time::timeout(DRAIN, drain).await.map_err(|_| PipelineError::DrainTimeout)??;
    if let Err(error) = store.compact_and_checkpoint() {
        log::warn!("the journal stays as it is until the next start: {error}");
    }
    log::info!("stopped: everything acknowledged is on the disk");
    Ok(())
}

/// Says, on standard error alone, with which link the first admin chooses a name and a password.
fn announce_setup(people: &People, origin: &str) -> Result<(), PipelineError> {
    let token = people.invite_first(SETUP_SECONDS)?;
    let minutes = SETUP_SECONDS / 60;
    let _ = writeln!(
        std::io::stderr(),
        "nobody can log in yet. Set up: {origin}/setup#{token} (once, within {minutes} minutes; each start prints a new one)"
    );
    Ok(())
}

/// As many threads as this keep the machine busy.
fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}
