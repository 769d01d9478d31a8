//! Which database a tool works on: that of the default tenant, or of another one of the same server.

use std::path::{Path, PathBuf};

use afterglow_wire::tenant::DEFAULT;
use clap::Args;

use super::{ToolError, file};
use crate::clock::Clock;
use crate::config::Database;
use crate::store::{Access, HEAD_SAMPLES, Location, SaveError, StoreConfig, tenants};

/// The database of a server, and whose of those in it.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub(super) struct TenantDatabase {
    #[command(flatten)]
    pub(super) server: Database,

    /// The tenant that is meant [default: the tenant `default`]
    #[arg(long, value_name = "NAME")]
    pub(super) tenant: Option<String>,
}

impl TenantDatabase {
    /// The tenant, unless it is the default one.
    pub(super) fn tenant(&self) -> Option<&str> {
        self.tenant.as_deref().filter(|name| *name != DEFAULT)
    }

    /// Where it is.
    pub(super) fn path(&self) -> Result<Location, ToolError> {
        let Some(name) = self.tenant() else { return Ok(self.server.database.clone()) };
        let all = Access::open_beside(&self.server.database, Clock::real())?.tenants()?;
        match all.into_iter().find(|tenant| tenant.name == name) {
            Some(tenant) if tenant.is_deleting => {
                Err(ToolError::Refused(format!("the tenant {name} is being deleted")))
            }
            Some(tenant) => {
                let place = tenant.location(&self.server.database);
                if tenants::is_lost(&place) {
                    let message = format!("the database {place} of the tenant {name} is missing");
                    return Err(ToolError::Refused(message));
                }
                Ok(place)
            }
            None => Err(ToolError::Refused(format!(
                "there is no tenant {name:?}; `afterglow tenant list` lists those there are"
            ))),
        }
    }

    /// The file, for what works with files only; a database on a server is refused with `why`.
    pub(super) fn file(&self, why: &str) -> Result<PathBuf, ToolError> {
        if self.tenant().is_none() {
            file(&self.server, why)?;
        }
        let location = self.path()?;
        location.file().map(Path::to_owned).ok_or_else(|| ToolError::Refused(why.to_owned()))
    }

    /// Keys, links and the audit log of the tenant.
    pub(super) fn open(&self) -> Result<Access, ToolError> {
        open(self.path()?)
    }
}

/// Keys, links and the audit log of a database, which is made where there is none; also while a server has it open.
pub(super) fn open(database: Location) -> Result<Access, ToolError> {
    let config = StoreConfig {
        database,
        readers: 2,
        signal_limit: usize::MAX,
        head_samples: HEAD_SAMPLES,
        read_limit: None,
    };
    Ok(Access::open(&config, Clock::real())?)
}

pub(super) fn refused(error: SaveError) -> ToolError {
    match error {
        SaveError::Store(error) => error.into(),
        other => ToolError::Refused(other.to_string()),
    }
}
