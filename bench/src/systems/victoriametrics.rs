//! VictoriaMetrics, single node.

use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::{System, line_protocol, metric};
use crate::http::{fetch, percent_encode};
use crate::packages::Package;
use crate::samples::{Batch, Span};
use crate::server::Server;

pub(super) struct VictoriaMetrics;

const PACKAGE: Package =
    Package { name: "VictoriaMetrics", program: "victoria-metrics", debian: "victoria-metrics" };

const FLUSH: &str = "/internal/force_flush";
const MERGE: &str = "/internal/force_merge";

/// What is not merged by then stays as it is.
const MERGE_DEADLINE: Duration = Duration::from_secs(60);

impl System for VictoriaMetrics {
    fn name(&self) -> &'static str {
        PACKAGE.name
    }

    fn promise(&self) -> &'static str {
        "in memory"
    }

    fn package(&self) -> Option<Package> {
        Some(PACKAGE)
    }

    fn version(&self) -> Result<String> {
        PACKAGE.version()
    }

    fn command(&self, folder: &Path, port: u16) -> Result<Command> {
        let mut command = Command::new(PACKAGE.program);
        command.arg(format!("-httpListenAddr=127.0.0.1:{port}"));
        command.arg(format!("-storageDataPath={}", folder.join("data").display()));
        // The samples are older than the month that it keeps by default.
        command.args(["-retentionPeriod=100y", "-loggerLevel=WARN"]);
        Ok(command)
    }

    fn ready_path(&self) -> &'static str {
        "/health"
    }

    fn write_path(&self) -> &'static str {
        line_protocol::WRITE_PATH
    }

    fn encode(&self, batch: &Batch, body: &mut Vec<u8>) {
        line_protocol::encode(batch, body);
    }

    fn stored(&self, server: &Server) -> Result<u64> {
        metric(&fetch(&server.address, "GET", "/metrics")?, "vm_rows_added_to_storage_total")
    }

    fn seal(&self, server: Server) -> Result<Vec<String>> {
        fetch(&server.address, "GET", FLUSH)?;
        let start = Instant::now();
        // It merges in the background, leaves out parts that another merge holds, and counts parts once a second.
        loop {
            fetch(&server.address, "GET", MERGE)?;
            thread::sleep(Duration::from_millis(1_500));
            if parts(&server)? <= 1 || start.elapsed() > MERGE_DEADLINE {
                break;
            }
        }
        server.wait_until_idle()?;
        server.stop()?;
        Ok(vec![format!("GET {FLUSH}"), format!("GET {MERGE}, until one part is left")])
    }

    fn data(&self) -> &'static [&'static str] {
        &["data"]
    }

    fn reduced(&self, span: Span, stretches: u64) -> String {
        let step = span.part(stretches);
        // Both in one pass; the stretch of a point ends at its time.
        let query = format!("aggr_over_time((\"min_over_time\",\"max_over_time\"), bench_signal0[{step}ms])");
        format!(
            "/api/v1/query_range?nocache=1&start={}&end={}&step={step}ms&query={}",
            seconds(span.from + step),
            seconds(span.from + step * stretches),
            percent_encode(&query)
        )
    }

    fn count_points(&self, answer: &str) -> usize {
        answer.matches("],[").count() + answer.matches("\"values\":[[").count()
    }

    fn exports(&self, span: Span) -> Vec<(&'static str, String)> {
        let (from, to) = (seconds(span.from), seconds(span.to));
        let path = format!("/api/v1/export?match[]=bench_signal0&start={from}&end={to}");
        vec![("application/stream+json", path)]
    }
}

/// How many parts the samples are in.
fn parts(server: &Server) -> Result<u64> {
    metric(&fetch(&server.address, "GET", "/metrics")?, "vm_parts{type=\"storage/")
}

fn seconds(millisecond: u64) -> String {
    format!("{}.{:03}", millisecond / 1_000, millisecond % 1_000)
}
