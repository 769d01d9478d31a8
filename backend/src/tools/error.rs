//! Why a tool could not do what it was asked to.

use std::path::{Path, PathBuf};

use crate::config::ConfigError;
use crate::store::{OpenError, StoreError};

/// Why a tool could not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum ToolError {
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The database cannot be opened.
    #[error("{}{}", .0, advice(.0))]
    Open(#[from] OpenError),
    /// The database does not do what is asked.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The arguments ask for what is not done, or a file is not what it should be.
    #[error("{0}")]
    Refused(String),
    /// A file cannot be read or written.
    #[error("{}: {error}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// The server that was asked is not ready.
    #[error("{0}")]
    NotReady(String),
    /// Something else was found than was expected.
    #[error("{0}")]
    Different(String),
    /// Something in the database is damaged.
    #[error("{0}")]
    Damaged(String),
}

impl ToolError {
    pub(super) fn file(path: &Path) -> impl FnOnce(std::io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |error| Self::File { path, error }
    }
}

/// What to do about a database that cannot be opened, as the end of a message.
pub fn advice(error: &OpenError) -> &'static str {
    match error {
        OpenError::InUse(_) => "; stop it, or choose another database with --database",
        OpenError::NotOurs { .. } => "; choose another database with --database",
        OpenError::OldSchema(_) => "; stop its server and run `afterglow migrate` on it first",
        OpenError::Unusable { .. } => "",
    }
}
