//! The only clock: the browser's, corrected to the server's.

use std::cell::Cell;

/// The share of a difference that one late frame corrects: most are late because something took long.
const CORRECTED: i64 = 16;

/// The server's time, estimated from what it says with every frame.
#[derive(Debug, Default)]
pub struct Clock {
    offset: Cell<i64>,
}

impl Clock {
    /// The server's time now, in microseconds since 1970.
    pub fn now(&self) -> i64 {
        local_now() + self.offset.get()
    }

    /// It was `server_time` (microseconds since 1970) when the steady clock showed `at`.
    pub fn set(&self, server_time: i64, at: f64) {
        let since = ((steady() - at).max(0.0) * 1e3) as i64;
        self.offset.set(server_time + since - local_now());
    }

    /// The server said that it was `server_time` a moment ago. What arrives fastest says the most: a frame that shows
    /// more time than was thought is right, one that shows less may only have been on its way for long.
    pub fn observe(&self, server_time: i64) {
        let known = self.offset.get();
        let seen = server_time - local_now();
        if seen >= known {
            self.offset.set(seen);
        } else {
            self.offset.set(known + (seen - known) / CORRECTED);
        }
    }
}

/// A steady clock for measuring how long something took, in milliseconds.
pub fn steady() -> f64 {
    web_sys::window().and_then(|window| window.performance()).map_or(0.0, |performance| performance.now())
}

fn local_now() -> i64 {
    (js_sys::Date::now() * 1e3) as i64
}
