//! How the page stands with the server.

/// The live connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Link {
    /// The first attempt to connect is under way.
    #[default]
    Connecting,
    /// Updates arrive.
    Live,
    /// The connection was lost, or never came about; it is tried again.
    Offline,
}

impl Link {
    /// A word for style sheets and tests.
    pub fn key(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Live => "live",
            Self::Offline => "offline",
        }
    }

    /// What the header says.
    pub fn label(self) -> &'static str {
        match self {
            Self::Connecting => "Connecting",
            Self::Live => "Live",
            Self::Offline => "Offline, reconnecting",
        }
    }
}

/// The history that the page asks for when it connects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Load {
    /// Asked for, or about to be.
    #[default]
    Pending,
    /// Here.
    Done,
    /// Refused or lost; it is asked for again. The text says why.
    Failed(String),
}

/// Both of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// The live connection.
    pub link: Link,
    /// The history's query.
    pub load: Load,
    /// Why the live connection is not there.
    pub reason: Option<String>,
    /// Whether a query has ever succeeded: then the page shows what it has, whatever happens.
    pub loaded: bool,
}
