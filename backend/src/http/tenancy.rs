//! The tenants beside the default one: their contexts, and the way to the task that makes and deletes them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use afterglow_wire::tenant::{CreatedTenant, NewTenant, TenantPatch};
use arc_swap::ArcSwap;
use tokio::sync::{mpsc, oneshot};

use super::Context;
use crate::documents::Failure;
use crate::store::tenants::Tenant;
use crate::store::{Author, SaveError};

/// Requests that may wait for the one before them.
const WAITING: usize = 16;

/// What a request to the task is answered with.
type Done<T> = Result<T, Failure<SaveError>>;

/// What the task is asked for.
pub enum Task {
    /// Make a tenant.
    Create(NewTenant, Arc<Author>, oneshot::Sender<Done<CreatedTenant>>),
    /// Change what one may use; whether only so that its members must prove more.
    Change(String, TenantPatch, bool, Arc<Author>, oneshot::Sender<Done<Tenant>>),
    /// Delete one.
    Delete(String, Arc<Author>, oneshot::Sender<Done<()>>),
}

/// The tenants beside the default one. Cloning shares them.
#[derive(Clone)]
pub struct Tenancy {
    served: Arc<ArcSwap<BTreeMap<Arc<str>, Arc<Context>>>>,
    exist: Arc<AtomicBool>,
    tasks: mpsc::Sender<Task>,
}

impl Tenancy {
    /// No tenants; and where requests to make some come out.
    pub fn new() -> (Self, mpsc::Receiver<Task>) {
        let (tasks, received) = mpsc::channel(WAITING);
        (Self { served: Arc::default(), exist: Arc::default(), tasks }, received)
    }

    /// Whether there are or were any since the server started, served or not.
    pub fn exist(&self) -> bool {
        self.exist.load(Ordering::Relaxed)
    }

    /// Notes that there are some.
    pub fn note(&self) {
        self.exist.store(true, Ordering::Relaxed);
    }

    /// Those that are served, by name.
    pub fn served(&self) -> Arc<BTreeMap<Arc<str>, Arc<Context>>> {
        self.served.load_full()
    }

    /// The one of this name, if it is served.
    pub fn named(&self, name: &str) -> Option<Arc<Context>> {
        self.served.load().get(name).cloned()
    }

    /// The one that has the key `text`, as far as the key's id goes.
    pub(super) fn with_key(&self, text: &str) -> Option<Arc<Context>> {
        let served = self.served.load();
        served.values().find(|context| context.access.has_key(text)).cloned()
    }

    /// Serves one from now on.
    pub fn put(&self, name: Arc<str>, context: Context) {
        self.note();
        let context = Arc::new(context);
        self.served.rcu(|served| {
            let mut served = BTreeMap::clone(served);
            served.insert(Arc::clone(&name), Arc::clone(&context));
            served
        });
    }

    /// Serves the one of this name no longer.
    pub fn remove(&self, name: &str) {
        self.served.rcu(|served| {
            let mut served = BTreeMap::clone(served);
            served.remove(name);
            served
        });
    }

    /// Makes a tenant, which is served when this returns.
    ///
    /// # Errors
    /// When it is not allowed, too many requests wait, or the database does not answer.
    pub async fn create(&self, new: NewTenant, author: Arc<Author>) -> Done<CreatedTenant> {
        self.ask(|done| Task::Create(new, author, done)).await
    }

    /// Changes what a tenant may use; it counts when this returns. Where it `only_strengthens`, nobody may have to prove less than before.
    ///
    /// # Errors
    /// When there is none, it is not allowed, too many requests wait, or the database does not answer.
    pub async fn change(
        &self,
        name: String,
        patch: TenantPatch,
        only_strengthens: bool,
        author: Arc<Author>,
    ) -> Done<Tenant> {
        self.ask(|done| Task::Change(name, patch, only_strengthens, author, done)).await
    }

    /// Deletes a tenant with all that it has; it is gone when this returns. It goes on when the client that asked leaves.
    ///
    /// # Errors
    /// When there is none, too many requests wait, or the database does not answer.
    pub async fn delete(&self, name: String, author: Arc<Author>) -> Done<()> {
        self.ask(|done| Task::Delete(name, author, done)).await
    }

    async fn ask<T>(&self, task: impl FnOnce(oneshot::Sender<Done<T>>) -> Task) -> Done<T> {
        let (done, outcome) = oneshot::channel();
        self.tasks.try_send(task(done)).map_err(|_| Failure::TooManyChanges)?;
        outcome.await.unwrap_or(Err(Failure::Broken))
    }
}
