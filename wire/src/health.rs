//! The answers to `GET /health` and `GET /ready`.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How the server is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Health {
    /// `healthy`; `degraded` while samples cannot be stored, or sealing keeps failing.
    pub status: Cow<'static, str>,
    /// What is wrong; absent when healthy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// The last commit; absent before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_commit: Option<LastCommit>,
    /// Seconds since the commit under way began; absent when none is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit_running_seconds: Option<f64>,
    /// Whether the files of the TLS certificate were replaced by ones that cannot be used; the old certificate is shown then.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub certificate_outdated: bool,
    /// How often sealing has failed since it last succeeded.
    pub sealing_failures: u32,
    /// What it is connected to.
    #[serde(flatten)]
    pub peers: Peers,
}

/// A server that can store samples, and what it is connected to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Readiness {
    /// `ready`.
    #[cfg_attr(feature = "schema", schema(example = "ready"))]
    pub status: Cow<'static, str>,
    /// What it is connected to.
    #[serde(flatten)]
    pub peers: Peers,
}

/// The other servers that a server uses.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Peers {
    /// The database on a server of its own; absent where it is a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<Peer>,
    /// The bus between servers of one database; absent where none is configured. A server is ready without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bus: Option<Bus>,
}

/// How another server is that this one uses.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Peer {
    /// Where it is, without user and password; only for operators.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(example = "postgres://db.example:5432/afterglow"))]
    pub address: Option<String>,
    /// Whether it answers.
    pub connected: bool,
    /// For how many seconds that has been so.
    pub since_seconds: f64,
    /// What went wrong last, also when all is well again; absent when nothing did, and only for operators.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<PeerError>,
}

/// What went wrong between this server and another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PeerError {
    /// What.
    pub message: String,
    /// Seconds since then.
    pub age_seconds: f64,
}

/// How the bus between servers is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Bus {
    /// The connection to it.
    #[serde(flatten)]
    pub peer: Peer,
    /// Whether it brings what other servers commit, so that the database is asked rarely.
    pub relied_on: bool,
    /// Commits on it since the start, by what became of them, as in `afterglow_bus_frames_total` of `/metrics`.
    #[cfg_attr(feature = "schema", schema(example = json!({"sent": 12, "received": 30, "refused": 0})))]
    pub frames: BTreeMap<Cow<'static, str>, u64>,
}

/// How the last commit ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct LastCommit {
    /// `committed`, or the code of the error, such as `disk_full`.
    pub outcome: Cow<'static, str>,
    /// Seconds since it ended.
    pub age_seconds: f64,
}
