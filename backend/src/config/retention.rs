//! How long samples are kept, as a user writes it.

use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer};

use crate::store::{Ladder, Retention};

/// What is different for some signals; only in the file, as `[[retention]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Override {
    signals: String,
    keep_raw: Option<Age>,
    keep_minutes: Option<Age>,
    keep_hours: Option<Age>,
}

/// The policy that the settings come to.
pub(super) fn policy(
    raw: Option<Age>,
    minutes: Option<Age>,
    hours: Option<Age>,
    max_size: Option<Size>,
    overrides: &[Override],
) -> Retention {
    let base = ladder(Ladder::default(), raw, minutes, hours);
    let special = |o: &Override| (o.signals.clone(), ladder(base, o.keep_raw, o.keep_minutes, o.keep_hours));
    Retention {
        ladder: base,
        overrides: overrides.iter().map(special).collect(),
        max_bytes: max_size.map(|size| size.0),
    }
}

fn ladder(base: Ladder, raw: Option<Age>, minutes: Option<Age>, hours: Option<Age>) -> Ladder {
    Ladder {
        raw: raw.map_or(base.raw, |age| age.0),
        minutes: minutes.map_or(base.minutes, |age| age.0),
        hours: hours.map_or(base.hours, |age| age.0),
    }
}

/// A duration, or for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Age(Option<Duration>);

impl FromStr for Age {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "forever" {
            return Ok(Self(None));
        }
        let units = [("s", 1), ("m", 60), ("h", 3_600), ("d", 86_400), ("w", 604_800), ("y", 31_536_000)];
        let seconds = scaled(text, &units).filter(|seconds| *seconds > 0);
        seconds.map(|seconds| Self(Some(Duration::from_secs(seconds)))).ok_or_else(|| {
            format!(
                "{text:?} is no age; a whole number above 0 with s, m, h, d, w or y, or forever, is expected"
            )
        })
    }
}

/// A number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Size(u64);

impl Size {
    /// Below this a database can hardly hold a journal.
    const LEAST: u64 = 64_000_000;
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let units = [("MB", 1_000_000), ("GB", 1_000_000_000), ("TB", 1_000_000_000_000)];
        scaled(text, &units).filter(|bytes| *bytes >= Self::LEAST).map(Self).ok_or_else(|| {
            format!("{text:?} is no size; a whole number with MB, GB or TB, at least 64MB, is expected")
        })
    }
}

/// A whole number with a unit.
fn scaled(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let (_, factor) = units.iter().find(|(name, _)| *name == unit.trim())?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

impl<'de> Deserialize<'de> for Age {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_and_sizes() {
        let seconds = |text: &str| text.parse::<Age>().map(|age| age.0.map(|age| age.as_secs()));
        assert_eq!(seconds("7d"), Ok(Some(604_800)));
        assert_eq!(seconds("36 h"), Ok(Some(129_600)));
        assert_eq!(seconds("forever"), Ok(None));
        for wrong in ["", "7", "d", "0d", "-1d", "1.5h", "7 days", "99999999999999999999y"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
        assert_eq!("2GB".parse(), Ok(Size(2_000_000_000)));
        assert!("1MB".parse::<Size>().unwrap_err().contains("at least 64MB"));
    }
}
