//! The keys in memory: what every request with one is checked against.

use std::collections::HashMap;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use afterglow_wire::access::{Key, KeyUsage, Kind, Scope, Since};
use afterglow_wire::{Code, Timestamp};
use arc_swap::ArcSwap;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use ipnet::IpNet;
use subtle::ConstantTimeEq as _;

use super::token::Token;
use super::{Denial, Grant, Granted, ReadQuota, Who, WriteQuota};
use crate::admission::{Admission, network};
use crate::decode::WriteScope;
use crate::signals::Selector;
use crate::store::{BoardSignals, SecretHash, Use};

/// As messages say of what may be done with a key.
const WHOSE: &str = "with this key";

const MINUTE: i64 = 60_000_000;

/// The message for what is no key of ours, whatever is wrong with it.
const NOT_VALID: Denial = Denial(Code::Unauthenticated, "this key is not valid");

/// All keys. Cloning shares them.
#[derive(Clone)]
pub(super) struct Keys {
    book: Arc<ArcSwap<HashMap<u64, Arc<Entry>>>>,
    /// Requests a second with one key.
    rate: NonZeroU32,
    /// Whether keys may have the scope `operator`.
    of_operators: bool,
}

struct Entry {
    key: Key,
    hash: SecretHash,
    networks: Vec<IpNet>,
    granted: Arc<Granted>,
    limiter: Arc<DefaultDirectRateLimiter>,
    /// The minute of the last request, in microseconds; and whether that is not written down yet.
    used: AtomicI64,
    used_from: Mutex<Option<IpAddr>>,
    /// What a link shows; all links to a board share it.
    shown: Option<Arc<Shown>>,
}

/// The signals of a board.
struct Shown {
    signals: Vec<String>,
    selector: Arc<Selector>,
}

impl Shown {
    fn new(signals: Vec<String>) -> Self {
        let selector = Arc::new(Selector::new(&signals));
        Self { signals, selector }
    }
}

impl Keys {
    /// No keys; with one there may be `rate` requests a second. Only some tenants have operators.
    pub(super) fn new(rate: NonZeroU32, of_operators: bool) -> Self {
        Self { book: Arc::default(), rate, of_operators }
    }

    /// Whether there is a key with this id.
    pub(super) fn has(&self, id: u64) -> bool {
        self.book.load().contains_key(&id)
    }

    /// Replaces all keys; `boards` has what links show. What is no longer there, or is not what it was, ends for its live clients.
    pub(super) fn replace(&self, keys: Vec<(Key, SecretHash)>, boards: BoardSignals) {
        let before = self.book.load_full();
        let links =
            before.values().filter_map(|entry| Some((entry.key.board.as_deref()?, entry.shown.as_ref()?)));
        let links: HashMap<_, _> = links.collect();
        let shown = |(board, signals): (String, Vec<String>)| {
            let known = links.get(&*board).filter(|known| known.signals == signals);
            let shown = known.map_or_else(|| Arc::new(Shown::new(signals)), |known| Arc::clone(known));
            (board, shown)
        };
        let boards: HashMap<_, _> = boards.into_iter().map(shown).collect();
        let nothing = Arc::new(Shown::new(Vec::new()));
        let mut book = HashMap::with_capacity(keys.len());
        for (mut key, hash) in keys {
            if !self.of_operators {
                key.scopes.retain(|scope| *scope != Scope::Operator);
            }
            let Ok(id) = u64::from_str_radix(&key.id, 16) else { continue };
            let shown = key.board.as_ref().map(|board| Arc::clone(boards.get(board).unwrap_or(&nothing)));
            let known = before.get(&id).filter(|known| known.allows_the_same(&key, shown.as_ref()));
            let known = known.map(|known| &**known);
            book.insert(id, Arc::new(Entry::new(key, hash, shown, known, self.rate)));
        }
        for (id, known) in before.iter() {
            if !book.get(id).is_some_and(|entry| Arc::ptr_eq(&entry.granted, &known.granted)) {
                known.granted.grant.end();
            }
        }
        self.book.store(Arc::new(book));
    }

    /// Ends what has expired at `now` for its live clients.
    pub(super) fn expire(&self, now: Timestamp) {
        for entry in self.book.load().values() {
            if entry.key.expires.is_some_and(|expires| expires <= now) && !entry.granted.grant.is_over() {
                entry.granted.grant.end();
            }
        }
    }

    /// What the holder of the key `text` may do, who sends it as `kind` from `address` at `now`.
    ///
    /// # Errors
    /// When it is not valid, or used too often.
    pub(super) fn check(
        &self,
        text: &str,
        kind: Kind,
        now: Timestamp,
        address: IpAddr,
    ) -> Result<Arc<Granted>, Denial> {
        let token = Token::parse(text).ok_or(NOT_VALID)?;
        let book = self.book.load();
        let entry = book.get(&token.id).ok_or(NOT_VALID)?;
        if !bool::from(entry.hash.ct_eq(&token.hash)) {
            return Err(NOT_VALID);
        }
        // Only who has the key gets to know more.
        entry.judge(token.kind, kind, now, address)?;
        entry.note(now, address);
        Ok(Arc::clone(&entry.granted))
    }

    /// Whether this is the text of a key that is known, valid or not.
    pub(super) fn knows(&self, text: &str) -> bool {
        Token::parse(text).is_none_or(|token| self.book.load().contains_key(&token.id))
    }

    /// The key with this id and kind that takes GET in its address.
    pub(super) fn takes_get(&self, text: &str) -> bool {
        let book = self.book.load();
        Token::parse(text).and_then(|token| book.get(&token.id)).is_some_and(|entry| entry.key.get)
    }

    /// Origins whose pages may show in a frame what the link with this id shows at `now`.
    pub(super) fn framers(&self, id: u64, now: Timestamp) -> Vec<String> {
        let book = self.book.load();
        let entry = book.get(&id).filter(|entry| entry.is_valid(now));
        entry.map(|entry| entry.key.embed_from.clone()).unwrap_or_default()
    }

    /// What was written with each key that is no link, by id.
    pub(super) fn usage(&self, now: Timestamp) -> Vec<KeyUsage> {
        let book = self.book.load();
        let keys = book.values().filter(|entry| entry.key.kind != Kind::Share);
        let mut usage: Vec<_> = keys
            .map(|entry| {
                let quota = entry.granted.writing.quota.as_ref();
                let (samples, refused) = quota.map_or((0, 0), |quota| quota.counts());
                let key = &entry.key;
                KeyUsage {
                    id: key.id.clone(),
                    label: key.label.clone(),
                    samples,
                    refused,
                    samples_per_second: key.samples_per_second,
                    most_signals: key.most_signals,
                    new_signals_today: quota.map_or(0, |quota| quota.new_signals(now).0),
                    new_signals_per_day: key.new_signals_per_day,
                    reader_seconds: entry.granted.reading.as_ref().map_or(0.0, |reading| reading.seconds()),
                    reader_seconds_per_minute: key.reader_seconds_per_minute,
                }
            })
            .collect();
        usage.sort_by(|a, b| a.id.cmp(&b.id));
        usage
    }

    /// When each key was used last, of those used since `since`.
    pub(super) fn uses(&self, since: Timestamp) -> Vec<Use> {
        let book = self.book.load();
        let used = book.values().filter_map(|entry| {
            let at = Timestamp::from_micros(entry.used.load(Ordering::Relaxed));
            let from = (*entry.used_from.lock().unwrap_or_else(PoisonError::into_inner))?;
            (at >= since).then(|| Use { id: entry.key.id.clone(), at, from: shown_network(from) })
        });
        used.collect()
    }
}

impl Entry {
    /// What is known of a key that may do the same as `before` goes on.
    fn new(
        key: Key,
        hash: SecretHash,
        shown: Option<Arc<Shown>>,
        before: Option<&Self>,
        rate: NonZeroU32,
    ) -> Self {
        let networks = key.addresses.iter().filter_map(|text| parse_network(text).ok()).collect();
        let signals = || match (&shown, &key.signals) {
            (Some(shown), _) => Some(Arc::clone(&shown.selector)),
            (None, patterns) => patterns.as_ref().map(|patterns| Arc::new(Selector::new(patterns))),
        };
        let granted = match before {
            Some(before) => Arc::clone(&before.granted),
            None => Arc::new(granted(&key, signals())),
        };
        let limiter = || Arc::new(RateLimiter::direct(Quota::per_second(rate)));
        let used = before.map_or(0, |before| before.used.load(Ordering::Relaxed));
        let from = before.and_then(|before| *before.used_from.lock().unwrap_or_else(PoisonError::into_inner));
        Self {
            key,
            hash,
            networks,
            granted,
            limiter: before.map_or_else(limiter, |before| Arc::clone(&before.limiter)),
            used: AtomicI64::new(used),
            used_from: Mutex::new(from),
            shown,
        }
    }

    /// Whether `key` differs in nothing but how long it is valid and when it was used.
    fn allows_the_same(&self, key: &Key, shown: Option<&Arc<Shown>>) -> bool {
        let compared =
            |key: &Key| Key { expires: None, last_used: None, last_used_from: None, ..key.clone() };
        let shows_the_same = match (&self.shown, shown) {
            // One that shows the same as before is the same.
            (Some(before), Some(now)) => Arc::ptr_eq(before, now),
            (before, now) => before.is_none() && now.is_none(),
        };
        !self.granted.grant.is_over() && compared(&self.key) == compared(key) && shows_the_same
    }

    fn judge(&self, is: Kind, sent_as: Kind, now: Timestamp, address: IpAddr) -> Result<(), Denial> {
        let denied = |why| Err(Denial(Code::Unauthenticated, why));
        match (is, sent_as) {
            (Kind::In, Kind::Key) => return denied("this key works only in the address /in/KEY"),
            (Kind::Key | Kind::Share, Kind::In) => {
                return denied("only keys of the kind `in` work in addresses; send this one in a header");
            }
            // A cookie is added to requests by a browser, not by who has the key.
            (Kind::Key | Kind::In, Kind::Share) => return denied("this is no link to a board"),
            _ => {}
        }
        if !self.is_valid(now) {
            return denied("this key has expired");
        }
        if self.key.not_before.is_some_and(|from| now < from) {
            return denied("this key is not valid yet");
        }
        let address = address.to_canonical();
        if !self.key.addresses.is_empty() && !self.networks.iter().any(|network| network.contains(&address)) {
            return denied("this key is not valid from this address");
        }
        if self.limiter.check().is_err() {
            return Err(Denial(Code::RateLimited, "requests with this key come faster than they may"));
        }
        Ok(())
    }

    /// Whether it has not ended, by itself or otherwise.
    fn is_valid(&self, now: Timestamp) -> bool {
        !self.granted.grant.is_over() && self.key.expires.is_none_or(|expires| now < expires)
    }

    fn note(&self, now: Timestamp, address: IpAddr) {
        let minute = now.micros() - now.micros().rem_euclid(MINUTE);
        if self.used.load(Ordering::Relaxed) != minute {
            *self.used_from.lock().unwrap_or_else(PoisonError::into_inner) = Some(address);
            self.used.store(minute, Ordering::Relaxed);
        }
    }
}

fn granted(key: &Key, signals: Option<Arc<Selector>>) -> Granted {
    Granted {
        who: match key.kind {
            Kind::Share => Who::Share(key.id.as_str().into()),
            Kind::Key | Kind::In => Who::Key(key.id.as_str().into()),
        },
        scopes: key.scopes.iter().copied().collect(),
        writing: WriteScope {
            signals: signals.clone(),
            create: key.create,
            append_only: key.append_only(),
            most_signals: key.most_signals.map(|most| most as usize),
            quota: Some(Arc::new(
                WriteQuota::new(WHOSE, key.samples_per_second.and_then(NonZeroU32::new))
                    .with_new_signals(key.new_signals_per_day),
            )),
        },
        reading: key
            .reader_seconds_per_minute
            .and_then(NonZeroU32::new)
            .map(|limit| Arc::new(ReadQuota::new(WHOSE, Some(limit)))),
        // One that cannot be read shows nothing of the past.
        since: key.since.as_deref().map(|since| Since::parse(since).unwrap_or(Since::At(Timestamp::MAX))),
        viewers: key.viewers.map(|most| Admission::new(most as usize, most as usize)),
        signals,
        board: key.board.as_deref().map(Arc::from),
        grant: Grant::new(),
    }
}

/// A network, or a single address.
///
/// # Errors
/// What is allowed.
pub(super) fn parse_network(text: &str) -> Result<IpNet, &'static str> {
    let network = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    network.map_err(|_| "a network or an address is expected, such as 192.168.1.0/24 or 2001:db8::1")
}

/// The /24 of an address, or the /64 of IPv6.
fn shown_network(address: IpAddr) -> String {
    match network(address) {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            format!("{a}.{b}.{c}.0/24")
        }
        IpAddr::V6(address) => format!("{address}/64"),
    }
}
