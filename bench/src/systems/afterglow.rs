//! Ours.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use super::{System, metric};
use crate::commands::first_line;
use crate::http::fetch;
use crate::packages::Package;
use crate::samples::{Batch, Span};
use crate::server::Server;

pub(super) struct Afterglow;

impl System for Afterglow {
    fn name(&self) -> &'static str {
        "Afterglow"
    }

    fn promise(&self) -> &'static str {
        "on the disk"
    }

    fn package(&self) -> Option<Package> {
        None
    }

    fn version(&self) -> Result<String> {
        first_line(Command::new(binary()).arg("--version"))
    }

    fn command(&self, folder: &Path, port: u16) -> Result<Command> {
        std::fs::create_dir_all(folder.join("data"))?;
        let mut command = Command::new(binary());
        command.args(["serve", "--listen", &format!("127.0.0.1:{port}"), "--database"]);
        // The names that the clients of these measurements use.
        command.env("AFTERGLOW_ALLOWED_HOSTS", "bench 127.0.0.1");
        command.arg(folder.join("data/bench.db")).env("AFTERGLOW_LOG", "warn");
        Ok(command)
    }

    fn ready_path(&self) -> &'static str {
        "/health"
    }

    fn write_path(&self) -> &'static str {
        "/api/telemetry"
    }

    fn encode(&self, batch: &Batch, body: &mut Vec<u8>) {
        encode(batch, body);
    }

    fn stored(&self, server: &Server) -> Result<u64> {
        metric(&fetch(&server.address, "GET", "/metrics")?, "afterglow_samples_committed_total")
    }

    fn seal(&self, server: Server) -> Result<Vec<String>> {
        server.stop().map(|()| Vec::new())
    }

    fn data(&self) -> &'static [&'static str] {
        &["data"]
    }

    fn reduced(&self, span: Span, stretches: u64) -> String {
        // A stretch gives two points, its lowest and its highest.
        format!("{}&max_points={}", samples(span), 2 * stretches)
    }

    fn count_points(&self, answer: &str) -> usize {
        answer.matches("\"timestamp\"").count()
    }

    fn exports(&self, span: Span) -> Vec<(&'static str, String)> {
        let path = samples(span);
        vec![
            ("application/json", path.clone()),
            ("application/x-ndjson", format!("{path}&format=ndjson")),
            ("text/csv", format!("{path}&format=csv")),
        ]
    }
}

/// An object for one instant, an array of them for several.
pub(super) fn encode(batch: &Batch, body: &mut Vec<u8>) {
    let array = batch.len() > 1;
    body.extend_from_slice(if array { b"[" } else { b"" });
    for (index, (time, values)) in batch.instants().enumerate() {
        let comma = if index > 0 { "," } else { "" };
        // Writing to a Vec cannot fail.
        let _ = write!(body, "{comma}{{\"timestamp\":{time},\"signals\":{{");
        for (signal, value) in values.iter().enumerate() {
            let comma = if signal > 0 { "," } else { "" };
            let _ = write!(body, "{comma}\"signal{signal}\":{value}");
        }
        body.extend_from_slice(b"}}");
    }
    body.extend_from_slice(if array { b"]" } else { b"" });
}

fn samples(span: Span) -> String {
    format!("/api/telemetry?from={}&to={}&signals=signal0", span.from, span.to)
}

fn binary() -> PathBuf {
    std::env::var_os("AFTERGLOW_BIN").map_or_else(|| "target/release/afterglow".into(), PathBuf::from)
}
