//! What a request may be allowed to do, one type for each permission of the matrix.
//!
//! A permission is a type so that a route and its handler name the same one or do not compile: see [`super::table`].

use afterglow_wire::access::Scope;

/// A permission. Each row of the route table has exactly one.
pub(super) trait Permission: 'static {
    /// Its name in the OpenAPI document's `x-permission`.
    const NAME: &'static str;

    /// Who has it.
    const HOLDERS: Holders;

    /// Whether the request is answered while the server stops. What changes something or stays open is not.
    const WHILE_DRAINING: bool = true;

    /// Whether a link or a frame on another site may lead a browser here. Only true for what people view: the
    /// page decides by itself who may frame it.
    const NAVIGABLE: bool = false;

    /// Whether it is open to those with a link to a board, for whom only that board and its signals exist.
    const SHARED: bool = false;

    /// Whether readers of the database may be held for long: only while a quota allows it.
    const READS: bool = false;

    /// Whether query parameters that the OpenAPI document does not list are refused.
    const LISTED_PARAMETERS_ONLY: bool = true;
}

/// Who has a permission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holders {
    /// Everyone, also without a key.
    Everyone,
    /// Everyone with a valid key.
    Known,
    /// Who has this scope.
    Scope(Scope),
    /// Operators, and the admins of tenants beside the default one.
    OperatorsAndAdmins,
}

use Holders::{Everyone, Known, OperatorsAndAdmins};
const WRITE: Holders = Holders::Scope(Scope::Write);
const READ: Holders = Holders::Scope(Scope::Read);
const EDIT: Holders = Holders::Scope(Scope::Edit);
const ADMIN: Holders = Holders::Scope(Scope::Admin);
const OPERATOR: Holders = Holders::Scope(Scope::Operator);

macro_rules! permissions {
    ($($(#[$doc:meta])* $name:ident = $text:literal for $holders:ident $({ $($setting:ident: $value:literal),+ })?;)+) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub(super) enum $name {}

        impl Permission for $name {
            const NAME: &'static str = $text;
            const HOLDERS: Holders = $holders;
            $($(const $setting: bool = $value;)+)?
        }
    )+};
}

permissions! {
    /// Whether the server is alive. Probes may add parameters of their own.
    Public = "public" for Everyone { LISTED_PARAMETERS_ONLY: false };
    /// The page and its files. What is behind `?` is the page's business.
    ReadPage = "page" for Everyone { NAVIGABLE: true, LISTED_PARAMETERS_ONLY: false };
    /// The contract, for programs.
    ReadContract = "contract" for Known;
    /// Show a password, or the link with which one is chosen.
    Enter = "enter" for Everyone { WHILE_DRAINING: false };
    /// The same for browsers that an identity provider sends back here, with parameters of its own.
    EnterFromElsewhere = "enter" for Everyone { WHILE_DRAINING: false, NAVIGABLE: true, LISTED_PARAMETERS_ONLY: false };
    /// Learn who one is.
    KnowOneself = "me" for Known { SHARED: true };
    /// Get what stands for a key in the request that opens a live connection.
    MakeTickets = "live" for READ { WHILE_DRAINING: false, SHARED: true };
    /// Manage one's own account; only members have one.
    OwnAccount = "account" for Known { WHILE_DRAINING: false };
    /// Say who may log in.
    ManageMembers = "members" for ADMIN { WHILE_DRAINING: false };
    /// Query stored samples.
    ReadSamples = "samples.read" for READ { SHARED: true, READS: true };
    /// Query stored samples for what a rule would have found.
    TestRules = "samples.read" for READ { READS: true };
    /// Store samples.
    WriteSamples = "samples.write" for WRITE { WHILE_DRAINING: false };
    /// Delete samples, and signals as a whole.
    DeleteSamples = "signals.delete" for ADMIN { WHILE_DRAINING: false };
    /// Watch samples as they are committed.
    ReadLive = "live" for READ { WHILE_DRAINING: false, SHARED: true, READS: true };
    /// The same for Socket.IO, whose clients add parameters of their own.
    ReadLiveSocketIo = "live" for READ { WHILE_DRAINING: false, LISTED_PARAMETERS_ONLY: false };
    /// List signals and their metadata.
    ReadSignals = "signals.read" for READ { SHARED: true, READS: true };
    /// Change the metadata of signals.
    WriteMetadata = "metadata.write" for EDIT { WHILE_DRAINING: false };
    /// Read boards, and learn whether a document changed.
    ReadBoards = "boards.read" for READ { SHARED: true };
    /// Save and delete boards.
    WriteBoards = "boards.write" for EDIT { WHILE_DRAINING: false };
    /// Read annotations.
    ReadAnnotations = "annotations.read" for READ;
    /// Save and delete annotations.
    WriteAnnotations = "annotations.write" for EDIT { WHILE_DRAINING: false };
    /// The same with the key in the address, whose parameters are signals.
    WriteThroughAddress = "samples.write" for WRITE { WHILE_DRAINING: false, LISTED_PARAMETERS_ONLY: false };
    /// List keys.
    ReadKeys = "keys" for ADMIN;
    /// Make, replace and revoke keys.
    ManageKeys = "keys" for ADMIN { WHILE_DRAINING: false };
    /// List links to boards.
    ReadShares = "shares" for ADMIN;
    /// Make and revoke links to boards.
    ManageShares = "shares" for ADMIN { WHILE_DRAINING: false };
    /// Read the audit log.
    ReadAudit = "audit.read" for ADMIN;
    /// Read rules.
    ReadRules = "rules.read" for READ;
    /// Save and delete rules.
    WriteRules = "rules.write" for EDIT { WHILE_DRAINING: false };
    /// See what fires and has fired.
    ReadAlerts = "alerts.read" for READ;
    /// Say that one has seen an alert.
    WriteAlerts = "alerts.write" for EDIT { WHILE_DRAINING: false };
    /// Read silences.
    ReadSilences = "silences.read" for READ;
    /// Save and end silences.
    WriteSilences = "silences.write" for EDIT { WHILE_DRAINING: false };
    /// Read channels, without their secrets, and their logs: for administrators.
    ReadChannels = "channels.read" for ADMIN;
    /// Save, delete and test channels: for administrators.
    WriteChannels = "channels.write" for ADMIN { WHILE_DRAINING: false };
    /// See what was used, by key.
    ReadUsage = "usage" for ADMIN;
    /// See who sent what lately.
    ReadIngestReport = "ingest.report" for ADMIN;
    /// Make, list and delete tenants.
    ManageTenants = "tenants" for OPERATOR { WHILE_DRAINING: false };
    /// Change what a tenant may use; its own admins only have their members prove more.
    ChangeTenants = "tenants" for OperatorsAndAdmins { WHILE_DRAINING: false };
    /// Scrape the server's metrics.
    ReadMetrics = "metrics" for OPERATOR;
}
