//! How the page stands with the server.

/// The live connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Link {
    /// The first attempt to connect is under way.
    #[default]
    Connecting,
    /// History, or what was missed, is on its way.
    CatchingUp,
    /// Everything is here, and updates arrive.
    Live,
    /// Updates arrive, but not all: the page reads too slowly. The others follow.
    Conflated,
    /// The connection was lost, or never came about; it is tried again.
    Offline,
}

impl Link {
    /// A word for style sheets and tests.
    pub fn key(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::CatchingUp => "catching-up",
            Self::Live => "live",
            Self::Conflated => "conflated",
            Self::Offline => "offline",
        }
    }

    /// What the header says.
    pub fn label(self) -> &'static str {
        match self {
            Self::Connecting => "Connecting",
            Self::CatchingUp => "Catching up",
            Self::Live => "Live",
            Self::Conflated => "Conflated",
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
    /// The history.
    pub load: Load,
    /// Why the live connection is not there, or brings less than everything.
    pub reason: Option<String>,
    /// Whether history has ever come: then the page shows what it has, whatever happens.
    pub loaded: bool,
    /// Whether the link by which a board is shown is over: then nothing of it is shown.
    pub is_over: bool,
}

impl Status {
    /// The same while a page reads what came when its browser had stopped it: it is not live before it has.
    pub fn behind(self, is_behind: bool) -> Self {
        let link = if is_behind && self.link == Link::Live { Link::CatchingUp } else { self.link };
        Self { link, ..self }
    }
}
