//! The only clock: the browser's, corrected to the server's.

use std::cell::Cell;

/// The server's time, estimated from what it said when the socket opened.
#[derive(Debug, Default)]
pub struct Clock {
    offset: Cell<i64>,
}

impl Clock {
    /// The server's time now, in microseconds since 1970.
    pub fn now(&self) -> i64 {
        local_now() + self.offset.get()
    }

    /// The server has just said that it is `server_time` (microseconds since 1970).
    pub fn set(&self, server_time: i64) {
        self.offset.set(server_time - local_now());
    }
}

/// A steady clock for measuring how long something took, in milliseconds.
pub fn steady() -> f64 {
    web_sys::window().and_then(|window| window.performance()).map_or(0.0, |performance| performance.now())
}

fn local_now() -> i64 {
    (js_sys::Date::now() * 1e3) as i64
}
