//! Times that stand under a name of their own where `timestamp` is expected: their samples would get another time.

use afterglow_wire::Timestamp;
use afterglow_wire::timestamp::Written;

use super::number;

/// Parts of names that are times, in lower case.
const PARTS: &[&str] = &["ts", "tst", "dt", "epoch", "unix", "utc", "clock", "when", "t"];

/// What names of times have in them, in lower case; also misspelt ones, as in `timestmap`.
const STEMS: &[&str] = &["time", "date", "stamp"];

/// What else may have a time of its own, which is not that of a sample: numbers under such names are signals, as `boot_time` is.
const OTHERS: &[&str] = &[
    "boot", "start", "started", "last", "next", "up", "uptime", "end", "until", "expires", "expiry", "build",
    "install", "process", "birth", "update", "updated", "changed", "modified",
];

/// How far from now a number lies that is taken for an instant, in microseconds: ten years.
const NEAR: u64 = 3_653 * 86_400 * 1_000_000;

/// Whether this is the name of a time: `ts`, `t`, `dt`, `at`, `sentAt`, `created_at`, `epoch_ms`, `unix`, `clock`, `utc`, `when`, or one
/// with `time`, `date` or `stamp` in it.
fn is_time(name: &str) -> bool {
    let parts = parts(name);
    let lower = name.to_lowercase();
    STEMS.iter().any(|stem| lower.contains(stem))
        || parts.iter().any(|part| PARTS.contains(&&**part))
        || parts.last().is_some_and(|last| last == "at")
}

/// Whether this name alone says that it is one, whatever its value: one with `time`, `date` or `stamp` in it, or `ts`, `t`, `epoch`,
/// `utc`, `when` or `clock`.
pub fn is_a_time_alone(name: &str) -> bool {
    let lower = name.to_lowercase();
    STEMS.iter().any(|stem| lower.contains(stem))
        || ["ts", "t", "epoch", "utc", "when", "clock"].contains(&&*lower)
}

/// Whether this value, which stands where signals do, is a time under the name of one: a number that is an instant within ten
/// years of `now`, or a text that is one or looks like one. Signals may have such names too: `t=21.5` is a temperature.
pub fn is_misplaced(name: &str, value: &str, now: Timestamp) -> bool {
    let value = value.trim().trim_matches('"');
    if !is_time(name) {
        return false;
    }
    let words = parts(name);
    match (Timestamp::read(value), number::read(value)) {
        (_, Ok(_)) if words.iter().any(|word| OTHERS.contains(&&**word)) => false,
        (Ok(Written::Instant(instant)), Ok(_)) => instant.micros().abs_diff(now.micros()) <= NEAR,
        (Ok(_), _) => true,
        // Counters pass through such numbers; what is called a date and nothing else does not.
        (Err(_), Ok(number)) => {
            ["date", "time", "datetime", "timestamp", "ts"].contains(&&*words.concat()) && is_calendar(number)
        }
        (Err(_), Err(_)) => looks_like_time(value),
    }
}

/// Whether a number is a date in digits alone, which [`Timestamp::from_epoch`] refuses.
fn is_calendar(number: f64) -> bool {
    number.fract() == 0.0 && (1e7..1e15).contains(&number) && Timestamp::from_epoch(number as i64).is_err()
}

/// Whether a text has what dates and times of day have: digits, and signs between them.
fn looks_like_time(text: &str) -> bool {
    let marks = |mark: &[char]| text.matches(mark).count();
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    digits >= 3 && (marks(&[':']) > 0 || marks(&['/']) > 1 || marks(&['-']) > 1 || marks(&['.']) > 1)
}

/// The words of a name, in lower case, separated by signs or by a capital letter.
fn parts(name: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut was_small = false;
    for character in name.chars() {
        if !character.is_alphabetic() || character.is_uppercase() && was_small {
            parts.push(String::new());
        }
        if character.is_alphabetic() {
            parts.last_mut().into_iter().for_each(|part| part.extend(character.to_lowercase()));
        }
        was_small = character.is_lowercase();
    }
    parts.retain(|part| !part.is_empty());
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_times() {
        for name in [
            "ts",
            "t",
            "T",
            "dt",
            "tst",
            "at",
            "sent_at",
            "sentAt",
            "created_at",
            "epoch",
            "epoch_ms",
            "unixTime",
            "clock",
            "utc",
            "when",
            "time",
            "dateTime",
            "@timestamp",
            "timestmap",
            "_time",
            "received.at",
            "ts2",
        ] {
            assert!(is_time(name), "{name}");
        }
        for name in ["temp", "heat", "atm", "a", "attic", "at_home", "volts", "dtemp", "hum", "unixes", ""] {
            assert!(!is_time(name), "{name}");
        }
    }

    #[test]
    fn values_of_signals_are_no_times() {
        let now = Timestamp::parse("2026-11-26T08:00:00Z").unwrap();
        for (name, value) in [
            ("ts", "1795680000"),
            ("t", "1795680000000"),
            ("sent_at", "1795680000.5"),
            ("clock", "1500000000"),
            ("date", "20261126"),
            ("when", "2026-11-26"),
            ("time", "08:15:30"),
            ("dt", "11/26/2026"),
            ("timestmap", "\"2026-11-26T08:00:00Z\""),
        ] {
            assert!(is_misplaced(name, value, now), "{name}={value}");
        }
        for (name, value) in [
            ("t", "21.5"),
            ("t", "-3"),
            ("clock", "1.2e9"),
            ("uptime", "86400"),
            ("update_rate", "50"),
            ("t", "high"),
            ("t", "21.5C"),
            ("temp", "1795680000"),
            ("id", "2026-11-26"),
            ("boot_time", "1795600000"),
            ("process_start_time_seconds", "1795600000"),
            ("last_update", "1795600000"),
            ("uptime_ms", "20260131"),
            ("t", "20260131"),
            ("date_code", "nan"),
        ] {
            assert!(!is_misplaced(name, value, now), "{name}={value}");
        }
    }
}
