//! Typed settings, each declared once; argument, environment variable, file, default: the first that is given wins.
//!
//! Each section is a table of the file. `afterglow-cli` reads the file and makes its values the arguments' defaults.

mod access;
mod alerts;
mod bus;
mod issuers;
mod live;
mod networks;
mod retention;
mod server;
mod store;

use std::collections::BTreeMap;
use std::fmt::Display;
use std::path::Path;
use std::str::FromStr;

pub use afterglow_cli::ConfigError;
use afterglow_cli::Section;
use afterglow_cli::process::{Program, check_programs};
use afterglow_cli::settings::Values;
use clap::{Args, Command, FromArgMatches as _};

pub use access::{Access, Auth};
pub use alerts::Alerts;
pub use bus::Bus;
pub use issuers::{Grants, Issuer, Login, Signed};
pub use live::Live;
pub use networks::{Networks, ProxyHeader};
pub use retention::{Age, Override, Size};
pub use server::{Server, Words};
pub use store::{Database, SignalLimit, Store};

/// Everything the backend needs to know, valid after [`Config::check`].
#[derive(Args, Clone, Debug, PartialEq)]
pub struct Config {
    /// Where it listens.
    #[command(flatten)]
    pub server: Server,
    /// What is kept.
    #[command(flatten)]
    pub store: Store,
    /// Who follows.
    #[command(flatten)]
    pub live: Live,
    /// Who may do what.
    #[command(flatten)]
    pub access: Access,
    /// Whom alerts may be sent to.
    #[command(flatten)]
    pub alerts: Alerts,

    /// Whose tokens count: only the file can name them
    #[arg(skip)]
    pub issuers: Vec<Issuer>,
}

impl Config {
    /// What `arguments` (long options), the environment and `file` result in.
    ///
    /// # Errors
    /// When an argument or the whole is not allowed.
    pub fn load(arguments: &[&str], file: File) -> Result<Self, ConfigError> {
        let command = Self::augment_args(Command::new("afterglow").no_binary_name(true));
        let matches = file.values.into_defaults(command).try_get_matches_from(arguments);
        let mut config = matches
            .and_then(|matches| Self::from_arg_matches(&matches))
            .map_err(|error| ConfigError::new(error.to_string()))?;
        config.take_tables(file.tables);
        config.check()?;
        Ok(config)
    }

    /// Takes what no argument can say.
    pub fn take_tables(&mut self, tables: Tables) {
        self.store.overrides = tables.overrides;
        self.alerts.commands = tables.commands;
        self.issuers = tables.issuers;
    }

    /// Checks what no setting can decide alone.
    ///
    /// # Errors
    /// Says what is wrong and what is allowed.
    pub fn check(&self) -> Result<(), ConfigError> {
        if self.issuers.iter().any(|issuer| issuer.login.is_some())
            && self.server.public_url.is_none()
            && !self.server.listen.ip().is_loopback()
        {
            return Err(ConfigError::new(
                "[[issuer]] with client_id needs public_url: the address to which people come back from there",
            ));
        }
        self.store.bus()?;
        self.server.check()
    }

    /// Whether everyone who reaches the server may do everything. Behind a proxy that is more than who can reach the address.
    pub fn is_open(&self) -> bool {
        self.access.auth == Auth::Auto && (self.server.is_local() || self.server.insecure)
    }
}

/// What the file gives: values for arguments, and what no argument can say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct File {
    /// The values, as texts.
    pub values: Values,
    /// What no argument can say.
    pub tables: Tables,
}

/// The tables of the file that there can be several of.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tables {
    /// The tables `[[retention]]`.
    pub overrides: Vec<Override>,
    /// The tables `[[alert_command]]`.
    pub commands: BTreeMap<String, Program>,
    /// The tables `[[issuer]]`.
    pub issuers: Vec<Issuer>,
}

impl File {
    /// Reads and checks the whole file, whatever of it a command needs.
    ///
    /// # Errors
    /// When it cannot be read, has a key or a value that is not allowed, or runs programs and everybody may write it or one of
    /// these programs.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let file = Self::take(Section::read(path)?)?;
        check_programs(path, file.tables.commands.values().filter_map(Program::name))?;
        Ok(file)
    }

    fn take(mut top: Section) -> Result<Self, ConfigError> {
        let mut values = Values::default();
        top.settings::<Server>("server", &mut values)?;
        top.settings::<Store>("store", &mut values)?;
        top.settings::<Live>("live", &mut values)?;
        top.settings::<Access>("access", &mut values)?;
        top.settings::<Alerts>("alerts", &mut values)?;
        let overrides =
            top.sections("retention")?.into_iter().map(Override::read).collect::<Result<_, _>>()?;
        let commands =
            top.sections("alert_command")?.into_iter().map(alerts::command).collect::<Result<_, _>>()?;
        let issuers = issuers::read(top.sections("issuer")?)?;
        top.finish()?;
        Ok(Self { values, tables: Tables { overrides, commands, issuers } })
    }
}

/// A value parser whose error is `allowed`.
fn parse<T: FromStr<Err: Display>>(
    allowed: &'static str,
) -> impl Fn(&str) -> Result<T, &'static str> + Clone {
    move |text| text.parse().map_err(|_| allowed)
}

#[cfg(test)]
mod tests;
