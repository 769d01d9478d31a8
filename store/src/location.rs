//! Where a database is: a file, or a server.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::postgres::Server;

/// Where a database is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// A SQLite file.
    File(PathBuf),
    /// A database of a PostgreSQL server.
    Server(Server),
}

impl Location {
    /// The file; none when the database is on a server.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Server(_) => None,
        }
    }

    /// Where it is, without user and password.
    pub fn address(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Server(server) => server.address(),
        }
    }
}

impl FromStr for Location {
    type Err = String;

    /// A URL that begins with `postgres://` or `postgresql://` is a server's, everything else a file's path.
    fn from_str(text: &str) -> Result<Self, String> {
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Server::new(text).map(Self::Server);
        }
        Ok(Self::File(text.into()))
    }
}

impl From<PathBuf> for Location {
    fn from(path: PathBuf) -> Self {
        Self::File(path)
    }
}

/// Without the password.
impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Server(server) => server.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_urls_of_postgres_are_servers_and_none_shows_its_password() {
        for file in ["./data/afterglow.db", "postgres", "postgres:/a", "file:///a"] {
            assert_eq!(file.parse(), Ok(Location::File(file.into())));
        }
        let server: Location =
            "postgresql://me:s3cret@db.example:5433,b/house?sslmode=require".parse().unwrap();
        assert_eq!(server.to_string(), "postgres://me@db.example:5433,b:5432/house");
        assert_eq!(server.address(), "postgres://db.example:5433,b:5432/house");
        assert!(!format!("{server:?}").contains("s3cret"));
        assert_eq!(server.file(), None);
        let refused = "postgres://me:s3cret@a/b?colour=red".parse::<Location>().unwrap_err();
        assert!(refused.contains("colour") && !refused.contains("s3cret"), "{refused}");
    }
}
