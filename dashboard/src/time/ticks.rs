//! Where a time axis has its ticks and what it writes there.
//!
//! Ticks stand on round local times. Up to an hour apart they are counted in elapsed time, so that the hour which daylight
//! saving repeats has its ticks twice and the one that it skips has none; further apart they are local hours, days,
//! months and years.

use super::text::Civil;
use super::{DAY, HOUR, MINUTE, SECOND, Span, Zone};

/// A tick.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tick {
    /// Where it stands, in microseconds since 1970.
    pub at: i64,
    /// What it says; after a line break the date, or the year, where that is new.
    pub label: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// Elapsed microseconds, at most an hour.
    Elapsed(i64),
    /// Local hours from midnight on.
    Hours(i64),
    /// Local days, counted from a Monday.
    Days(i64),
    Months(i64),
    Years(i64),
}

use Step::{Days, Elapsed, Hours, Months, Years};

const STEPS: [Step; 43] = [
    Elapsed(1),
    Elapsed(2),
    Elapsed(5),
    Elapsed(10),
    Elapsed(20),
    Elapsed(50),
    Elapsed(100),
    Elapsed(200),
    Elapsed(500),
    Elapsed(1_000),
    Elapsed(2_000),
    Elapsed(5_000),
    Elapsed(10_000),
    Elapsed(20_000),
    Elapsed(50_000),
    Elapsed(100_000),
    Elapsed(200_000),
    Elapsed(500_000),
    Elapsed(SECOND),
    Elapsed(2 * SECOND),
    Elapsed(5 * SECOND),
    Elapsed(10 * SECOND),
    Elapsed(15 * SECOND),
    Elapsed(30 * SECOND),
    Elapsed(MINUTE),
    Elapsed(2 * MINUTE),
    Elapsed(5 * MINUTE),
    Elapsed(10 * MINUTE),
    Elapsed(15 * MINUTE),
    Elapsed(30 * MINUTE),
    Elapsed(HOUR),
    Hours(2),
    Hours(3),
    Hours(6),
    Hours(12),
    Days(1),
    Days(2),
    Days(7),
    Days(14),
    Months(1),
    Months(3),
    Months(6),
    Years(1),
];

impl Step {
    /// About how long it is, in microseconds.
    fn length(self) -> i64 {
        match self {
            Elapsed(micros) => micros,
            Hours(hours) => hours * HOUR,
            Days(days) => days * DAY,
            Months(months) => months * 30 * DAY,
            Years(years) => years * 365 * DAY,
        }
    }

    /// The shortest step of which `span` has at most `most`.
    fn fitting(span: Span, most: i64) -> Self {
        let fits = |step: &Step| span.width() / most.max(1) < step.length();
        let years = || {
            let multiples = [2, 5, 10, 20, 50, 100].map(Years);
            multiples.into_iter().find(fits).unwrap_or(Years(100))
        };
        STEPS.into_iter().find(fits).unwrap_or_else(years)
    }
}

/// How wide a character of a label is in a wide font, in pixels of the screen.
const CHARACTER: f64 = 6.8;

/// An axis on the screen, in pixels.
#[derive(Clone, Copy, Debug)]
pub struct Axis {
    /// How wide it is.
    pub width: f64,
    /// How far dates may reach beyond its left end; what is below zero is within it.
    pub left: f64,
    /// How far labels may reach beyond its right end.
    pub right: f64,
}

/// Leaves out labels that an axis over `span` would cut off at its right end; a date that has no room at the left stands
/// under the next tick.
pub fn fit(ticks: &mut [Tick], span: Span, axis: Axis) {
    let mut carried = None;
    for tick in ticks {
        let at = (tick.at - span.from) as f64 / span.width().max(1) as f64 * axis.width;
        let half = |text: &str| width(text) / 2.0;
        let fits = |text: &str| at + half(text) <= axis.width + axis.right;
        let (time, date) = match tick.label.split_once('\n') {
            Some((time, date)) => (time.to_owned(), Some(date.to_owned())),
            None => (tick.label.clone(), carried.take()),
        };
        carried = date.clone().filter(|date| at - half(date) < -axis.left);
        let date = date.filter(|date| carried.is_none() && fits(date));
        tick.label = match date {
            _ if !fits(&time) => String::new(),
            Some(date) => format!("{time}\n{date}"),
            None => time,
        };
    }
}

/// How wide a text is about, in pixels of the screen.
pub fn width(text: &str) -> f64 {
    text.chars().count() as f64 * CHARACTER
}

/// At most about `most` ticks within `span`, as clocks in `zone` show them.
pub fn ticks(span: Span, most: usize, zone: &dyn Zone) -> Vec<Tick> {
    let most = i64::try_from(most.max(1)).unwrap_or(i64::MAX);
    let step = Step::fitting(span, most);
    let instants = match step {
        Elapsed(micros) => elapsed(span, micros, zone),
        _ => {
            let mut instants: Vec<i64> =
                local(span, step, zone).into_iter().filter_map(|local| zone.to_utc(local)).collect();
            instants.retain(|at| span.contains(*at));
            instants
        }
    };
    label(&instants, step, zone)
}

fn elapsed(span: Span, step: i64, zone: &dyn Zone) -> Vec<i64> {
    let mut instants = Vec::new();
    let mut at = span.from;
    while at < span.to {
        // Again at each tick: a change of the offset may move what is round.
        let beyond = zone.to_local(at).rem_euclid(step);
        if beyond != 0 {
            at += step - beyond;
            continue;
        }
        instants.push(at);
        at += step;
    }
    instants
}

/// Round local times around `span`.
fn local(span: Span, step: Step, zone: &dyn Zone) -> Vec<i64> {
    let (from, to) = (zone.to_local(span.from) - DAY, zone.to_local(span.to) + DAY);
    let every = |step: i64, anchor: i64| {
        let first = (from - anchor).div_euclid(step) * step + anchor;
        (0..).map(move |n| first + n * step).take_while(move |at| *at <= to).collect()
    };
    let months = |step: i64| {
        let month_of = |local: i64| {
            let civil = Civil::of(local);
            civil.year * 12 + civil.month - 1
        };
        let first = month_of(from).div_euclid(step) * step;
        let numbers = (0..).map(move |n| first + n * step).take_while(move |month| *month <= month_of(to));
        numbers.map(|month| Civil::midnight(month.div_euclid(12), month.rem_euclid(12) + 1, 1)).collect()
    };
    match step {
        Elapsed(micros) => every(micros, 0),
        Hours(hours) => every(hours * HOUR, 0),
        // 5 January 1970 was a Monday.
        Days(days) => every(days * DAY, 4 * DAY),
        Months(step) => months(step),
        Years(years) => months(12 * years),
    }
}

fn label(instants: &[i64], step: Step, zone: &dyn Zone) -> Vec<Tick> {
    let mut before: Option<String> = None;
    let label = |at: &i64| {
        let civil = Civil::of(zone.to_local(*at));
        let (text, context) = match step {
            Elapsed(..1_000) => (civil.fraction(6), civil.full_date()),
            Elapsed(1_000..SECOND) => (civil.fraction(3), civil.full_date()),
            Elapsed(SECOND..MINUTE) => (civil.seconds(), civil.full_date()),
            Elapsed(_) | Hours(_) => (civil.minutes(), format!("{} {}", civil.weekday(), civil.date())),
            Days(_) => (civil.date(), civil.year.to_string()),
            Months(_) => (civil.month_name().to_owned(), civil.year.to_string()),
            Years(_) => (civil.year.to_string(), String::new()),
        };
        let new = before.as_ref() != Some(&context) && !context.is_empty();
        let label = if new { format!("{text}\n{context}") } else { text };
        before = Some(context);
        Tick { at: *at, label }
    };
    instants.iter().map(label).collect()
}

#[cfg(test)]
mod tests {
    use afterglow_wire::Timestamp;
    use proptest::prelude::*;

    use super::super::Utc;
    use super::super::zone::Berlin;
    use super::*;

    fn at(text: &str) -> i64 {
        Timestamp::parse(text).unwrap().micros()
    }

    fn labels(from: &str, to: &str, most: usize, zone: &dyn Zone) -> Vec<String> {
        let ticks = ticks(Span { from: at(from), to: at(to) }, most, zone);
        ticks.into_iter().map(|tick| tick.label.replace('\n', "|")).collect()
    }

    #[test]
    fn midnight_is_marked_with_its_date() {
        let found = labels("2026-11-24T23:30Z", "2026-11-25T00:30Z", 6, &Utc);
        assert_eq!(found, ["23:30|Tue 24 Nov", "23:45", "00:00|Wed 25 Nov", "00:15"]);
    }

    #[test]
    fn the_hour_that_comes_twice_has_its_ticks_twice_and_the_skipped_one_none() {
        let twice = labels("2026-10-24T23:00Z", "2026-10-25T03:00Z", 5, &Berlin);
        assert_eq!(twice, ["01:00|Sun 25 Oct", "02:00", "02:00", "03:00"]);
        let skipped = labels("2026-03-28T23:00Z", "2026-03-29T03:00Z", 5, &Berlin);
        assert_eq!(skipped, ["00:00|Sun 29 Mar", "01:00", "03:00", "04:00"]);
    }

    #[test]
    fn a_day_of_daylight_saving_keeps_round_hours() {
        let found = labels("2026-10-24T22:00Z", "2026-10-25T23:00Z", 5, &Berlin);
        assert_eq!(found, ["00:00|Sun 25 Oct", "06:00", "12:00", "18:00"]);
    }

    #[test]
    fn thirty_one_days_have_mondays() {
        let found = labels("2026-10-25T00:00Z", "2026-11-25T00:00Z", 8, &Utc);
        assert_eq!(found, ["26 Oct|2026", "2 Nov", "9 Nov", "16 Nov", "23 Nov"]);
    }

    #[test]
    fn years_and_milliseconds() {
        assert_eq!(
            labels("2025-11-25T00:00Z", "2026-11-25T00:00Z", 6, &Utc),
            ["Jan|2026", "Apr", "Jul", "Oct"]
        );
        assert_eq!(labels("2020-06-01T00:00Z", "2026-06-01T00:00Z", 4, &Utc), ["2022", "2024", "2026"]);
        assert_eq!(
            labels("2026-11-25T12:00:00.100Z", "2026-11-25T12:00:00.500Z", 3, &Utc),
            ["12:00:00.200|25 Nov 2026", "12:00:00.400"]
        );
    }

    #[test]
    fn labels_are_whole_and_dates_stand_where_there_is_room() {
        let fitted = |axis: Axis| -> Vec<String> {
            let span = Span { from: at("2026-11-24T23:30Z"), to: at("2026-11-25T00:30Z") };
            let mut ticks = ticks(span, 6, &Utc);
            ticks.push(Tick { at: at("2026-11-25T00:29Z"), label: "00:29".into() });
            fit(&mut ticks, span, axis);
            ticks.into_iter().map(|tick| tick.label.replace('\n', "|")).collect()
        };
        let wide = Axis { width: 600.0, left: 40.0, right: 12.0 };
        assert_eq!(fitted(wide), ["23:30|Tue 24 Nov", "23:45", "00:00|Wed 25 Nov", "00:15", "00:29"]);
        let crowded = Axis { left: -10.0, right: 0.0, ..wide };
        assert_eq!(fitted(crowded), ["23:30", "23:45|Tue 24 Nov", "00:00|Wed 25 Nov", "00:15", ""]);
    }

    proptest! {
        #[test]
        fn ticks_are_few_in_order_and_within(
            from in 0i64..2_000_000_000_000_000,
            power in 4.0f64..15.2,
            most in 1usize..20,
        ) {
            let span = Span { from, to: from + 10f64.powf(power) as i64 };
            let ticks = ticks(span, most, &Berlin);
            prop_assert!(ticks.len() <= most + 2, "{} ticks of at most {most}", ticks.len());
            prop_assert!(ticks.windows(2).all(|pair| pair[0].at < pair[1].at));
            prop_assert!(ticks.iter().all(|tick| span.contains(tick.at)));
        }
    }
}
