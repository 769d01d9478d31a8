//! `afterglow tenant`: tenants without a server, or beside one.

use std::num::NonZeroU32;
use std::time::Duration;

use afterglow_wire::people::SecondFactor;
use afterglow_wire::printable;
use afterglow_wire::tenant::{NewTenant, TenantLimits, TenantPatch};
use clap::{Args, Subcommand};
use serde_json::Value;

use super::database::{open, refused};
use super::{ToolError, export, say, tell};
use crate::clock::{Clock, Stopwatch};
use crate::config::{Age, Database, Size};
use crate::store::tenants::Tenant;
use crate::store::{self, Access, Author, OpenError};
use crate::tenants;

/// How long a running server may take to delete a tenant, and how soon it is looked at again, each time twice as late.
const PATIENCE: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(50);
const LONGEST_LOOK: Duration = Duration::from_secs(1);

/// The names of limits, without `--`.
const LIMITS: [&str; 10] = [
    "samples-per-second",
    "signals",
    "new-signals-per-day",
    "reader-seconds-per-minute",
    "bytes",
    "live-clients",
    "keep-raw",
    "keep-minutes",
    "keep-hours",
    "require-second-factor",
];

/// What is done with tenants.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a tenant and print the link for its first admin, this once; a running server serves it within a second
    Create(Box<Create>),
    /// Change what a tenant may use, and print that; a running server knows within a second
    Set(Box<Set>),
    /// Print the tenants beside the default one
    List(List),
    /// Delete a tenant with all that it has; its keys and live clients end within a second
    Delete(Delete),
    /// Write the samples of a tenant as csv, ndjson or parquet, as `afterglow export` does
    Export(Box<Export>),
}

/// A new tenant.
#[derive(Args, Debug)]
pub struct Create {
    #[command(flatten)]
    database: Database,

    /// Its name: 1 to 32 of a to z, 0 to 9 and -, a letter first
    name: String,

    #[command(flatten)]
    limits: Limits,
}

/// What a tenant may use.
#[derive(Args, Debug)]
pub struct Limits {
    /// How many samples a second may be written, on average, with all keys together
    #[arg(long, value_name = "N")]
    samples_per_second: Option<NonZeroU32>,

    /// Signals that are kept [default: as many as the server keeps of the default tenant]
    #[arg(long, value_name = "N")]
    signals: Option<NonZeroU32>,

    /// Signals that may become new in a day (UTC)
    #[arg(long, value_name = "N")]
    new_signals_per_day: Option<NonZeroU32>,

    /// For how many seconds a minute queries may read, on average, with all keys together
    #[arg(long, value_name = "N")]
    reader_seconds_per_minute: Option<NonZeroU32>,

    /// Size of its database beyond which its oldest samples expire before their time, such as 500MB or 20GB
    #[arg(long, value_name = "SIZE")]
    max_size: Option<Size>,

    /// Live clients that may be connected at once
    #[arg(long, value_name = "N")]
    live_clients: Option<NonZeroU32>,

    /// How long samples are kept as they are, such as 36h, 7d or forever [default: the server's setting]
    #[arg(long, value_name = "AGE")]
    keep_raw: Option<Age>,

    /// How long a minute's values are kept
    #[arg(long, value_name = "AGE")]
    keep_minutes: Option<Age>,

    /// How long an hour's values are kept
    #[arg(long, value_name = "AGE")]
    keep_hours: Option<Age>,

    /// Which of its members must have one-time codes: nobody, admins or everyone; those whom the server's setting names must in any case
    #[arg(long, value_name = "WHO")]
    require_second_factor: Option<SecondFactor>,
}

/// Other limits of a tenant.
#[derive(Args, Debug)]
pub struct Set {
    #[command(flatten)]
    database: Database,

    /// Its name
    name: String,

    #[command(flatten)]
    limits: Limits,

    /// Limits that are as for the default tenant again, separated by commas
    #[arg(long, value_delimiter = ',', value_name = "LIMITS", value_parser = LIMITS)]
    unset: Vec<String>,
}

/// Which tenants.
#[derive(Args, Debug)]
pub struct List {
    #[command(flatten)]
    database: Database,
}

/// Which tenant.
#[derive(Args, Debug)]
pub struct Delete {
    #[command(flatten)]
    database: Database,

    /// Its name
    name: String,
}

/// Whose samples, and which.
#[derive(Args, Debug)]
pub struct Export {
    /// The tenant's name
    name: String,

    #[command(flatten)]
    options: export::Options,
}

impl Limits {
    /// As the API has them.
    fn wire(&self) -> TenantLimits {
        let age = |age: Option<Age>| age.map(|age| age.to_string());
        TenantLimits {
            samples_per_second: self.samples_per_second.map(NonZeroU32::get),
            signals: self.signals.map(NonZeroU32::get),
            new_signals_per_day: self.new_signals_per_day.map(NonZeroU32::get),
            reader_seconds_per_minute: self.reader_seconds_per_minute.map(NonZeroU32::get),
            bytes: self.max_size.map(|size| size.0),
            live_clients: self.live_clients.map(NonZeroU32::get),
            keep_raw: age(self.keep_raw),
            keep_minutes: age(self.keep_minutes),
            keep_hours: age(self.keep_hours),
            require_second_factor: self.require_second_factor,
        }
    }
}

/// Does what is asked with tenants.
///
/// # Errors
/// When it is not allowed, or the database cannot be used.
pub fn run(command: &Command) -> Result<(), ToolError> {
    match command {
        Command::Create(options) => create(options),
        Command::Set(options) => set(options),
        Command::List(options) => list(&options.database),
        Command::Delete(options) => delete(&options.database, &options.name),
        Command::Export(export) => export::run(&export.options.of_tenant(&export.name)?),
    }
}

fn create(options: &Create) -> Result<(), ToolError> {
    let new = NewTenant { name: options.name.clone(), limits: options.limits.wire() };
    let database = &options.database.database;
    let access = open(database.clone())?;
    let created = tenants::create(&access, database, new, &Author::command_line(), &Clock::real());
    say(&created.map_err(refused)?.link)?;
    tell(
        "open this below the server's address within 30 minutes to become the tenant's first admin; it counts once. \
         A server with tenants is not open: everybody needs a key or a login",
    );
    Ok(())
}

fn set(options: &Set) -> Result<(), ToolError> {
    let Ok(Value::Object(mut limits)) = serde_json::to_value(options.limits.wire()) else { return Ok(()) };
    for name in &options.unset {
        limits.insert(name.replace('-', "_"), Value::Null);
    }
    if limits.is_empty() {
        return Err(ToolError::Refused("nothing is to be changed; name a limit".into()));
    }
    let access = Access::open_beside(&options.database.database, Clock::real())?;
    let changed =
        tenants::change(&access, &options.name, &TenantPatch { limits }, false, &Author::command_line());
    let limits = changed.map_err(refused)?.limits;
    say(&serde_json::to_string(&limits).unwrap_or_default())
}

fn list(database: &Database) -> Result<(), ToolError> {
    let mut text = String::from("name                              made                         limits");
    for tenant in Access::open_beside(&database.database, Clock::real())?.tenants()? {
        let limits = serde_json::to_string(&tenant.limits).unwrap_or_default();
        let state = if tenant.is_deleting { "  being deleted" } else { "" };
        let line = format!("{:<32}  {}  {limits}{state}", tenant.name, tenant.created);
        text.push('\n');
        text.push_str(&printable(&line));
    }
    say(&text)
}

fn delete(database: &Database, name: &str) -> Result<(), ToolError> {
    let database = &database.database;
    // A server that has a file open removes the tenant's. On a database of several servers the first does it that finds it let go of.
    let claim = match database.file().map(store::claim).transpose() {
        Err(OpenError::InUse(_)) => None,
        claim => Some(claim?),
    };
    let access = Access::open_beside(database, Clock::real())?;
    access.begin_tenant_deletion(&Author::command_line(), name).map_err(refused)?;
    // Once it is gone, somebody may make another of its name.
    let is_it = |tenant: &Tenant| tenant.name == name && tenant.is_deleting;
    let left = || Ok::<_, ToolError>(access.tenants()?.into_iter().find(is_it));
    let (waited, mut pause) = (Stopwatch::start(), LOOK);
    while let Some(tenant) = left()? {
        if claim.is_some() && tenants::finish_deletion(&access, database, &tenant)? {
            continue;
        }
        if waited.elapsed() > PATIENCE {
            let message = format!(
                "a server that has the database open has not let go of the tenant {name} yet; its deletion goes on, and the server's \
                 log says why"
            );
            return Err(ToolError::NotReady(message));
        }
        std::thread::park_timeout(pause);
        pause = LONGEST_LOOK.min(2 * pause);
    }
    say(&format!("the tenant {name} is deleted"))
}
