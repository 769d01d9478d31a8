//! Faults that tests ask for, to prove that they would notice. Only debug builds can have one.

/// Something that goes wrong on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Requests are answered when their commit begins instead of when it is on the disk.
    AcknowledgeBeforeCommit,
}

impl Fault {
    /// Whether the environment variable `AFTERGLOW_FAULT` names this fault; never in a release build.
    pub(crate) fn is_on(self) -> bool {
        let name = match self {
            Self::AcknowledgeBeforeCommit => "acknowledge_before_commit",
        };
        cfg!(debug_assertions) && std::env::var("AFTERGLOW_FAULT").is_ok_and(|fault| fault == name)
    }
}
