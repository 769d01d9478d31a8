//! `afterglow tail`: signals live in a terminal, values changing in place, or as lines of JSON for another program.

mod screen;

use std::collections::BTreeMap;
use std::io::{ErrorKind, IsTerminal as _, Write};
use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;

use afterglow_cli::access::Access;
use afterglow_client::subscribe::{News, Samples, SubscribeError, Subscription};
use afterglow_wire::Timestamp;
use afterglow_wire::telemetry::Reading;
use clap::Args;

use super::{ToolError, tell};
use screen::Screen;

/// The screen is painted at most this often: faster than that nobody reads.
const PAINT: Duration = Duration::from_millis(250);

/// News that may wait for the terminal; beyond it the server conflates.
const WAITING: usize = 1_024;

/// What to follow.
#[derive(Args, Debug)]
pub struct Options {
    /// Names, in which `*` stands for any characters
    #[arg(default_value = "*", value_name = "SIGNAL")]
    signals: Vec<String>,

    /// The server
    #[arg(long, env = "AFTERGLOW_BACKEND", default_value = "http://127.0.0.1:5001", value_name = "URL")]
    backend: String,

    #[command(flatten)]
    access: Access,

    /// Seconds of history first
    #[arg(long, value_name = "SECONDS")]
    window: Option<f64>,
}

/// Follows signals until it is interrupted, or until nobody reads its output any more.
///
/// # Errors
/// When the server refuses, or the output cannot be written.
pub fn run(options: &Options) -> Result<(), ToolError> {
    let refused = |error: SubscribeError| ToolError::Refused(error.to_string());
    let mut subscription = Subscription::new(&options.backend, options.signals.clone())
        .map_err(refused)?
        .access(options.access.open()?);
    if let Some(seconds) = options.window {
        subscription = subscription.window(seconds, None).map_err(refused)?;
    }
    let shown = if std::io::stdout().is_terminal() { show(subscription) } else { print(subscription) };
    match shown {
        // The reader has closed the pipe.
        Err(ToolError::File { error, .. }) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        shown => shown,
    }
}

/// A line of JSON for each sample, as POST /api/telemetry takes it.
fn print(mut subscription: Subscription) -> Result<(), ToolError> {
    let mut out = std::io::stdout().lock();
    loop {
        match receive(&mut subscription)? {
            News::Samples(samples) => {
                write_lines(&mut out, &samples).map_err(ToolError::file(Path::new("standard output")))?;
            }
            News::Offline { reason, wait } => {
                tell(&format!("{reason}; next try in {:.1} s", wait.as_secs_f64()));
            }
            _ => {}
        }
    }
}

fn write_lines(out: &mut impl Write, samples: &Samples) -> std::io::Result<()> {
    for (time, value) in samples.times.iter().zip(&samples.values) {
        let signals = BTreeMap::from([(samples.signal.to_string(), *value)]);
        let reading = Reading { timestamp: Some(Timestamp::from_micros(*time)), signals };
        serde_json::to_writer(&mut *out, &reading)?;
        out.write_all(b"\n")?;
    }
    out.flush()
}

/// Values that change in place.
fn show(mut subscription: Subscription) -> Result<(), ToolError> {
    let (sender, news) = sync_channel(WAITING);
    let follow = move || {
        loop {
            let received = receive(&mut subscription);
            let is_over = received.is_err();
            if sender.send(received).is_err() || is_over {
                return;
            }
        }
    };
    std::thread::Builder::new()
        .name("tail".into())
        .spawn(follow)
        .map_err(ToolError::file(Path::new("a thread")))?;
    let mut screen = Screen::default();
    loop {
        match news.recv_timeout(PAINT) {
            Ok(news) => screen.take(news?),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        }
        screen.paint().map_err(ToolError::file(Path::new("standard output")))?;
    }
}

fn receive(subscription: &mut Subscription) -> Result<News, ToolError> {
    subscription.receive().map_err(|error| ToolError::Refused(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_can_be_posted_again() {
        let samples = Samples {
            signal: "a\"b".into(),
            times: vec![0, 1_500_000],
            values: vec![0.1, -0.0],
            is_history: false,
            server_time: 0,
        };
        let mut out = Vec::new();
        write_lines(&mut out, &samples).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "{\"timestamp\":\"1970-01-01T00:00:00.000000Z\",\"signals\":{\"a\\\"b\":0.1}}\n\
             {\"timestamp\":\"1970-01-01T00:00:01.500000Z\",\"signals\":{\"a\\\"b\":-0.0}}\n"
        );
    }
}
