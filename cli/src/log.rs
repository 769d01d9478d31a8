//! The log: lines on standard error, as `2026-01-31T12:00:00.000000Z INFO  text`.

use std::io::Write as _;

use afterglow_wire::printable;

/// Starts the log. `AFTERGLOW_LOG` (or `RUST_LOG`, when only that is set) says what is logged: `info` by default.
/// Each line begins with `prefix`. What no terminal should get is escaped.
pub fn start(prefix: &'static str) {
    let variable = if std::env::var_os("AFTERGLOW_LOG").is_some() { "AFTERGLOW_LOG" } else { "RUST_LOG" };
    let mut builder = env_logger::Builder::from_env(env_logger::Env::new().filter_or(variable, "info"));
    // It writes whole addresses, and those of webhooks are secrets.
    builder.filter_module("ureq", log::LevelFilter::Warn);
    builder.format(move |out, record| {
        let time = out.timestamp_micros();
        let text = record.args().to_string();
        writeln!(out, "{prefix}{time} {:<5} {}", record.level(), printable(&text))
    });
    builder.init();
}
