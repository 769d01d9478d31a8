//! The messages of `/api/telemetry`.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::metadata::Metadata;
use crate::{Code, Timestamp};

/// One element of a POST body: values of one instant.
///
/// This is the sender's side. The server never builds it: it reads bodies straight into columns.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Reading {
    /// When the values were true; the server's time when absent.
    #[cfg_attr(feature = "schema", schema(schema_with = crate::schema::instant))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<Timestamp>,
    /// Signal name to value. Values are finite 64-bit floats.
    pub signals: BTreeMap<String, f64>,
}

/// The answer to a POST of which at least one sample was usable.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Receipt {
    /// Always `success`.
    pub status: Cow<'static, str>,
    /// How many samples are now durably stored; of several of one signal and microsecond, the last.
    pub accepted: usize,
    /// How many samples a later one of the request replaced.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub replaced: usize,
    /// How many samples were refused; more than `rejected` lists when there were very many.
    #[serde(default)]
    pub rejected_count: usize,
    /// The refused samples, at most [`crate::limits::REJECTIONS_LISTED`] of them.
    #[serde(default)]
    pub rejected: Vec<Rejection>,
    /// What was stored, but should not be overlooked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// Why one sample, or one whole object, was refused.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Rejection {
    /// Which object of the body: the array's index or the NDJSON line, from 0.
    pub index: usize,
    /// Which of its signals; absent when the whole object was unusable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<String>,
    /// One of [`Code`], as its snake-case name.
    #[cfg_attr(feature = "schema", schema(value_type = Code))]
    pub code: Cow<'static, str>,
    /// What was wrong and what is allowed.
    pub message: String,
}

impl Rejection {
    /// A rejection of `signal` (or of the whole object) at `index`.
    pub fn new(index: usize, signal: Option<String>, code: Code, message: impl Into<String>) -> Self {
        Self { index, signal, code: Cow::Borrowed(code.name()), message: message.into() }
    }
}

/// The answer to a DELETE: what was deleted, or with `dry_run` what would be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Deletion {
    /// Signals that had something.
    pub signals: u64,
    /// Samples.
    pub samples: u64,
    /// Samples that had expired before, and of which minutes and hours were left: those with a part in the span went as a whole.
    pub expired: u64,
    /// Damaged rows that may have samples in the span. They stay, and no answer has anything of them.
    pub damaged: u64,
    /// Whether nothing was done.
    pub dry_run: bool,
    /// Always true: a signal without samples is not listed, but its name keeps its number, and its place among the signals that
    /// `signal_limit` allows.
    pub names_kept: bool,
}

/// One stored sample of a query's answer.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Point {
    /// When the value was true.
    pub timestamp: Timestamp,
    /// The value.
    pub value: f64,
}

/// The answer to a query: signal name to its points, oldest first.
pub type History = BTreeMap<String, Vec<Point>>;

/// The points of one signal, and what they are: an element of the answer to a query with `slice=1`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Series {
    /// Oldest first.
    pub points: Vec<Point>,
    /// Absent when every sample of the span is a point. Otherwise only the lowest and the highest of each stretch of this many
    /// microseconds are: there were more than `max_points`, or samples have expired.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slice: Option<i64>,
}

/// The answer to a query with `slice=1`: signal name to its points and what they are.
pub type SeriesHistory = BTreeMap<String, Series>;

/// What the samples of one signal amount to, slice by slice: an element of the answer of `GET /api/telemetry/summary`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Summary {
    /// Those that have samples, oldest first.
    pub slices: Vec<Slice>,
    /// Absent when every sample counts in the slice that it lies in. Otherwise samples of this span have expired, and those of
    /// stretches of up to this many microseconds count where the stretch begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slice: Option<i64>,
}

/// What the samples of a stretch of time amount to.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Slice {
    /// Where the stretch begins.
    pub from: Timestamp,
    /// How many samples it has, at least 1.
    pub count: u64,
    /// The lowest value.
    pub min: f64,
    /// The highest value.
    pub max: f64,
    /// The mean of the values.
    pub mean: f64,
    /// The latest value.
    pub last: f64,
}

/// What one signal comes to: an element of `GET /api/signals?details=1`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct SignalDetails {
    /// Its name.
    pub name: String,
    /// Its earliest sample.
    pub first: Timestamp,
    /// Its latest sample.
    pub last: Timestamp,
    /// How many samples it has, expired ones included.
    pub count: u64,
    /// Samples per second between the first and the last.
    pub rate: f64,
    /// The latest sample's value.
    pub last_value: f64,
    /// Its metadata; absent when none is set.
    #[serde(default, skip_serializing_if = "Metadata::is_empty")]
    pub metadata: Metadata,
}
