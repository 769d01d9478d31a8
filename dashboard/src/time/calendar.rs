//! Days, weeks, months and years as they can be typed.

use afterglow_wire::Timestamp;

use super::text::Civil;
use super::{DAY, HOUR, Span, Zone, presets};

/// The years that a number of four digits can mean.
const YEARS: std::ops::RangeInclusive<i64> = 1970..=2199;

/// The whole period that `text` names: `today`, `this week`, `now/M`, `2026-11-25`, `2026-11`, `2026`.
pub(super) fn period(text: &str, now: i64, zone: &dyn Zone) -> Option<Span> {
    let today = Civil::of(zone.to_local(now));
    let (year, month) = (today.year, today.month);
    Some(match text.to_lowercase().as_str() {
        "today" | "now/d" => presets::day(now, 0, zone),
        "yesterday" | "now-1d/d" => presets::day(now, -1, zone),
        "this week" | "now/w" => {
            // 1970 began on a Thursday.
            let weekday = (zone.to_local(now).div_euclid(DAY) + 3).rem_euclid(7);
            Span { from: presets::day(now, -weekday, zone).from, to: presets::day(now, 6 - weekday, zone).to }
        }
        // Minutes are `m`.
        "this month" => months(year, month, 1, zone),
        "now/m" if text.ends_with('M') => months(year, month, 1, zone),
        "this year" | "now/y" => months(year, 1, 12, zone),
        _ => return written(text, zone),
    })
}

/// `2026-11-25`, `2026-11` or `2026`.
fn written(text: &str, zone: &dyn Zone) -> Option<Span> {
    let is_number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    match text.split('-').collect::<Vec<_>>().as_slice() {
        [year] if year.len() == 4 && is_number(year) => {
            let year = year.parse().ok().filter(|year| YEARS.contains(year))?;
            Some(months(year, 1, 12, zone))
        }
        [year, month] if (year.len(), month.len()) == (4, 2) && is_number(year) && is_number(month) => {
            let month = month.parse().ok().filter(|month| (1..=12).contains(month))?;
            Some(months(year.parse().ok()?, month, 1, zone))
        }
        [year, month, day] if (year.len(), month.len(), day.len()) == (4, 2, 2) => {
            let midnight = Timestamp::parse(text).ok()?.micros();
            // Noon: a midnight may not exist.
            let noon = zone.to_utc(midnight + DAY / 2).unwrap_or(midnight);
            Some(presets::day(noon, 0, zone))
        }
        _ => None,
    }
}

/// `count` whole months from the beginning of one on.
fn months(year: i64, month: i64, count: i64, zone: &dyn Zone) -> Span {
    let first = |year, month| {
        let local = Civil::midnight(year, month, 1);
        // Where clocks skip midnight, the day begins an hour later.
        zone.to_utc(local).or_else(|| zone.to_utc(local + HOUR)).unwrap_or(local)
    };
    let last = month + count - 1;
    let to = if last == 12 { first(year + 1, 1) } else { first(year, last + 1) };
    Span { from: first(year, month), to }
}

#[cfg(test)]
mod tests {
    use super::super::Utc;
    use super::*;

    #[test]
    fn what_names_no_period_is_none() {
        for text in ["", "900", "9999", "2026-13", "2026-02-30", "25-11-2026", "now/m", "now"] {
            assert_eq!(period(text, 0, &Utc), None, "{text}");
        }
        assert_eq!(period("now/M", 0, &Utc).map(Span::width), Some(31 * DAY));
        assert_eq!(period("2026-12", 0, &Utc).map(Span::width), Some(31 * DAY));
    }
}
