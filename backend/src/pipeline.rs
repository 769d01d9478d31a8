//! The wiring, on one screen: builds the actors back to front, watches them, and drains them.

mod tenant;
mod tenants;

use std::future::Future;
use std::io::Write as _;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::OptionFuture;
use tokio::sync::{mpsc, oneshot, watch};

use crate::access::Access;
use crate::access::issuers::Issuers;
use crate::access::people::People;
use crate::actors::certificate::CertificateKeeper;
use crate::actors::issuer_keys;
use crate::clock::Clock;
use crate::config::Config;
use crate::http::{self, Tenancy};
use crate::lifeline::Lifeline;
use crate::store::{Store, StoreError};
use crate::tls::Certificate;
use tenant::{Shared, Tenant};
use tenants::Tenants;

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
    /// The link for the first member cannot be stored, or the tenants cannot be read.
    #[error("the database does not do what the start needs of it: {0}")]
    Store(#[from] StoreError),
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
        let people = People::load(store, config.access.require_second_factor, clock.clone())?;
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

    /// Those of a further tenant, whose passwords are hashed on the threads of `people`.
    fn of_tenant(
        tenant: Arc<str>,
        config: &Config,
        store: &Store,
        people: &People,
        clock: &Clock,
    ) -> Result<Self, StoreError> {
        let people = people.of_tenant(
            Arc::clone(&tenant),
            store,
            config.access.require_second_factor,
            clock.clone(),
        )?;
        let rate = config.access.requests_per_key;
        let access = Access::of_tenant(tenant, store.access().clone(), rate, clock.now());
        access.reload()?;
        Ok(Self { people, access, issuers: Issuers::none(rate) })
    }
}

/// Serves `entrances` until `stop` is ready, then drains and returns.
///
/// # Errors
/// When an actor or the server is lost, or the drain takes too long.
pub async fn run(
    config: Config,
    store: Store,
    known: Known,
    clock: Clock,
    entrances: Entrances,
    stop: impl Future<Output = ()>,
) -> Result<(), PipelineError> {
    let (lost, mut losses) = mpsc::unbounded_channel();
    let scheme = if entrances.certificate.is_some() { "https" } else { "http" };
    let own = format!("{scheme}://{}", entrances.listener.local_addr()?);
    let origin = config.server.public_url.clone().unwrap_or(own);
    let delay = config.server.drain_delay.duration();
    let (leave, leaving) = watch::channel(None);
    let shared = Shared::new(&config, &origin, leaving);
    let issuers = known.issuers.clone();
    let default = Tenant::start(config, store.clone(), known, clock, shared.clone(), None, &lost)?;
    let context = default.context.clone();
    if let Some(certificate) = entrances.certificate.clone() {
        let lifeline = Lifeline::new("certificate keeper", lost.clone());
        CertificateKeeper::start(certificate, context.metrics.health.clone(), lifeline)?;
    }
    for issuer in issuers.published() {
        let lifeline = Lifeline::new("issuer keys", lost.clone());
        issuer_keys::start(issuers.clone(), issuer, context.clock.clone(), lifeline)?;
    }
    let (tenancy, tasks) = Tenancy::new();
    let tenants = Tenants::start(&default, shared, tenancy.clone(), lost.clone()).await?;
    if !context.config.is_open() && !context.people.is_anybody() {
        announce_setup(&context.people, &origin)?;
    }
    let (stop_tenants, stopping) = oneshot::channel();
    let lifeline = Lifeline::new("tenants", lost.clone());
    #[expect(clippy::disallowed_methods, reason = "the pipeline owns it, and waits for it")]
    let tenants = actix_rt::spawn(async move {
        let tenants = tenants.run(tasks, stopping).await;
        lifeline.end();
        tenants
    });
    // Not drained: it answers at once.
    let redirect =
        entrances.redirect.map(|listener| http::redirect(&context.config, listener)).transpose()?;
    let mut redirect = OptionFuture::from(redirect);
    let Entrances { listener, certificate, .. } = entrances;
    let mut server = http::serve(context, tenancy, listener, certificate.as_ref(), HTTP_DRAIN_SECONDS)?;
    let handle = server.handle();

    let stop = async {
        stop.await;
        if !delay.is_zero() {
            log::info!("stopping in {} s: not ready any more, so that clients go elsewhere", delay.as_secs());
            leave.send_replace(Some(delay));
            actix_rt::time::sleep(delay).await;
        }
    };
    tokio::select! {
        () = stop => log::info!("stopping: no new samples are taken, what was taken is being written"),
        Some(actor) = losses.recv() => return Err(PipelineError::ActorLost(actor)),
        ended = &mut server => return Ok(ended?),
        Some(ended) = &mut redirect => return Ok(ended?),
    }

    let drain = async {
        let _ = stop_tenants.send(());
        let others = async {
            let tenants = tenants.await.ok();
            OptionFuture::from(tenants.as_ref().map(Tenants::drain)).await;
            tenants
        };
        let ((), tenants) = tokio::join!(default.drain(), others);
        // The server's own future must run for its handle to be heard.
        let (_, ended) = tokio::join!(handle.stop(true), server);
        ended.map(|()| tenants)
    };
    let tenants = tokio::time::timeout(DRAIN, drain).await.map_err(|_| PipelineError::DrainTimeout)??;
    OptionFuture::from(tenants.map(Tenants::close)).await;
    Tenant::close(&default.context);
    log::info!("stopped: everything acknowledged is on the disk");
    Ok(())
}

/// Says, on standard error alone, with which link the first admin chooses a name and a password. Blocks.
fn announce_setup(people: &People, origin: &str) -> Result<(), StoreError> {
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
