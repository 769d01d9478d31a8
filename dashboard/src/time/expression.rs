//! Ranges as people type them: `15m`, `now-15m`, `now-2h/now-1h`, `2026-11-25`, `2026-11-25 10:00/12:30`.

use afterglow_wire::Timestamp;

use super::text::Civil;
use super::timeline::{Follow, Range};
use super::{DAY, HOUR, MINUTE, SECOND, Span, Zone, calendar};

const ALLOWED: &str = "expected for example 15m, now-2h/now-1h, 2026-11-25, 2026-11-25 10:00/12:30 or today";

/// What `text` means at the instant `now` in `zone`.
///
/// # Errors
/// What is not understood, and what would be.
pub fn range(text: &str, now: i64, zone: &dyn Zone) -> Result<Range, String> {
    let text = text.trim();
    if let Some(span) = calendar::period(text, now, zone) {
        return Ok(Range::Fixed(span));
    }
    let range = match separated(text) {
        Some((from, to)) => instant(from, None, now, zone).and_then(|from| {
            // A day at the end is all of it.
            match calendar::period(to.trim(), now, zone) {
                Some(period) => between(from, Instant { at: period.to, ago: None }),
                None => between(from, instant(to, Some(from.at), now, zone)?),
            }
        }),
        None => single(text, now, zone),
    };
    // The reader knows what was typed, not which part of it was read last.
    range.map_err(|error| if error.ends_with(ALLOWED) { unknown(text) } else { error })
}

/// What an address's `from` and `to` mean; `to` is now when it is absent.
///
/// # Errors
/// What is not understood, and what would be.
pub fn from_to(from: &str, to: Option<&str>, now: i64, zone: &dyn Zone) -> Result<Range, String> {
    let start = instant(from, None, now, zone)?;
    between(start, instant(to.unwrap_or("now"), Some(start.at), now, zone)?)
}

/// The instant that `text` means, in microseconds; a time alone is on the day of `earlier`, or today.
///
/// # Errors
/// What is not understood, and what would be.
pub fn moment(text: &str, earlier: Option<i64>, now: i64, zone: &dyn Zone) -> Result<i64, String> {
    instant(text, earlier, now, zone).map(|instant| instant.at)
}

/// An instant that was typed.
#[derive(Clone, Copy)]
struct Instant {
    at: i64,
    /// Before now; none when it does not depend on now.
    ago: Option<i64>,
}

fn between(from: Instant, to: Instant) -> Result<Range, String> {
    if from.at >= to.at {
        return Err("the range ends before it begins".into());
    }
    match (from.ago, to.ago) {
        (Some(ago), Some(0)) => Ok(Range::Live(Follow::Last(ago))),
        _ => Ok(Range::Fixed(Span { from: from.at, to: to.at })),
    }
}

fn separated(text: &str) -> Option<(&str, &str)> {
    let ends = [" to ", "/", "..", " – "].into_iter().find_map(|separator| text.split_once(separator));
    // `10:00-11:00`; in dates the sign stands for something else.
    let times = || text.split_once(['-', '–']);
    ends.or_else(|| {
        times().filter(|(from, to)| [from, to].iter().all(|end| time_of_day(end.trim()).is_some()))
    })
}

fn single(text: &str, now: i64, zone: &dyn Zone) -> Result<Range, String> {
    let lower = text.to_lowercase();
    // A month is `M`, so that only the word before it is read in any case.
    let length = if lower.starts_with("last ") { &text["last ".len()..] } else { text };
    let length = length.strip_prefix('-').unwrap_or(length);
    let one = |unit: &str| duration(&format!("1{unit}"));
    if let Some(width) = duration(length).or_else(|| one(length).filter(|_| lower.starts_with("last "))) {
        return Ok(Range::Live(Follow::Last(width)));
    }
    let from = instant(text, None, now, zone)?;
    // A time of day that is still to come was yesterday.
    let is_ahead = from.at > now && time_of_day(text).is_some();
    let from = if is_ahead { instant(text, Some(now - DAY), now, zone)? } else { from };
    between(from, Instant { at: now, ago: Some(0) })
}

fn instant(text: &str, earlier: Option<i64>, now: i64, zone: &dyn Zone) -> Result<Instant, String> {
    let text = text.trim();
    if let Some(rest) = text.strip_prefix("now") {
        let rest = rest.trim();
        let ago = match rest.chars().next() {
            None => Some(0),
            Some('-' | '−') => duration(rest.trim_start_matches(['-', '−']).trim()),
            Some('+') => duration(rest[1..].trim()).map(|ahead| -ahead),
            Some(_) => None,
        };
        let ago = ago.ok_or_else(|| unknown(text))?;
        return Ok(Instant { at: now.saturating_sub(ago), ago: Some(ago) });
    }
    if let Some(of_day) = time_of_day(text) {
        // On the same day as the other end, or today.
        let day = Civil::of(zone.to_local(earlier.unwrap_or(now)));
        let local = Civil::midnight(day.year, day.month, day.day) + of_day;
        return skipped(zone, local, text);
    }
    match text.parse::<Timestamp>() {
        Ok(_) if is_short_number(text) => Err(unknown(text)),
        Ok(instant) if has_offset(text) => Ok(Instant { at: instant.micros(), ago: None }),
        Ok(local) => skipped(zone, local.micros(), text),
        Err(_) => Err(unknown(text)),
    }
}

fn skipped(zone: &dyn Zone, local: i64, text: &str) -> Result<Instant, String> {
    let at =
        zone.to_utc(local).ok_or_else(|| format!("{text} does not exist: clocks skip it in this zone"))?;
    Ok(Instant { at, ago: None })
}

fn unknown(text: &str) -> String {
    let shown: String = text.chars().take(40).collect();
    format!("“{shown}” is not understood; {ALLOWED}")
}

/// Whether a number is too short for an epoch: it would be a time in 1970, which is not meant.
fn is_short_number(text: &str) -> bool {
    text.len() < 9 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether a timestamp says how it relates to UTC: an epoch does, and so do `Z` and `+01:00`.
fn has_offset(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
        || text.ends_with(['Z', 'z'])
        || text.get(10..).is_some_and(|time| time.contains(['+', '-']))
}

/// Microseconds since midnight of `9:30`, `09:30:15` or `09:30:15.25`.
fn time_of_day(text: &str) -> Option<i64> {
    let (hour, rest) = text.split_once(':')?;
    let padded = format!("1970-01-01T{hour:0>2}:{rest}");
    let known = hour.len() <= 2 && text.bytes().all(|b| b.is_ascii_digit() || b == b':' || b == b'.');
    Timestamp::parse(&padded).ok().filter(|_| known).map(Timestamp::micros)
}

/// Microseconds of `15m`, `1h30m`, `250ms`, `7d`; a month is 30 days, a year 365.
fn duration(text: &str) -> Option<i64> {
    let mut rest = text;
    let mut sum: i64 = 0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').filter(|at| *at > 0)?;
        let number: f64 = rest[..digits].parse().ok()?;
        rest = rest[digits..].trim_start();
        let unit = rest.find(|c: char| !c.is_alphabetic()).unwrap_or(rest.len());
        let micros = (number * unit_of(&rest[..unit])? as f64).round();
        sum = sum.checked_add((micros < super::span::LONGEST as f64).then_some(micros as i64)?)?;
        rest = rest[unit..].trim_start();
    }
    (sum > 0).then_some(sum)
}

fn unit_of(name: &str) -> Option<i64> {
    Some(match name {
        "us" | "µs" => 1,
        "ms" => 1_000,
        "s" | "sec" | "second" | "seconds" => SECOND,
        "m" | "min" | "minute" | "minutes" => MINUTE,
        "h" | "hour" | "hours" => HOUR,
        "d" | "day" | "days" => DAY,
        "w" | "week" | "weeks" => 7 * DAY,
        "M" | "mo" | "month" | "months" => 30 * DAY,
        "y" | "year" | "years" => 365 * DAY,
        _ => return None,
    })
}

/// A length as it can be typed, exactly: `15m`, `90s`, `250ms`.
pub fn typed(micros: i64) -> String {
    let units = [(DAY, "d"), (HOUR, "h"), (MINUTE, "m"), (SECOND, "s"), (1_000, "ms")];
    match units.into_iter().find(|(unit, _)| micros % unit == 0) {
        Some((unit, name)) => format!("{}{name}", micros / unit),
        None => format!("{micros}us"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::zone::Berlin;
    use super::super::{Follow, Utc};
    use super::*;

    fn at(text: &str) -> i64 {
        Timestamp::parse(text).unwrap().micros()
    }

    const NOW: &str = "2026-11-25T12:00:00Z";

    #[test]
    fn what_ends_now_is_live() {
        let check = |text, width| {
            assert_eq!(range(text, at(NOW), &Utc), Ok(Range::Live(Follow::Last(width))), "{text}");
        };
        check("15m", 15 * MINUTE);
        check("now-15m", 15 * MINUTE);
        check(" now - 15 min ", 15 * MINUTE);
        check("now-2h/now", 2 * HOUR);
        check("1h30m", 90 * MINUTE);
        check("250ms", 250_000);
        check("0.5d", DAY / 2);
        check("-7d", 7 * DAY);
        check("last 2 hours", 2 * HOUR);
        check("Last 15 minutes", 15 * MINUTE);
        check("Last hour", HOUR);
    }

    #[test]
    fn everything_else_is_fixed() {
        let check = |text, from, to| {
            let span = Span { from: at(from), to: at(to) };
            assert_eq!(range(text, at(NOW), &Berlin), Ok(Range::Fixed(span)), "{text}");
        };
        check("now-2h/now-1h", "2026-11-25T10:00Z", "2026-11-25T11:00Z");
        check("2026-11-25T10:00Z/2026-11-25T11:00:00.5Z", "2026-11-25T10:00Z", "2026-11-25T11:00:00.5Z");
        check("2026-11-25 10:00/2026-11-25 11:00", "2026-11-25T09:00Z", "2026-11-25T10:00Z");
        check("2026-11-25 10:00 to 12:30", "2026-11-25T09:00Z", "2026-11-25T11:30Z");
        check("9:15/9:30:15", "2026-11-25T08:15Z", "2026-11-25T08:30:15Z");
        check("2026-07-01T10:00+05:00..2026-07-01T11:00", "2026-07-01T05:00Z", "2026-07-01T09:00Z");
        check("2026-03-29", "2026-03-28T23:00Z", "2026-03-29T22:00Z");
        check("today", "2026-11-24T23:00Z", "2026-11-25T23:00Z");
        check("yesterday", "2026-11-23T23:00Z", "2026-11-24T23:00Z");
        check("Yesterday", "2026-11-23T23:00Z", "2026-11-24T23:00Z");
        check("now/d", "2026-11-24T23:00Z", "2026-11-25T23:00Z");
        check("this week", "2026-11-22T23:00Z", "2026-11-29T23:00Z");
        check("2026", "2025-12-31T23:00Z", "2026-12-31T23:00Z");
        check("2026-11", "2026-10-31T23:00Z", "2026-11-30T23:00Z");
        check("2026-11-20/2026-11-22", "2026-11-19T23:00Z", "2026-11-22T23:00Z");
        check("10:00-11:00", "2026-11-25T09:00Z", "2026-11-25T10:00Z");
        check("1700000000/1700000060", "2023-11-14T22:13:20Z", "2023-11-14T22:14:20Z");
    }

    #[test]
    fn a_time_that_is_still_to_come_was_yesterday() {
        let from = |text| match range(text, at(NOW), &Utc) {
            Ok(Range::Live(Follow::Last(width))) => at(NOW) - width,
            Ok(Range::Fixed(span)) => span.from,
            other => panic!("{other:?}"),
        };
        assert_eq!(from("10:00"), at("2026-11-25T10:00Z"));
        assert_eq!(from("22:00"), at("2026-11-24T22:00Z"));
    }

    #[test]
    fn what_is_wrong_is_said() {
        let check = |text, part: &str| {
            let error = range(text, at(NOW), &Berlin).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        };
        check("tomorrowish", "“tomorrowish” is not understood");
        check("now-5x", "not understood");
        check("900", "“900” is not understood");
        check("now-1h/now/q", "“now-1h/now/q” is not understood");
        check("", "not understood");
        check("now/now-1h", "ends before");
        check("2026-03-29 02:30/2026-03-29 04:00", "clocks skip it");
    }

    proptest! {
        #[test]
        fn any_text_is_understood_or_refused(text in ".{0,30}") {
            let _ = range(&text, at(NOW), &Berlin);
        }

        #[test]
        fn a_typed_length_is_read_back(micros in 1i64..1_000_000_000_000) {
            prop_assert_eq!(duration(&typed(micros)), Some(micros));
        }
    }
}
