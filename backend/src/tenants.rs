//! Tenants beside the default one: how they are made and removed, with a server or without.

use std::time::Duration;

use afterglow_wire::tenant::{CreatedTenant, NewTenant, TenantLimits, TenantPatch, check_name};
use afterglow_wire::{Invalid, Timestamp};
use serde_json::Value;

use crate::access::people::new_link;
use crate::alerts::target::Targets;
use crate::clock::{Clock, Stopwatch};
use crate::config::{Age, Config, Size};
use crate::fault::{self, Point};
use crate::store::tenants::{Tenant, make_place, place_name, remove_place};
use crate::store::{Access, Author, HEAD_SAMPLES, Location, OpenError, SaveError, StoreConfig, StoreError};

/// How long the link for the first admin of a tenant is valid.
const LINK_MICROS: i64 = 30 * 60_000_000;

/// How long the place of a tenant that could not be made may take to be let go of, and how soon it is tried again, twice as late each
/// time.
const LET_GO: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(20);

/// Reads for one address that may run at once in a further tenant: idle readers have memory, too.
const READERS: u32 = 2;

/// The settings that limits change, each as it is configured.
#[derive(Default)]
struct Settings {
    signals: Option<u32>,
    live_clients: Option<u32>,
    size: Option<Size>,
    raw: Option<Age>,
    minutes: Option<Age>,
    hours: Option<Age>,
}

impl Settings {
    fn of(limits: &TenantLimits) -> Result<Self, Invalid> {
        let above = |field: &str, number: Option<u32>| match number {
            Some(0) => Err(Invalid::new(format!("limits.{field}"), "a whole number above 0 is expected")),
            number => Ok(number),
        };
        let age = |field: &str, text: &Option<String>| {
            let invalid = |allowed| Invalid::new(format!("limits.{field}"), format!("expected is {allowed}"));
            text.as_deref().map(str::parse::<Age>).transpose().map_err(invalid)
        };
        let size = limits.bytes.map(Size::of_bytes).transpose();
        above("samples_per_second", limits.samples_per_second)?;
        above("new_signals_per_day", limits.new_signals_per_day)?;
        above("reader_seconds_per_minute", limits.reader_seconds_per_minute)?;
        Ok(Self {
            signals: above("signals", limits.signals)?,
            live_clients: above("live_clients", limits.live_clients)?,
            size: size.map_err(|allowed| Invalid::new("limits.bytes", format!("expected is {allowed}")))?,
            raw: age("keep_raw", &limits.keep_raw)?,
            minutes: age("keep_minutes", &limits.keep_minutes)?,
            hours: age("keep_hours", &limits.keep_hours)?,
        })
    }
}

/// What a tenant with these limits and this database is configured as, on a server that is configured as `config`.
///
/// # Errors
/// Which limit is not allowed.
pub fn config(config: &Config, database: Location, limits: &TenantLimits) -> Result<Config, Invalid> {
    let settings = Settings::of(limits)?;
    let mut config = config.clone();
    let store = &mut config.store;
    store.database.database = database;
    store.readers = READERS;
    store.signals.signal_limit = settings.signals.map_or(store.signals.signal_limit, |most| most as usize);
    store.max_size = settings.size.or(store.max_size);
    store.keep_raw = settings.raw.unwrap_or(store.keep_raw);
    store.keep_minutes = settings.minutes.unwrap_or(store.keep_minutes);
    store.keep_hours = settings.hours.unwrap_or(store.keep_hours);
    let live = &mut config.live;
    live.live_clients = settings.live_clients.map_or(live.live_clients, |most| most as usize);
    let access = &mut config.access;
    access.require_second_factor =
        access.require_second_factor.max(limits.require_second_factor.unwrap_or_default());
    // They run with the server's rights: for those alone who configure it.
    config.alerts.commands.clear();
    // Admins of tenants may not reach what only the server and its operator do.
    config.alerts.alert_targets = Some(Targets::Public);
    Ok(config)
}

/// Makes a tenant of the server whose database is `database`, and a link for its first admin. Blocks.
///
/// # Errors
/// When it is not allowed, or a database does not answer. Nothing is left then, unless it cannot be told whether the tenant was made.
pub fn create(
    access: &Access,
    database: &Location,
    new: NewTenant,
    author: &Author,
    clock: &Clock,
) -> Result<CreatedTenant, SaveError> {
    let NewTenant { name, limits } = new;
    check_name(&name)?;
    Settings::of(&limits)?;
    let file = place_name(database, &name, rand::random());
    let now = clock.now();
    let tenant = Tenant { name: name.clone(), file, is_deleting: false, limits, created: now };
    let place = tenant.location(database);
    // The row comes last: a place without one is nobody's, a row without a place would be a tenant that has lost everything.
    let (secret, hash) = new_link(Some(&name));
    let expires = Timestamp::from_micros(now.micros().saturating_add(LINK_MICROS));
    let made = make_place(&place).map_err(SaveError::from).and_then(|()| {
        let own = open(place.clone(), clock).map_err(unusable)?;
        own.invite(author, None, hash, expires)?;
        fault::crash_point(Point::TenantMade);
        access.add_tenant(author, &tenant)
    });
    if made.is_err() {
        // The tenant may be there all the same, where the answer to its commit was lost.
        match access.has_place(&tenant.file) {
            Ok(true) => {
                log::warn!("the tenant {name} is there, although it was not known whether it was made");
            }
            Ok(false) => {
                if let Err(error) = remove(&place) {
                    log::warn!("{place} is left of a tenant that could not be made: {error}");
                }
            }
            Err(error) => {
                log::warn!("{place} is left, as it is not known whether its tenant was made: {error}");
            }
        }
    }
    made.map(|()| CreatedTenant { name, link: format!("/setup#{secret}") })
}

/// Removes the place of a tenant that could not be made. A server may take a moment to notice that what had it open has ended.
fn remove(place: &Location) -> Result<(), StoreError> {
    let (waited, mut pause) = (Stopwatch::start(), PAUSE);
    while !remove_place(place)? {
        if waited.elapsed() > LET_GO {
            return Err(StoreError::Down("it is still open".into()));
        }
        std::thread::park_timeout(pause);
        pause *= 2;
    }
    Ok(())
}

/// Changes what a tenant may use; where it `only_strengthens`, no member may go without a second factor who had to have one before. Blocks.
///
/// # Errors
/// When there is none, a limit is not allowed, or the database does not answer.
pub fn change(
    access: &Access,
    name: &str,
    patch: &TenantPatch,
    only_strengthens: bool,
    author: &Author,
) -> Result<Tenant, SaveError> {
    access.change_tenant(author, name, |before| {
        let limits = merge(&before, patch)?;
        Settings::of(&limits)?;
        if only_strengthens && limits.require_second_factor < before.require_second_factor {
            let message = "only an operator can require one-time codes of fewer members";
            return Err(Invalid::new("limits.require_second_factor", message));
        }
        Ok(limits)
    })
}

/// `limits` with what `patch` changes (RFC 7396).
fn merge(limits: &TenantLimits, patch: &TenantPatch) -> Result<TenantLimits, Invalid> {
    let Ok(Value::Object(mut merged)) = serde_json::to_value(limits) else { return Ok(limits.clone()) };
    for (field, value) in &patch.limits {
        merged.insert(field.clone(), value.clone());
    }
    serde_path_to_error::deserialize(Value::Object(merged)).map_err(|error| {
        let path = error.path().to_string();
        let field = if path == "." { "limits".to_owned() } else { format!("limits.{path}") };
        Invalid::new(field, error.into_inner().to_string())
    })
}

/// Removes what a tenant has that is being deleted, then the tenant; whether that is done, which it is not while a process of several
/// on one database still has it open. Blocks.
///
/// # Errors
/// When a file cannot be removed or the database does not answer; what is left is removed by the next call.
pub fn finish_deletion(access: &Access, database: &Location, tenant: &Tenant) -> Result<bool, StoreError> {
    fault::crash_point(Point::TenantMarked);
    if !remove_place(&tenant.location(database))? {
        return Ok(false);
    }
    fault::crash_point(Point::TenantRemoved);
    access.end_tenant_deletion(tenant)?;
    Ok(true)
}

/// Keys and links of a database, which is made where there is none; also while a server has it open.
fn open(database: Location, clock: &Clock) -> Result<Access, OpenError> {
    let config = StoreConfig {
        database,
        readers: 1,
        signal_limit: usize::MAX,
        head_samples: HEAD_SAMPLES,
        read_limit: None,
    };
    Access::open(&config, clock.clone())
}

fn unusable(error: OpenError) -> SaveError {
    StoreError::Down(error.to_string()).into()
}
