//! What a request may be allowed to do, one type for each permission of the matrix, and who asks.
//!
//! A permission is a type so that a route and its handler name the same one or do not compile: see [`super::table`].

/// A permission. Each row of the route table has exactly one.
pub(super) trait Permission: 'static {
    /// Its name in the OpenAPI document's `x-permission`.
    const NAME: &'static str;

    /// Whether the request is answered while the server stops. What changes something or stays open is not.
    const WHILE_DRAINING: bool = true;

    /// Whether a link or a frame on another site may lead a browser here. Only true for what people view: the
    /// page decides by itself who may frame it.
    const NAVIGABLE: bool = false;

    /// Whether query parameters that the OpenAPI document does not list are refused.
    const LISTED_PARAMETERS_ONLY: bool = true;
}

macro_rules! permissions {
    ($($(#[$doc:meta])* $name:ident = $text:literal $({ $($setting:ident: $value:literal),+ })?;)+) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub(super) enum $name {}

        impl Permission for $name {
            const NAME: &'static str = $text;
            $($(const $setting: bool = $value;)+)?
        }
    )+};
}

permissions! {
    /// Everyone: whether the server is alive, and the contract. Probes and tools may add parameters of their own.
    Public = "public" { LISTED_PARAMETERS_ONLY: false };
    /// Everyone: the page and its files. What is behind `?` is the page's business.
    ReadPage = "page" { NAVIGABLE: true, LISTED_PARAMETERS_ONLY: false };
    /// Query stored samples.
    ReadSamples = "samples.read";
    /// Store samples.
    WriteSamples = "samples.write" { WHILE_DRAINING: false };
    /// Watch samples as they are committed.
    ReadLive = "live" { WHILE_DRAINING: false };
    /// The same for Socket.IO, whose clients add parameters of their own.
    ReadLiveSocketIo = "live" { WHILE_DRAINING: false, LISTED_PARAMETERS_ONLY: false };
    /// List signals and their metadata.
    ReadSignals = "signals.read";
    /// Change the metadata of signals.
    WriteMetadata = "metadata.write" { WHILE_DRAINING: false };
    /// Read boards, and learn whether a document changed.
    ReadBoards = "boards.read";
    /// Save and delete boards.
    WriteBoards = "boards.write" { WHILE_DRAINING: false };
    /// Read annotations.
    ReadAnnotations = "annotations.read";
    /// Save and delete annotations.
    WriteAnnotations = "annotations.write" { WHILE_DRAINING: false };
    /// See who sent what lately.
    ReadIngestReport = "ingest.report";
    /// Scrape the server's metrics.
    ReadMetrics = "metrics";
}

/// Who asks. Keys, users and shares will be further variants, each with a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Principal {
    /// Everyone who reaches the server: nothing asks for a key yet.
    Local,
}

impl Principal {
    /// Whether this principal has the permission `P`.
    pub(super) fn may<P: Permission>(self) -> bool {
        match self {
            Self::Local => true,
        }
    }
}
