//! Instants and lengths as texts.

use afterglow_wire::timestamp::{civil_from_days, days_from_civil};

use super::{DAY, HOUR, MINUTE, SECOND, Zone};

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// A local time, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Civil {
    /// The year.
    pub year: i64,
    /// The month, 1 to 12.
    pub month: i64,
    /// The day of the month, 1 to 31.
    pub day: i64,
    /// Microseconds since midnight.
    pub of_day: i64,
}

impl Civil {
    /// Takes a local time apart, in microseconds since 1970 local time.
    pub fn of(local: i64) -> Self {
        let (year, month, day) = civil_from_days(local.div_euclid(DAY));
        Self { year, month, day, of_day: local.rem_euclid(DAY) }
    }

    /// Midnight of a day, in microseconds since 1970 local time.
    pub fn midnight(year: i64, month: i64, day: i64) -> i64 {
        days_from_civil(year, month, day).saturating_mul(DAY)
    }

    /// `14:05`.
    pub fn minutes(self) -> String {
        format!("{:02}:{:02}", self.of_day / HOUR, self.of_day % HOUR / MINUTE)
    }

    /// `14:05:09`.
    pub fn seconds(self) -> String {
        format!("{}:{:02}", self.minutes(), self.of_day % MINUTE / SECOND)
    }

    /// `14:05:09.250`, with this many digits, at most six.
    pub fn fraction(self, digits: usize) -> String {
        let micros = format!("{:06}", self.of_day % SECOND);
        match micros.get(..digits) {
            Some(shown) if digits > 0 => format!("{}.{shown}", self.seconds()),
            _ => self.seconds(),
        }
    }

    /// `25 Nov`.
    pub fn date(self) -> String {
        format!("{} {}", self.day, self.month_name())
    }

    /// `25 Nov 2026`.
    pub fn full_date(self) -> String {
        format!("{} {}", self.date(), self.year)
    }

    /// `Nov`.
    pub fn month_name(self) -> &'static str {
        usize::try_from(self.month - 1).ok().and_then(|month| MONTHS.get(month)).copied().unwrap_or_default()
    }

    /// `Wed`.
    pub fn weekday(self) -> &'static str {
        // 1970 began on a Thursday.
        let day = (days_from_civil(self.year, self.month, self.day) + 3).rem_euclid(7);
        usize::try_from(day).ok().and_then(|day| WEEKDAYS.get(day)).copied().unwrap_or_default()
    }
}

/// How exact a time must be said for two that are `apart` microseconds from each other to read differently.
fn digits(apart: i64) -> usize {
    match apart {
        ..1_000 => 6,
        1_000..SECOND => 3,
        _ => 0,
    }
}

/// An instant as precise as a chart whose columns are `column` microseconds wide can tell it: `Wed 25 Nov 14:05:09`; with
/// the zone's offset where clocks show the same time twice.
pub fn instant(utc: i64, column: i64, zone: &dyn Zone) -> String {
    let civil = Civil::of(zone.to_local(utc));
    let which = if zone.is_twice(utc) { format!(" {}", offset(zone.offset(utc))) } else { String::new() };
    format!("{} {} {}{which}", civil.weekday(), civil.date(), civil.fraction(digits(column)))
}

/// Both ends of a stretch, the date once when it is the same: `25 Nov 2026 14:05 – 15:05`.
pub fn stretch(span: super::Span, zone: &dyn Zone) -> String {
    let (from, to) = (Civil::of(zone.to_local(span.from)), Civil::of(zone.to_local(span.to)));
    let time = |civil: Civil| match span.width() {
        ..10_000 => civil.fraction(6),
        10_000..SECOND => civil.fraction(3),
        SECOND..HOUR => civil.seconds(),
        _ => civil.minutes(),
    };
    let same_day = (from.year, from.month, from.day) == (to.year, to.month, to.day);
    let end = if same_day { time(to) } else { format!("{} {}", to.full_date(), time(to)) };
    format!("{} {} – {end}", from.full_date(), time(from))
}

/// A length of time in its two largest units, to the millisecond below a minute: `1 h 30 min`, `12.5 s`, `250 ms`.
pub fn length(micros: i64) -> String {
    let sign = if micros < 0 { "−" } else { "" };
    let micros = micros.unsigned_abs() as i64;
    let two = |large: i64, unit: &str, small: i64, of: &str| match small {
        0 => format!("{large} {unit}"),
        _ => format!("{large} {unit} {small} {of}"),
    };
    let text = match micros {
        ..1_000 => format!("{micros} µs"),
        1_000..SECOND => format!("{} ms", trimmed(micros as f64 / 1e3)),
        SECOND..MINUTE => format!("{} s", trimmed(micros as f64 / 1e6)),
        MINUTE..HOUR => two(micros / MINUTE, "min", micros % MINUTE / SECOND, "s"),
        HOUR..DAY => two(micros / HOUR, "h", micros % HOUR / MINUTE, "min"),
        _ => two(micros / DAY, "d", micros % DAY / HOUR, "h"),
    };
    format!("{sign}{text}")
}

fn trimmed(number: f64) -> String {
    format!("{number:.3}").trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// How far a zone is from UTC, as an axis shows it: `UTC`, `UTC+01:00`.
pub fn offset(micros: i64) -> String {
    if micros == 0 {
        return "UTC".into();
    }
    let sign = if micros < 0 { '−' } else { '+' };
    let minutes = micros.abs() / MINUTE;
    format!("UTC{sign}{:02}:{:02}", minutes / 60, minutes % 60)
}

/// Reads `+05:30`, `-00:01:15` or nothing, as microseconds ahead of UTC.
pub fn parse_offset(text: &str) -> Option<i64> {
    let (sign, rest) = match text.chars().next() {
        None => return Some(0),
        Some('+') => (1, &text[1..]),
        Some(minus @ ('-' | '−')) => (-1, &text[minus.len_utf8()..]),
        Some(_) => return None,
    };
    let mut sum = 0;
    for (part, unit) in rest.split(':').zip([HOUR, MINUTE, SECOND]) {
        sum += part.parse::<i64>().ok()? * unit;
    }
    Some(sign * sum)
}

#[cfg(test)]
mod tests {
    use super::super::zone::Berlin;
    use super::super::{Span, Utc};
    use super::*;

    const NOON: i64 = 1_795_608_000_000_000;

    #[test]
    fn an_instant_has_the_digits_that_its_step_needs() {
        assert_eq!(instant(NOON, SECOND, &Utc), "Wed 25 Nov 12:00:00");
        assert_eq!(instant(NOON + 1_250, 2_000, &Utc), "Wed 25 Nov 12:00:00.001");
        assert_eq!(instant(NOON + 1_250, 10, &Utc), "Wed 25 Nov 12:00:00.001250");
    }

    #[test]
    fn no_two_instants_read_alike() {
        // In the night of 25 October 2026, 2:30 in Berlin comes at 0:30 and at 1:30 UTC.
        let first = 1_792_888_200 * SECOND;
        assert_eq!(instant(first, SECOND, &Berlin), "Sun 25 Oct 02:30:00 UTC+02:00");
        assert_eq!(instant(first + HOUR, SECOND, &Berlin), "Sun 25 Oct 02:30:00 UTC+01:00");
        assert_eq!(instant(first + 2 * HOUR, SECOND, &Berlin), "Sun 25 Oct 03:30:00");
    }

    #[test]
    fn a_stretch_says_what_both_ends_share_once() {
        let check = |from, to, expected: &str| assert_eq!(stretch(Span { from, to }, &Utc), expected);
        check(NOON, NOON + HOUR, "25 Nov 2026 12:00 – 13:00");
        check(NOON, NOON + MINUTE, "25 Nov 2026 12:00:00 – 12:01:00");
        check(NOON - DAY, NOON, "24 Nov 2026 12:00 – 25 Nov 2026 12:00");
    }

    #[test]
    fn a_length_has_at_most_two_units() {
        let check = |micros, expected: &str| assert_eq!(length(micros), expected);
        check(0, "0 µs");
        check(1_500, "1.5 ms");
        check(12_500_000, "12.5 s");
        check(90 * MINUTE, "1 h 30 min");
        check(-DAY, "−1 d");
    }

    #[test]
    fn an_offset_is_written_as_it_is_read() {
        assert_eq!((offset(0), offset(-150 * MINUTE)), ("UTC".into(), "UTC−02:30".into()));
        assert_eq!(parse_offset("+05:30"), Some(330 * MINUTE));
        assert_eq!(parse_offset("-00:01:15"), Some(-75 * SECOND));
        assert_eq!((parse_offset(""), parse_offset("CET")), (Some(0), None));
    }
}
