//! Who may do what: scopes, and the keys that have them.

mod audit;
mod key;
mod share;
mod usage;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use audit::AuditEntry;
pub use key::{CreatedKey, Key, Kind, NewKey, Rotate, duration};
pub use share::{CreatedShare, NewShare, NewTicket, OpenShare, OpenedShare, Share, Since};
pub use usage::{KeyUsage, Usage};

/// A kind of operations. Every operation that not everyone may do belongs to exactly one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Store samples.
    Write,
    /// Read samples, signals, boards and annotations, and follow what is committed.
    Read,
    /// Change boards, annotations and the metadata of signals.
    Edit,
    /// Manage keys, read the audit log and the ingest report.
    Admin,
    /// Read the server's metrics.
    Operator,
}

impl Scope {
    /// All scopes.
    pub const ALL: [Scope; 5] = [Self::Write, Self::Read, Self::Edit, Self::Admin, Self::Operator];

    /// Its name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Write => "write",
            Self::Read => "read",
            Self::Edit => "edit",
            Self::Admin => "admin",
            Self::Operator => "operator",
        }
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Scope {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|scope| scope.name() == text)
            .ok_or_else(|| format!("{text:?} is not a scope; allowed are {}", Scopes::all()))
    }
}

/// A set of scopes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scopes(u8);

impl Scopes {
    /// All of them.
    pub fn all() -> Self {
        Scope::ALL.into_iter().collect()
    }

    /// Whether `scope` is in it.
    pub const fn has(self, scope: Scope) -> bool {
        self.0 & scope.bit() != 0
    }

    /// Those in it, in the order of their definition.
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.into_iter().filter(move |scope| self.has(*scope))
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().fold(0, |set, scope| set | scope.bit()))
    }
}

/// Names separated by commas.
impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.iter().map(Scope::name).collect();
        f.write_str(&names.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_what_it_was_made_of() {
        let scopes: Scopes = [Scope::Read, Scope::Operator, Scope::Read].into_iter().collect();
        assert!(scopes.has(Scope::Read) && !scopes.has(Scope::Write));
        assert_eq!(scopes.to_string(), "read,operator");
        for scope in Scope::ALL {
            assert_eq!(scope.name().parse(), Ok(scope));
            assert_eq!(serde_json::to_string(&scope).unwrap(), format!("{:?}", scope.name()));
        }
        assert!("Read".parse::<Scope>().unwrap_err().ends_with("write,read,edit,admin,operator"));
    }
}
