//! Small posts to two servers that take turns, A B B A: what drifts meanwhile, such as the machine's speed, falls on both alike.

use std::path::Path;

use anyhow::{Result, ensure};

use super::{Bar, Judged, make_key, serve};
use crate::figures::{median, micros, print_table, progress, show};
use crate::http;
use crate::lab::Lab;
use crate::load::{Outcome, Plan};
use crate::samples::{Shape, Source};
use crate::server::Server;
use crate::systems::OURS;

/// In each turn.
const REQUESTS: u64 = 20_000;

/// One of the two.
struct Side {
    name: &'static str,
    server: Server,
    key: Option<String>,
    source: Source,
    turns: Vec<Outcome>,
}

impl Side {
    fn new(name: &'static str, server: Server, key: Option<String>) -> Self {
        Self { name, server, key, source: Source::new(Shape::Walk, 5), turns: Vec::new() }
    }

    /// Sends `requests` objects on eight connections, and waits until the server has digested them.
    fn turn(&mut self, requests: u64) -> Result<()> {
        let plan = Plan { signals: 5, instants: 1, requests, connections: 8 };
        let request = |_| {
            let mut body = Vec::new();
            OURS.encode(&self.source.batch(plan.instants), &mut body);
            http::post_with(OURS.write_path(), self.key.as_deref(), &body)
        };
        let requests: Vec<_> = (0..requests).map(request).collect();
        let mut outcome = Outcome::default();
        outcome.send(&self.server, &requests, plan)?;
        ensure!(outcome.refused == 0, "{} refused {} requests", self.name, outcome.refused);
        self.turns.push(outcome);
        self.server.wait_until_idle()
    }

    fn median(&self, figure: fn(&Outcome) -> f64) -> f64 {
        median(self.turns.iter().map(figure).collect())
    }
}

/// With a key, beside an open server.
pub(super) fn with_a_key(lab: &Lab, rounds: u8) -> Result<Judged> {
    let folders = [lab.folder()?, lab.folder()?];
    let [open, guarded] = folders.each_ref().map(tempfile::TempDir::path);
    // Makes the database, so before the server.
    std::fs::create_dir_all(guarded.join("data"))?;
    let key = make_key(guarded, None)?;
    let sides = [
        Side::new("open", serve(lab, open, None, &[])?, None),
        Side::new("with a key", serve(lab, guarded, None, &[("AFTERGLOW_AUTH", "required")])?, Some(key)),
    ];
    let figure = compare(lab, rounds, sides)?;
    let what = "posts a second with a key / open".to_owned();
    Ok(Judged { what, figure, unit: "", bar: Bar::AtLeast(0.97) })
}

/// This program beside an earlier one, both open.
pub(super) fn beside_earlier(lab: &Lab, rounds: u8, program: &Path) -> Result<Judged> {
    let folders = [lab.folder()?, lab.folder()?];
    let [earlier, now] = folders.each_ref().map(tempfile::TempDir::path);
    let sides = [
        Side::new("earlier, open", serve(lab, earlier, Some(program), &[])?, None),
        Side::new("this, open", serve(lab, now, None, &[])?, None),
    ];
    let figure = compare(lab, rounds, sides)?;
    let what = "posts a second, this / earlier".to_owned();
    Ok(Judged { what, figure, unit: "", bar: Bar::AtLeast(0.98) })
}

/// The median of the rounds' ratios of requests a second, the second side's to the first's.
fn compare(lab: &Lab, rounds: u8, mut sides: [Side; 2]) -> Result<f64> {
    let requests = lab.scaled(REQUESTS);
    // What both do for the first time.
    sides.iter_mut().try_for_each(|side| side.turn(requests))?;
    sides.iter_mut().for_each(|side| side.turns.clear());
    for round in 1..=rounds {
        progress(&format!("{} and {}: round {round} of {rounds}", sides[0].name, sides[1].name));
        for side in [0, 1, 1, 0] {
            sides[side].turn(requests)?;
        }
    }
    let [first, second] = &sides;
    let of_round = |figure: fn(&Outcome) -> f64| {
        let sum = |turns: &[Outcome]| turns.iter().map(figure).sum::<f64>();
        let pairs = first.turns.chunks(2).zip(second.turns.chunks(2));
        median(pairs.map(|(first, second)| sum(second) / sum(first)).collect())
    };
    let cpu = |outcome: &Outcome| micros(outcome.cpu) / crate::figures::float(outcome.requests);
    let ratios = [of_round(Outcome::requests_per_second), of_round(cpu)];
    let row = |side: &Side, ratios: [String; 2]| {
        let [rate, work] = ratios;
        [
            side.name.to_owned(),
            show(side.median(Outcome::requests_per_second)),
            rate,
            show(side.median(cpu)),
            work,
        ]
    };
    let none = || [String::new(), String::new()];
    print_table(
        &format!(
            "One object of 5 samples a post, 8 connections, {requests} posts a turn, {rounds} rounds A B B A: medians of the turns, and \
             of the rounds' ratios"
        ),
        ["server", "posts/s", "to the first", "CPU us/post", "to the first"],
        &[row(first, none()), row(second, ratios.map(show))],
    );
    Ok(ratios[0])
}
