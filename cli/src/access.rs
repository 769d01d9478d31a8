//! The key that a program shows to a server, and the authorities that it trusts.

use std::path::{Path, PathBuf};

use afterglow_client::access::{Access as Opened, AccessError};
use clap::Args;

use crate::ConfigError;

/// The environment variable with the key itself. No argument has it: every user of a machine can list those.
const KEY: &str = "AFTERGLOW_KEY";

/// The settings of what speaks to a server.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
#[command(next_help_heading = "Access")]
pub struct Access {
    /// A file with the key to show, which nobody else may read. Without it, the variable AFTERGLOW_KEY, then systemd's
    /// credential afterglow.key
    #[arg(long, env = "AFTERGLOW_KEY_FILE", value_name = "FILE")]
    pub key_file: Option<PathBuf>,

    /// The certificates (PEM) of the authorities to trust, instead of the public ones
    #[arg(long, env = "AFTERGLOW_CA_FILE", value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
}

impl Access {
    /// Reads the files.
    ///
    /// # Errors
    /// Says which of them cannot be used, and why.
    pub fn open(&self) -> Result<Opened, ConfigError> {
        let key = std::env::var(KEY).ok().filter(|key| !key.is_empty());
        let folder = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
        self.open_with(key.as_deref(), folder.as_deref()).map_err(|error| ConfigError::new(error.to_string()))
    }

    fn open_with(&self, key: Option<&str>, credentials: Option<&Path>) -> Result<Opened, AccessError> {
        let mut access = Opened::default();
        if let Some(file) = &self.ca_file {
            access = access.with_authorities(file)?;
        }
        let credential = credentials.map(|folder| folder.join("afterglow.key")).filter(|file| file.exists());
        match (&self.key_file, key, credential) {
            (Some(file), ..) => access.with_key_file(file),
            (None, Some(key), _) => access.with_key(key),
            (None, None, Some(file)) => access.with_key_file(&file),
            (None, None, None) => Ok(access),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_file_wins_over_the_variable_and_that_over_the_credential() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str| {
            let file = folder.path().join(name);
            std::fs::write(&file, name).unwrap();
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
            file
        };
        let [named, credential] = ["named", "afterglow.key"].map(write);
        let opened = |file: Option<&Path>, key, credentials: bool| {
            let settings = Access { key_file: file.map(Path::to_owned), ca_file: None };
            settings.open_with(key, credentials.then_some(folder.path())).unwrap()
        };
        let from = |file: &Path| Opened::default().with_key_file(file).unwrap();
        assert_eq!(opened(Some(&named), Some("key"), true), from(&named));
        assert_eq!(opened(None, Some("key"), true), Opened::default().with_key("key").unwrap());
        assert_eq!(opened(None, None, true), from(&credential));
        assert_eq!(opened(None, None, false), Opened::default());
    }
}
