//! Instants: microseconds since 1970 in UTC, ISO 8601 or an epoch on the wire.
//!
//! The calendar arithmetic follows Howard Hinnant's `days_from_civil` and `civil_from_days`
//! (chrono-Compatible Low-Level Date Algorithms).

mod parse;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use parse::{decimal_micros, is_calendar, lacks_digits, parse_iso, with_plus};

/// An instant in microseconds since 1970-01-01T00:00:00Z, within the years 0001 to 9999.
///
/// Shown and serialised as `2026-11-23T22:14:45.123456Z`, always with six digits, so that texts sort like
/// instants. Read from ISO 8601 with any offset (none means UTC) or from a number of seconds, milliseconds,
/// microseconds or nanoseconds, told apart by magnitude, as a number or as a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

const MICROS_PER_SECOND: i64 = 1_000_000;
const SECONDS_PER_DAY: i64 = 86_400;
/// 0001-01-01T00:00:00Z.
const EARLIEST: i64 = -62_135_596_800 * MICROS_PER_SECOND;
/// 9999-12-31T23:59:59.999999Z.
const LATEST: i64 = 253_402_300_799 * MICROS_PER_SECOND + 999_999;

const ALLOWED: &str = "ISO 8601 such as 2026-01-31T12:00:00.5Z or 2026-01-31T13:00:00+01:00, \
                       or an epoch in s, ms, us or ns, between the years 1 and 9999";

/// What a text says of an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// An instant: the text is an epoch, or has an offset.
    Instant(Timestamp),
    /// What a clock shows somewhere, as if that were UTC: the text has no offset.
    Local(Timestamp),
}

impl Written {
    /// The instant; a text without an offset is in UTC.
    pub const fn in_utc(self) -> Timestamp {
        match self {
            Self::Instant(timestamp) | Self::Local(timestamp) => timestamp,
        }
    }
}

/// A text or number that is no timestamp; its message says what is allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadTimestamp {
    given: String,
}

impl fmt::Display for BadTimestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the timestamp {} is not one; allowed are {ALLOWED}", self.given)
    }
}

impl std::error::Error for BadTimestamp {}

impl BadTimestamp {
    fn quoting(text: &str) -> Self {
        Self { given: format!("{:?}", text.chars().take(64).collect::<String>()) }
    }
}

impl Timestamp {
    /// The earliest instant there is: the first of the year 1.
    pub const MIN: Self = Self(EARLIEST);
    /// The latest instant there is: the end of the year 9999.
    pub const MAX: Self = Self(LATEST);

    /// The instant that lies `micros` after 1970, held within the years 1 to 9999.
    pub const fn from_micros(micros: i64) -> Self {
        Self(if micros < EARLIEST {
            EARLIEST
        } else if micros > LATEST {
            LATEST
        } else {
            micros
        })
    }

    /// Microseconds since 1970.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Reads an integer epoch whose unit its magnitude tells.
    ///
    /// Below 10^11 in absolute value it is seconds (to the year 5138), below 10^14 milliseconds, below 10^17
    /// microseconds, and nanoseconds from there on. Nanoseconds are cut to microseconds.
    ///
    /// # Errors
    /// When the instant lies outside the years 1 to 9999, or the number is a date or a date with its time of day, in digits
    /// alone, of the years 1990 to 2100 (`20260131`, `20260131120000`): as an epoch it is another instant than was meant.
    pub fn from_epoch(number: i64) -> Result<Self, BadTimestamp> {
        if is_calendar(number) {
            return Err(BadTimestamp { given: format!("{number}, which is a date and no epoch,") });
        }
        let micros = match number.unsigned_abs() {
            0..100_000_000_000 => number.checked_mul(MICROS_PER_SECOND),
            100_000_000_000..100_000_000_000_000 => number.checked_mul(1_000),
            100_000_000_000_000..100_000_000_000_000_000 => Some(number),
            _ => Some(number.div_euclid(1_000)),
        };
        micros
            .filter(|micros| (EARLIEST..=LATEST).contains(micros))
            .map(Self)
            .ok_or_else(|| BadTimestamp { given: number.to_string() })
    }

    /// Reads an epoch in decimal, with or without a fraction and an exponent, such as `1764144000.125`. The whole part
    /// decides the unit, as in [`Self::from_epoch`]; digits below the microsecond are cut. In the form of `%g` it must have a
    /// digit for the second: `1.76414e+09` may be thousands of seconds off.
    ///
    /// # Errors
    /// When the text is no decimal number, or as in [`Self::from_epoch`].
    pub fn from_decimal(text: &str) -> Result<Self, BadTimestamp> {
        // Programs that read a date as a number write `20260131.0`.
        let whole = text.split_once('.').filter(|(_, fraction)| fraction.bytes().all(|byte| byte == b'0'));
        match whole.map_or(text, |(whole, _)| whole).parse() {
            Ok(number) => Self::from_epoch(number),
            Err(_) => decimal_micros(text)
                .filter(|micros| (EARLIEST..=LATEST).contains(micros))
                .map(Self)
                .ok_or_else(|| {
                    let mut bad = BadTimestamp::quoting(text);
                    if lacks_digits(text) {
                        bad.given.push_str(", which has no digit for the second,");
                    }
                    bad
                }),
        }
    }

    /// Reads ISO 8601: `YYYY-MM-DD`, then optionally `T` or blanks and `hh:mm[:ss[.fraction]]`, then optionally `Z`,
    /// `UTC`, `GMT` or an offset `±hh[[:]mm]` of -12:00 to +14:00, also after a blank. Without an offset it is UTC; digits
    /// after the sixth of the fraction are cut; second 60 is read as the start of the next minute, and 24:00 as that of the
    /// next day. Also read are dates with `/`, those with dots (`31.1.2026`, the day first), months, days and hours of one
    /// digit, and the basic form `YYYYMMDDThhmm[ss]`.
    ///
    /// # Errors
    /// When the text is anything else or names a day or time that does not exist.
    pub fn parse(text: &str) -> Result<Self, BadTimestamp> {
        parse_iso(text.as_bytes())
            .map(|(micros, _)| micros)
            .filter(|micros| (EARLIEST..=LATEST).contains(micros))
            .map(Self)
            .ok_or_else(|| BadTimestamp::quoting(text))
    }

    /// Reads any form of text, as a query parameter has it, where the `+` of an offset may have become a blank:
    /// `2026-01-31T13:00:00 01:00`. Elsewhere digits after a blank are no offset.
    ///
    /// # Errors
    /// When the text is neither an epoch nor ISO 8601.
    pub fn in_address(text: &str) -> Result<Self, BadTimestamp> {
        match with_plus(text) {
            Some(plain) => plain.parse().map_err(|_| BadTimestamp::quoting(text)),
            None => text.parse(),
        }
    }

    /// Reads any form of text, and tells whether it says where the clock stands.
    ///
    /// # Errors
    /// When the text is neither an epoch nor ISO 8601.
    pub fn read(text: &str) -> Result<Written, BadTimestamp> {
        match parse_iso(text.as_bytes()) {
            Some((micros, has_offset)) if (EARLIEST..=LATEST).contains(&micros) => {
                Ok(if has_offset { Written::Instant(Self(micros)) } else { Written::Local(Self(micros)) })
            }
            _ => Self::from_decimal(text).map(Written::Instant),
        }
    }

    /// The ASCII bytes of its text form.
    pub fn text(self) -> [u8; 27] {
        let seconds = self.0.div_euclid(MICROS_PER_SECOND);
        let micros = self.0.rem_euclid(MICROS_PER_SECOND);
        let (year, month, day) = civil_from_days(seconds.div_euclid(SECONDS_PER_DAY));
        let second_of_day = seconds.rem_euclid(SECONDS_PER_DAY);
        let mut text = *b"0000-00-00T00:00:00.000000Z";
        put_digits(&mut text[0..4], year);
        put_digits(&mut text[5..7], month);
        put_digits(&mut text[8..10], day);
        put_digits(&mut text[11..13], second_of_day / 3_600);
        put_digits(&mut text[14..16], second_of_day / 60 % 60);
        put_digits(&mut text[17..19], second_of_day % 60);
        put_digits(&mut text[20..26], micros);
        text
    }

    /// Appends its text form.
    pub fn write_to(self, out: &mut String) {
        // Digits and punctuation are always text.
        out.push_str(std::str::from_utf8(&self.text()).unwrap_or_default());
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.text()).unwrap_or_default())
    }
}

impl FromStr for Timestamp {
    type Err = BadTimestamp;

    /// Reads either form: ISO 8601, or an epoch in decimal.
    fn from_str(text: &str) -> Result<Self, BadTimestamp> {
        Self::read(text).map(Written::in_utc)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Timestamp;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(ALLOWED)
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Timestamp, E> {
                text.parse().map_err(E::custom)
            }
            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Timestamp, E> {
                Timestamp::from_epoch(number).map_err(E::custom)
            }
            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Timestamp, E> {
                i64::try_from(number).map_err(E::custom).and_then(|number| self.visit_i64(number))
            }
            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Timestamp, E> {
                Timestamp::from_decimal(&number.to_string()).map_err(E::custom)
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

fn put_digits(out: &mut [u8], mut number: i64) {
    for byte in out.iter_mut().rev() {
        *byte = b'0' + (number % 10).to_le_bytes()[0];
        number /= 10;
    }
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// The days from 1970-01-01 to a day of the Gregorian calendar, whose month is 1 to 12.
pub fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The year, the month (1 to 12) and the day of the month (1 to 31) that lie `days` after 1970-01-01.
pub fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_epoch_that_was_rounded_to_few_digits_is_refused() {
        for text in ["1.764144012e9", "1.764144012e+09", "1.7641440120e+12", "1.764144012E+18"] {
            assert_eq!(text.parse(), Timestamp::from_epoch(1_764_144_012), "{text}");
        }
        assert_eq!("17e8".parse(), Timestamp::from_epoch(1_700_000_000), "all digits that there are");
        for text in [
            "1.76414e+09",
            "1.7641E+9",
            "2e+09",
            "1.764144e+12",
            "1.7641E+18",
            "1.76414401e+15",
            "-1.76414e+09",
        ] {
            let message = Timestamp::read(text).unwrap_err().to_string();
            assert!(message.contains("no digit for the second"), "{message}");
        }
    }

    #[test]
    fn every_form_of_iso_8601_is_read() {
        let check = |text: &str, expected: &str| {
            assert_eq!(Timestamp::parse(text).map(|t| t.to_string()).as_deref(), Ok(expected), "{text}");
        };
        check("2026-11-23", "2026-11-23T00:00:00.000000Z");
        check("2026-11-23T22:14", "2026-11-23T22:14:00.000000Z");
        check("2026-11-23T22:14:45", "2026-11-23T22:14:45.000000Z");
        check("2026-11-23 22:14:45.1Z", "2026-11-23T22:14:45.100000Z");
        check("2026-11-23t22:14:45,123456789z", "2026-11-23T22:14:45.123456Z");
        check("2026-11-23T22:14:45+05:30", "2026-11-23T16:44:45.000000Z");
        check("2026-11-23T22:14:45-0800", "2026-11-24T06:14:45.000000Z");
        check("2026-11-23T22:14:45+01", "2026-11-23T21:14:45.000000Z");
        check("2024-02-29T00:00:00Z", "2024-02-29T00:00:00.000000Z");
        check("2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000000Z");
        check("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000000Z");
        check("2026-11-23T24:00:00Z", "2026-11-24T00:00:00.000000Z");
        check("2026-12-31 24:00", "2027-01-01T00:00:00.000000Z");
        check("2026/11/23 22:14", "2026-11-23T22:14:00.000000Z");
        for text in ["26.11.2026 08:15", "26.11.2026, 8:15:00", "2026-11-26 8:15", "2026/11/26 8:15:00.0Z"] {
            check(text, "2026-11-26T08:15:00.000000Z");
        }
        for text in ["2026/1/5 8:05", "2026-1-05T8:05", "5.1.2026 8:05", "05.01.2026T08:05+00:00"] {
            check(text, "2026-01-05T08:05:00.000000Z");
        }
        check("5.1.2026", "2026-01-05T00:00:00.000000Z");
        check("20261123T221445Z", "2026-11-23T22:14:45.000000Z");
        check("20261123T2214+0100", "2026-11-23T21:14:00.000000Z");
        for utc in [" UTC", "UTC", " GMT", " Z", " +0000", " +00:00 UTC", "UTC+00:00"] {
            check(&format!("2026-11-23 22:14:45.5{utc}"), "2026-11-23T22:14:45.500000Z");
        }
        for east in [" +0100", "+0100", " +01:00", "GMT+0100", " UTC+01"] {
            check(&format!("2026-11-23T22:14:45{east}"), "2026-11-23T21:14:45.000000Z");
        }
        check("2026-11-23T12:00-12:00", "2026-11-24T00:00:00.000000Z");
        check("2026-11-23T14:00+14:00", "2026-11-23T00:00:00.000000Z");
    }

    #[test]
    fn a_blank_stands_for_the_plus_of_an_offset_only_in_addresses() {
        for (text, expected) in [
            ("2026-11-23T22:14:45 01:00", "2026-11-23T21:14:45Z"),
            ("2026-11-23 22:14:45.5 01:00", "2026-11-23T21:14:45.5Z"),
            ("2026-11-23 22:14 00:00", "2026-11-23T22:14:00Z"),
        ] {
            assert_eq!(Timestamp::in_address(text), Timestamp::parse(expected), "{text}");
            assert!(Timestamp::read(text).is_err(), "{text}");
        }
        for text in ["2026-11-23 22:14", "2026-11-23 22:14 UTC", "2026-11-23T22:14:45 +01:00", "1764144000"] {
            assert_eq!(Timestamp::in_address(text), text.parse(), "{text}");
        }
        for text in [
            "2026-11-23T22:14:45 12",
            "2026-11-23T22:14:45 0100",
            "2026-11-23T22:14:45  01:00",
            "2026-11-23T22:14:45 15:00",
            "2026-11-23 22:14:45Z 01:00",
            "2026-11-23 00:00:00 08:00:00",
            " 01:00",
            "1 01:00",
            "☃☃☃ 01:00",
        ] {
            assert!(Timestamp::in_address(text).is_err(), "{text}");
            assert!(Timestamp::read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn texts_of_any_form() {
        let check = |text: &str, expected: &str, has_offset: bool| {
            let expected = Timestamp::parse(expected).unwrap();
            let written = if has_offset { Written::Instant(expected) } else { Written::Local(expected) };
            assert_eq!(Timestamp::read(text), Ok(written), "{text}");
            assert_eq!(text.parse(), Ok(expected));
        };
        check("2026-11-23 22:14", "2026-11-23T22:14:00Z", false);
        check("2026-11-23 22:14 UTC", "2026-11-23T22:14:00Z", true);
        check("1764144000", "2025-11-26T08:00:00Z", true);
        check("1764144000.125", "2025-11-26T08:00:00.125Z", true);
        check("1764144000.", "2025-11-26T08:00:00Z", true);
        check("+1764144000", "2025-11-26T08:00:00Z", true);
        check("1764144000125.5", "2025-11-26T08:00:00.1255Z", true);
        check("1764144000125999.9", "2025-11-26T08:00:00.125999Z", true);
        check("1764144000125999999.9", "2025-11-26T08:00:00.125999Z", true);
        check("1.764144000125E9", "2025-11-26T08:00:00.125Z", true);
        check(".5", "1970-01-01T00:00:00.5Z", true);
        check("-1.25", "1969-12-31T23:59:58.75Z", true);
        for text in ["", ".", "-", "1e", "nan", "inf", "1_000", "1764144000,125", "0x10", "1e400", "1 2"] {
            assert!(Timestamp::read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn texts_that_are_no_timestamps() {
        for text in [
            "",
            "now",
            "2026",
            "2026-13-01",
            "2026-02-29",
            "2026-11-23T",
            "2026-11-23T25:00",
            "2026-11-23T22:60",
            "2026-11-23T22:14:61",
            "2026-11-23T22:14:45.",
            "2026-11-23T22:14:45Zx",
            "2026-11-23T22:14:45+1",
            "2026-11-23T22:14:45+24:00",
            "2026-11-23T22:14:45+14:01",
            "2026-11-23T22:14:45-12:30",
            "2026-11-23 22:14:45 12",
            "2026-11-23 22:14:45 01:00",
            "0000-01-01",
            "0001-01-01T00:00:00+01:00",
            "２０２６-11-23",
            "1700000000.5",
            "2026-11-23T24:00:01",
            "2026-11-23T24:30",
            "2026-11/23",
            "26.11.26",
            "26.11.2026,",
            "11.26.2026",
            "26.11.2026 8",
            "26/11/2026",
            "2026-1",
            "2026-001-05",
            "2026-11-26 8:5",
            "20261123T8:15",
            "20261123",
            "20261123T22:1445",
            "2026-11-23T22:14:45 CET",
            "2026-11-23T22:14:45+01:00 UTC",
            "2026-11-23T22:14:45  01:00",
            "2026-11-23 22:14:45 temp",
        ] {
            assert!(Timestamp::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_unit_of_an_epoch_follows_from_its_magnitude() {
        let check =
            |number, micros| assert_eq!(Timestamp::from_epoch(number), Ok(Timestamp(micros)), "{number}");
        check(0, 0);
        check(1_700_000_000, 1_700_000_000_000_000);
        check(1_700_000_000_123, 1_700_000_000_123_000);
        check(1_700_000_000_123_456, 1_700_000_000_123_456);
        check(1_700_000_000_123_456_789, 1_700_000_000_123_456);
        check(-1, -1_000_000);
        assert!(Timestamp::from_epoch(i64::MAX).is_ok(), "nanoseconds reach the year 2262");
        assert!(Timestamp::from_epoch(-99_999_999_999).is_err(), "before the year 1");
    }

    #[test]
    fn a_date_in_digits_alone_is_no_epoch() {
        for text in ["20261126", "202611260815", "20261126081530", "20261126.0", "19900101", "21001231235959"]
        {
            for message in [Timestamp::read(text).unwrap_err(), Timestamp::from_decimal(text).unwrap_err()] {
                assert!(message.to_string().contains("which is a date and no epoch"), "{message}");
            }
        }
        for number in [
            20_261_326,
            20_260_230,
            19_891_231,
            21_010_101,
            202_611_262_460,
            20_261_126_081_560,
            1_764_144_000,
        ] {
            assert!(Timestamp::from_epoch(number).is_ok(), "{number}");
        }
        for text in ["1764144000.", "1764144000.0", "1764144000.000"] {
            assert_eq!(text.parse(), Timestamp::from_epoch(1_764_144_000), "{text}");
        }
    }

    proptest! {
        #[test]
        fn text_round_trips(micros in EARLIEST..=LATEST) {
            let timestamp = Timestamp(micros);
            prop_assert_eq!(Timestamp::parse(&timestamp.to_string()), Ok(timestamp));
        }

        #[test]
        fn any_text_is_answered_without_panic(text in "\\PC{0,40}") {
            let _ = text.parse::<Timestamp>();
        }

        #[test]
        fn nearly_timestamps_are_answered_without_panic(text in "[0-9]{4}[-/]?[0-9]{2}[-/]?[0-9]{2}[T ]{0,2}[0-9:.,+ eZUTC-]{0,20}") {
            let _ = text.parse::<Timestamp>();
        }
    }
}
