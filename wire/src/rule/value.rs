//! What is computed of a signal's samples.

use serde::{Deserialize, Serialize};

/// A number computed at each sample of a signal, of it and those before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Value {
    /// Which number.
    #[serde(default)]
    pub of: Of,
    /// Of the samples of how many seconds: 1 to 86,400, for percentiles to 3,600. Not for `last`, `change` and `silence`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<u32>,
    /// In what time a rate is counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per: Option<Per>,
    /// For a rate: the signal counts, and a lower value means that it began again at 0.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub counter: bool,
}

/// Which number is computed of a signal's samples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Of {
    /// `last`: the sample's value.
    #[default]
    Last,
    /// `change`: how far it is from the sample before, without sign.
    Change,
    /// `silence`: seconds since the last sample.
    Silence,
    /// `mean` of the window.
    Mean,
    /// `min`: the lowest of the window.
    Min,
    /// `max`: the highest of the window.
    Max,
    /// `sum` of the window.
    Sum,
    /// `count`: how many samples the window has.
    Count,
    /// `range`: highest less lowest of the window, of at least two samples.
    Range,
    /// `first`: the earliest value of the window.
    First,
    /// `stddev`: the standard deviation (of the population) of the window, of at least two samples.
    Stddev,
    /// `rate`: how much it grows in the window's time, of at least two samples.
    Rate,
    /// `p50` to `p99`: at least that percentage of the values is not higher; computed as each sixtieth of the window ends.
    Percentile(u8),
}

impl Of {
    const NAMED: [(Self, &'static str); 12] = [
        (Self::Last, "last"),
        (Self::Change, "change"),
        (Self::Silence, "silence"),
        (Self::Mean, "mean"),
        (Self::Min, "min"),
        (Self::Max, "max"),
        (Self::Sum, "sum"),
        (Self::Count, "count"),
        (Self::Range, "range"),
        (Self::First, "first"),
        (Self::Stddev, "stddev"),
        (Self::Rate, "rate"),
    ];

    /// Whether it is computed of the samples of a window.
    pub const fn has_window(self) -> bool {
        !matches!(self, Self::Last | Self::Change | Self::Silence)
    }
}

impl TryFrom<String> for Of {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let percent = || text.strip_prefix('p')?.parse().ok().filter(|percent| (50..=99).contains(percent));
        let named = Self::NAMED.iter().find(|(_, name)| *name == text).map(|(of, _)| *of);
        named.or_else(|| percent().map(Self::Percentile)).ok_or_else(|| {
            let names: Vec<_> = Self::NAMED.iter().map(|(_, name)| *name).collect();
            format!("{text:?} is not known; allowed are {} and p50 to p99", names.join(", "))
        })
    }
}

impl From<Of> for String {
    fn from(of: Of) -> Self {
        match of {
            Of::Percentile(percent) => format!("p{percent}"),
            of => Of::NAMED
                .iter()
                .find(|(other, _)| *other == of)
                .map(|(_, name)| (*name).to_owned())
                .unwrap_or_default(),
        }
    }
}

#[cfg(feature = "schema")]
impl utoipa::PartialSchema for Of {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        use utoipa::openapi::schema::{ObjectBuilder, Type};
        let names = Self::NAMED.iter().map(|(_, name)| *name).collect::<Vec<_>>().join(", ");
        ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some(format!("One of {names}, and p50 to p99.")))
            .examples(["last"])
            .into()
    }
}

#[cfg(feature = "schema")]
impl utoipa::ToSchema for Of {
    fn name() -> std::borrow::Cow<'static, str> {
        "Of".into()
    }
}

/// In what time a rate is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Per {
    /// Per second.
    #[default]
    Second,
    /// Per minute.
    Minute,
    /// Per hour.
    Hour,
}

impl Per {
    /// Its length in seconds.
    pub const fn seconds(self) -> f64 {
        match self {
            Self::Second => 1.0,
            Self::Minute => 60.0,
            Self::Hour => 3_600.0,
        }
    }
}
