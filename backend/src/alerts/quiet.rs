//! When a silence holds: decided on the wall clock of its zone.

use afterglow_wire::alert::Episode;
use afterglow_wire::channel::Takes;
use afterglow_wire::silence::{Day, Silence};
use afterglow_wire::{Invalid, Timestamp};
use jiff::civil::Weekday;
use jiff::tz::TimeZone;

/// A silence that is ready to be asked.
#[derive(Clone, Debug)]
pub struct Quiet {
    id: String,
    matcher: Takes,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    windows: Vec<Window>,
}

#[derive(Clone, Debug)]
struct Window {
    days: Vec<Day>,
    /// Minutes of the day; it ends on the next day when the second is not later.
    from: u16,
    to: u16,
    zone: TimeZone,
}

impl Quiet {
    /// Prepares a silence.
    ///
    /// # Errors
    /// When a zone is not known.
    pub fn new(silence: &Silence) -> Result<Self, Invalid> {
        let window = |(index, window): (usize, &afterglow_wire::silence::Window)| {
            let zone = TimeZone::get(&window.zone).map_err(|_| {
                Invalid::new(format!("windows[{index}].zone"), "a zone such as Europe/Berlin is expected")
            })?;
            let (from, to) = window.minutes()?;
            Ok(Window { days: window.days.clone(), from, to, zone })
        };
        Ok(Self {
            id: silence.id.clone(),
            matcher: silence.matcher(),
            from: silence.from,
            to: silence.to,
            windows: silence.windows.iter().enumerate().map(window).collect::<Result<_, _>>()?,
        })
    }

    /// Its name.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whether nobody is notified of this episode now.
    pub fn holds(&self, episode: &Episode, now: Timestamp) -> bool {
        self.is_active(now)
            && self.matcher.matches(&episode.rule, &episode.scope, episode.severity, &episode.labels)
    }

    /// Whether it holds at this instant.
    pub fn is_active(&self, now: Timestamp) -> bool {
        self.from.is_none_or(|from| from <= now)
            && self.to.is_none_or(|to| now < to)
            && (self.windows.is_empty() || self.windows.iter().any(|window| window.shows(now)))
    }
}

impl Window {
    /// Whether the wall clock shows a time inside. From an instant to a local time there is one answer, always.
    fn shows(&self, now: Timestamp) -> bool {
        let Ok(instant) = jiff::Timestamp::from_microsecond(now.micros()) else { return false };
        let local = self.zone.to_datetime(instant);
        let minute = u16::try_from(local.hour()).unwrap_or_default() * 60
            + u16::try_from(local.minute()).unwrap_or_default();
        let begins = |day: Weekday| self.days.is_empty() || self.days.contains(&of_jiff(day));
        if self.from < self.to {
            return (self.from..self.to).contains(&minute) && begins(local.weekday());
        }
        (minute >= self.from && begins(local.weekday()))
            || (minute < self.to && begins(local.weekday().previous()))
    }
}

fn of_jiff(day: Weekday) -> Day {
    match day {
        Weekday::Monday => Day::Mon,
        Weekday::Tuesday => Day::Tue,
        Weekday::Wednesday => Day::Wed,
        Weekday::Thursday => Day::Thu,
        Weekday::Friday => Day::Fri,
        Weekday::Saturday => Day::Sat,
        Weekday::Sunday => Day::Sun,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quiet(window: &str) -> Quiet {
        Quiet::new(&serde_json::from_str(&format!(r#"{{"rules":["*"],"windows":[{window}]}}"#)).unwrap())
            .unwrap()
    }

    /// The minutes of a span at which it holds.
    fn minutes(quiet: &Quiet, from: &str, hours: i64) -> i64 {
        let start: Timestamp = from.parse().unwrap();
        let at = |minute| Timestamp::from_micros(start.micros() + minute * 60_000_000);
        (0..hours * 60).filter(|minute| quiet.is_active(at(*minute))).count() as i64
    }

    #[test]
    fn an_hour_that_comes_twice_is_silent_twice_and_one_that_is_left_out_not_at_all() {
        let night = |zone| quiet(&format!(r#"{{"from":"01:30","to":"03:30","zone":"{zone}"}}"#));
        // 2027-03-28: 02:00 to 03:00 is left out; 2027-10-31: it comes twice.
        assert_eq!(minutes(&night("Europe/Berlin"), "2027-03-27T23:00:00Z", 23), 60);
        assert_eq!(minutes(&night("Europe/Berlin"), "2027-10-30T22:00:00Z", 25), 180);
        assert_eq!(minutes(&night("America/New_York"), "2027-03-14T05:00:00Z", 23), 60);
        assert_eq!(minutes(&night("America/New_York"), "2027-11-07T04:00:00Z", 25), 150);
        // Half an hour: 01:30 to 02:00 comes twice on 2027-04-04, 02:00 to 02:30 is left out on 2027-10-03.
        assert_eq!(minutes(&night("Australia/Lord_Howe"), "2027-04-03T13:00:00Z", 24), 150);
        assert_eq!(minutes(&night("Australia/Lord_Howe"), "2027-10-02T13:30:00Z", 24), 90);
        assert_eq!(minutes(&night("UTC"), "2027-03-28T00:00:00Z", 24), 120);
    }

    /// What `zdump -v -c 2027,2028` says: the first instant after each change, and the seconds from UTC before and after it.
    const CHANGES: [(&str, &str, i64, i64); 6] = [
        ("Europe/Berlin", "2027-03-28T01:00:00Z", 3_600, 7_200),
        ("Europe/Berlin", "2027-10-31T01:00:00Z", 7_200, 3_600),
        ("America/New_York", "2027-03-14T07:00:00Z", -18_000, -14_400),
        ("America/New_York", "2027-11-07T06:00:00Z", -14_400, -18_000),
        ("Australia/Lord_Howe", "2027-04-03T15:00:00Z", 39_600, 37_800),
        ("Australia/Lord_Howe", "2027-10-02T15:30:00Z", 37_800, 39_600),
    ];

    /// Every minute of the 48 hours around each change, with windows within a day, over midnight, and of single days.
    #[test]
    fn a15_every_minute_around_a_change_of_the_clocks_is_as_zdump_says() {
        let windows = [
            ("01:30", "03:30", None),
            ("02:00", "02:01", None),
            ("22:00", "06:00", None),
            ("00:00", "12:00", Some(6)),
            ("18:00", "02:30", Some(5)),
        ];
        for (zone, change, before, after) in CHANGES {
            let change = change.parse::<Timestamp>().unwrap().micros() / 1_000_000;
            for (from, to, day) in windows {
                let days = day.map_or("[]", |day| if day == 6 { r#"["sun"]"# } else { r#"["sat"]"# });
                let quiet =
                    quiet(&format!(r#"{{"days":{days},"from":"{from}","to":"{to}","zone":"{zone}"}}"#));
                let minute =
                    |text: &str| text[..2].parse::<i64>().unwrap() * 60 + text[3..].parse::<i64>().unwrap();
                let (from, to) = (minute(from), minute(to));
                for second in (change - 24 * 3_600..change + 24 * 3_600).step_by(60) {
                    let local = (second + if second < change { before } else { after }).div_euclid(60);
                    // 1970-01-01 was a Thursday; Monday is 0.
                    let (today, now) = ((local.div_euclid(1_440) + 3).rem_euclid(7), local.rem_euclid(1_440));
                    let is_day = |today: i64| day.is_none_or(|day| day == today);
                    let expected = if from < to {
                        (from..to).contains(&now) && is_day(today)
                    } else {
                        (now >= from && is_day(today)) || (now < to && is_day((today + 6) % 7))
                    };
                    let found = quiet.is_active(Timestamp::from_micros(second * 1_000_000));
                    assert_eq!(found, expected, "{zone} {change} {second} {from} {to} {day:?}");
                }
            }
        }
    }

    #[test]
    fn a_night_belongs_to_the_day_on_which_it_begins() {
        let quiet = quiet(r#"{"days":["fri"],"from":"22:00","to":"06:00","zone":"UTC"}"#);
        let at = |text: &str| quiet.is_active(text.parse().unwrap());
        // 2027-01-01 is a Friday.
        assert!(at("2027-01-01T22:00:00Z") && at("2027-01-02T05:59:59Z"));
        assert!(!at("2027-01-01T05:00:00Z") && !at("2027-01-02T06:00:00Z") && !at("2027-01-02T23:00:00Z"));
    }

    #[test]
    fn an_unknown_zone_is_refused_by_its_field() {
        let silence = r#"{"rules":["*"],"windows":[{"from":"01:00","to":"02:00","zone":"Europe/Atlantis"}]}"#;
        let refused = Quiet::new(&serde_json::from_str(silence).unwrap()).unwrap_err();
        assert_eq!(refused.field, "windows[0].zone");
    }
}
