//! InfluxDB 1.

use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::{System, bytes_below, line_protocol};
use crate::http::{self, Connection, fetch, percent_encode};
use crate::packages::Package;
use crate::samples::{Batch, Span};
use crate::server::{Server, free_port};

pub(super) struct InfluxDb;

const PACKAGE: Package = Package { name: "InfluxDB", program: "influxd", debian: "influxdb" };

/// What is not compressed by then stays as it is.
const SEAL_DEADLINE: Duration = Duration::from_secs(60);

impl System for InfluxDb {
    fn name(&self) -> &'static str {
        PACKAGE.name
    }

    fn promise(&self) -> &'static str {
        "on the disk"
    }

    fn package(&self) -> Option<Package> {
        Some(PACKAGE)
    }

    fn version(&self) -> Result<String> {
        PACKAGE.version()
    }

    /// Its defaults, whatever the machine's own configuration says, without what it would do besides serving: telling
    /// its makers, measuring itself, logging requests, looking for queries to repeat.
    fn command(&self, folder: &Path, port: u16) -> Result<Command> {
        let mut command = Command::new(PACKAGE.program);
        command.args(["run", "-config", "/dev/null"]);
        for (name, part) in [("META_DIR", "meta"), ("DATA_DIR", "data"), ("DATA_WAL_DIR", "wal")] {
            command.env(format!("INFLUXDB_{name}"), folder.join(part));
        }
        command.env("INFLUXDB_HTTP_BIND_ADDRESS", format!("127.0.0.1:{port}"));
        command.env("INFLUXDB_BIND_ADDRESS", "127.0.0.1:0");
        // Debian's name and the makers' name of the same switch.
        command.env("INFLUXDB_REPORTING_ENABLED", "false").env("INFLUXDB_REPORTING_DISABLED", "true");
        for (name, value) in [
            ("MONITOR_STORE_ENABLED", "false"),
            ("HTTP_LOG_ENABLED", "false"),
            ("DATA_QUERY_LOG_ENABLED", "false"),
            ("CONTINUOUS_QUERIES_ENABLED", "false"),
            ("LOGGING_LEVEL", "warn"),
        ] {
            command.env(format!("INFLUXDB_{name}"), value);
        }
        Ok(command)
    }

    fn ready_path(&self) -> &'static str {
        "/ping"
    }

    fn prepare(&self, server: &Server) -> Result<()> {
        let path = format!("/query?q={}", percent_encode("CREATE DATABASE bench"));
        fetch(&server.address, "POST", &path).map(drop)
    }

    fn write_path(&self) -> &'static str {
        line_protocol::WRITE_PATH
    }

    fn encode(&self, batch: &Batch, body: &mut Vec<u8>) {
        line_protocol::encode(batch, body);
    }

    fn stored(&self, server: &Server) -> Result<u64> {
        let answer = fetch(&server.address, "GET", &select("SELECT count(*) FROM bench", ""))?;
        let answer = String::from_utf8(answer)?;
        // One row: its time, then a count for each signal.
        let row = answer.split_once("\"values\":[[").and_then(|(_, row)| row.split_once(']'));
        let (row, _) = row.with_context(|| answer.clone())?;
        row.split(',').skip(1).map(|count| count.parse::<u64>().with_context(|| answer.clone())).sum()
    }

    /// It compresses what is in its log only when writes have paused; the pause is made short.
    fn seal(&self, server: Server) -> Result<Vec<String>> {
        let folder = server.folder.clone();
        server.stop()?;
        let port = free_port()?;
        let mut command = self.command(&folder, port)?;
        command.env("INFLUXDB_DATA_CACHE_SNAPSHOT_WRITE_COLD_DURATION", "1s");
        command.env("INFLUXDB_DATA_COMPACT_FULL_WRITE_COLD_DURATION", "1s");
        let server = Server::launch(command, &folder, port, self.ready_path())?;
        let restart = server.command.clone();
        // It keeps the log that it found at its start until something is added to it.
        let last = http::post(self.write_path(), b"seal done=1 1700006400000\n");
        Connection::open(&server.address)?.send(&last)?;
        let start = Instant::now();
        while bytes_below(&folder.join("wal"))? > 0 && start.elapsed() < SEAL_DEADLINE {
            thread::sleep(Duration::from_millis(500));
        }
        // Once a second it checks whether the files are old enough to be merged into one.
        thread::sleep(Duration::from_secs(4));
        server.wait_until_idle()?;
        server.stop()?;
        Ok(vec![restart])
    }

    fn data(&self) -> &'static [&'static str] {
        &["data", "wal"]
    }

    fn reduced(&self, span: Span, stretches: u64) -> String {
        let query = format!(
            "SELECT min(signal0), max(signal0) FROM bench WHERE {} GROUP BY time({}ms)",
            within(span),
            span.part(stretches)
        );
        select(&query, "")
    }

    fn count_points(&self, answer: &str) -> usize {
        // Each row has a minimum and a maximum.
        2 * (answer.matches("],[").count() + answer.matches("\"values\":[[").count())
    }

    fn exports(&self, span: Span) -> Vec<(&'static str, String)> {
        let query = format!("SELECT signal0 FROM bench WHERE {}", within(span));
        vec![("application/json", select(&query, "&chunked=true"))]
    }
}

fn select(query: &str, options: &str) -> String {
    format!("/query?db=bench&epoch=ms{options}&q={}", percent_encode(query))
}

fn within(span: Span) -> String {
    format!("time >= {}ms AND time <= {}ms", span.from, span.to)
}
