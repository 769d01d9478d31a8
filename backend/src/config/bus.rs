//! How servers of one database tell each other of commits.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;

use super::ConfigError;
use crate::bus::Address;
use crate::store::Location;

/// The settings of `[store]` that are about other servers.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
pub struct Bus {
    /// NATS servers over which the servers of one PostgreSQL database tell each other of commits: nats://user:password@host:4222, or
    /// tls://; several are separated by commas (docs/scale.md)
    #[arg(long, env = "AFTERGLOW_BUS", value_name = "URL", hide_env_values = true)]
    pub bus: Option<Text>,

    /// Certificates of the authorities (PEM) that the NATS servers' certificates come from, in place of those that this machine trusts
    #[arg(long, env = "AFTERGLOW_BUS_CA", value_name = "FILE")]
    pub bus_ca: Option<PathBuf>,
}

/// What was given, which may have a password in it: it is read by [`Bus::address`], whose errors do not repeat it.
#[derive(Clone, PartialEq, Eq)]
pub struct Text(String);

impl FromStr for Text {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Text(..)")
    }
}

impl Bus {
    /// Where the bus is of servers whose database is at `database`; none when there is to be none.
    ///
    /// # Errors
    /// Says what is wrong, and what is allowed.
    pub fn address(&self, database: &Location) -> Result<Option<Address>, ConfigError> {
        let refused = |why: &str| Err(ConfigError::new(why.to_owned()));
        let Some(Text(text)) = &self.bus else {
            return match self.bus_ca {
                None => Ok(None),
                Some(_) => refused("bus_ca is for the servers that bus names, and there is no bus"),
            };
        };
        if database.file().is_some() {
            return refused(
                "bus is for several servers on one PostgreSQL database; a SQLite file has one server, which needs none",
            );
        }
        let address = Address::new(text).map_err(ConfigError::new)?;
        if self.bus_ca.is_some() && !address.is_encrypted() {
            return refused("bus_ca is for a bus whose URLs begin with tls://");
        }
        Ok(Some(address))
    }
}
