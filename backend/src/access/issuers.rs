//! Whose signed tokens count, with which keys, and what those who have one may do.
//!
//! A token is verified once and then known by its hash until it is over, so that it costs as little as a key, and so that live
//! clients that came with it end with it: when it expires, or when its issuer no longer has the key that it is signed with.
//!
//! **Bound.** [`KNOWN`] tokens, and [`WAITING`] requests that wait for the keys of one issuer. **Overload.** Tokens that nothing is
//! connected with are forgotten, and verified again when they come; what cannot wait gets 429.

mod client;
mod keys;
mod login;
mod logout;

use std::collections::HashMap;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use afterglow_wire::access::{Scope, Scopes};
use afterglow_wire::{Code, Timestamp, name};
use arc_swap::ArcSwap;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use tokio::sync::watch;

use super::jwt::{self, Claims, Key};
use super::people::role_scopes;
use super::{Denial, Grant, Granted, Who};
use crate::config::{self, ConfigError, Grants, Signed};
use crate::decode::WriteScope;
use crate::shares::Shares;
use crate::signals::Selector;
use client::Client;
pub(super) use login::Exchange;
pub(super) use logout::LoggedOut;

/// How many verified tokens are known at once.
const KNOWN: usize = 10_000;

/// How many requests may wait for keys of one issuer, half of them of one address.
const WAITING: usize = 64;

/// How long one of them waits at most: for a pause, and for the issuer.
const WAIT: Duration = Duration::from_secs(20);

/// The most patterns of signals in one token.
const PATTERNS: usize = 1_000;

/// For how long keys count that could not be asked for again, in microseconds.
const KEPT: i64 = 24 * 3_600_000_000;

/// Claims that ID tokens and logout tokens have (OpenID Connect Core 1.0, 2 and 3; Back-Channel Logout 1.0, 2.4).
const NOT_OF_ACCESS_TOKENS: [&str; 4] = ["nonce", "at_hash", "c_hash", "events"];

/// The message for what is no token of ours, whatever is wrong with it.
const NOT_VALID: Denial =
    Denial(Code::Unauthenticated, "this token is not valid: it is of no issuer that counts here");

/// All issuers. Cloning shares them.
#[derive(Clone)]
pub struct Issuers(Arc<Inner>);

struct Inner {
    all: Vec<Arc<Issuer>>,
    known: Mutex<HashMap<[u8; 32], Known>>,
    /// Requests a second with one token.
    rate: NonZeroU32,
    logouts: logout::Seen,
}

/// An issuer, and its keys.
pub struct Issuer {
    config: config::Issuer,
    keys: ArcSwap<Vec<Key>>,
    /// What it knows this server by, where people log in with their accounts there.
    client_secret: Option<String>,
    /// Where keys are published; none when they are in a file.
    published: Option<Published>,
}

struct Published {
    client: Client,
    /// Asks for the keys to be fetched.
    ask: SyncSender<()>,
    asked: Mutex<Option<Receiver<()>>>,
    is_fetching: AtomicBool,
    /// Held while they are fetched.
    fetching: Mutex<()>,
    /// How often they were fetched, or should have been.
    fetched: watch::Sender<u64>,
    waiting: Shares,
    /// When they were fetched last.
    at: Mutex<Option<Timestamp>>,
}

/// A token that was verified.
struct Known {
    granted: Arc<Granted>,
    until: Timestamp,
    issuer: Arc<Issuer>,
    key: Key,
    limiter: DefaultDirectRateLimiter,
}

impl Issuers {
    /// Those of the configuration. With one token there may be `rate` requests a second.
    ///
    /// # Errors
    /// When a file with a secret or a key cannot be used.
    pub fn open(configured: &[config::Issuer], rate: NonZeroU32) -> Result<Self, ConfigError> {
        jwt::install();
        let all = configured.iter().map(|config| Issuer::open(config.clone()).map(Arc::new));
        Ok(Self(Arc::new(Inner {
            all: all.collect::<Result<_, _>>()?,
            known: Mutex::default(),
            rate,
            logouts: logout::Seen::default(),
        })))
    }

    /// None at all.
    pub fn none(rate: NonZeroU32) -> Self {
        Self(Arc::new(Inner {
            all: Vec::new(),
            known: Mutex::default(),
            rate,
            logouts: logout::Seen::default(),
        }))
    }

    /// Those whose keys must be fetched.
    pub fn published(&self) -> Vec<Arc<Issuer>> {
        self.0.all.iter().filter(|issuer| issuer.published.is_some()).cloned().collect()
    }

    /// Whether a text is for these to judge.
    pub(super) fn concerns(&self, text: &str) -> bool {
        !self.0.all.is_empty() && jwt::is_token(text)
    }

    /// Waits until the keys of the issuer of `token` are here, if it names one that is not: they may have changed.
    ///
    /// # Errors
    /// When too many wait already.
    pub(super) async fn wait_for_key(&self, token: &str, from: IpAddr) -> Result<(), Denial> {
        if self.known().contains_key(&hash(token)) {
            return Ok(());
        }
        let Some((issuer, header)) =
            jwt::peek(token).and_then(|(url, header)| Some((self.find(&url)?, header)))
        else {
            return Ok(());
        };
        let Some(published) = &issuer.published else { return Ok(()) };
        let is_here = || issuer.keys.load().iter().any(|key| key.is_meant(header.kid.as_deref()));
        if is_here() {
            return Ok(());
        }
        let Ok(_waits) = published.waiting.take(from, 1) else {
            let why =
                "too many requests wait for the keys of the issuer of this token; try again in a moment";
            return Err(Denial(Code::RateLimited, why));
        };
        let mut fetched = published.fetched.subscribe();
        // An answer that is on its way already may be older than the key.
        let rounds = 1 + usize::from(published.is_fetching.load(Ordering::Acquire));
        // One that waits to be heard is as good.
        let _ = published.ask.try_send(());
        for _ in 0..rounds {
            if tokio::time::timeout(WAIT, fetched.changed()).await.is_err() || is_here() {
                break;
            }
        }
        Ok(())
    }

    /// What the holder of `token` may do at `now`.
    ///
    /// # Errors
    /// When it does not count, or is used too often.
    pub(super) fn check(&self, token: &str, now: Timestamp) -> Result<Arc<Granted>, Denial> {
        let hash = hash(token);
        if let Some(known) = self.known().get(&hash)
            && now < known.until
        {
            if known.limiter.check().is_err() {
                return Err(Denial(Code::RateLimited, "requests with this token come faster than they may"));
            }
            return Ok(Arc::clone(&known.granted));
        }
        let (url, header) = jwt::peek(token).ok_or(NOT_VALID)?;
        let issuer = self.find(&url).ok_or(NOT_VALID)?;
        let denied = |why| Denial(Code::Unauthenticated, why);
        jwt::check_header(&header).map_err(denied)?;
        let keys = issuer.keys.load();
        if keys.is_empty() {
            return Err(Denial(
                Code::IssuerDown,
                "the keys of the issuer of this token cannot be fetched for now",
            ));
        }
        let meant = keys.iter().filter(|key| key.is_meant(header.kid.as_deref()));
        let (claims, key) = jwt::verify(token, meant, &url, &issuer.config.audience, now).map_err(denied)?;
        issuer.check_audience(&claims, jwt::is_access_token(&header)).map_err(denied)?;
        let granted = Arc::new(issuer.granted(&claims).map_err(denied)?);
        let known = Known {
            granted: Arc::clone(&granted),
            until: claims.until,
            issuer: Arc::clone(&issuer),
            key: key.clone(),
            limiter: RateLimiter::direct(Quota::per_second(self.0.rate)),
        };
        self.remember(hash, known, now)?;
        Ok(granted)
    }

    fn remember(&self, hash: [u8; 32], new: Known, now: Timestamp) -> Result<(), Denial> {
        let mut known = self.known();
        // While it was verified the keys may have been replaced.
        if !new.issuer.keys.load().contains(&new.key) {
            return Err(Denial(Code::Unauthenticated, "this token is not signed with a key of its issuer"));
        }
        if known.len() >= KNOWN {
            known.retain(|_, token| token.goes_on(now) && token.is_used());
        }
        if known.len() >= KNOWN {
            return Err(Denial(Code::RateLimited, "too many different tokens are in use; try again later"));
        }
        known.insert(hash, new);
        Ok(())
    }

    /// Ends the live clients of tokens that have expired.
    pub(super) fn expire(&self, now: Timestamp) {
        self.known().retain(|_, token| token.goes_on(now));
    }

    /// Fetches the keys of an issuer; what no longer is signed with one of them ends. Blocks.
    ///
    /// # Errors
    /// Says what is wrong with the issuer's answer; its keys stay as they were, for a day.
    pub fn fetch(&self, issuer: &Issuer, now: Timestamp) -> Result<usize, String> {
        self.fetch_unless(issuer, now, || false)
    }

    /// As [`Issuers::fetch`], unless `is_here` when those who fetch them already have ended. Blocks.
    fn fetch_unless(
        &self,
        issuer: &Issuer,
        now: Timestamp,
        is_here: impl FnOnce() -> bool,
    ) -> Result<usize, String> {
        let Some(published) = &issuer.published else { return Ok(issuer.keys.load().len()) };
        let _fetching = published.fetching.lock().unwrap_or_else(PoisonError::into_inner);
        if is_here() {
            return Ok(issuer.keys.load().len());
        }
        published.is_fetching.store(true, Ordering::Release);
        let keys = published.client.keys();
        published.is_fetching.store(false, Ordering::Release);
        let mut at = published.at.lock().unwrap_or_else(PoisonError::into_inner);
        let outcome = match keys {
            Ok(keys) => {
                *at = Some(now);
                let count = keys.len();
                issuer.keys.store(Arc::new(keys));
                Ok(count)
            }
            Err(why) => {
                if at.is_some_and(|at| now.micros().saturating_sub(at.micros()) > KEPT) {
                    issuer.keys.store(Arc::default());
                }
                Err(why)
            }
        };
        drop(at);
        let keys = issuer.keys.load();
        self.known().retain(|_, token| {
            let stays = token.issuer.config.name != issuer.config.name || keys.contains(&token.key);
            if !stays {
                token.granted.grant.end();
            }
            stays
        });
        published.fetched.send_modify(|count| *count += 1);
        outcome
    }

    fn find(&self, url: &str) -> Option<Arc<Issuer>> {
        self.0.all.iter().find(|issuer| issuer.config.issuer == url).cloned()
    }

    fn known(&self) -> MutexGuard<'_, HashMap<[u8; 32], Known>> {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// Whether a request, a ticket or a live client came with it.
    fn is_used(&self) -> bool {
        Arc::strong_count(&self.granted) > 1 || self.granted.grant.is_shared()
    }

    /// Whether it still counts at `now`; ends it if not.
    fn goes_on(&self, now: Timestamp) -> bool {
        let goes_on = now < self.until;
        if !goes_on {
            self.granted.grant.end();
        }
        goes_on
    }
}

impl Issuer {
    fn open(config: config::Issuer) -> Result<Self, ConfigError> {
        let (keys, published) = match &config.signed {
            Signed::Secret(file) => (vec![keys::secret(file)?], None),
            Signed::PublicKey(file) => (keys::public(file)?, None),
            Signed::Published { address, hosts } => {
                let (ask, asked) = sync_channel(1);
                let published = Published {
                    client: Client::new(
                        &config.issuer,
                        address.clone(),
                        hosts.clone(),
                        config.login.is_some(),
                    ),
                    ask,
                    asked: Mutex::new(Some(asked)),
                    is_fetching: AtomicBool::new(false),
                    fetching: Mutex::default(),
                    fetched: watch::Sender::new(0),
                    waiting: Shares::halves(WAITING),
                    at: Mutex::default(),
                };
                (Vec::new(), Some(published))
            }
        };
        let client_secret = config.login.as_ref().and_then(|login| login.secret.as_deref());
        let client_secret = client_secret.map(keys::secret_text).transpose()?;
        Ok(Self { config, keys: ArcSwap::from_pointee(keys), client_secret, published })
    }

    /// What the configuration calls it.
    pub fn name(&self) -> &str {
        &self.config.name
    }

    /// Who asks for its keys to be fetched, for the one who does so; none the second time.
    pub fn asked(&self) -> Option<Receiver<()>> {
        self.published.as_ref()?.asked.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Refuses a token whose only audience is the client that people log in with: it may be an ID token, even without a `nonce`. A token
    /// that says that it is an access token (RFC 9068) is not one.
    fn check_audience(&self, claims: &Claims, is_access_token: bool) -> Result<(), jwt::Why> {
        let Some(login) = &self.config.login else { return Ok(()) };
        let is_for_others = match claims.all.get("aud") {
            Some(Value::Array(several)) => several.iter().any(|one| *one != *login.client_id),
            one => one.is_none_or(|one| *one != *login.client_id),
        };
        if is_for_others || is_access_token || login.takes_client_tokens {
            return Ok(());
        }
        Err(
            "this token is for the program that people log in with, as ID tokens are; an access token is expected, with an \
             `aud` of its own",
        )
    }

    fn granted(&self, claims: &Claims) -> Result<Granted, jwt::Why> {
        // They are for the program that asks for a login, not to ask a server with.
        if self.published.is_some()
            && NOT_OF_ACCESS_TOKENS.iter().any(|claim| claims.all.contains_key(*claim))
        {
            return Err(
                "this is an ID token or a logout token, which says who somebody is; send an access token",
            );
        }
        let scopes = if self.published.is_some() {
            self.scopes(&claims.all)
        } else {
            Scopes::from_iter([Scope::Read])
        };
        let signals = self.config.signals_claim.as_ref();
        let signals = signals.map(|claim| patterns(claims.all.get(claim))).transpose()?;
        let signals = signals.map(|patterns| Arc::new(Selector::new(&patterns)));
        Ok(Granted {
            who: Who::Token(format!("{}/{}", self.config.name, claims.subject).into()),
            scopes,
            writing: WriteScope { signals: signals.clone(), ..WriteScope::EVERYTHING },
            signals,
            reading: None,
            viewers: None,
            since: None,
            board: None,
            grant: Grant::new(),
        })
    }

    /// All that the values in a token allow.
    fn scopes(&self, claims: &Map<String, Value>) -> Scopes {
        let values = values(claims, &self.config.grants_claim);
        let meant = self.config.grants.iter().filter(|(value, _)| values.contains(&value.as_str()));
        let scopes = meant.map(|(_, grants)| match grants {
            Grants::Role(role) => role_scopes(*role),
            Grants::Scopes(scopes) => *scopes,
        });
        scopes.flat_map(Scopes::iter).collect()
    }
}

/// The texts in a claim: an array of them, or one with blanks between, as in `scope`.
fn values<'c>(claims: &'c Map<String, Value>, path: &[String]) -> Vec<&'c str> {
    let Some((first, rest)) = path.split_first() else { return Vec::new() };
    match rest.iter().try_fold(claims.get(first), |value, key| Some(value?.get(key))).flatten() {
        Some(Value::String(text)) => text.split_whitespace().collect(),
        Some(Value::Array(values)) => values.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// The signals that a claim names.
fn patterns(claim: Option<&Value>) -> Result<Vec<String>, jwt::Why> {
    const ALLOWED: jwt::Why =
        "this token does not say which signals it is for: an array of 1 to 1,000 names or patterns";
    let values = claim.and_then(Value::as_array).ok_or(ALLOWED)?;
    let texts: Option<Vec<String>> = values.iter().map(|value| value.as_str().map(str::to_owned)).collect();
    let texts = texts.filter(|texts| (1..=PATTERNS).contains(&texts.len())).ok_or(ALLOWED)?;
    name::check_patterns(&texts).map_err(|_| ALLOWED)?;
    Ok(texts)
}

fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}
