//! Dates whose order does not show, as in `03/04/2026`, and times of day with AM and PM.

use std::borrow::Cow;

use afterglow_wire::Timestamp;
use afterglow_wire::timestamp::Written;

use super::super::Verdict;
use super::{bad_timestamp, quoted};

/// Where the day stands in dates whose year comes last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dates {
    /// `31/01/2026`.
    DayFirst,
    /// `01/31/2026`.
    MonthFirst,
}

impl Dates {
    /// Reads the setting.
    ///
    /// # Errors
    /// When it is neither.
    pub fn read(text: &str) -> Result<Self, String> {
        match text {
            "dmy" => Ok(Self::DayFirst),
            "mdy" => Ok(Self::MonthFirst),
            _ => Err("dmy (31/01/2026) or mdy (01/31/2026)".into()),
        }
    }
}

/// A date whose year comes last: `31/01/2026`, `31-01-2026`, `31.01.2026`.
struct YearLast<'t> {
    numbers: [&'t str; 2],
    separator: u8,
    year: &'t str,
    /// The time of day.
    rest: &'t str,
}

impl<'t> YearLast<'t> {
    /// The date that a text begins with.
    fn of(text: &'t str) -> Option<Self> {
        let digits = |text: &'t str, most: usize| {
            let count = text.bytes().take_while(u8::is_ascii_digit).count();
            (1..=most).contains(&count).then(|| text.split_at(count))
        };
        let (first, rest) = digits(text, 2)?;
        let separator = *rest.as_bytes().first().filter(|byte| b"/-.".contains(byte))?;
        let (second, rest) = digits(&rest[1..], 2)?;
        let rest = rest.strip_prefix(char::from(separator))?;
        let (year, rest) = digits(rest, 4).filter(|(year, _)| matches!(year.len(), 2 | 4))?;
        let is_end = rest.is_empty() || rest.starts_with([' ', ',', 'T']);
        is_end.then_some(Self { numbers: [first, second], separator, year, rest })
    }

    /// As ISO 8601 writes it.
    fn iso(&self, dates: Dates) -> String {
        let [first, second] = self.numbers;
        let (day, month) = if dates == Dates::DayFirst { (first, second) } else { (second, first) };
        let rest = self.rest.strip_prefix(',').unwrap_or(self.rest);
        format!("{}-{month:0>2}-{day:0>2}{rest}", self.year)
    }
}

/// Whether a text is a date whose year comes last.
pub(super) fn is_year_last(text: &str) -> bool {
    YearLast::of(text).is_some()
}

/// Reads a time, whose date has this order where its year comes last.
///
/// # Errors
/// When it is none, or the order does not show and none is given.
pub(super) fn read(text: &str, dates: Option<Dates>) -> Result<Written, Verdict> {
    let wrong = |why: &str| bad_timestamp(format!("the timestamp {} {why}", quoted(text)));
    let ordered = match (YearLast::of(text), dates) {
        (Some(date), _) if date.year.len() == 2 => {
            return Err(wrong("has a year of two digits; four are expected"));
        }
        (Some(date), Some(dates)) => Some(date.iso(dates)),
        // With dots the day comes first.
        (Some(date), None) if date.separator != b'.' => {
            return Err(wrong("has the day or the month first; `dates` says which, dmy or mdy"));
        }
        _ => None,
    };
    let plain = with_24_hours(ordered.as_deref().unwrap_or(text));
    Timestamp::read(&plain).map_err(|error| match (&ordered, dates) {
        (Some(_), Some(Dates::DayFirst)) => wrong("is not one whose day comes first, as `dates` says"),
        (Some(_), Some(Dates::MonthFirst)) => wrong("is not one whose month comes first, as `dates` says"),
        _ if matches!(plain, Cow::Borrowed(_)) => bad_timestamp(error.to_string()),
        _ => wrong("is not one"),
    })
}

/// A time of day with AM or PM behind it as others have it; other texts as they are.
fn with_24_hours(text: &str) -> Cow<'_, str> {
    convert(text).map_or(Cow::Borrowed(text), Cow::Owned)
}

fn convert(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let at = bytes.iter().rposition(|byte| byte.eq_ignore_ascii_case(&b'm'))?.checked_sub(1)?;
    let afternoon = match bytes[at].to_ascii_lowercase() {
        b'a' => 0,
        b'p' => 12,
        _ => return None,
    };
    if bytes.get(at + 2).is_some_and(|next| *next != b' ') {
        return None;
    }
    let (before, rest) = (text[..at].trim_end(), &text[at + 2..]);
    let time = before.rfind([' ', 'T']).map_or(0, |blank| blank + 1);
    let (hour, minutes) = before[time..].split_once(':')?;
    let hour = hour.parse::<u8>().ok().filter(|hour| (1..=12).contains(hour))?;
    Some(format!("{}{:02}:{minutes}{rest}", &before[..time], hour % 12 + afternoon))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, dates: Option<Dates>) -> String {
        match read(text, dates) {
            Ok(Written::Instant(timestamp)) => format!("{timestamp} exactly"),
            Ok(Written::Local(timestamp)) => timestamp.to_string(),
            Err((_, message)) => message,
        }
    }

    #[test]
    fn the_order_of_day_and_month_is_never_guessed() {
        let check = |text, dates, expected| assert_eq!(shown(text, dates), expected, "{text} {dates:?}");
        let (day, month) = (Some(Dates::DayFirst), Some(Dates::MonthFirst));
        check("03/04/2026", day, "2026-04-03T00:00:00.000000Z");
        check("03/04/2026", month, "2026-03-04T00:00:00.000000Z");
        check("3-4-2026 8:05", day, "2026-04-03T08:05:00.000000Z");
        check("11/26/2026, 08:15:30.5", month, "2026-11-26T08:15:30.500000Z");
        check("26.11.2026 08:15+01:00", day, "2026-11-26T07:15:00.000000Z exactly");
        check("11.26.2026T08:15", month, "2026-11-26T08:15:00.000000Z");
        check("2026-11-26", month, "2026-11-26T00:00:00.000000Z");
        check("1764144000", day, "2025-11-26T08:00:00.000000Z exactly");
        check("26.11.2026", None, "2026-11-26T00:00:00.000000Z");
        for text in ["03/04/2026", "11/26/2026 08:15", "26-11-2026"] {
            assert!(shown(text, None).contains("`dates` says which, dmy or mdy"), "{text}");
        }
        assert!(shown("26/11/2026", month).contains("month comes first, as `dates` says"));
        assert!(shown("11/26/2026 8 o'clock", month).contains("11/26/2026 8 o'clock"));
        for dates in [None, day, month] {
            assert!(shown("03/04/26 08:00", dates).contains("four are expected"), "{dates:?}");
        }
    }

    #[test]
    fn hours_before_and_after_noon() {
        let check = |text, expected| assert_eq!(shown(text, Some(Dates::MonthFirst)), expected, "{text}");
        check("11/26/2026 8:15:30 PM", "2026-11-26T20:15:30.000000Z");
        check("11/26/2026, 8:15:30\u{202f}AM", "2026-11-26T08:15:30.000000Z");
        check("2026-11-26 12:00am", "2026-11-26T00:00:00.000000Z");
        check("2026-11-26T12:30 pm", "2026-11-26T12:30:00.000000Z");
        check("2026-11-26 01:00 PM +01:00", "2026-11-26T12:00:00.000000Z exactly");
        for text in
            ["2026-11-26 13:00 PM", "2026-11-26 0:30 AM", "2026-11-26 8 PM", "8:15 PMT", "PM", "8:15 PM"]
        {
            assert!(shown(text, None).contains("is not one"), "{text}: {}", shown(text, None));
        }
    }

    #[test]
    fn settings_are_named() {
        assert_eq!((Dates::read("dmy"), Dates::read("mdy")), (Ok(Dates::DayFirst), Ok(Dates::MonthFirst)));
        assert!(Dates::read("ymd").unwrap_err().contains("01/31/2026"));
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_answered_without_panic(text in "\\PC{0,30}", dates in "[0-9 /.:-]{0,12}[ aApPmMé]{0,6}") {
            let _ = read(&text, None);
            let _ = (read(&dates, None), read(&dates, Some(Dates::MonthFirst)));
        }
    }
}
