//! Back-tests on a month of a sample a second, over HTTP.

use std::fmt::Write as _;
use std::time::Instant;

use anyhow::Result;

use super::tell;
use crate::figures::{print_table, progress, show};
use crate::http::{Connection, post};
use crate::lab::Lab;

/// Of a month.
const SECONDS: u64 = 30 * 86_400;
const FROM: u64 = 1_700_006_400;
const PER_POST: u64 = 10_000;

/// How often each question is asked.
const TIMES: usize = 50;

pub(super) fn run(lab: &Lab) -> Result<()> {
    progress("back-test: a month of samples");
    let (folder, seconds) = (lab.folder()?, lab.scaled(SECONDS));
    let server = lab.start(lab.systems[0], folder.path())?;
    let mut connection = Connection::open(&server.address)?;
    let mut body = String::new();
    for first in (0..seconds).step_by(PER_POST as usize) {
        body.clear();
        body.push('[');
        for second in first..(first + PER_POST).min(seconds) {
            let comma = if second > first { "," } else { "" };
            let hour = (second % 86_400) as f64 / 86_400.0;
            let value =
                60.0 + 25.0 * (hour * std::f64::consts::TAU).sin() + (second * 7_919 % 100) as f64 / 50.0;
            write!(body, "{comma}{{\"timestamp\":{},\"signals\":{{\"oven\":{value:.2}}}}}", FROM + second)?;
        }
        body.push(']');
        tell(&mut connection, "/api/telemetry", &body)?;
    }
    server.wait_until_idle()?;
    let mut rows = Vec::new();
    for (name, fields) in [
        ("above a limit, once a day", r#""is":"above","levels":[{"limit":80,"recover":76}],"for":30"#),
        (
            "mean of 5 minutes above it",
            r#""value":{"of":"mean","window":300},"is":"above","levels":[{"limit":80,"recover":76}]"#,
        ),
        ("never above a limit", r#""is":"above","levels":[{"limit":1000}]"#),
    ] {
        let question =
            format!(r#"{{"rule":{{"signals":["oven"],{fields}}},"from":{FROM},"to":{}}}"#, FROM + seconds);
        let request = post("/api/rules/test", question.as_bytes());
        connection.send(&request)?;
        let mut took = Vec::new();
        for _ in 0..TIMES {
            let start = Instant::now();
            connection.send(&request)?;
            took.push(start.elapsed().as_secs_f64() * 1e3);
        }
        took.sort_by(f64::total_cmp);
        rows.push([name.to_owned(), show(took[TIMES / 2]), show(took[TIMES - 1])]);
    }
    print_table(
        &format!("A back-test of {seconds} samples of one signal, over HTTP, {TIMES} times"),
        ["rule", "p50, ms", "longest, ms"],
        &rows,
    );
    Ok(())
}
