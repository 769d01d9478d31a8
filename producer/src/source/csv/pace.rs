//! When each reading is sent, and with which timestamp.

use std::time::Duration;

use afterglow_wire::Timestamp;
use afterglow_wire::telemetry::Reading;

use super::super::Item;
use super::super::losses::Losses;
use super::Replay;

/// A replay does not wait longer than this for the next row: nobody would.
const LONGEST_WAIT: Duration = Duration::from_secs(86_400);

/// How long it waits instead.
const SHORTEST_WAIT: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Pace {
    speed: f64,
    rebase: bool,
    start: Timestamp,
    /// The recorded time of the last reading, and when it was due.
    last: Option<(Timestamp, Duration)>,
    /// The timestamp that it was given.
    given: Option<Timestamp>,
}

impl Pace {
    pub(super) const fn new(config: &Replay, start: Timestamp) -> Self {
        Self { speed: config.speed, rebase: config.rebase, start, last: None, given: None }
    }

    /// Gives a reading its time. Readings come in the order of time.
    pub(super) fn item(&mut self, mut reading: Reading, losses: &Losses) -> Item {
        let recorded = reading.timestamp.unwrap_or_default();
        let due = match self.last {
            None => Duration::ZERO,
            Some((last, due)) => {
                let step =
                    Duration::from_micros(u64::try_from(recorded.micros() - last.micros()).unwrap_or(0));
                let wait =
                    Duration::try_from_secs_f64(step.as_secs_f64() / self.speed).unwrap_or(Duration::MAX);
                if wait > LONGEST_WAIT {
                    losses.note(format_args!(
                        "there is nothing between {last} and {recorded}, a gap of {} days; it is skipped",
                        step.as_secs() / 86_400
                    ));
                    due + SHORTEST_WAIT
                } else {
                    due + wait
                }
            }
        };
        self.last = Some((recorded, due));
        if self.rebase {
            let micros = i64::try_from(due.as_micros()).unwrap_or(i64::MAX);
            // However fast the replay is, instants that were different stay so.
            let next = self.given.map_or(i64::MIN, |given| given.micros() + 1);
            let micros = self.start.micros().saturating_add(micros).max(next);
            self.given = Some(Timestamp::from_micros(micros));
            reading.timestamp = self.given;
        }
        Item { due: Some(due), reading }
    }
}
