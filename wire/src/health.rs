//! The answer to `GET /health`.

use std::borrow::Cow;

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
