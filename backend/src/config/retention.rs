//! How long samples are kept, as a user writes it.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use afterglow_cli::{ConfigError, Section};

use crate::store::RetentionTiers;

/// Units of ages, from the smallest.
const AGES: [(&str, u64); 6] =
    [("s", 1), ("m", 60), ("h", 3_600), ("d", 86_400), ("w", 604_800), ("y", 31_536_000)];
/// Units of sizes, from the smallest.
const SIZES: [(&str, u64); 3] = [("MB", 1_000_000), ("GB", 1_000_000_000), ("TB", 1_000_000_000_000)];

/// What is different for some signals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    signals: String,
    keep_raw: Option<Age>,
    keep_minutes: Option<Age>,
    keep_hours: Option<Age>,
}

impl Override {
    /// Reads one table `[[retention]]`.
    pub(super) fn read(mut section: Section) -> Result<Self, ConfigError> {
        let signals = section.required("signals", "a signal's name, in which * stands for any characters")?;
        section.rename(&signals);
        let read = Self {
            signals,
            keep_raw: section.parsed("keep_raw", str::parse)?,
            keep_minutes: section.parsed("keep_minutes", str::parse)?,
            keep_hours: section.parsed("keep_hours", str::parse)?,
        };
        section.finish()?;
        Ok(read)
    }

    /// The pattern, and the ages where `base` holds for all that is not said here.
    pub(super) fn over(&self, base: RetentionTiers) -> (String, RetentionTiers) {
        let tiers = RetentionTiers {
            raw: self.keep_raw.map_or(base.raw, |age| age.0),
            minutes: self.keep_minutes.map_or(base.minutes, |age| age.0),
            hours: self.keep_hours.map_or(base.hours, |age| age.0),
        };
        (self.signals.clone(), tiers)
    }
}

/// A duration, or for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Age(pub Option<Duration>);

impl FromStr for Age {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "forever" {
            return Ok(Self(None));
        }
        let seconds = scaled(text, &AGES).filter(|seconds| *seconds > 0);
        seconds.map(|seconds| Self(Some(Duration::from_secs(seconds)))).ok_or_else(|| {
            "an age: a whole number above 0 with s, m, h, d, w or y, such as 36h, or forever".to_owned()
        })
    }
}

/// A number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size(pub u64);

impl Size {
    /// Below this a database can hardly hold a journal.
    const LEAST: u64 = 64_000_000;
}

impl Size {
    /// As many bytes.
    ///
    /// # Errors
    /// What is allowed.
    pub fn of_bytes(bytes: u64) -> Result<Self, String> {
        let least = Self::LEAST;
        if bytes < least { Err(format!("a number of bytes, at least {least}")) } else { Ok(Self(bytes)) }
    }
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        scaled(text, &SIZES)
            .filter(|bytes| *bytes >= Self::LEAST)
            .map(Self)
            .ok_or_else(|| "a size: a whole number with MB, GB or TB, at least 64MB, such as 20GB".to_owned())
    }
}

/// A whole number with a unit.
fn scaled(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let (_, factor) = units.iter().find(|(name, _)| *name == unit.trim())?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

/// With the largest unit that divides it, except weeks.
impl fmt::Display for Age {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(age) = self.0 else { return f.write_str("forever") };
        let seconds = age.as_secs();
        let unit = AGES.iter().rev().find(|(name, unit)| *name != "w" && seconds.is_multiple_of(*unit));
        let (name, unit) = unit.unwrap_or(&AGES[0]);
        write!(f, "{}{name}", seconds / unit)
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
        for text in ["7d", "90d", "36h", "1y", "61s", "forever"] {
            assert_eq!(text.parse::<Age>().map(|age| age.to_string()).as_deref(), Ok(text));
        }
        assert_eq!("2GB".parse(), Ok(Size(2_000_000_000)));
        assert!("1MB".parse::<Size>().unwrap_err().contains("at least 64MB"));
    }
}
