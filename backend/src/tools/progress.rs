//! A line on a terminal that says how far something is, and the texts of amounts.

use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use crate::clock::Stopwatch;

/// Often enough to show that it is running, seldom enough to cost nothing.
const EVERY: Duration = Duration::from_millis(200);

/// The line, on standard error; nothing when that is no terminal.
#[derive(Debug)]
pub(super) struct Progress {
    watch: Stopwatch,
    terminal: bool,
    next: Duration,
}

impl Progress {
    pub(super) fn start() -> Self {
        let terminal = std::io::stderr().is_terminal();
        Self { watch: Stopwatch::start(), terminal, next: EVERY }
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.watch.elapsed()
    }

    /// Shows what `line` makes of the time since the start, if it is time to.
    pub(super) fn show(&mut self, line: impl FnOnce(Duration) -> String) {
        if !self.terminal {
            return;
        }
        let elapsed = self.elapsed();
        if elapsed >= self.next {
            self.next = elapsed + EVERY;
            let mut error = std::io::stderr().lock();
            let _ = write!(error, "\r\x1b[K{}", line(elapsed));
            let _ = error.flush();
        }
    }

    /// Takes the line away.
    pub(super) fn clear(&self) {
        if self.terminal {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}

/// A number with its thousands apart.
pub(super) fn number(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> = digits
        .as_bytes()
        .rchunks(3)
        .rev()
        .map(|group| std::str::from_utf8(group).unwrap_or_default())
        .collect();
    groups.join(",")
}

/// An amount of bytes in the unit that fits it.
pub(super) fn bytes(bytes: u64) -> String {
    let mut amount = bytes as f64;
    for unit in ["B", "kB", "MB", "GB"] {
        if amount < 1_000.0 {
            return if unit == "B" { format!("{bytes} B") } else { format!("{amount:.1} {unit}") };
        }
        amount /= 1_000.0;
    }
    format!("{amount:.2} TB")
}

/// A duration in the unit that fits it.
pub(super) fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0 => format!("{} ms", duration.as_millis()),
        1..10 => format!("{:.1} s", duration.as_secs_f64()),
        10..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
    }
}

/// How many of something in a second.
pub(super) fn rate(count: u64, elapsed: Duration) -> u64 {
    let rate = count as f64 / elapsed.as_secs_f64().max(1e-3);
    rate as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_written_with_separators_and_units() {
        assert_eq!(
            [number(0), number(999), number(1_000), number(12_345_678)],
            ["0", "999", "1,000", "12,345,678"]
        );
        assert_eq!([bytes(999), bytes(1_500), bytes(20_000_000)], ["999 B", "1.5 kB", "20.0 MB"]);
        let texts = [1, 65, 125, 7_260].map(|seconds| duration(Duration::from_secs(seconds)));
        assert_eq!(texts, ["1.0 s", "65 s", "2 min 5 s", "2 h 1 min"]);
        assert_eq!(rate(500, Duration::from_millis(250)), 2_000);
    }
}
