//! Writers that count from 1: whatever is missing, doubled or wrong afterwards shows.

use std::thread;

use crate::harness::{client, try_post};

/// One client that posts until its connection breaks, and what it was promised.
#[derive(Clone)]
pub(crate) struct Writer {
    /// Two signals, the second one falling.
    pub(crate) signals: [String; 2],
    /// The highest number that was acknowledged; the numbers have no hole.
    pub(crate) acknowledged: u64,
}

/// How writers write.
#[derive(Clone, Copy)]
pub(crate) struct Pace {
    /// Numbers in one request, which are stored together or not at all.
    pub(crate) per_post: u64,
    /// Microseconds of the number 0.
    pub(crate) start: u64,
    /// Microseconds from one number to the next.
    pub(crate) step: u64,
}

impl Writer {
    pub(crate) fn new(prefix: &str, number: usize) -> Self {
        Self { signals: [format!("{prefix}a{number}"), format!("{prefix}b{number}")], acknowledged: 0 }
    }

    /// The value that goes with a number, in each of the two signals.
    pub(crate) fn sign(signal: usize) -> f64 {
        if signal == 0 { 1.0 } else { -1.0 }
    }

    /// What it posts next.
    pub(crate) fn body(&self, pace: Pace) -> String {
        let [rising, falling] = &self.signals;
        let objects: Vec<_> = (1..=pace.per_post)
            .map(|i| {
                let number = self.acknowledged + i;
                let time = pace.start + number * pace.step;
                format!(r#"{{"timestamp":{time},"signals":{{"{rising}":{number},"{falling}":-{number}}}}}"#)
            })
            .collect();
        format!("[{}]", objects.join(","))
    }

    /// Posts until the connection breaks.
    fn write(&mut self, url: &str, pace: Pace) {
        let agent = client();
        loop {
            match try_post(url, &agent, &self.body(pace)) {
                Some(answer) => assert_eq!(answer.status, 200, "{}", answer.text),
                None => return,
            }
            self.acknowledged += pace.per_post;
        }
    }
}

/// Lets all writers write until `end` has ended the backend.
pub(crate) fn write_until(url: &str, writers: &mut [Writer], pace: Pace, end: impl FnOnce()) {
    thread::scope(|scope| {
        for writer in writers {
            scope.spawn(move || writer.write(url, pace));
        }
        end();
    });
}
