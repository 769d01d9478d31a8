//! `afterglow access`: keys and links without a server, or beside one; `afterglow audit`: the log of what was done.

use std::num::NonZeroU32;

use afterglow_wire::Timestamp;
use afterglow_wire::access::{Kind, NewKey, Scope, duration};
use clap::{Args, Subcommand};

use super::database::{TenantDatabase, refused};
use super::{ToolError, say, tell, tenants};
use crate::access::people::new_link;
use crate::access::{accept, token};
use crate::clock::Clock;
use crate::store::Author;

/// How long a key of the scope `admin` is valid by default.
const ADMIN_DAYS: i64 = 365;

/// How long a link is valid.
const LINK_MINUTES: i64 = 30;

/// What is done with keys.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make, list and revoke keys; a running server knows within a second
    #[command(subcommand)]
    Key(KeyCommand),
    /// Print a link with which somebody becomes an admin, also when all admins have lost their passwords
    SetupLink(List),
    /// Print a link with which a member chooses another password; one-time codes stay
    ResetPassword(ResetPassword),
    /// Make, list, export and delete tenants, as `afterglow tenant` does
    #[command(subcommand)]
    Tenant(tenants::Command),
}

/// What is done with keys.
#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// Make a key and print it, this once
    Create(Create),
    /// Print the keys, without their secrets
    List(List),
    /// Revoke a key
    Revoke(Revoke),
}

/// What a key may do.
#[derive(Args, Debug)]
pub struct Create {
    #[command(flatten)]
    database: TenantDatabase,

    /// What it is for
    #[arg(long)]
    label: String,

    /// What it may do, separated by commas: write, read, edit, admin, operator
    #[arg(long, value_delimiter = ',', required_unless_present = "address")]
    scopes: Vec<Scope>,

    /// Names or patterns of its signals, separated by commas; all when absent
    #[arg(long, value_name = "PATTERNS")]
    signals: Option<String>,

    /// Networks from which it is valid, separated by commas
    #[arg(long, value_delimiter = ',', value_name = "NETWORKS")]
    addresses: Vec<String>,

    /// How long it is valid, such as 90d; for ever when absent, a year with the scope admin
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    expires_in: Option<std::time::Duration>,

    /// It may only write signals that exist
    #[arg(long)]
    no_create: bool,

    /// How far in the past its samples may lie, such as 10m
    #[arg(long, value_name = "DURATION")]
    append_only: Option<String>,

    /// How many samples a second it may write, on average
    #[arg(long, value_name = "N")]
    samples_per_second: Option<NonZeroU32>,

    /// How many signals there may be of those that it may write, for it to make a new one
    #[arg(long, value_name = "N")]
    most_signals: Option<NonZeroU32>,

    /// How many signals may become new in a day (UTC), of those that it may write
    #[arg(long, value_name = "N")]
    new_signals_per_day: Option<NonZeroU32>,

    /// For how many seconds a minute queries with it may read, on average
    #[arg(long, value_name = "N")]
    reader_seconds_per_minute: Option<NonZeroU32>,

    /// Make it a key for the address /in/KEY, which can only write
    #[arg(long)]
    address: bool,

    /// With --address: samples may be in the address, too
    #[arg(long, requires = "address")]
    get: bool,
}

/// Which keys.
#[derive(Args, Debug)]
pub struct List {
    #[command(flatten)]
    database: TenantDatabase,
}

/// Which key.
#[derive(Args, Debug)]
pub struct Revoke {
    #[command(flatten)]
    database: TenantDatabase,

    /// Its id
    id: String,
}

/// Whose password.
#[derive(Args, Debug)]
pub struct ResetPassword {
    #[command(flatten)]
    database: TenantDatabase,

    /// The member's name
    name: String,
}

/// What is done with the audit log.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Compare the hashes of all entries, also while a server runs
    Verify(List),
}

/// Does what is asked with keys and links.
///
/// # Errors
/// When it is not allowed, or the database cannot be used.
pub fn run(command: &Command) -> Result<(), ToolError> {
    match command {
        Command::Key(KeyCommand::Create(options)) => create(options),
        Command::Key(KeyCommand::List(options)) => list(options),
        Command::Key(KeyCommand::Revoke(options)) => {
            let access = options.database.open()?;
            access.revoke_key(&Author::command_line(), &options.id).map_err(refused)?;
            say(&format!("the key {} is revoked", options.id))
        }
        Command::SetupLink(options) => link(&options.database, None),
        Command::ResetPassword(options) => link(&options.database, Some(&options.name)),
        Command::Tenant(command) => tenants::run(command),
    }
}

/// Does what is asked with the audit log.
///
/// # Errors
/// When the database cannot be used, and [`ToolError::Damaged`] when the log is not as it was written.
pub fn audit(command: &AuditCommand) -> Result<(), ToolError> {
    let AuditCommand::Verify(options) = command;
    match options.database.open()?.verify_audit()? {
        Ok(chain) if chain.entries == 0 => say("the audit log is empty"),
        Ok(chain) => say(&format!(
            "the audit log is sound: {} entries, {} to {}",
            chain.entries, chain.first, chain.last
        )),
        Err(broken) => {
            let message =
                format!("the audit log is not as it was written: entry {}: {}", broken.entry, broken.why);
            Err(ToolError::Damaged(message))
        }
    }
}

fn create(options: &Create) -> Result<(), ToolError> {
    let now = Clock::real().now();
    let days = |days: i64| Timestamp::from_micros(now.micros().saturating_add(days * 86_400_000_000));
    let expires = options.expires_in.map(|valid| {
        let micros = i64::try_from(valid.as_micros()).unwrap_or(i64::MAX);
        Timestamp::from_micros(now.micros().saturating_add(micros))
    });
    let year = options.scopes.contains(&Scope::Admin).then(|| days(ADMIN_DAYS));
    let new = NewKey {
        label: options.label.clone(),
        kind: if options.address { Kind::In } else { Kind::Key },
        scopes: options.scopes.clone(),
        signals: options.signals.as_deref().map(afterglow_wire::name::split),
        addresses: options.addresses.clone(),
        not_before: None,
        expires: expires.or(year),
        create: !options.no_create,
        append_only: options.append_only.clone(),
        samples_per_second: options.samples_per_second.map(NonZeroU32::get),
        most_signals: options.most_signals.map(NonZeroU32::get),
        new_signals_per_day: options.new_signals_per_day.map(NonZeroU32::get),
        reader_seconds_per_minute: options.reader_seconds_per_minute.map(NonZeroU32::get),
        get: options.get,
        tenant: None,
    };
    let (text, made) = token::create(new.kind);
    let author = Author::command_line();
    let key = accept(new, options.database.tenant(), token::id(made.id), now, author.who.clone())
        .map_err(|invalid| ToolError::Refused(invalid.to_string()))?;
    options.database.open()?.add_key(&author, &key, &made.hash).map_err(refused)?;
    say(&text)
}

/// Prints a link for the first admin, or for a member.
fn link(database: &TenantDatabase, member: Option<&str>) -> Result<(), ToolError> {
    let (secret, hash) = new_link(database.tenant());
    let micros = Clock::real().now().micros().saturating_add(LINK_MINUTES * 60_000_000);
    let expires = Timestamp::from_micros(micros);
    database.open()?.invite(&Author::command_line(), member, hash, expires).map_err(refused)?;
    let member = member.map(|name| format!(":{name}")).unwrap_or_default();
    say(&format!("/setup#{secret}{member}"))?;
    tell(&format!("open this below the server's address within {LINK_MINUTES} minutes; it counts once"));
    Ok(())
}

fn list(options: &List) -> Result<(), ToolError> {
    let mut text = String::from("id                scopes               signals  expires  last used  label");
    for (key, _) in options.database.open()?.keys()? {
        let scopes: afterglow_wire::access::Scopes = key.scopes.iter().copied().collect();
        let signals = match (key.board, key.signals) {
            (Some(board), _) => format!("those of the board {board}"),
            (None, Some(signals)) => signals.join(","),
            (None, None) => "*".to_owned(),
        };
        let instant = |at: Option<Timestamp>| at.map_or_else(|| "never".to_owned(), |at| at.to_string());
        let line = format!(
            "{}  {:<20} {signals}  {}  {}  {}",
            key.id,
            scopes.to_string(),
            instant(key.expires),
            instant(key.last_used),
            key.label
        );
        text.push('\n');
        text.push_str(&afterglow_wire::printable(&line));
    }
    say(&text)
}
