//! Requests per second and CPU per sample, durable on acknowledgement.

use std::io::Write;
use std::time::Duration;

use anyhow::Result;

use crate::server::Server;
use crate::{disk, load};

const TIME: Duration = Duration::from_secs(8);
const FIRST_MILLISECOND: u64 = 1_700_000_000_000;

pub(crate) fn run() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (median, p99) = disk::fdatasync(folder.path())?;
    println!("disk: fdatasync of 4 KiB takes {median:.0?} (median), {p99:.0?} (p99)");
    println!("every request is answered after its samples are on the disk\n");
    println!("| load | requests/s | samples/s | server CPU us/sample | resident MB |");
    println!("|---|---|---|---|---|");
    row("one object of 5 samples, 8 connections", 8, 1, 5)?;
    row("arrays of 5,000 samples (1,000 x 5 signals), 4 connections", 4, 1_000, 5)?;
    row("arrays of 5,000 samples (10 x 500 signals), 4 connections", 4, 10, 500)
}

fn row(name: &str, connections: u64, objects: u64, signals: u64) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = Server::afterglow(folder.path())?;
    let outcome = load::run(&server, "/api/telemetry", connections, TIME, objects * signals, |n, out| {
        body(n, objects, signals, out);
    })?;
    println!(
        "| {name} | {:.0} | {:.0} | {:.2} | {:.0} |",
        outcome.requests_per_second(),
        outcome.samples_per_second(),
        outcome.cpu_micros_per_sample(),
        bytes_to_megabytes(server.resident()?),
    );
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
fn bytes_to_megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

/// The n-th body: `objects` instants, a millisecond apart, of `signals` values with six decimals.
fn body(n: u64, objects: u64, signals: u64, out: &mut Vec<u8>) {
    let array = objects > 1;
    out.extend_from_slice(if array { b"[" } else { b"" });
    for object in 0..objects {
        let time = FIRST_MILLISECOND + n * objects + object;
        let comma = if object > 0 { "," } else { "" };
        // Writing to a Vec cannot fail.
        let _ = write!(out, "{comma}{{\"timestamp\":{time},\"signals\":{{");
        for signal in 0..signals {
            let comma = if signal > 0 { "," } else { "" };
            let value = time.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(signal * 7_919) % 20_000_000;
            let _ = write!(out, "{comma}\"signal{signal}\":{}.{:06}", value / 1_000_000, value % 1_000_000);
        }
        out.extend_from_slice(b"}}");
    }
    out.extend_from_slice(if array { b"]" } else { b"" });
}
