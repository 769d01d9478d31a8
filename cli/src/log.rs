//! The log: lines on standard error, as `2026-01-31T12:00:00.000000Z INFO  text`, or as JSON.

use std::io::Write as _;

use afterglow_wire::printable;
use serde_json::json;

/// Starts the log. `AFTERGLOW_LOG` (or `RUST_LOG`, when only that is set) says what is logged: `info` by default.
/// Each line begins with `prefix`. What no terminal should get is escaped. With `AFTERGLOW_LOG_FORMAT=json` each line is an object with
/// `time`, `level`, `target` and `message`, and has no prefix.
pub fn start(prefix: &'static str) {
    let variable = if std::env::var_os("AFTERGLOW_LOG").is_some() { "AFTERGLOW_LOG" } else { "RUST_LOG" };
    let mut builder = env_logger::Builder::from_env(env_logger::Env::new().filter_or(variable, "info"));
    // It writes whole addresses, and those of webhooks are secrets.
    builder.filter_module("ureq", log::LevelFilter::Warn);
    if std::env::var("AFTERGLOW_LOG_FORMAT").is_ok_and(|format| format == "json") {
        builder.format(|out, record| {
            let time = out.timestamp_micros().to_string();
            writeln!(out, "{}", object(&time, record))
        });
    } else {
        builder.format(move |out, record| {
            let time = out.timestamp_micros();
            let text = record.args().to_string();
            writeln!(out, "{prefix}{time} {:<5} {}", record.level(), printable(&text))
        });
    }
    builder.init();
}

/// A line for programs.
fn object(time: &str, record: &log::Record<'_>) -> String {
    json!({
        "time": time,
        "level": record.level().as_str().to_ascii_lowercase(),
        "target": record.target(),
        "message": record.args().to_string(),
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_for_programs_is_one_object() {
        let mut record = log::Record::builder();
        record.level(log::Level::Warn).target("afterglow::x");
        let line =
            object("2026-01-31T12:00:00.000000Z", &record.args(format_args!("a \"b\"\nc\u{1b}")).build());
        assert!(!line.contains(['\n', '\u{1b}']), "{line}");
        let read: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!((&read["level"], &read["message"]), (&"warn".into(), &"a \"b\"\nc\u{1b}".into()));
    }
}
