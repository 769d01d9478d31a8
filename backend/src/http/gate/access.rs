//! Which permission opens what of the context.

mod documents;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use actix_web::HttpResponse;
use afterglow_wire::access::{AuditEntry, Key, Kind as KeyKind, NewTicket, Scope, Usage};
use afterglow_wire::alert::Episode;
use afterglow_wire::health::{Bus, Peers};
use afterglow_wire::{Code, Invalid, tenant};
use serde::Serialize;
use tokio::sync::broadcast;

pub(in crate::http) use documents::{Changes, Reads};

use super::super::body::Bodies;
use super::super::permission::{
    ChangeTenants, DeleteSamples, Enter, EnterFromElsewhere, KnowOneself, MakeTickets, ManageKeys,
    ManageMembers, ManageShares, ManageTenants, OwnAccount, Permission, Public, ReadAudit, ReadIngestReport,
    ReadKeys, ReadLive, ReadLiveSocketIo, ReadMetrics, ReadPage, ReadRules, ReadSamples, ReadShares,
    ReadSignals, ReadSilences, ReadUsage, TestRules, WriteSamples, WriteThroughAddress,
};
use super::super::problem::Problem;
use super::super::{Context, Tenancy};
use super::Allowed;
use crate::access::oidc::Logins;
use crate::access::people::People;
use crate::access::{Denial, Grant, Principal, ReadQuota, Who, WriteQuota, token};
use crate::actors::session::Sessions;
use crate::admission::Admission;
use crate::clock::Clock;
use crate::deletions::Deletions;
use crate::documents::{Extent, Failure};
use crate::health::Health;
use crate::ingest_report::Recorder;
use crate::intake::Limited;
use crate::metrics::Metrics;
use crate::store::{AuditQuery, Author, SaveError, Store, StoreError, tenants};

impl<P: Permission> Allowed<P> {
    /// All that there is for the tenant of who asks.
    pub(super) fn context(&self) -> &Context {
        self.tenant.as_deref().unwrap_or(&self.gate.context)
    }

    /// The tenant; the default one when absent.
    pub(in crate::http) fn tenant(&self) -> Option<&Arc<str>> {
        self.context().access.tenant()
    }

    /// Who asks.
    pub(in crate::http) fn who(&self) -> Who {
        self.principal.who()
    }

    /// Who asks, as the audit log names them.
    pub(in crate::http) fn author(&self) -> Arc<Author> {
        let operator = if self.is_elsewhere { "operator " } else { "" };
        Arc::new(Author { who: format!("{operator}{}", self.who()), address: self.address.to_string() })
    }

    pub(in crate::http) fn clock(&self) -> &Clock {
        &self.context().clock
    }

    /// Reads the request's body.
    pub(in crate::http) fn bodies(&self) -> &Bodies {
        &self.context().bodies
    }

    pub(in crate::http) fn metrics(&self) -> &Metrics {
        &self.context().metrics
    }
}

impl Allowed<Public> {
    /// Whether samples are refused, because the server stops.
    pub(in crate::http) fn is_draining(&self) -> bool {
        self.context().committer.is_draining()
    }

    /// Whether the server is about to stop.
    pub(in crate::http) fn is_leaving(&self) -> bool {
        self.context().leaving.borrow().is_some()
    }

    pub(in crate::http) fn health(&self) -> &Health {
        &self.context().metrics.health
    }

    /// How what the server is connected to is; where that is and what was wrong only for operators.
    pub(in crate::http) fn peers(&self) -> Peers {
        let Metrics { health, bus, .. } = &self.context().metrics;
        let is_operator = self.tenant.is_none() && self.principal.may(Scope::Operator);
        let [database, connection] = health.peers(is_operator);
        let bus = connection.map(|peer| Bus { peer, relied_on: bus.is_relied_on(), frames: bus.frames() });
        Peers { database, bus }
    }
}

/// A permission to store samples.
pub(in crate::http) trait Writes: Permission {}

impl Writes for WriteSamples {}

impl Writes for WriteThroughAddress {}

impl<P: Writes> Allowed<P> {
    /// Takes what may be written.
    pub(in crate::http) fn intake(&self) -> Limited<'_> {
        self.context().intake.within(self.principal.granted().map(|granted| &granted.writing))
    }
}

impl Allowed<ReadPage> {
    /// Origins whose pages may show in a frame what the link with this id shows.
    pub(in crate::http) fn framers(&self, id: &str) -> Vec<String> {
        let Some(id) = token::parse_id(id) else { return Vec::new() };
        let now = self.gate.context.clock.now();
        let tenants = self.gate.tenancy.served();
        let contexts = std::iter::once(&self.gate.context).chain(tenants.values().map(|context| &**context));
        let mut framers = contexts.map(|context| context.access.framers(id, now));
        framers.find(|framers| !framers.is_empty()).unwrap_or_default()
    }
}

impl Allowed<WriteThroughAddress> {
    /// Whether samples may be sent in the address of this key.
    pub(in crate::http) fn takes_get(&self, key: &str) -> bool {
        self.context().access.takes_get(key)
    }
}

/// A permission to list keys.
pub(in crate::http) trait ListsKeys: Permission {}

impl ListsKeys for ReadKeys {}

impl ListsKeys for ReadShares {}

impl<P: ListsKeys> Allowed<P> {
    /// What `list` makes of keys, without their secrets, as a JSON list. All of them can have megabytes, which no event loop writes.
    pub(in crate::http) async fn listed_keys<T: Serialize>(
        &self,
        list: impl Fn(Key) -> Option<T> + Send + 'static,
    ) -> Result<HttpResponse, Problem> {
        let read = self.context().documents.read(self.address(), Extent::List, move |store| {
            let listed: Vec<T> =
                store.access().keys()?.into_iter().filter_map(|(key, _)| list(key)).collect();
            Ok::<_, StoreError>(serde_json::to_vec(&listed))
        });
        let text = read.await?.map_err(|error| Problem::new(Code::Internal, error.to_string()))?;
        Ok(HttpResponse::Ok().content_type("application/json").body(text))
    }
}

impl Allowed<MakeTickets> {
    /// Makes a ticket for who asks.
    pub(in crate::http) fn ticket(&self) -> Result<NewTicket, Problem> {
        let made = self.context().access.ticket(&self.principal, self.context().clock.now());
        made.ok_or_else(|| {
            Problem::new(Code::RateLimited, "too many tickets wait to be used; try again in a moment")
        })
    }
}

/// A permission that an operator has in every tenant.
pub(in crate::http) trait Everywhere: Permission {}

impl Everywhere for ManageKeys {}

impl Everywhere for ReadKeys {}

impl Everywhere for ReadAudit {}

impl Everywhere for ReadUsage {}

impl Everywhere for ReadMetrics {}

impl<P: Everywhere> Allowed<P> {
    /// The same in the tenant of this name, the own one when absent. Only operators, who are in the default tenant, may have it elsewhere.
    pub(in crate::http) fn within(self, tenant: Option<&str>) -> Result<Self, Problem> {
        let own = self.tenant().map_or(tenant::DEFAULT, |own| own);
        let Some(name) = tenant.filter(|name| *name != own) else { return Ok(self) };
        if self.tenant.is_some() || !self.principal.may(Scope::Operator) {
            let message = "only keys of the scope operator may name another tenant";
            return Err(Problem::new(Code::Forbidden, message));
        }
        let context = self.gate.tenancy.named(name);
        let context = context.ok_or_else(|| Invalid::new("tenant", "there is no tenant of this name"))?;
        Ok(Self { tenant: Some(context), is_elsewhere: true, scoped: None, ..self })
    }
}

impl Allowed<ManageTenants> {
    pub(in crate::http) fn tenancy(&self) -> &Tenancy {
        &self.gate.tenancy
    }

    /// All tenants, of which the default tenant's store knows.
    pub(in crate::http) async fn tenants(&self) -> Result<Vec<tenants::Tenant>, Failure<StoreError>> {
        self.gate.context.documents.read(self.address(), Extent::One, |store| store.access().tenants()).await
    }
}

impl Allowed<ChangeTenants> {
    pub(in crate::http) fn tenancy(&self) -> &Tenancy {
        &self.gate.tenancy
    }

    /// Who changes a tenant, as the default tenant's audit log names them: no name of a tenant's members is in it.
    pub(in crate::http) fn changer(&self) -> Arc<Author> {
        match self.tenant() {
            None => self.author(),
            Some(own) => {
                Arc::new(Author { who: format!("admin of {own}"), address: self.address.to_string() })
            }
        }
    }
}

impl Allowed<ReadAudit> {
    /// A page of the audit log.
    pub(in crate::http) async fn entries(
        &self,
        query: AuditQuery,
    ) -> Result<Vec<AuditEntry>, Failure<StoreError>> {
        self.context()
            .documents
            .read(self.address(), Extent::List, move |store| store.access().audit(&query))
            .await
    }
}

/// A permission to change keys.
pub(in crate::http) trait ChangesKeys: Permission {}

impl ChangesKeys for ManageKeys {}

impl ChangesKeys for ManageShares {}

impl<P: ChangesKeys> Allowed<P> {
    /// Does `work`, which blocks and changes keys, when its turn comes; the change counts when this returns.
    pub(in crate::http) async fn change_keys<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> Result<T, SaveError> + Send + 'static,
    ) -> Result<T, Failure<SaveError>> {
        let access = self.context().access.clone();
        let changing = self.context().documents.in_turn(self.address(), move |store| {
            let done = work(store)?;
            access.reload()?;
            Ok(done)
        });
        changing.await
    }
}

/// A permission whose answers may be long.
pub(in crate::http) trait Queries: Permission {}

impl Queries for ReadSamples {}

impl Queries for ReadSignals {}

impl Queries for TestRules {}

impl Queries for ReadRules {}

impl Queries for ReadSilences {}

impl<P: Queries> Allowed<P> {
    pub(in crate::http) fn store(&self) -> &Store {
        self.visible()
    }

    /// How long a query may go on without a piece of its answer being made and taken.
    pub(in crate::http) fn query_timeout(&self) -> Duration {
        self.context().config.store.query_seconds.duration()
    }
}

impl Allowed<DeleteSamples> {
    pub(in crate::http) fn deletions(&self) -> &Deletions {
        &self.context().deletions
    }

    /// Whether there is a signal called `name`.
    pub(in crate::http) fn has_signal(&self, name: &str) -> bool {
        self.context().store.signals().find(name).is_some()
    }
}

impl Allowed<ReadLive> {
    /// Episodes as they begin, change and end, those of all signals.
    pub(in crate::http) fn episodes(&self) -> broadcast::Receiver<Arc<Episode>> {
        self.context().alerts.news()
    }

    pub(in crate::http) fn sessions(&self) -> Sessions {
        // Its history counts, too.
        Sessions { store: self.visible().clone(), ..self.context().sessions.of(&self.principal) }
    }

    /// Whether who asked may no longer have what the request brings.
    pub(in crate::http) fn is_over(&self) -> bool {
        self.principal.grant().is_some_and(Grant::is_over)
    }

    /// Waits until that is so.
    pub(in crate::http) async fn over(&self) {
        match self.principal.grant() {
            Some(grant) => grant.over().await,
            None => std::future::pending().await,
        }
    }

    pub(in crate::http) fn admission(&self) -> Result<Admission, Problem> {
        admission(&self.principal, self.context())
    }

    pub(in crate::http) fn store(&self) -> &Store {
        self.visible()
    }
}

impl Allowed<ReadLiveSocketIo> {
    pub(in crate::http) fn sessions(&self) -> Sessions {
        self.context().sessions.of(&self.principal)
    }

    pub(in crate::http) fn admission(&self) -> Result<Admission, Problem> {
        admission(&self.principal, self.context())
    }
}

/// How many live clients there may be for who asks; none while nothing would be seen here.
fn admission(principal: &Principal, context: &Context) -> Result<Admission, Problem> {
    if let Some(why) = context.metrics.health.cut_off() {
        return Err(Problem::new(Code::StoreDown, why));
    }
    let all = context.admission.clone();
    let own = principal.granted().and_then(|granted| granted.viewers.clone());
    Ok(if let Some(own) = own { own.within(all) } else { all })
}

impl Allowed<ReadUsage> {
    pub(in crate::http) fn usage(&self) -> Usage {
        let context = self.context();
        let (signals, now) = (context.store.signals(), context.clock.now());
        let (writing, reading) = (context.writing.as_deref(), context.reading.as_deref());
        let new_signals = writing.map_or((0, None), |writing| writing.new_signals(now));
        Usage {
            since: context.access.since(),
            signals: signals.len(),
            most_signals: signals.limit(),
            samples: context.metrics.committed.get(),
            samples_per_second: writing.and_then(WriteQuota::per_second).map(NonZeroU32::get),
            new_signals_today: new_signals.0,
            new_signals_per_day: new_signals.1,
            reader_seconds: reading.map_or(0.0, ReadQuota::seconds),
            reader_seconds_per_minute: reading.and_then(ReadQuota::per_minute).map(NonZeroU32::get),
            live_clients: context.admission.taken(),
            most_live_clients: context.admission.total(),
            keys: context.access.usage(now),
        }
    }
}

impl Allowed<ReadIngestReport> {
    pub(in crate::http) fn ingest_report(&self) -> &Recorder {
        &self.context().ingest_report
    }
}

impl Allowed<Enter> {
    /// For somebody of the tenant of this name; of the default one when it is absent or unknown.
    pub(in crate::http) fn of(self, tenant: Option<&str>) -> Self {
        let tenant = tenant.and_then(|name| self.gate.tenancy.named(name));
        self.within(tenant)
    }

    /// For somebody of the tenant that has this key.
    pub(in crate::http) fn of_key(self, text: &str) -> Self {
        let tenant = self.gate.of_key(text);
        self.within(tenant)
    }

    /// Who has asked is nobody there: no name of one tenant is in the audit log of another.
    fn within(self, tenant: Option<Arc<Context>>) -> Self {
        let name =
            |tenant: &Option<Arc<Context>>| tenant.as_ref().and_then(|one| one.access.tenant().cloned());
        if name(&tenant) == name(&self.tenant) {
            return self;
        }
        let principal = Principal::Nobody(Denial(Code::Unauthenticated, "this is another tenant's"));
        Self { tenant, principal, ..self }
    }

    /// The board that the link with this token shows.
    pub(in crate::http) fn shared(&self, token: &str) -> Result<Arc<str>, Problem> {
        let context = self.context();
        let principal = context.access.principal(token, KeyKind::Share, context.clock.now(), self.address);
        let over = || self.denied(Problem::new(Code::Unauthenticated, "this link is over"));
        principal.board().cloned().ok_or_else(over)
    }
}

/// A permission to log in.
pub(in crate::http) trait Enters: OfPeople {}

impl Enters for Enter {}
impl Enters for EnterFromElsewhere {}

impl<P: Enters> Allowed<P> {
    /// What is answered to somebody who could not log in: the audit log counts it.
    pub(in crate::http) fn denied(&self, problem: Problem) -> Problem {
        if problem.refusal().code == Code::Unauthenticated {
            self.context().access.refuse(self.who(), self.address, P::NAME, Code::Unauthenticated);
        }
        problem
    }
}

/// A permission that has to do with those who may log in.
pub(in crate::http) trait OfPeople: Permission {}

impl OfPeople for Enter {}
impl OfPeople for EnterFromElsewhere {}
impl OfPeople for KnowOneself {}
impl OfPeople for OwnAccount {}
impl OfPeople for ManageMembers {}

impl<P: OfPeople> Allowed<P> {
    pub(in crate::http) fn people(&self) -> &People {
        &self.context().people
    }

    pub(in crate::http) fn logins(&self) -> &Logins {
        &self.context().logins
    }
}
