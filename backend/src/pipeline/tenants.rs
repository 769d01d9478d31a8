//! **Role.** Starts and stops the tenants beside the default one, each on a thread of its own; makes and deletes them.
//! **Receives.** [`Task`]s from requests; looks every [`LOOK`] whether another process has made one, or wants one deleted.
//! **Sends.** The outcome to each request.
//! **Bound.** One task at a time; as many wait as `http/tenancy` says.
//! **Overload.** Refuse: 503.
//! **Restart.** A deletion that was begun is completed at the next start. A tenant whose database cannot be opened is tried again at
//! each look, and the others are served. The process stops when this task, or an actor of a tenant, is lost.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use actix::Arbiter;
use actix_rt::task::{JoinHandle, spawn_blocking};
use afterglow_wire::tenant::{CreatedTenant, NewTenant, TenantLimits, TenantPatch};
use futures_util::FutureExt as _;
use futures_util::future::{self, OptionFuture, join_all};
use tokio::sync::{mpsc, oneshot};

use super::tenant::{Shared, Tenant};
use super::{Known, announce_setup};
use crate::access::Access;
use crate::access::people::People;
use crate::clock::{Clock, Stopwatch};
use crate::config::Config;
use crate::documents::Failure;
use crate::http::{Task, Tenancy};
use crate::memory;
use crate::store::tenants::{Tenant as Row, is_lost};
use crate::store::{Author, HEAD_SAMPLES, Location, SaveError, Store, StoreConfig, StoreError};
use crate::tenants;

/// How long what runs of a tenant may take to end before its files are removed; less than a stop of the server may take.
const END: Duration = Duration::from_secs(3);

/// How long it is waited for other servers on the database to let go of a tenant that is being deleted: they notice within [`LOOK`], and
/// take [`END`] at most. It is tried again after [`PAUSE`], each time twice as late, once in [`LOOK`] at last.
const OTHERS: Duration = Duration::from_secs(6);
const PAUSE: Duration = Duration::from_millis(50);

/// How often tenants are compared with the database.
const LOOK: Duration = Duration::from_secs(1);

/// Why a deletion is left to the next start, or to another server.
const STOPS: &str = "this server stops";

/// Samples in memory of one tenant at which nothing more is taken until some have been sealed: a quarter of the default tenant's.
const TENANT_HEAD_SAMPLES: usize = HEAD_SAMPLES / 4;

/// What tenants are made of, and those that run.
pub(super) struct Tenants {
    config: Config,
    store: Store,
    people: People,
    access: Access,
    clock: Clock,
    shared: Shared,
    tenancy: Tenancy,
    lost: mpsc::UnboundedSender<&'static str>,
    running: BTreeMap<String, Running>,
    /// Why tenants do not run that should.
    failed: BTreeMap<String, String>,
    /// The number of the last entry of the audit log when the tenants were read.
    read: i64,
    /// Ready when the server stops, once it runs.
    stopping: Option<Stopping>,
}

type Stopping = future::Shared<oneshot::Receiver<()>>;

struct Running {
    tenant: Tenant,
    /// Its place, which no other tenant has before or after.
    file: String,
    limits: TenantLimits,
    arbiter: Arbiter,
    /// Tells the pipeline when an actor is lost.
    watch: JoinHandle<()>,
}

impl Tenants {
    /// Starts all tenants that there are, and completes deletions.
    ///
    /// # Errors
    /// When the default tenant's database does not answer.
    pub(super) async fn start(
        default: &Tenant,
        shared: Shared,
        tenancy: Tenancy,
        lost: mpsc::UnboundedSender<&'static str>,
    ) -> Result<Self, StoreError> {
        let context = &default.context;
        let mut tenants = Self {
            config: context.config.clone(),
            store: context.store.clone(),
            people: context.people.clone(),
            access: context.access.clone(),
            clock: context.clock.clone(),
            shared,
            tenancy,
            lost,
            running: BTreeMap::new(),
            failed: BTreeMap::new(),
            read: -1,
            stopping: None,
        };
        tenants.look().await?;
        Ok(tenants)
    }

    /// Does what is asked until `stop` is ready; then the tenants still run.
    pub(super) async fn run(mut self, mut tasks: mpsc::Receiver<Task>, stop: oneshot::Receiver<()>) -> Self {
        let mut interval = actix_rt::time::interval(LOOK);
        let mut stop = stop.shared();
        self.stopping = Some(stop.clone());
        loop {
            tokio::select! {
                _ = &mut stop => return self,
                Some(task) = tasks.recv() => match task {
                    // Who asked may have left; it is done all the same.
                    Task::Create(new, author, done) => drop(done.send(self.create(new, author).await)),
                    Task::Change(name, patch, only_strengthens, author, done) => {
                        drop(done.send(self.change(name, patch, only_strengthens, author).await));
                    }
                    Task::Delete(name, author, done) => drop(done.send(self.delete(name, author).await)),
                },
                _ = interval.tick() => {
                    if let Err(error) = self.look().await {
                        log::error!("tenants are not compared with the database for now: {error}");
                    }
                }
            }
        }
    }

    /// Drains all tenants at once.
    pub(super) async fn drain(&self) {
        join_all(self.running.values().map(|running| running.tenant.drain())).await;
    }

    /// Closes the databases of all tenants, after [`Self::drain`].
    pub(super) async fn close(self) {
        let compacting = self.running.into_values().map(|running| {
            let context = running.tenant.context.clone();
            spawn_blocking(move || Tenant::close(&context))
        });
        join_all(compacting).await;
    }

    async fn create(
        &mut self,
        new: NewTenant,
        author: Arc<Author>,
    ) -> Result<CreatedTenant, Failure<SaveError>> {
        let (store, clock) = (self.store.clone(), self.clock.clone());
        let database = self.database().clone();
        let create = move || tenants::create(store.access(), &database, new, &author, &clock);
        let created = blocking(create).await?;
        self.look().await.map_err(|error| Failure::Store(error.into()))?;
        match self.failed.get(&created.name) {
            None => Ok(created),
            Some(why) => Err(Failure::Store(StoreError::Down(why.clone()).into())),
        }
    }

    async fn change(
        &mut self,
        name: String,
        patch: TenantPatch,
        only_strengthens: bool,
        author: Arc<Author>,
    ) -> Result<Row, Failure<SaveError>> {
        let store = self.store.clone();
        let change = move || tenants::change(store.access(), &name, &patch, only_strengthens, &author);
        let changed = blocking(change).await?;
        self.look().await.map_err(|error| Failure::Store(error.into()))?;
        Ok(changed)
    }

    async fn delete(&mut self, name: String, author: Arc<Author>) -> Result<(), Failure<SaveError>> {
        let store = self.store.clone();
        let marked = name.clone();
        blocking(move || store.access().begin_tenant_deletion(&author, &marked)).await?;
        self.look().await.map_err(|error| Failure::Store(error.into()))?;
        match self.failed.get(&name) {
            None => Ok(()),
            Some(why) => Err(Failure::Store(StoreError::Down(why.clone()).into())),
        }
    }

    /// Starts the tenants that there are and ends those that are being deleted, if anything was written since the last time.
    async fn look(&mut self) -> Result<(), StoreError> {
        let (access, read, again) = (self.store.access().clone(), self.read, !self.failed.is_empty());
        let found = spawn_blocking(move || {
            let last = access.last_entry()?;
            let is_new = last != read || again;
            let tenants = is_new.then(|| access.tenants_and_places()).transpose()?;
            Ok::<_, StoreError>((last, tenants))
        });
        let broken = |_| StoreError::Down("a thread panicked; the log says why".into());
        let (last, tenants) = found.await.map_err(broken)??;
        let Some((tenants, places)) = tenants else { return Ok(()) };
        if !places.is_empty() && !self.tenancy.exist() {
            self.tenancy.note();
            self.close_to_strangers().await?;
        }
        self.failed.retain(|name, _| tenants.iter().any(|tenant| tenant.name == *name));
        // Another server on the database may have deleted one, and made another of that name, while this one stood still.
        // Of one whose limits cannot be read, as a newer version may write them, those that it has still count.
        let is_there = |running: &Running| places.contains(&running.file);
        let gone = self.running.iter().filter(|(_, running)| !is_there(running));
        let gone: Vec<_> = gone.map(|(name, _)| name.clone()).collect();
        for name in gone {
            self.stop(&name).await;
        }
        for tenant in tenants {
            if self.is_stopping() {
                return Err(StoreError::Down(STOPS.into()));
            }
            let outcome = if tenant.is_deleting {
                self.end(&tenant).await
            } else if self.running.contains_key(&tenant.name) {
                self.change_limits(&tenant)
            } else {
                self.begin(&tenant).await
            };
            match outcome {
                Ok(()) => drop(self.failed.remove(&tenant.name)),
                Err(why) => {
                    if self.failed.get(&tenant.name) != Some(&why) {
                        log::error!("the tenant {}: {why}; it is tried again", tenant.name);
                    }
                    self.failed.insert(tenant.name, why);
                }
            }
        }
        self.read = last;
        Ok(())
    }

    /// Says how the first member gets in, if the server was open until there were tenants.
    async fn close_to_strangers(&self) -> Result<(), StoreError> {
        self.access.close();
        if !self.config.is_open() || self.people.is_anybody() {
            return Ok(());
        }
        let (people, origin) = (self.people.clone(), Arc::clone(&self.shared.origin));
        let broken = |_| StoreError::Down("a thread panicked; the log says why".into());
        spawn_blocking(move || announce_setup(&people, &origin)).await.map_err(broken)?
    }

    /// The default tenant's database.
    fn database(&self) -> &Location {
        &self.config.store.database.database
    }

    /// Has a tenant that runs use what it may use now.
    fn change_limits(&mut self, row: &Row) -> Result<(), String> {
        let place = row.location(self.database());
        let Some(running) = self.running.get_mut(&row.name) else { return Ok(()) };
        if running.limits != row.limits {
            let config =
                tenants::config(&self.config, place, &row.limits).map_err(|invalid| invalid.to_string())?;
            running.tenant.change(&config, &row.limits);
            running.limits = row.limits.clone();
        }
        Ok(())
    }

    /// Starts a tenant on a thread of its own.
    async fn begin(&mut self, row: &Row) -> Result<(), String> {
        let place = row.location(self.database());
        // Opening it would make an empty one, and hide that samples are lost.
        if is_lost(&place) {
            return Err(format!("its database {place} is missing"));
        }
        let config =
            tenants::config(&self.config, place, &row.limits).map_err(|invalid| invalid.to_string())?;
        let name: Arc<str> = row.name.as_str().into();
        let (lost, mut losses) = mpsc::unbounded_channel();
        let start = {
            let (name, people, clock) = (Arc::clone(&name), self.people.clone(), self.clock.clone());
            let (shared, limits) = (self.shared.clone(), row.limits.clone());
            move || {
                let open =
                    StoreConfig { head_samples: memory::bound(TENANT_HEAD_SAMPLES), ..config.store.open() };
                let store = Store::open(&open, clock.clone()).map_err(|error| error.to_string())?;
                let known = Known::of_tenant(name, &config, &store, &people, &clock)
                    .map_err(|error| format!("its keys and members cannot be read: {error}"))?;
                Tenant::start(config, store, known, clock, shared, Some(&limits), &lost)
                    .map_err(|error| error.to_string())
            }
        };
        let arbiter = Arbiter::new();
        let (started, outcome) = oneshot::channel();
        arbiter.spawn_fn(move || drop(started.send(start())));
        let tenant = match outcome.await.unwrap_or_else(|_| Err("its start failed; the log says why".into()))
        {
            Ok(tenant) => tenant,
            Err(why) => {
                arbiter.stop();
                return Err(why);
            }
        };
        let lost = self.lost.clone();
        #[expect(clippy::disallowed_methods, reason = "it ends with the tenant")]
        let watch = actix_rt::spawn(async move {
            if let Some(actor) = losses.recv().await {
                let _ = lost.send(actor);
            }
        });
        self.tenancy.put(name, tenant.context.clone());
        let (file, limits) = (row.file.clone(), row.limits.clone());
        self.running.insert(row.name.clone(), Running { tenant, file, limits, arbiter, watch });
        Ok(())
    }

    /// Ends all that a tenant has in this process.
    async fn stop(&mut self, name: &str) {
        self.tenancy.remove(name);
        if let Some(Running { tenant, arbiter, watch, .. }) = self.running.remove(name) {
            tenant.context.access.end();
            tenant.context.people.end();
            // What is still being written then has a place that nobody finds.
            if tokio::time::timeout(END, tenant.drain()).await.is_err() {
                log::warn!("the tenant {name} is removed although not everything in it has ended");
            }
            watch.abort();
            arbiter.stop();
        }
    }

    /// Ends a tenant that is being deleted, and removes what it has.
    async fn end(&mut self, row: &Row) -> Result<(), String> {
        self.stop(&row.name).await;
        // What others have not let go of is tried once in each look.
        let patience = if self.failed.contains_key(&row.name) { Duration::ZERO } else { OTHERS };
        let (waited, mut pause) = (Stopwatch::start(), PAUSE);
        let mut stop = OptionFuture::from(self.stopping.clone());
        loop {
            let (store, database, row) = (self.store.clone(), self.database().clone(), row.clone());
            let attempt = spawn_blocking(move || tenants::finish_deletion(store.access(), &database, &row));
            let finished = tokio::select! {
                finished = attempt => finished,
                Some(_) = &mut stop => return Err(STOPS.into()),
            };
            match finished {
                Ok(Ok(true)) => return Ok(()),
                Ok(Ok(false)) if waited.elapsed() < patience => {}
                Ok(Ok(false)) => {
                    return Err("another server that is deleting it, too, has not ended yet".into());
                }
                Ok(Err(error)) => return Err(error.to_string()),
                Err(_) => return Err("its deletion failed; the log says why".into()),
            }
            tokio::select! {
                () = actix_rt::time::sleep(pause) => {}
                Some(_) = &mut stop => return Err(STOPS.into()),
            }
            pause = LOOK.min(2 * pause);
        }
    }

    fn is_stopping(&self) -> bool {
        self.stopping.clone().is_some_and(|stop| stop.now_or_never().is_some())
    }
}

/// Does `work`, which blocks.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, SaveError> + Send + 'static,
) -> Result<T, Failure<SaveError>> {
    match spawn_blocking(work).await {
        Ok(done) => done.map_err(Failure::Store),
        Err(broken) => {
            log::error!("a thread that makes or deletes tenants broke: {broken}");
            Err(Failure::Broken)
        }
    }
}
