//! Local times.

use std::fmt;
use std::str::FromStr;

use afterglow_wire::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};

/// A time zone of the IANA database, such as `Europe/Berlin`. The database is in the program.
#[derive(Clone, Debug, PartialEq)]
pub struct Zone(TimeZone);

/// The instants at which clocks show a local time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instants {
    /// One, as almost always.
    Once(Timestamp),
    /// Clocks were set back: two, the earlier one first.
    Twice(Timestamp, Timestamp),
    /// Clocks were set forward over it.
    Never,
}

impl Zone {
    /// Clocks that are always as far from UTC as `UTC+1`, `GMT-05:00` or `+0530` say; none when it says something else.
    pub fn of_offset(text: &str) -> Option<Self> {
        let lower = text.to_ascii_lowercase();
        let offset = ["utc", "gmt"].iter().find_map(|name| lower.strip_prefix(name)).unwrap_or(&lower);
        let (sign, digits) = match offset.split_at_checked(1)? {
            ("+", digits) => (1, digits),
            ("-", digits) => (-1, digits),
            _ => return None,
        };
        let (hours, minutes) = match digits.split_once(':') {
            Some(both) => both,
            None if digits.len() == 4 => digits.split_at_checked(2)?,
            None => (digits, "00"),
        };
        let number = |text: &str, lengths: std::ops::RangeInclusive<usize>| {
            let are_digits = text.bytes().all(|byte| byte.is_ascii_digit());
            text.parse::<i32>().ok().filter(|_| are_digits && lengths.contains(&text.len()))
        };
        let (hours, minutes) =
            (number(hours, 1..=2)?, number(minutes, 2..=2).filter(|minutes| *minutes < 60)?);
        let seconds = sign * (hours * 3_600 + minutes * 60);
        let is_used = (-12 * 3_600..=14 * 3_600).contains(&seconds);
        Offset::from_seconds(seconds).ok().filter(|_| is_used).map(|offset| Self(TimeZone::fixed(offset)))
    }

    /// When clocks show what `local` shows in UTC.
    pub fn instants(&self, local: Timestamp) -> Instants {
        let Some(shown) = civil(local) else { return Instants::Once(local) };
        let at = |offset: Offset| {
            Timestamp::from_micros(local.micros().saturating_sub(i64::from(offset.seconds()) * 1_000_000))
        };
        match self.0.to_ambiguous_timestamp(shown).offset() {
            AmbiguousOffset::Unambiguous { offset } => Instants::Once(at(offset)),
            AmbiguousOffset::Fold { before, after } => Instants::Twice(at(before), at(after)),
            AmbiguousOffset::Gap { .. } => Instants::Never,
        }
    }
}

fn civil(local: Timestamp) -> Option<DateTime> {
    let instant = jiff::Timestamp::from_microsecond(local.micros()).ok()?;
    Some(Offset::UTC.to_datetime(instant))
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.iana_name().unwrap_or("UTC"))
    }
}

impl FromStr for Zone {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        TimeZone::get(name).map(Self).map_err(|_| {
            format!("{name:?} is not a time zone; names of the IANA database such as Europe/Berlin or UTC are expected")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    #[test]
    fn local_times_are_shown_once_twice_or_never() {
        let zone: Zone = "Europe/Berlin".parse().unwrap();
        assert_eq!(zone.to_string(), "Europe/Berlin");
        let check = |local, expected| assert_eq!(zone.instants(at(local)), expected, "{local}");
        check("2024-07-01 12:00", Instants::Once(at("2024-07-01T10:00Z")));
        check("2024-12-01 12:00:00.5", Instants::Once(at("2024-12-01T11:00:00.5Z")));
        check("2024-10-27 02:30", Instants::Twice(at("2024-10-27T00:30Z"), at("2024-10-27T01:30Z")));
        check("2024-10-27 03:00", Instants::Once(at("2024-10-27T02:00Z")));
        check("2024-03-31 02:30", Instants::Never);
    }

    #[test]
    fn zones_are_those_of_the_iana_database() {
        assert!("utc".parse::<Zone>().is_ok());
        assert!("Asia/Kolkata".parse::<Zone>().is_ok());
        assert!("Berlin".parse::<Zone>().unwrap_err().contains("Berlin"));
    }
}
