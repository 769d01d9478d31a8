//! The ranges that are offered by name.

use super::text::Civil;
use super::timeline::Range;
use super::{DAY, HOUR, MINUTE, SECOND, Span, Zone};

/// Ranges that end now: how they are called, and their width in microseconds.
pub const LAST: [(&str, i64); 10] = [
    ("Last minute", MINUTE),
    ("Last 5 minutes", 5 * MINUTE),
    ("Last 15 minutes", 15 * MINUTE),
    ("Last hour", HOUR),
    ("Last 6 hours", 6 * HOUR),
    ("Last 24 hours", DAY),
    ("Last 7 days", 7 * DAY),
    ("Last 31 days", 31 * DAY),
    ("Last 90 days", 90 * DAY),
    ("Last year", 365 * DAY),
];

/// The day on which the instant `now` lies in `zone`, moved by `days`.
pub fn day(now: i64, days: i64, zone: &dyn Zone) -> Span {
    let Civil { year, month, day, .. } = Civil::of(zone.to_local(now));
    let midnight = |more: i64| {
        let local = Civil::midnight(year, month, day) + (days + more) * DAY;
        // Where clocks skip midnight, the day begins an hour later.
        zone.to_utc(local).or_else(|| zone.to_utc(local + HOUR)).unwrap_or(local)
    };
    Span { from: midnight(0), to: midnight(1) }
}

/// What a range is called that shows `span` at the moment.
pub fn name(range: Range, span: Span, zone: &dyn Zone) -> String {
    match range {
        Range::Live(_) => match LAST.iter().find(|(_, preset)| *preset == span.width()) {
            Some((name, _)) => (*name).into(),
            None => format!("Last {}", words(span.width())),
        },
        Range::Paused(_) | Range::Fixed(_) => super::text::stretch(span, zone),
    }
}

/// A length in words where it is a whole number of one unit (of years, whatever leap days are in them), and otherwise in short.
fn words(width: i64) -> String {
    let units =
        [("years", 365 * DAY), ("days", DAY), ("hours", HOUR), ("minutes", MINUTE), ("seconds", SECOND)];
    let Some((name, unit)) = units.into_iter().find(|(_, unit)| width >= *unit) else {
        return super::text::length(width);
    };
    let count = width / unit;
    let leap_days = if name == "years" { count * DAY } else { 0 };
    if count >= 2 && width % unit <= leap_days {
        format!("{count} {name}")
    } else {
        super::text::length(width)
    }
}

#[cfg(test)]
mod tests {
    use super::super::zone::Berlin;
    use super::super::{Follow, Utc};
    use super::*;

    #[test]
    fn a_live_range_is_called_by_what_it_shows() {
        let name = |width| name(Range::Live(Follow::Fitting), Span::up_to(DAY, width), &Utc);
        assert_eq!(
            [name(HOUR), name(2 * MINUTE), name(60 * DAY)],
            ["Last hour", "Last 2 minutes", "Last 60 days"]
        );
        assert_eq!(name(HOUR + MINUTE), "Last 1 h 1 min");
        assert_eq!([name(super::super::span::LONGEST), name(731 * DAY)], ["Last 50 years", "Last 2 years"]);
    }

    #[test]
    fn the_day_of_a_change_is_shorter_or_longer() {
        let noon = 1_774_778_400_000_000; // 29 March 2026, 12:00 in Berlin
        assert_eq!(day(noon, 0, &Berlin).width(), 23 * HOUR);
        assert_eq!(day(noon, -1, &Berlin).width(), DAY);
        let noon = 1_792_926_000_000_000; // 25 October 2026, 12:00 in Berlin
        assert_eq!(day(noon, 0, &Berlin).width(), 25 * HOUR);
    }
}
