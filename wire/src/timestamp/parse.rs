//! From text to microseconds.

use super::{MICROS_PER_SECOND, SECONDS_PER_DAY, days_from_civil, days_in_month};

/// Microseconds since 1970 of a decimal number with a fraction or an exponent.
pub(super) fn decimal_micros(text: &str) -> Option<i64> {
    if text.contains(['e', 'E']) {
        return exponent_micros(text);
    }
    let (sign, digits) = match text.as_bytes().first()? {
        b'-' => (-1, &text[1..]),
        b'+' => (1, &text[1..]),
        _ => (1, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.len() + fraction.len() == 0 || !all_digits(whole) || !all_digits(fraction) {
        return None;
    }
    let number = if whole.is_empty() { 0 } else { whole.parse::<i64>().ok()? };
    // Micros of one, and how many digits after the point are whole ones.
    let (unit, places) = match number {
        0..100_000_000_000 => (MICROS_PER_SECOND, 6),
        100_000_000_000..100_000_000_000_000 => (1_000, 3),
        100_000_000_000_000..100_000_000_000_000_000 => (1, 0),
        _ => return Some(sign * (number / 1_000)),
    };
    number
        .checked_mul(unit)?
        .checked_add(first_digits(fraction.as_bytes(), places))
        .map(|micros| sign * micros)
}

/// Whether a number is `YYYYMMDD[hhmm[ss]]` of the years 1990 to 2100.
pub(super) fn is_calendar(number: i64) -> bool {
    let (day, time) = match number {
        19_900_101..=21_001_231 => (number, 0),
        199_001_010_000..=210_012_312_359 => (number / 10_000, number % 10_000 * 100),
        19_900_101_000_000..=21_001_231_235_959 => (number / 1_000_000, number % 1_000_000),
        _ => return false,
    };
    let (year, month, day) = (day / 10_000, day / 100 % 100, day % 100);
    let is_time = time / 10_000 < 24 && time / 100 % 100 < 60 && time % 100 < 60;
    is_time && (1..=12).contains(&month) && (1..=days_in_month(year, month)).contains(&day)
}

/// Whether a number in the form of `%g` (`1.76414e+09`), which rounds to six digits, has none for the second: the instant that it
/// was made of is not known. What writes `17e8` instead writes all digits that there are.
pub(super) fn lacks_digits(text: &str) -> bool {
    let Some((mantissa, exponent)) = text.split_once("e+").or_else(|| text.split_once("E+")) else {
        return false;
    };
    let Ok(exponent) = exponent.parse::<i64>() else { return false };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = whole.trim_start_matches(['+', '-']).len();
    // The power of ten of the first digit determines the unit, as the magnitude does.
    let second = match exponent + digits as i64 {
        ..=11 => 0,
        12..=14 => 3,
        15..=17 => 6,
        _ => 9,
    };
    exponent - fraction.len() as i64 > second
}

/// As [`decimal_micros`], of a number with an exponent.
fn exponent_micros(text: &str) -> Option<i64> {
    if lacks_digits(text) {
        return None;
    }
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    let number = text.parse::<f64>().ok().filter(|number| plain && number.is_finite())?;
    let unit = match number.abs() {
        below if below < 1e11 => 1e6,
        below if below < 1e14 => 1e3,
        below if below < 1e17 => 1.0,
        _ => 1e-3,
    };
    Some((number * unit).round() as i64)
}

/// The first `places` of `digits` as a number, as if zeros followed them.
fn first_digits(digits: &[u8], places: usize) -> i64 {
    (0..places).fold(0, |sum, i| sum * 10 + digits.get(i).map_or(0, |byte| i64::from(byte - b'0')))
}

/// The most that clocks are behind UTC, and before it, in seconds.
const OFFSETS: std::ops::RangeInclusive<i64> = -12 * 3_600..=14 * 3_600;

/// A text with the `+` of its offset, where that became a blank in an address: exactly one, and `hh:mm` behind it.
pub(super) fn with_plus(text: &str) -> Option<String> {
    let cut = text.len().checked_sub(6)?;
    let (stamp, offset) = (text.get(..cut)?, text.get(cut..)?);
    // A time of day comes before an offset, so that `2026-01-31 12:00` is none.
    let has_time = stamp.contains(':') && stamp.as_bytes().last().is_some_and(u8::is_ascii_digit);
    let is_offset = offset.bytes().zip(*b" 00:00").all(|(byte, form)| match form {
        b'0' => byte.is_ascii_digit(),
        form => byte == form,
    });
    (has_time && is_offset).then(|| format!("{stamp}+{}", &offset[1..]))
}

/// Microseconds since 1970, and whether the text has an offset.
pub(super) fn parse_iso(text: &[u8]) -> Option<(i64, bool)> {
    let mut rest = text;
    let (year, month, day, is_basic) = date(&mut rest)?;
    if year == 0 || !(1..=12).contains(&month) || !(1..=days_in_month(year, month)).contains(&day) {
        return None;
    }
    let midnight = days_from_civil(year, month, day) * SECONDS_PER_DAY;
    if rest.is_empty() && !is_basic {
        return Some((midnight * MICROS_PER_SECOND, false));
    }
    expect(&mut rest, if is_basic { b"Tt" } else { b"Tt " })?;
    while expect(&mut rest, b" ").is_some() {}
    let hour = if is_basic { digits(&mut rest, 2)? } else { one_or_two_digits(&mut rest)? };
    let is_basic = is_basic && rest.first() != Some(&b':');
    if !is_basic {
        expect(&mut rest, b":")?;
    }
    let minute = digits(&mut rest, 2)?;
    let (second, micros) = seconds(&mut rest, is_basic)?;
    let is_midnight = minute == 0 && second == 0 && micros == 0;
    if hour > 24 || (hour == 24 && !is_midnight) || minute > 59 || second > 60 {
        return None;
    }
    let offset = offset_seconds(rest)?;
    let seconds = midnight + hour * 3_600 + minute * 60 + second - offset.unwrap_or(0);
    Some((seconds * MICROS_PER_SECOND + micros, offset.is_some()))
}

/// Takes a date, as year, month and day, and whether it is in digits alone: `YYYY-M-D`, `YYYY/M/D`, `YYYYMMDD`, or `D.M.YYYY`, whose
/// dots say which of its numbers is the day.
fn date(rest: &mut &[u8]) -> Option<(i64, i64, i64, bool)> {
    let mut year_first = *rest;
    let Some(year) = digits(&mut year_first, 4) else {
        let day = one_or_two_digits(rest)?;
        expect(rest, b".")?;
        let month = one_or_two_digits(rest)?;
        expect(rest, b".")?;
        let year = digits(rest, 4)?;
        // Some programs write a comma between date and time.
        if rest.starts_with(b", ") {
            *rest = &rest[1..];
        }
        return Some((year, month, day, false));
    };
    *rest = year_first;
    let Some(separator) = expect(rest, b"-/") else {
        return Some((year, digits(rest, 2)?, digits(rest, 2)?, true));
    };
    let month = one_or_two_digits(rest)?;
    expect(rest, &[separator])?;
    Some((year, month, one_or_two_digits(rest)?, false))
}

/// `[:ss[.fraction]]` as whole seconds and microseconds; without the colon in the basic form.
fn seconds(rest: &mut &[u8], is_basic: bool) -> Option<(i64, i64)> {
    let follow =
        if is_basic { rest.first().is_some_and(u8::is_ascii_digit) } else { expect(rest, b":").is_some() };
    if !follow {
        return Some((0, 0));
    }
    let second = digits(rest, 2)?;
    if expect(rest, b".,").is_none() {
        return Some((second, 0));
    }
    let fraction = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (shown, after) = rest.split_at(fraction);
    *rest = after;
    (fraction > 0).then_some((second, first_digits(shown, 6)))
}

/// What is left of a timestamp, in seconds east of UTC: nothing, or an offset, or a name of UTC and perhaps an offset.
#[expect(clippy::option_option, reason = "no offset, and none that can be read, are two things")]
fn offset_seconds(rest: &[u8]) -> Option<Option<i64>> {
    match rest {
        b"" => return Some(None),
        b"Z" | b"z" => return Some(Some(0)),
        _ => {}
    }
    let after_blanks = rest.trim_ascii_start();
    let named = |text: &[u8]| -> Option<usize> {
        [&b"UTC"[..], b"GMT", b"UT", b"Z"].iter().find(|name| text.starts_with(name)).map(|name| name.len())
    };
    let mut rest = match named(after_blanks) {
        Some(length) if after_blanks.len() == length => return Some(Some(0)),
        Some(length) => &after_blanks[length..],
        None => after_blanks,
    };
    let sign = if expect(&mut rest, b"+-")? == b'-' { -1 } else { 1 };
    // Some write both: `+0000 UTC`.
    let end = rest.iter().position(|byte| *byte == b' ').unwrap_or(rest.len());
    let (rest, name) = rest.split_at(end);
    let offset = sign * hours_and_minutes(rest)?;
    if !OFFSETS.contains(&offset) {
        return None;
    }
    let agrees =
        name.is_empty() || (offset == 0 && named(&name[1..]).is_some_and(|length| length + 1 == name.len()));
    agrees.then_some(Some(offset))
}

/// `hh`, `hhmm` or `hh:mm` in seconds.
fn hours_and_minutes(mut rest: &[u8]) -> Option<i64> {
    let hours = digits(&mut rest, 2)?;
    let minutes = match rest {
        b"" => 0,
        _ => {
            let _ = expect(&mut rest, b":");
            digits(&mut rest, 2)?
        }
    };
    (rest.is_empty() && hours <= 23 && minutes <= 59).then_some(hours * 3_600 + minutes * 60)
}

/// Takes one byte if it is one of `allowed`.
fn expect(rest: &mut &[u8], allowed: &[u8]) -> Option<u8> {
    let (first, after) = rest.split_first()?;
    allowed.contains(first).then(|| {
        *rest = after;
        *first
    })
}

/// Takes two digits, or one where no other follows.
fn one_or_two_digits(rest: &mut &[u8]) -> Option<i64> {
    digits(rest, 2).or_else(|| digits(rest, 1))
}

/// Takes exactly `count` digits.
fn digits(rest: &mut &[u8], count: usize) -> Option<i64> {
    let (taken, after) = rest.split_at_checked(count)?;
    let number = taken
        .iter()
        .try_fold(0, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + i64::from(byte - b'0')))?;
    *rest = after;
    Some(number)
}
