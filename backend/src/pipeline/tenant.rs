//! All that one tenant has, from its database to its live clients: built back to front, and drained in order.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use actix::Addr;
use afterglow_wire::Timestamp;
use afterglow_wire::tenant::TenantLimits;
use tokio::sync::{mpsc, watch};

use super::{Known, processors};
use crate::access::oidc::Logins;
use crate::access::{ReadQuota, WriteQuota};
use crate::actors::alerts::{self, Alerts};
use crate::actors::broadcaster::{Broadcaster, CloseAll, Live, SilentClients, Watched};
use crate::actors::committer::Committer;
use crate::actors::compactor::Compactor;
use crate::actors::engine::Engines;
use crate::actors::follower::{self, Others};
use crate::actors::keeper::Keeper;
use crate::actors::notifier::Notifier;
use crate::actors::retention::{Policy, Retention};
use crate::actors::session::{HistoryReaders, Sessions};
use crate::admission::Admission;
use crate::alerts::send::Sender;
use crate::bus::{self, Bus};
use crate::clock::Clock;
use crate::committed::{Announcer, Listener};
use crate::config::Config;
use crate::deletions::Deletions;
use crate::documents::Documents;
use crate::http::{Bodies, Context};
use crate::ingest_report::Recorder;
use crate::intake::Intake;
use crate::lifeline::Lifeline;
use crate::metrics::Metrics;
use crate::pool::Pool;
use crate::store::Store;

/// As messages say of what may be done in a tenant.
const WHOSE: &str = "in this tenant";

/// What the bounds on samples in memory are divided by for each tenant beside the default one.
const PART: usize = 4;

/// From how long ago what was used may not be written down yet, in microseconds: more than twice the minute after which it is.
const UNWRITTEN: i64 = 180_000_000;

/// What all tenants share: bounds of the process.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) bodies: Bodies,
    pub(super) selecting: Pool,
    pub(super) admission: Admission,
    /// Where browsers find the server.
    pub(super) origin: Arc<str>,
    /// Within what time all must have left, once the server is about to stop.
    pub(super) leaving: watch::Receiver<Option<Duration>>,
}

impl Shared {
    pub(super) fn new(config: &Config, origin: &str, leaving: watch::Receiver<Option<Duration>>) -> Self {
        Self {
            // Twice as many: the bodies of one address can use the whole machine, and those of others need not wait for them.
            bodies: Bodies::new(config.server.body_seconds.duration(), 2 * processors()),
            selecting: Pool::new(processors()),
            admission: Admission::new(config.live.live_clients, config.live.live_clients_per_address),
            origin: origin.into(),
            leaving,
        }
    }
}

/// A tenant that runs.
pub(super) struct Tenant {
    pub(super) context: Context,
    broadcaster: Addr<Broadcaster>,
    stop_sessions: watch::Sender<bool>,
    retention: Policy,
}

impl Tenant {
    /// Starts all that a tenant needs; must be called within an actix system, on whose current thread the actors run. `lost` hears of an
    /// actor that is lost. A further tenant has `limits`.
    ///
    /// # Errors
    /// When there can be no thread.
    pub(super) fn start(
        config: Config,
        store: Store,
        Known { people, access, issuers }: Known,
        clock: Clock,
        shared: Shared,
        limits: Option<&TenantLimits>,
        lost: &mpsc::UnboundedSender<&'static str>,
    ) -> std::io::Result<Self> {
        let lifeline = |actor| Lifeline::new(actor, lost.clone());
        let part = if access.tenant().is_some() { PART } else { 1 };
        let metrics = Metrics::new();
        let latest = store.latest().unwrap_or_else(|error| {
            log::warn!("late samples are not told from new ones at first: {error}");
            Vec::new()
        });
        let documents = Documents::new(store.clone(), &clock);
        let broadcaster = Broadcaster::start(
            &store,
            clock.clone(),
            &latest,
            Watched { revisions: documents.watch(), leaving: shared.leaving.clone() },
            config.live.slow_seconds.duration(),
            metrics.clone(),
            lifeline("broadcaster"),
        );
        let live = Listener::new(
            Live(broadcaster.clone()),
            metrics.broadcast.clone(),
            metrics.broadcast_shed.clone(),
        );
        let is_local = config.server.is_local();
        let page = config.server.public_url.clone();
        let sender =
            Sender::new(config.alerts.targets(is_local), config.alerts.commands.clone(), page.clone());
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
        let (others, inbox) = follower::prepare();
        let bus = bus(&config, &store, &others, &metrics)?;
        let announcer = Announcer::new(store.clone(), bus.clone(), vec![live, evaluated]);
        let committer =
            Committer::start(store.clone(), announcer.clone(), metrics.clone(), part, lifeline("committer"));
        Compactor::start(store.clone(), metrics.clone(), part, lifeline("compactor"));
        let retention = Policy::new(config.store.retention());
        Retention::start(store.clone(), retention.clone(), clock.clone(), lifeline("retention"));
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
            selecting: shared.selecting,
            // One of an address's readers stays for queries: a client that reads its history slowly keeps one for as long as that
            // takes.
            history_readers: HistoryReaders::new(
                config.store.readers() as usize - 1,
                config.live.slow_seconds.duration(),
            ),
            engines,
            silent_clients: SilentClients::default(),
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
        let writing = limits.map(|limits| {
            let quota = WriteQuota::new(WHOSE, limits.samples_per_second.and_then(NonZeroU32::new));
            Arc::new(quota.with_new_signals(limits.new_signals_per_day))
        });
        let reading = limits.map(|limits| {
            let limit = limits.reader_seconds_per_minute.and_then(NonZeroU32::new);
            Arc::new(ReadQuota::new(WHOSE, limit))
        });
        let (intake, admission) = match &writing {
            None => (intake, shared.admission),
            Some(quota) => {
                (intake.at_most(Arc::clone(quota)), shared.admission.part(config.live.live_clients))
            }
        };
        Keeper::start(access.clone(), people.clone(), clock.clone(), lifeline("keeper"));
        let others = if store.is_shared() {
            let (store, documents, access, people) =
                (store.clone(), documents.clone(), access.clone(), people.clone());
            let (alerts, notifier) = (alerts.clone(), notifier.clone());
            metrics.health.asks_database(config.store.database.database.address());
            let viewers = limits.map(|_| metrics.sessions.clone());
            let (metrics, health) = (metrics.bus.clone(), metrics.health.clone());
            let parts = follower::Parts {
                store,
                bus,
                announcer,
                documents,
                access,
                people,
                alerts,
                notifier,
                metrics,
                health,
                viewers,
            };
            follower::start(parts, inbox, lifeline("follower"))?;
            Some(others)
        } else {
            None
        };
        let context = Context {
            others,
            access,
            people,
            logins: Logins::new(issuers, &shared.origin),
            bodies: shared.bodies,
            intake,
            writing,
            reading,
            committer,
            store: store.clone(),
            documents,
            deletions: Deletions::new(store, broadcaster.clone()),
            alerts,
            notifier,
            ingest_report,
            sessions,
            leaving: shared.leaving,
            admission,
            clock,
            metrics,
            config,
        };
        Ok(Self { context, broadcaster, stop_sessions, retention })
    }

    /// Has a further tenant use what `limits` say from now on; `config` is as [`tenants::config`](crate::tenants::config) makes it.
    pub(super) fn change(&self, config: &Config, limits: &TenantLimits) {
        let Context { store, writing, reading, admission, people, .. } = &self.context;
        if let Some(writing) = writing {
            let per_second = limits.samples_per_second.and_then(NonZeroU32::new);
            writing.change(per_second, limits.new_signals_per_day);
        }
        if let Some(reading) = reading {
            reading.change(limits.reader_seconds_per_minute.and_then(NonZeroU32::new));
        }
        store.signals().set_limit(config.store.signals.signal_limit);
        admission.set_total(config.live.live_clients);
        self.retention.change(config.store.retention());
        people.require(config.access.require_second_factor);
    }

    /// Refuses samples from now on, writes those that were taken, and closes live clients.
    pub(super) async fn drain(&self) {
        let Context { committer, alerts, notifier, others, .. } = &self.context;
        committer.drain().await;
        // What was committed last is evaluated; notices of it are sent now or after the next start.
        alerts.stop().await;
        notifier.stop();
        others.iter().for_each(Others::stop);
        let _ = self.broadcaster.send(CloseAll).await;
        self.stop_sessions.send_replace(true);
    }

    /// Writes down what is only in memory, for a database that is about to be closed: who was refused and which keys were used since
    /// that was written last, and what is there only to be found quickly. Blocks.
    pub(super) fn close(context: &Context) {
        let Context { access, people, store, clock, .. } = context;
        let since = Timestamp::from_micros(clock.now().micros().saturating_sub(UNWRITTEN));
        if let Err(error) = access.write_down(since).and_then(|()| people.write_down()) {
            log::warn!("who was refused and what was used in the last minute is not written down: {error}");
        }
        // Another server may have rules to evaluate by what is in the journal.
        if store.is_shared() {
            return;
        }
        if let Err(error) = store.compact_and_checkpoint() {
            log::warn!("the journal stays as it is until the next start: {error}");
        }
    }
}

/// The bus over which the servers of a database hear of each other's commits, where there is to be one.
fn bus(config: &Config, store: &Store, others: &Others, metrics: &Metrics) -> std::io::Result<Option<Bus>> {
    if !store.is_shared() {
        return Ok(None);
    }
    let Some(address) = config.store.bus().map_err(std::io::Error::other)? else { return Ok(None) };
    let key = store.bus_key().map_err(std::io::Error::other)?;
    let key = bus::Key::new(&key, store.epoch())
        .ok_or_else(|| std::io::Error::other("the database has no key for the bus"))?;
    let authorities = config.store.others.bus_ca.clone();
    let (metrics, health) = (metrics.bus.clone(), metrics.health.clone());
    let others = others.clone();
    let parts = bus::Parts { address, authorities, key, metrics, health };
    Bus::start(parts, move |frame| others.deliver(frame)).map(Some)
}
