//! CPU per delivery and the time from publishing to receiving, at three rates.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::crowd::Crowd;
use super::hubs::Hub;
use super::publisher::{self, Timetable};
use crate::figures::{float, micros, percentile, print_table, progress, ratio, show};
use crate::lab::Lab;

/// Clients, and updates a second.
const RATES: [(usize, u64); 3] = [(100, 10), (500, 50), (1_000, 100)];

const SECONDS: u64 = 10;

/// Before anything is measured.
const WARM_UP: Duration = Duration::from_secs(1);

/// An update that has not come this long after the last one is missing.
const STRAGGLERS: Duration = Duration::from_secs(5);

pub(super) fn run(lab: &Lab, hubs: &[&dyn Hub]) -> Result<()> {
    let mut rows = Vec::new();
    for (clients, rate) in RATES {
        let mut outcomes = Vec::new();
        for hub in hubs {
            progress(&format!("{clients} clients x {rate}/s: {}", hub.name()));
            outcomes.push(measure(lab, *hub, clients, rate)?);
        }
        let cpu = |place: usize| outcomes.get(place).map_or(f64::NAN, |outcome| outcome.cpu);
        for (hub, outcome) in hubs.iter().zip(&outcomes) {
            rows.push([
                format!("{clients} x {rate}/s"),
                hub.name().into(),
                show(outcome.cpu),
                ratio(cpu(0), outcome.cpu),
                ratio(cpu(1), outcome.cpu),
                show(outcome.p50),
                show(outcome.p99),
                outcome.missed.to_string(),
                if outcome.lag > 0.02 { format!("{:.0} %", 100.0 * outcome.lag) } else { "no".into() },
            ]);
        }
    }
    print_table(
        &format!(
            "Fan-out over WebSocket, one publisher, an update is an object of 6 signals; {} s each; ours is durable \
             before it is sent",
            lab.scaled(SECONDS)
        ),
        [
            "clients x updates",
            "system",
            "server CPU us/update delivered",
            "our text / this",
            "our v1 / this",
            "published to received, ms p50",
            "p99",
            "missing or doubled",
            "publisher held up",
        ],
        &rows,
    );
    Ok(())
}

struct Outcome {
    /// Microseconds per delivery.
    cpu: f64,
    /// Milliseconds.
    p50: f64,
    p99: f64,
    missed: u64,
    lag: f64,
}

fn measure(lab: &Lab, hub: &dyn Hub, clients: usize, rate: u64) -> Result<Outcome> {
    let running = super::start(lab, hub)?;
    let server = &running.server;
    let publish = hub.publisher(&server.address)?;
    let mut crowd = Crowd::join(hub, &server.address, clients, &hub.subscription())?;
    let seconds = lab.scaled(SECONDS);
    let timetable = Timetable::new(rate * (seconds + WARM_UP.as_secs()));
    thread::scope(|scope| {
        let publisher = publisher::start(scope, &timetable, publish, rate);
        let begin = Instant::now() + WARM_UP;
        crowd.listen(begin, &timetable)?;
        let warm = crowd.take_tally();
        let cpu = server.cpu()?;
        crowd.listen(begin + Duration::from_secs(seconds), &timetable)?;
        let cpu = server.cpu()?.saturating_sub(cpu);
        let mut tally = crowd.take_tally();
        let lag = publisher::finish(publisher)?;
        crowd.listen(Instant::now() + STRAGGLERS, &timetable)?;
        let rest = crowd.take_tally();
        let per_delivery = micros(cpu) / float(tally.deliveries);
        tally.micros.extend(rest.micros);
        tally.micros.sort_unstable();
        let lost = [&warm, &tally].iter().map(|tally| tally.missed + tally.doubled).sum::<u64>();
        Ok(Outcome {
            cpu: per_delivery,
            p50: percentile(&tally.micros, 50) / 1e3,
            p99: percentile(&tally.micros, 99) / 1e3,
            missed: lost + rest.missed + rest.doubled + crowd.outstanding(timetable.count()),
            lag,
        })
    })
}
