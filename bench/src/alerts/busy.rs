//! What else a server may have to do while alerts are waited for: seal, export and test rules.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Result;

use super::tell;
use crate::http::{self, Connection, post};

/// Old samples, of 100 signals: several sealings' worth.
const SAMPLES: u64 = 2_000_000;
const SIGNALS: u64 = 100;
const FROM: u64 = 1_700_006_400;

/// How often each was done.
#[derive(Default)]
pub(super) struct Done {
    pub(super) exports: AtomicU64,
    pub(super) tests: AtomicU64,
}

/// Stores old samples, so that there is something to export.
pub(super) fn fill(connection: &mut Connection, scale: impl Fn(u64) -> u64) -> Result<()> {
    let mut body = String::new();
    for first in (0..scale(SAMPLES) / SIGNALS).step_by(50) {
        body.clear();
        body.push('[');
        for second in first..first + 50 {
            let comma = if second > first { "," } else { "" };
            write!(body, "{comma}{{\"timestamp\":{},\"signals\":{{", FROM + second)?;
            for signal in 0..SIGNALS {
                let comma = if signal > 0 { "," } else { "" };
                write!(body, "{comma}\"old{signal}\":{}.{}", second % 90, signal % 10)?;
            }
            body.push_str("}}");
        }
        body.push(']');
        tell(connection, "/api/telemetry", &body)?;
    }
    Ok(())
}

/// Reads all samples, again and again.
pub(super) fn export(address: &str, done: &Done, stopping: &AtomicU64) -> Result<()> {
    while stopping.load(Ordering::Relaxed) == 0 {
        http::download(address, "/api/telemetry?from=0&format=csv")?;
        done.exports.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

/// Tests a rule on the old samples, again and again.
pub(super) fn test(address: &str, done: &Done, stopping: &AtomicU64) -> Result<()> {
    let mut connection = Connection::open(address)?;
    let value = r#"{"of":"mean","window":300}"#;
    let question = format!(
        r#"{{"rule":{{"signals":["old*"],"value":{value},"is":"above","levels":[{{"limit":60}}]}},"from":{FROM},"to":{}}}"#,
        FROM + SAMPLES
    );
    let request = post("/api/rules/test", question.as_bytes());
    while stopping.load(Ordering::Relaxed) == 0 {
        connection.offer(&request)?;
        done.tests.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}
