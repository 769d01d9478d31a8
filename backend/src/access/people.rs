//! Who may log in: members, their sessions, and the links with which they choose a password.
//!
//! All of them are in memory; a change is on the disk before it counts. One change at a time. What takes long (hashing a
//! password, writing) runs on threads of a pool.
//!
//! **Bound.** [`HASHING`] threads, and [`WAITING`] requests that have or wait for one, a half of them from one address. **Overload.** 429.

mod account;
mod factor;
mod identities;
mod login;
mod members;
mod state;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use afterglow_wire::people::SecondFactor;
use afterglow_wire::{Code, Invalid};
use sha2::{Digest as _, Sha256};

use super::throttle::Throttle;
use super::{Granted, Who, of_tenant, password};
use crate::clock::{Clock, Stopwatch};
use crate::pool::Pool;
use crate::refusal::Refusal;
use crate::shares::Shares;
use crate::store::people::{Hash, PeopleChange};
use crate::store::{Author, Event, Store, StoreError};

pub use login::{Entered, Visitor};
use state::State;
pub use state::scopes as role_scopes;

/// Passwords that are hashed at once: each takes 19 MiB and a processor.
const HASHING: usize = 2;
/// Requests that may be at it or wait for it.
const WAITING: usize = 34;

/// How often a change is tried while other processes change somebody: each time one of them has.
const TRIES: usize = 16;

/// Members, sessions and invitations. Cloning shares them.
#[derive(Clone)]
pub struct People(Arc<Inner>);

struct Inner {
    /// The tenant; the default one when absent.
    tenant: Option<Arc<str>>,
    store: Store,
    clock: Clock,
    running: Stopwatch,
    state: RwLock<State>,
    /// Held from reading what a change is made of until it counts.
    turn: Mutex<()>,
    throttle: Mutex<Throttle>,
    /// Secrets of one-time codes that no app has shown a code of yet, by member.
    chosen: Mutex<HashMap<String, Vec<u8>>>,
    hashing: Hashing,
}

/// The threads that hash passwords, for all tenants. Cloning shares them.
#[derive(Clone)]
struct Hashing {
    threads: Pool,
    waiting: Shares,
}

/// Why something was not done. Nothing has changed then.
#[derive(Debug)]
pub enum PeopleError {
    /// Name and password, or the code, are wrong; or a link is over.
    Denied {
        /// What to do about it; does not say which of them is wrong.
        message: &'static str,
        /// Whether the password was right and a code is missing.
        needs_code: bool,
    },
    /// Too many attempts; the next one counts after this.
    Wait(Duration),
    /// Too many requests wait already.
    Busy,
    /// A field is not allowed.
    Invalid(Invalid),
    /// There is nothing of this name.
    NotFound(String),
    /// The database did not do it.
    Store(StoreError),
    /// A thread broke; the log says why.
    Broken,
}

impl From<StoreError> for PeopleError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Invalid> for PeopleError {
    fn from(invalid: Invalid) -> Self {
        Self::Invalid(invalid)
    }
}

impl From<PeopleError> for Refusal {
    fn from(error: PeopleError) -> Self {
        use serde_json::json;
        let with = |code, message: &str, details| Self {
            details: Some(details),
            ..Self::new(code, message.to_owned())
        };
        match error {
            PeopleError::Denied { message, needs_code: false } => Self::new(Code::Unauthenticated, message),
            PeopleError::Denied { message, needs_code: true } => {
                with(Code::Unauthenticated, message, json!({ "needs_code": true }))
            }
            PeopleError::Wait(wait) => {
                let seconds = wait.as_secs() + 1;
                let message = format!("too many attempts failed; try again in {seconds} s");
                with(Code::RateLimited, &message, json!({ "seconds": seconds }))
            }
            PeopleError::Busy => {
                Self::new(Code::RateLimited, "too many passwords are being checked; try again in a moment")
            }
            PeopleError::Invalid(invalid) => {
                with(Code::Invalid, &invalid.to_string(), json!({ "field": invalid.field }))
            }
            PeopleError::NotFound(message) => Self::new(Code::NotFound, message),
            PeopleError::Store(error) => Self::new(error.code(), error.to_string()),
            PeopleError::Broken => Self::new(Code::Internal, "a thread broke; the server's log says why"),
        }
    }
}

impl People {
    /// Those whom the database knows, of whom those must have one-time codes whom `required` names. Blocks.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn load(store: &Store, required: SecondFactor, clock: Clock) -> Result<Self, StoreError> {
        let hashing = Hashing { threads: Pool::new(HASHING), waiting: Shares::halves(WAITING) };
        Self::of(None, store, required, clock, hashing)
    }

    /// Those of a tenant beside these, who share the threads; as [`People::load`]. Blocks.
    ///
    /// # Errors
    /// When the tenant's database does not answer.
    pub fn of_tenant(
        &self,
        tenant: Arc<str>,
        store: &Store,
        required: SecondFactor,
        clock: Clock,
    ) -> Result<Self, StoreError> {
        Self::of(Some(tenant), store, required, clock, self.0.hashing.clone())
    }

    fn of(
        tenant: Option<Arc<str>>,
        store: &Store,
        required: SecondFactor,
        clock: Clock,
        hashing: Hashing,
    ) -> Result<Self, StoreError> {
        Ok(Self(Arc::new(Inner {
            state: RwLock::new(State::new(store.people()?, tenant.is_none(), required)),
            tenant,
            store: store.clone(),
            clock,
            running: Stopwatch::start(),
            turn: Mutex::default(),
            throttle: Mutex::default(),
            chosen: Mutex::default(),
            hashing,
        })))
    }

    /// Learns of links that another process has made. Blocks.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn reload_links(&self) -> Result<(), StoreError> {
        let _turn = self.0.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let stored = self.0.store.people()?.invitations;
        let mut state = self.0.state.write().unwrap_or_else(PoisonError::into_inner);
        state.invitations = stored.into_iter().map(|link| (link.hash, link)).collect();
        Ok(())
    }

    /// Reads all of them again: another server may have changed some. Sessions that are over there end here. Blocks.
    ///
    /// # Errors
    /// When the database does not answer; they are those that were read last.
    pub fn reload(&self) -> Result<(), StoreError> {
        let _turn = self.0.turn.lock().unwrap_or_else(PoisonError::into_inner);
        self.read_again()
    }

    /// Reads all of them again. The caller has the turn.
    fn read_again(&self) -> Result<(), StoreError> {
        let stored = self.0.store.people()?;
        let mut state = self.0.state.write().unwrap_or_else(PoisonError::into_inner);
        state.replace(stored);
        Ok(())
    }

    /// Whether somebody has a password: from then on nobody gets in without one, or a key.
    pub fn is_anybody(&self) -> bool {
        self.read(State::is_anybody)
    }

    /// Ends the live clients of sessions that are over; one that has live clients is used.
    pub fn expire(&self) {
        let now = self.now();
        self.read(|state| state.expire(now));
    }

    /// Those must have one-time codes from now on whom `required` names. What is connected with sessions that may do less or more then ends.
    pub fn require(&self, required: SecondFactor) {
        let mut state = self.0.state.write().unwrap_or_else(PoisonError::into_inner);
        state.require(required);
    }

    /// Ends all sessions and links.
    pub fn end(&self) {
        let mut state = self.0.state.write().unwrap_or_else(PoisonError::into_inner);
        state.end();
    }

    /// A new secret of 256 random bits that names its tenant, as text.
    fn secret(&self) -> String {
        of_tenant(self.0.tenant.as_deref(), new_secret())
    }

    /// What the holder of a session's cookie may do; none when the session is over.
    pub fn session(&self, cookie: &str) -> Option<Arc<Granted>> {
        let now = self.now();
        self.read(|state| state.session(&secret_hash(cookie), now))
    }

    /// Runs `work`, which blocks, on a thread of the pool; once more when another process has changed somebody meanwhile.
    async fn run<T: Send + 'static>(
        &self,
        address: IpAddr,
        work: impl Fn(&Self) -> Result<T, PeopleError> + Send + 'static,
    ) -> Result<T, PeopleError> {
        let _waits = self.0.hashing.waiting.take(address, 1).map_err(|_| PeopleError::Busy)?;
        let people = self.clone();
        let work = move || {
            let is_stale = |error: &PeopleError| matches!(error, PeopleError::Store(StoreError::Stale));
            again(|| work(&people), is_stale)
        };
        self.0.hashing.threads.run(address, work).await.unwrap_or(Err(PeopleError::Broken))
    }

    /// One change at a time, each of what the one before has left, on whatever server. Blocks.
    fn take_turn(&self) -> Result<MutexGuard<'_, ()>, StoreError> {
        let turn = self.0.turn.lock().unwrap_or_else(PoisonError::into_inner);
        if self.0.store.is_shared() {
            self.read_again()?;
        }
        Ok(turn)
    }

    /// Writes `changes` and what the audit log says of them, then lets them count. The caller has the turn.
    fn change(&self, changes: Vec<PeopleChange>, by: &Author, event: Event) -> Result<(), StoreError> {
        let revision =
            self.0.store.change_people(&changes, self.read(|state| state.revision), Some((by, event)))?;
        let mut state = self.0.state.write().unwrap_or_else(PoisonError::into_inner);
        changes.into_iter().for_each(|change| state.apply(change));
        state.revision = revision;
        Ok(())
    }

    /// Writes down when sessions were used, those of which an hour or more is not written: another process, and one that comes
    /// after this one, must not take them for unused. Blocks.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn write_down(&self) -> Result<(), StoreError> {
        let seen = self.read(State::unwritten);
        if seen.is_empty() {
            return Ok(());
        }
        let write = || {
            let turn = self.take_turn()?;
            let revision = self.0.store.change_people(&seen, self.read(|state| state.revision), None)?;
            Ok((turn, revision))
        };
        let (_turn, revision) = again(write, |error| matches!(error, StoreError::Stale))?;
        let mut state = self.0.state.write().unwrap_or_else(PoisonError::into_inner);
        seen.into_iter().for_each(|change| state.apply(change));
        state.revision = revision;
        Ok(())
    }

    /// Checks a password that the member called `name` wants to have.
    fn check_password(&self, password: &str, name: &str) -> Result<(), Invalid> {
        password::check(password, name, self.0.tenant.as_deref())
    }

    fn read<R>(&self, read: impl FnOnce(&State) -> R) -> R {
        read(&self.0.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn now(&self) -> i64 {
        self.0.clock.now().micros()
    }

    fn throttle(&self) -> MutexGuard<'_, Throttle> {
        self.0.throttle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Does `work`, which begins by reading everyone, until no other process has changed somebody meanwhile.
fn again<T, E>(work: impl Fn() -> Result<T, E>, is_stale: impl Fn(&E) -> bool) -> Result<T, E> {
    (1..TRIES).map(|_| work()).find(|done| !done.as_ref().is_err_and(&is_stale)).unwrap_or_else(work)
}

/// A member who does something with the own account, for the audit log.
fn themselves(name: &str, address: IpAddr) -> Author {
    Author { who: Who::Member(name.into()).to_string(), address: address.to_string() }
}

/// A secret for a link of a tenant, of the default one when absent, and what is kept of it.
pub fn new_link(tenant: Option<&str>) -> (String, Hash) {
    let secret = of_tenant(tenant, new_secret());
    let hash = secret_hash(&secret);
    (secret, hash)
}

/// A new secret of 256 random bits, as text.
fn new_secret() -> String {
    rand::random::<[u8; 32]>().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What is kept of a secret: it is random, so a slow hash would add nothing.
fn secret_hash(secret: &str) -> Hash {
    Sha256::digest(secret).into()
}
