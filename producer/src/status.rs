//! What a person sees of a running producer.

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::time::Duration;

use afterglow_client::publish::outbox::Tally;

use crate::source::losses::Counts;

/// Back to the line's start, and erase it: the status line is rewritten in place.
pub const REWRITE: &str = "\r\x1b[2K";

/// How the status is shown: rewritten in place on a terminal, else as lines of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// One line on the standard error, rewritten in place.
    Terminal,
    /// A line of the log.
    Log,
}

impl Status {
    /// The way that fits the standard error.
    pub fn detect() -> Self {
        if io::stderr().is_terminal() { Self::Terminal } else { Self::Log }
    }

    /// How often it is shown: fast enough to watch, or slow enough for a log.
    pub const fn interval(self) -> Duration {
        match self {
            Self::Terminal => Duration::from_millis(250),
            Self::Log => Duration::from_secs(10),
        }
    }

    /// Shows it.
    pub fn show(self, tally: &Tally, waiting: usize, refused: &Refused) {
        match self {
            // A terminal that has gone away is no reason to stop sending.
            Self::Terminal => {
                let mut out = io::stderr().lock();
                let _ = write!(out, "{REWRITE}{}{refused}", line(tally, waiting)).and_then(|()| out.flush());
            }
            Self::Log => log::info!("{}{refused}", line(tally, waiting)),
        }
    }
}

/// What sources gave that could not be used; its text follows [`line`]'s.
#[derive(Clone, Debug, Default)]
pub struct Refused(pub Vec<Arc<Counts>>);

impl Refused {
    /// Rows, lines and values that could not be used.
    pub fn count(&self) -> u64 {
        self.0.iter().map(|counts| counts.refused()).sum()
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.count() {
            0 => Ok(()),
            count => write!(f, ", unusable {count}"),
        }
    }
}

/// The counts in samples; those that are usually 0 only when they are not.
pub fn line(tally: &Tally, waiting: usize) -> String {
    let mut text = format!("sent {}, waiting {waiting}, retries {}", tally.sent, tally.retries);
    for (name, count) in [("rejected", tally.rejected), ("dropped", tally.dropped)] {
        if count > 0 {
            text += &format!(", {name} {count}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_names_losses_only_when_there_are_some() {
        let mut tally = Tally { sent: 12, retries: 1, ..Tally::default() };
        assert_eq!(line(&tally, 3), "sent 12, waiting 3, retries 1");
        tally.dropped = 4;
        assert_eq!(line(&tally, 3), "sent 12, waiting 3, retries 1, dropped 4");
    }
}
