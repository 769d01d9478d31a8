//! The newest value of each signal, a line each, painted over the lines before.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::Arc;

use afterglow_client::subscribe::News;

use super::PAINT;
use crate::clock::Stopwatch;

/// Lines shown when the terminal does not tell its height.
const USUAL_HEIGHT: usize = 24;

/// What is on the screen.
#[derive(Debug, Default)]
pub(super) struct Screen {
    /// The instant and value of each signal's newest sample.
    newest: BTreeMap<Arc<str>, (i64, f64)>,
    server_time: i64,
    state: String,
    painted: Option<Stopwatch>,
    lines: usize,
}

impl Screen {
    pub(super) fn take(&mut self, news: News) {
        match news {
            News::Began { is_resumed } => {
                if !is_resumed {
                    self.newest.clear();
                }
                self.state = "live".to_owned();
            }
            News::Samples(samples) => {
                self.server_time = samples.server_time;
                if let (Some(time), Some(value)) = (samples.times.last(), samples.values.last()) {
                    let newest = self.newest.entry(samples.signal).or_insert((*time, *value));
                    if *time >= newest.0 {
                        *newest = (*time, *value);
                    }
                }
            }
            News::Idle(server_time) => self.server_time = server_time,
            News::Conflated => self.state = "catching up".to_owned(),
            News::Offline { reason, wait } => {
                self.state = format!("offline: {reason}; next try in {:.1} s", wait.as_secs_f64());
            }
            News::Live | News::Changed(_) => {}
        }
    }

    /// Paints, unless it has just been done.
    pub(super) fn paint(&mut self) -> std::io::Result<()> {
        if self.painted.is_some_and(|painted| painted.elapsed() < PAINT) {
            return Ok(());
        }
        self.painted = Some(Stopwatch::start());
        let height = rustix::termios::tcgetwinsize(std::io::stdout())
            .map_or(USUAL_HEIGHT, |size| usize::from(size.ws_row));
        let text = self.text(height.saturating_sub(1).max(2));
        // Up over the lines of before, and away with them.
        let up = if self.lines > 0 { format!("\x1b[{}A\r", self.lines) } else { String::new() };
        self.lines = text.lines().count();
        let mut out = std::io::stdout().lock();
        write!(out, "{up}\x1b[J{text}")?;
        out.flush()
    }

    fn text(&self, height: usize) -> String {
        let width = self.newest.keys().map(|name| name.chars().count()).max().unwrap_or(0).min(60);
        let shown = self.newest.len().min(height - 1);
        let mut text = String::new();
        for (name, (time, value)) in self.newest.iter().take(shown) {
            let age = self.server_time.saturating_sub(*time).max(0) as f64 / 1e6;
            let name = afterglow_wire::printable(name);
            let _ = writeln!(text, "{name:<width$}  {value:>20}  {age:>8.1} s ago");
        }
        let rest = self.newest.len() - shown;
        let more = if rest > 0 { format!(", {rest} more signals") } else { String::new() };
        let _ = writeln!(text, "{}{more}", afterglow_wire::printable(&self.state));
        text
    }
}

#[cfg(test)]
mod tests {
    use afterglow_client::subscribe::Samples;

    use super::*;

    #[test]
    fn the_newest_value_stays_and_the_rest_is_counted() {
        let mut screen = Screen::default();
        screen.take(News::Began { is_resumed: false });
        for (signal, time, value) in
            [("a", 2_000_000, 1.5), ("a", 1_000_000, 9.0), ("b", 0, 2.0), ("c", 0, 3.0)]
        {
            screen.take(News::Samples(Samples {
                signal: signal.into(),
                times: vec![time],
                values: vec![value],
                is_history: false,
                server_time: 3_000_000,
            }));
        }
        let text = screen.text(3);
        let lines: Vec<_> =
            text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        assert_eq!(lines, ["a 1.5 1.0 s ago", "b 2 3.0 s ago", "live, 1 more signals"]);
    }
    #[test]
    fn what_a_server_says_cannot_steer_the_terminal() {
        let mut screen = Screen::default();
        let signal = "a\u{1b}[2J\u{202e}".into();
        screen.take(News::Samples(Samples {
            signal,
            times: vec![0],
            values: vec![1.0],
            is_history: false,
            server_time: 0,
        }));
        let wait = std::time::Duration::ZERO;
        screen.take(News::Offline { reason: "closed with 1000: \u{1b}]0;pwned\u{7}".into(), wait });
        let text = screen.text(9);
        assert!(text.contains("a\\u{1b}[2J\\u{202e}") && text.contains("\\u{1b}]0;pwned\\u{7}"), "{text}");
        assert!(!text.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{text:?}");
    }
}
