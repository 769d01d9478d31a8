//! Time zones as far as arithmetic needs them.

use super::DAY;

/// How far local time is ahead of UTC. The browser knows this of every zone; tests bring their own.
pub trait Zone {
    /// Microseconds that local time is ahead of UTC at the instant `utc`.
    fn offset(&self, utc: i64) -> i64;

    /// The local time at the instant `utc`, as if it were UTC.
    fn to_local(&self, utc: i64) -> i64 {
        utc.saturating_add(self.offset(utc))
    }

    /// The earliest instant at which clocks show `local`; none when they skip it (daylight saving begins).
    fn to_utc(&self, local: i64) -> Option<i64> {
        self.instants(local).into_iter().flatten().min()
    }

    /// Whether clocks show the local time of the instant `utc` twice (daylight saving ends).
    fn is_twice(&self, utc: i64) -> bool {
        self.instants(self.to_local(utc)).into_iter().flatten().any(|other| other != utc)
    }

    /// The instants at which clocks show `local`; where they show it once, it may be there twice.
    fn instants(&self, local: i64) -> [Option<i64>; 2] {
        // Around a change the offsets are those of a day before and a day after.
        let offsets = [local.saturating_sub(DAY), local.saturating_add(DAY)].map(|near| self.offset(near));
        offsets.map(|offset| Some(local.saturating_sub(offset)).filter(|utc| self.to_local(*utc) == local))
    }
}

/// Coordinated universal time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Utc;

impl Zone for Utc {
    fn offset(&self, _utc: i64) -> i64 {
        0
    }
}

/// Central European time in 2026, for tests: summer from 29 March 01:00 to 25 October 01:00 UTC.
#[cfg(test)]
pub(crate) struct Berlin;

#[cfg(test)]
impl Zone for Berlin {
    fn offset(&self, utc: i64) -> i64 {
        let summer = 1_774_746_000_000_000..1_792_890_000_000_000;
        if summer.contains(&utc) { 2 * super::HOUR } else { super::HOUR }
    }
}

#[cfg(test)]
mod tests {
    use afterglow_wire::Timestamp;

    use super::*;

    fn at(text: &str) -> i64 {
        Timestamp::parse(text).unwrap().micros()
    }

    #[test]
    fn an_hour_comes_twice_when_daylight_saving_ends() {
        let check = |utc: &str, twice| assert_eq!(Berlin.is_twice(at(utc)), twice, "{utc}");
        check("2026-10-24T23:59:59Z", false);
        check("2026-10-25T00:00Z", true);
        check("2026-10-25T01:59:59Z", true);
        check("2026-10-25T02:00Z", false);
        check("2026-03-29T01:00Z", false);
    }

    #[test]
    fn local_times_around_daylight_saving() {
        let check =
            |local: &str, utc: Option<&str>| assert_eq!(Berlin.to_utc(at(local)), utc.map(at), "{local}");
        check("2026-01-15T12:00", Some("2026-01-15T11:00"));
        check("2026-07-15T12:00", Some("2026-07-15T10:00"));
        check("2026-03-29T01:59", Some("2026-03-29T00:59"));
        check("2026-03-29T02:30", None);
        check("2026-03-29T03:00", Some("2026-03-29T01:00"));
        // Half past two comes twice; the first of them is meant.
        check("2026-10-25T02:30", Some("2026-10-25T00:30"));
        check("2026-10-25T03:00", Some("2026-10-25T02:00"));
    }
}
