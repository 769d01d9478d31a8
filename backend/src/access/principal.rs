//! Who asks.

use std::fmt;
use std::sync::Arc;

use afterglow_wire::Code;
use afterglow_wire::access::{Scope, Scopes, Since};

use super::{Grant, ReadQuota};
use crate::admission::Admission;
use crate::decode::WriteScope;
use crate::signals::Selector;

/// Who asks, as far as it is known.
#[derive(Clone, Debug)]
pub enum Principal {
    /// Everyone who reaches a server that asks for no key: may do everything, until it asks for one.
    Local(Grant),
    /// Somebody who may do only what everyone may.
    Nobody(Denial),
    /// The holder of something that this server gave out.
    Granted(Arc<Granted>),
}

/// Why somebody is nobody: what a request is answered with that not everyone may make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Denial(pub Code, pub &'static str);

/// What the holder of a key or a session may do.
#[derive(Debug)]
pub struct Granted {
    /// Who it is.
    pub who: Who,
    /// Which operations.
    pub scopes: Scopes,
    /// On which signals: others do not exist for it. All when absent.
    pub signals: Option<Arc<Selector>>,
    /// The only board that exists for it. Who has one may do nothing but see it.
    pub board: Option<Arc<str>>,
    /// What may be written.
    pub writing: WriteScope,
    /// For how long may be read; for any time when absent.
    pub reading: Option<Arc<ReadQuota>>,
    /// How far back samples exist for it; all do when absent.
    pub since: Option<Since>,
    /// Counts its live clients, where their number is limited.
    pub viewers: Option<Admission>,
    /// Ends with it.
    pub grant: Grant,
}

/// Who did something, as the audit log names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// Somebody at a server that asks for no key.
    Local,
    /// Nobody who is known.
    Nobody,
    /// The holder of the key with this id.
    Key(Arc<str>),
    /// Somebody with the link of this id.
    Share(Arc<str>),
    /// The member of this name.
    Member(Arc<str>),
    /// The holder of a token: the issuer's name, and its name for the holder.
    Token(Arc<str>),
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local => f.write_str("local"),
            Self::Nobody => f.write_str("nobody"),
            Self::Key(id) => write!(f, "key:{id}"),
            Self::Share(id) => write!(f, "share:{id}"),
            Self::Member(name) => write!(f, "member:{name}"),
            Self::Token(holder) => write!(f, "token:{holder}"),
        }
    }
}

impl Principal {
    /// Whether operations of `scope` are allowed.
    pub fn may(&self, scope: Scope) -> bool {
        match self {
            Self::Local(_) => true,
            Self::Nobody(_) => false,
            Self::Granted(granted) => granted.scopes.has(scope),
        }
    }

    /// What it was given; nothing for the local one and for nobody.
    pub fn granted(&self) -> Option<&Arc<Granted>> {
        match self {
            Self::Granted(granted) => Some(granted),
            Self::Local(_) | Self::Nobody(_) => None,
        }
    }

    /// Who it is.
    pub fn who(&self) -> Who {
        match self {
            Self::Local(_) => Who::Local,
            Self::Nobody(_) => Who::Nobody,
            Self::Granted(granted) => granted.who.clone(),
        }
    }

    /// When what outlives the request must end.
    pub fn grant(&self) -> Option<&Grant> {
        match self {
            Self::Local(grant) => Some(grant),
            Self::Nobody(_) => None,
            Self::Granted(granted) => Some(&granted.grant),
        }
    }

    /// The only board that exists for it; all when absent.
    pub fn board(&self) -> Option<&Arc<str>> {
        self.granted().and_then(|granted| granted.board.as_ref())
    }

    /// How far back samples exist for it; all do when absent.
    pub fn since(&self) -> Option<Since> {
        self.granted().and_then(|granted| granted.since)
    }

    /// The signals that exist for it; all when absent.
    pub fn signals(&self) -> Option<&Arc<Selector>> {
        self.granted().and_then(|granted| granted.signals.as_ref())
    }
}
