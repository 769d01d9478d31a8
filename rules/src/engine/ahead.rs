//! What is usual in the hour that comes is learned before it begins, a few signals at a time, so that a full hour holds nothing up.

use super::Engine;
use crate::SECOND;
use crate::band::HOUR;
use crate::past::Past;

/// How far the hour after this one has been looked at.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ahead {
    /// Where that hour begins.
    hour: i64,
    /// Signals numbered below have been looked at.
    next: usize,
    /// From when on all are looked at again: some may have been judged for the first time.
    again: i64,
}

/// Between two looks at all signals.
const PAUSE: i64 = 60 * SECOND;

impl Engine {
    /// Learns what is usual in the hour after the one that `now` lies in, for at most `most` signals that do not know it yet. What comes out of the engine
    /// does not depend on whether this is called.
    pub fn look_ahead(&mut self, now: i64, past: &mut dyn Past, most: usize) {
        let hour = now - now.rem_euclid(HOUR) + HOUR;
        if self.ahead.hour != hour || now >= self.ahead.again {
            self.ahead = Ahead { hour, next: 0, again: now + PAUSE };
        }
        let mut left = most;
        while left > 0
            && let Some(signal) = self.signals.get_mut(self.ahead.next)
        {
            // Only signals that were judged by what is usual know anything of it.
            let bands = signal.more.as_mut().and_then(|more| more.bands.as_mut());
            if let Some(bands) = bands.filter(|bands| !bands.knows(hour)) {
                bands.at(self.ahead.next as u32, hour, past);
                left -= 1;
            }
            self.ahead.next += 1;
        }
    }
}
