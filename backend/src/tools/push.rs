//! `afterglow push`: the numbers that another program prints, as samples of one signal.

use std::io::{BufRead, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use afterglow_cli::access::Access;
use afterglow_client::clock;
use afterglow_client::publish::Publisher;
use afterglow_client::publish::outbox::Limits;
use afterglow_formats::{number, records};
use afterglow_wire::telemetry::Reading;
use afterglow_wire::{Timestamp, name};
use clap::Args;

use super::{ToolError, tell};

/// The longest line; a number is far shorter.
const LINE_BYTES: u64 = 1_024;

/// Lines without a number that are described; the others are only counted.
const DESCRIBED: u64 = 5;

/// What to send, and where to.
#[derive(Args, Debug)]
pub struct Options {
    /// The signal; each line is a number, and becomes a sample at the time when it is read
    #[arg(long, value_name = "NAME")]
    signal: String,

    /// The server
    #[arg(long, env = "AFTERGLOW_BACKEND", default_value = "http://127.0.0.1:5001", value_name = "URL")]
    backend: String,

    #[command(flatten)]
    access: Access,

    /// A folder for samples that wait while the server is down, and for those that are left at the end, which the next push with this
    /// folder sends; a temporary one when absent
    #[arg(long, value_name = "FOLDER")]
    spool: Option<PathBuf>,

    /// Seconds for which the server is tried again after the last line, up to a day
    #[arg(long, default_value_t = 60, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(..=86_400))]
    patience: u32,
}

/// Sends what the standard input says, until it ends.
///
/// # Errors
/// When the arguments or the input cannot be used, when the server has refused samples, and when some could not be sent.
pub fn run(options: &Options) -> Result<(), ToolError> {
    name::check_new(&options.signal).map_err(ToolError::Refused)?;
    let temporary = match &options.spool {
        Some(_) => None,
        None => Some(tempfile::tempdir().map_err(ToolError::file(&std::env::temp_dir()))?),
    };
    let folder = options.spool.as_deref().or(temporary.as_ref().map(tempfile::TempDir::path));
    let folder = folder.unwrap_or(Path::new("spool")).to_owned();
    let publisher = Publisher::start(&options.backend, folder, Limits::default(), options.access.open()?)
        .map_err(|error| ToolError::Refused(error.to_string()))?;
    let mut last = 0;
    let read = numbers(std::io::stdin().lock(), |value| {
        // Two lines never share a microsecond.
        last = clock::now().micros().max(last + 1);
        let signals = [(options.signal.clone(), value)].into();
        publisher.record(vec![Reading { timestamp: Some(Timestamp::from_micros(last)), signals }]);
    });
    let closed = publisher
        .finish(Duration::from_secs(options.patience.into()))
        .ok_or_else(|| ToolError::Refused("the publisher has broken".into()))?;
    let unusable = read.map_err(ToolError::file(Path::new("standard input")))?;
    let mut wrong = Vec::new();
    if unusable > 0 {
        wrong.push(format!("{unusable} lines are no numbers"));
    }
    if closed.tally.rejected > 0 {
        wrong.push(format!("the server has refused {} samples", closed.tally.rejected));
    }
    match &options.spool {
        Some(folder) if closed.spooled > 0 => {
            wrong.push(format!("{} samples wait in {} for the next push", closed.spooled, folder.display()));
        }
        _ if closed.spooled > 0 => wrong.push(format!("{} samples could not be sent", closed.spooled)),
        _ => {}
    }
    let lost = closed.tally.dropped;
    if lost > 0 {
        wrong.push(format!("{lost} samples are lost"));
    }
    if wrong.is_empty() { Ok(()) } else { Err(ToolError::Refused(wrong.join("; "))) }
}

/// Gives the number of each line to `take`. Blank lines and those that begin with `#` say nothing. Returns how many others have none.
fn numbers(mut input: impl BufRead, mut take: impl FnMut(f64)) -> std::io::Result<u64> {
    let (mut line, mut at, mut unusable) = (Vec::new(), 0_u64, 0);
    loop {
        line.clear();
        if input.by_ref().take(LINE_BYTES).read_until(b'\n', &mut line)? == 0 {
            return Ok(unusable);
        }
        at += 1;
        let is_long = line.len() as u64 == LINE_BYTES && line.last() != Some(&b'\n');
        if is_long {
            input.skip_until(b'\n')?;
        }
        let text = records::text(&line);
        let text = text.trim_start_matches('\u{feff}').trim();
        let read = match text.chars().next() {
            None | Some('#') => continue,
            Some(_) if is_long => Err(format!("it has more than {LINE_BYTES} bytes")),
            Some(_) => number::read(text).map_err(|(_, message)| message),
        };
        match read {
            Ok(value) => take(value),
            Err(message) => {
                unusable += 1;
                if unusable <= DESCRIBED {
                    tell(&format!("line {at}: {message}"));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_is_a_number_or_is_counted() {
        let long = "1".repeat(5_000);
        let text = format!("1.5\r\n\n# comment\n  -2e3 \nx\nNaN\n{long}\ntrue\n7");
        let mut values = Vec::new();
        let unusable = numbers(text.as_bytes(), |value| values.push(value)).unwrap();
        assert_eq!((values, unusable), (vec![1.5, -2000.0, 1.0, 7.0], 3));
        let mut values = Vec::new();
        let unusable =
            numbers(&b"\xef\xbb\xbf1.5\n21 \xb0C\n\xef\xbb\xbf2"[..], |value| values.push(value)).unwrap();
        assert_eq!((values, unusable), (vec![1.5, 2.0], 1));
    }
}
