//! Who asks, and what they may do. A request becomes a [`Principal`] in the gate; every route names the scope that it needs.
//!
//! Keys are in the database, and all of them in memory: checking one reads nothing.

pub mod account;
mod codes;
mod grant;
pub mod issuers;
mod jwt;
mod keys;
pub mod oidc;
mod password;
pub mod people;
mod principal;
mod quota;
mod refusals;
mod throttle;
mod tickets;
pub mod token;

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};

use afterglow_wire::access::{Key, KeyUsage, Kind, NewKey, NewTicket, Scope};
use afterglow_wire::{Code, Invalid, Timestamp, tenant};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

pub use grant::Grant;
pub use principal::{Denial, Granted, Principal, Who};
pub use quota::{ReadQuota, WriteQuota};
pub use tickets::TicketUse;

use crate::store::{self, BoardSignals, StoreError};
use issuers::Issuers;
use keys::Keys;
use refusals::Refusals;
use tickets::Tickets;

/// Requests a second from one address that are refused one by one with 401 or 403; beyond it they get 429.
const REFUSED_RATE: NonZeroU32 = NonZeroU32::MIN.saturating_add(99);

/// The key that `new` asks for, if all of it is allowed in the tenant of this name; in the default one when absent.
///
/// # Errors
/// Which field is not.
pub fn accept(
    new: NewKey,
    tenant: Option<&str>,
    id: String,
    now: Timestamp,
    creator: String,
) -> Result<Key, Invalid> {
    if let Some(tenant) = tenant
        && new.scopes.contains(&Scope::Operator)
    {
        return Err(Invalid::new("scopes", format!("operator is not allowed in the tenant {tenant}")));
    }
    let key = new.accept(id, now, creator)?;
    for (index, network) in key.addresses.iter().enumerate() {
        keys::parse_network(network)
            .map_err(|allowed| Invalid::new(format!("addresses[{index}]"), allowed))?;
    }
    Ok(key)
}

/// A secret of a tenant, which it names; that of the default one is `secret` itself.
pub fn of_tenant(tenant: Option<&str>, secret: String) -> String {
    match tenant {
        Some(tenant) => format!("{tenant}{}{secret}", tenant::SEPARATOR),
        None => secret,
    }
}

/// What the gate asks about principals. Cloning is cheap.
#[derive(Clone)]
pub struct Access {
    is_open: bool,
    /// Ends when the server is open no longer.
    open: Grant,
    /// The tenant; the default one when absent.
    tenant: Option<Arc<str>>,
    /// When the server started.
    since: Timestamp,
    keys: Keys,
    tickets: Tickets,
    issuers: Issuers,
    store: store::Access,
    /// Held while keys are read.
    reading: Arc<Mutex<()>>,
    refusals: Refusals,
    refused: Arc<DefaultKeyedRateLimiter<IpAddr>>,
}

impl Access {
    /// Of a server that is open or not: see [`Config::is_open`](crate::config::Config::is_open). With one key there may be
    /// `key_rate` requests a second. It starts at `since`. No key is known before [`Access::reload`].
    pub fn new(
        is_open: bool,
        store: store::Access,
        key_rate: NonZeroU32,
        issuers: Issuers,
        since: Timestamp,
    ) -> Self {
        Self::of(None, is_open, store, key_rate, issuers, since)
    }

    /// Of a tenant beside the default one, in which no tokens count.
    pub fn of_tenant(tenant: Arc<str>, store: store::Access, key_rate: NonZeroU32, since: Timestamp) -> Self {
        Self::of(Some(tenant), false, store, key_rate, Issuers::none(key_rate), since)
    }

    fn of(
        tenant: Option<Arc<str>>,
        is_open: bool,
        store: store::Access,
        key_rate: NonZeroU32,
        issuers: Issuers,
        since: Timestamp,
    ) -> Self {
        Self {
            is_open,
            open: Grant::new(),
            since,
            keys: Keys::new(key_rate, tenant.is_none()),
            tenant,
            tickets: Tickets::default(),
            issuers,
            store,
            reading: Arc::default(),
            refusals: Refusals::default(),
            refused: Arc::new(RateLimiter::keyed(Quota::per_second(REFUSED_RATE))),
        }
    }

    /// Whether everyone who reaches the server may do everything.
    pub fn is_open(&self) -> bool {
        self.is_open
    }

    /// Somebody on a server that is open.
    pub fn local(&self) -> Principal {
        Principal::Local(self.open.clone())
    }

    /// Ends what was connected while the server was open, which it is no longer.
    pub fn close(&self) {
        if !self.open.is_over() {
            self.open.end();
        }
    }

    /// The tenant whose keys these are; the default one when absent.
    pub fn tenant(&self) -> Option<&Arc<str>> {
        self.tenant.as_ref()
    }

    /// Whether there is a key with the id that the key `text` has.
    pub fn has_key(&self, text: &str) -> bool {
        token::id_in(text).is_some_and(|id| self.keys.has(id))
    }

    /// Origins whose pages may show in a frame what the link with this id shows at `now`.
    pub fn framers(&self, id: u64, now: Timestamp) -> Vec<String> {
        self.keys.framers(id, now)
    }

    /// Ends all keys, for the live clients too.
    pub fn end(&self) {
        self.keys.replace(Vec::new(), BoardSignals::new());
    }

    /// When the server started.
    pub fn since(&self) -> Timestamp {
        self.since
    }

    /// Waits until it can be said who sends the token `text` from an address: the keys of its issuer may have to be fetched.
    ///
    /// # Errors
    /// When too many wait already.
    pub async fn wait_for(&self, text: &str, from: IpAddr) -> Result<(), Denial> {
        if self.issuers.concerns(text) { self.issuers.wait_for_key(text, from).await } else { Ok(()) }
    }

    /// Whether tokens of any issuer count.
    pub fn has_issuers(&self) -> bool {
        self.issuers.all().next().is_some()
    }

    /// Who sends the key or the token `text`, as `kind`, from `address` at `now`.
    pub fn principal(&self, text: &str, kind: Kind, now: Timestamp, address: IpAddr) -> Principal {
        let checked = if kind == Kind::Key && self.issuers.concerns(text) {
            self.issuers.check(text, now)
        } else {
            self.keys.check(text, kind, now, address)
        };
        match checked {
            Ok(granted) => Principal::Granted(granted),
            Err(denial) => Principal::Nobody(denial),
        }
    }

    /// Makes a ticket for who asks, unless too many wait to be used.
    pub fn ticket(&self, principal: &Principal, now: Timestamp) -> Option<NewTicket> {
        let (ticket, expires) = match principal.granted() {
            Some(granted) => self.tickets.make(granted, self.tenant.as_deref(), now)?,
            // Who needs no key needs no ticket, and may show one.
            None => Tickets::text(now),
        };
        Some(NewTicket { ticket, expires })
    }

    /// Who shows a ticket, which counts no more then but for further requests of what it has opened.
    pub fn by_ticket(&self, text: &str, used: TicketUse, now: Timestamp) -> Principal {
        let over = Denial(Code::Unauthenticated, "this ticket was used already or is over");
        self.tickets.take(text, used, now).map_or(Principal::Nobody(over), Principal::Granted)
    }

    /// Whether another server may know more of the key `text` than this one: it has the form of a key, and is not known.
    pub fn may_be_new(&self, text: &str) -> bool {
        !self.issuers.concerns(text) && !self.keys.knows(text)
    }

    /// Whether samples may be sent in the address of this key.
    pub fn takes_get(&self, text: &str) -> bool {
        self.keys.takes_get(text)
    }

    /// What was done with each key since the server started, by id.
    pub fn usage(&self, now: Timestamp) -> Vec<KeyUsage> {
        self.keys.usage(now)
    }

    /// Counts a refusal for the audit log; whether `address` has been refused too often to be answered in more detail.
    pub fn refuse(&self, who: Who, address: IpAddr, what: &'static str, code: Code) -> bool {
        self.refusals.add(who, address, what, code);
        self.refused.check_key(&address).is_err()
    }

    /// Reads the keys from the database, and ends live clients of those that are gone. Blocks.
    ///
    /// # Errors
    /// When the database does not answer; the keys are those that were read last.
    pub fn reload(&self) -> Result<(), StoreError> {
        let _reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        let (keys, boards) = self.store.keys_and_boards()?;
        self.keys.replace(keys, boards);
        Ok(())
    }

    /// The number of the last entry of the audit log: a change by another process makes a later one. Blocks.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn last_entry(&self) -> Result<i64, StoreError> {
        self.store.last_entry()
    }

    /// Ends the live clients of keys and tokens that have expired.
    pub fn expire(&self, now: Timestamp) {
        self.issuers.expire(now);
        self.keys.expire(now);
    }

    /// Writes down which keys were used since `since`, and what was refused; forgets what limits need no longer. Blocks.
    ///
    /// # Errors
    /// When the database does not answer; refusals are lost then, and uses are written down later.
    pub fn write_down(&self, since: Timestamp) -> Result<(), StoreError> {
        self.refused.retain_recent();
        self.refused.shrink_to_fit();
        let uses = self.keys.uses(since);
        if !uses.is_empty() {
            self.store.note_uses(&uses)?;
        }
        let refusals = self.refusals.take();
        if !refusals.is_empty() {
            self.store.record(refusals)?;
        }
        Ok(())
    }

    /// Removes what has been in the audit log for too long. Blocks.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn expire_entries(&self) -> Result<(), StoreError> {
        self.store.expire_audit().map(drop)
    }
}
