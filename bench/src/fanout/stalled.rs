//! What clients that never read do to those that do.

use std::io::Write as _;
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use rustix::net::sockopt::set_socket_recv_buffer_size;

use super::crowd::{Crowd, Tally};
use super::hubs::{Hub, OURS};
use super::publisher::{self, Timetable};
use super::websocket;
use crate::figures::{megabytes, percentile, print_table, progress, show};
use crate::http::fetch;
use crate::lab::Lab;
use crate::server::Server;
use crate::systems::metric;

const NORMAL: usize = 100;

const STALLED: usize = 500;

/// Updates a second: enough to fill what the kernel holds for a stalled client within the time.
const RATE: u64 = 100;

const SECONDS_WITHOUT: u64 = 20;

const SECONDS_WITH: u64 = 60;

/// A stalled client takes this much, so that the server's side fills soon.
const RECEIVE_BUFFER: usize = 4_096;

/// By then those who do not read have been found out: what they do to the others is over.
const SETTLED: u64 = 30;

/// Memory that has come free in small pieces is returned within so much time.
const RETURNED: Duration = Duration::from_secs(45);

/// How long the last of them may stay once updates have ended: patience, and the kernel's for a silent peer.
const EVICTION: Duration = Duration::from_secs(60);

pub(super) fn run(lab: &Lab) -> Result<()> {
    let [hub, _] = OURS;
    progress(&format!("{NORMAL} clients, then {STALLED} more that never read"));
    let running = super::start(lab, hub)?;
    let server = &running.server;
    let mut crowd = Crowd::join(hub, &server.address, NORMAL, &hub.subscription())?;
    let (without, with) = (lab.scaled(SECONDS_WITHOUT), lab.scaled(SECONDS_WITH));
    let timetable = Timetable::new(RATE * (without + with));
    let publish = hub.publisher(&server.address)?;

    let mut row = thread::scope(|scope| -> Result<_> {
        let publisher = publisher::start(scope, &timetable, publish, RATE);
        let begin = Instant::now();
        crowd.listen(begin + Duration::from_secs(without), &timetable)?;
        let mut alone = crowd.take_tally();
        let before = server.memory("VmRSS")?;
        // Beside the crowd, which must go on reading.
        let stalled = scope.spawn(|| stall(hub, &server.address));
        let (mut peak, mut beside) = (before, Tally::default());
        let end = begin + Duration::from_secs(without + with);
        let settled = end - Duration::from_secs(lab.scaled(SETTLED));
        while Instant::now() < end {
            if Instant::now() < settled {
                crowd.listen((Instant::now() + Duration::from_millis(500)).min(settled), &timetable)?;
                beside.add_all(crowd.take_tally());
            } else {
                crowd.listen((Instant::now() + Duration::from_millis(500)).min(end), &timetable)?;
            }
            peak = peak.max(server.memory("VmRSS")?);
        }
        publisher::finish(publisher)?;
        crowd.listen(Instant::now() + Duration::from_secs(5), &timetable)?;
        let mut later = crowd.take_tally();
        let later_p99 = p99(&mut later);
        beside.add_all(later);
        let waited = wait_for_eviction(server)?;
        drop(stalled.join());
        let [alone_p99, beside_p99] = [&mut alone, &mut beside].map(p99);
        let lost = [&alone, &beside].iter().map(|tally| tally.missed + tally.doubled).sum::<u64>();
        Ok(vec![
            show(alone_p99),
            show(beside_p99),
            show(beside_p99 / alone_p99),
            show(later_p99 / alone_p99),
            (lost + crowd.outstanding(timetable.count())).to_string(),
            waited,
            megabytes(before),
            megabytes(peak),
        ])
    })?;
    thread::sleep(RETURNED);
    row.push(megabytes(server.memory("VmRSS")?));
    let evicted = metric(&fetch(&server.address, "GET", "/metrics")?, "afterglow_evictions_total")?;
    let row: [String; 9] = row.try_into().unwrap_or_default();
    print_table(
        &format!(
            "{NORMAL} normal clients x {RATE}/s for {without} s, then {STALLED} more that never read for {with} s; \
             text events; {evicted} were given up"
        ),
        [
            "p99 without, ms",
            "p99 with, ms",
            "ratio",
            "ratio in the last half",
            "missing or doubled for normal clients",
            "sockets of the others gone, s after the last update",
            "resident MB before",
            "peak",
            "45 s after",
        ],
        &[row],
    );
    Ok(())
}

fn p99(tally: &mut Tally) -> f64 {
    tally.micros.sort_unstable();
    percentile(&tally.micros, 99) / 1e3
}

/// Connects clients that ask for the text events and never read.
fn stall(hub: &dyn Hub, address: &str) -> Result<Vec<TcpStream>> {
    let (path, subprotocol) = hub.endpoint();
    let connect = || -> Result<TcpStream> {
        let mut stream = TcpStream::connect(address)?;
        set_socket_recv_buffer_size(&stream, RECEIVE_BUFFER)?;
        stream.write_all(websocket::handshake(path, subprotocol).as_bytes())?;
        Ok(stream)
    };
    (0..STALLED).map(|_| connect()).collect()
}

/// Seconds until only the normal clients are there.
fn wait_for_eviction(server: &Server) -> Result<String> {
    let start = Instant::now();
    while start.elapsed() < EVICTION {
        let sessions = metric(&fetch(&server.address, "GET", "/metrics")?, "afterglow_live_sessions")?;
        if sessions <= NORMAL as u64 {
            return Ok(show(start.elapsed().as_secs_f64()));
        }
        thread::sleep(Duration::from_millis(200));
    }
    Ok("not within 60".into())
}
