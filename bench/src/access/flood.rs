//! What a tenant notices of another that sends ten times what it may: how long its own posts take.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};

use super::{Bar, Judged, ask, make_key, serve};
use crate::figures::{median, percentile, print_table, progress, show};
use crate::http::{self, Connection};
use crate::lab::Lab;
use crate::samples::{Shape, Source};
use crate::server::Server;
use crate::systems::OURS;

/// Samples a second that the flooding tenant may write, and how many times as many it sends.
const LIMIT: u32 = 5_000;
const TIMES: u32 = 10;

/// Samples of each of its posts, and connections that it has.
const OBJECTS: u64 = 100;
const FLOODERS: u32 = 4;

/// From one post of the other tenant to the next.
const PACE: Duration = Duration::from_millis(10);

/// Posts of the other in each turn.
const POSTS: u64 = 1_000;

/// The quota lets the samples of ten seconds pass at once; a flood of this long is beyond it.
const BEFORE: Duration = Duration::from_secs(3);

pub(super) fn run(lab: &Lab, rounds: u8) -> Result<Judged> {
    let folder = lab.folder()?;
    std::fs::create_dir_all(folder.path().join("data"))?;
    ask(folder.path(), &format!("tenant create flooding --samples-per-second {LIMIT}"))?;
    ask(folder.path(), "tenant create other")?;
    let [flooding, other] =
        [make_key(folder.path(), Some("flooding"))?, make_key(folder.path(), Some("other"))?];
    let server = serve(lab, folder.path(), None, &[("AFTERGLOW_AUTH", "required")])?;
    let mut posts = Posts { key: other, source: Source::new(Shape::Walk, 5) };
    let flood = Flood { key: flooding, taken: AtomicU64::new(0), refused: AtomicU64::new(0) };
    // What the first posts wait for.
    posts.turn(&server, lab.scaled(POSTS))?;
    let (mut alone, mut flooded, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for round in 1..=rounds {
        progress(&format!("flood: round {round} of {rounds}"));
        let mut turn = |is_flooded: bool| {
            server.wait_until_idle()?;
            if is_flooded {
                flood.during(&server, || posts.turn(&server, lab.scaled(POSTS)))
            } else {
                posts.turn(&server, lab.scaled(POSTS))
            }
        };
        let [first, second, third, fourth] = [turn(false)?, turn(true)?, turn(true)?, turn(false)?];
        let [mut calm, mut during] = [[first, fourth].concat(), [second, third].concat()];
        [&mut calm, &mut during].into_iter().for_each(|micros| micros.sort_unstable());
        ratios.push(percentile(&during, 99) / percentile(&calm, 99));
        alone.extend(calm);
        flooded.extend(during);
    }
    [&mut alone, &mut flooded].into_iter().for_each(|micros| micros.sort_unstable());
    let [taken, refused] = [&flood.taken, &flood.refused].map(|count| count.load(Ordering::Relaxed));
    ensure!(refused > 0, "nothing of the flood was refused");
    let row = |name: &str, micros: &[u32]| {
        let [p50, p99] = [50, 99].map(|percent| show(percentile(micros, percent) / 1e3));
        [name.to_owned(), p50, p99]
    };
    print_table(
        &format!(
            "Posts of one object of 5 samples, one each {PACE:?}, of a tenant beside one that may write {LIMIT} samples a second and \
             sends {TIMES} times that, {rounds} rounds A B B A; {taken} posts of the flood were taken, {refused} refused"
        ),
        ["", "p50, ms", "p99, ms"],
        &[row("alone", &alone), row("during the flood", &flooded)],
    );
    let what = "p99 of a tenant's posts during the flood / alone, median of the rounds".to_owned();
    Ok(Judged { what, figure: median(ratios), unit: "", bar: Bar::Below(1.2) })
}

/// Those of the tenant that does not flood.
struct Posts {
    key: String,
    source: Source,
}

impl Posts {
    /// The microseconds that each of `count` posts took.
    fn turn(&mut self, server: &Server, count: u64) -> Result<Vec<u32>> {
        let mut connection = Connection::open(&server.address)?;
        let mut times = Vec::new();
        for _ in 0..count {
            let mut body = Vec::new();
            OURS.encode(&self.source.batch(1), &mut body);
            let request = http::post_with(OURS.write_path(), Some(&self.key), &body);
            let start = Instant::now();
            connection.send(&request)?;
            times.push(u32::try_from(start.elapsed().as_micros()).unwrap_or(u32::MAX));
            thread::sleep(PACE.saturating_sub(start.elapsed()));
        }
        Ok(times)
    }
}

/// The other one's.
struct Flood {
    key: String,
    taken: AtomicU64,
    refused: AtomicU64,
}

impl Flood {
    /// Does `work` while the flood goes on.
    fn during<T>(&self, server: &Server, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let is_over = AtomicBool::new(false);
        thread::scope(|scope| {
            let is_over = &is_over;
            let send = |number| scope.spawn(move || self.send(number, server, is_over));
            let flooders: Vec<_> = (0..FLOODERS).map(send).collect();
            thread::sleep(BEFORE);
            let done = work();
            is_over.store(true, Ordering::Relaxed);
            for flooder in flooders {
                flooder.join().unwrap_or_else(|_| bail!("a client broke"))?;
            }
            done
        })
    }

    fn send(&self, number: u32, server: &Server, is_over: &AtomicBool) -> Result<()> {
        let mut source = Source::new(Shape::Walk, 1);
        let mut connection = Connection::open(&server.address)?;
        let pace = Duration::from_secs(OBJECTS) * FLOODERS / (LIMIT * TIMES);
        thread::sleep(pace * number / FLOODERS);
        let mut due = Instant::now();
        while !is_over.load(Ordering::Relaxed) {
            let mut body = Vec::new();
            OURS.encode(&source.batch(OBJECTS), &mut body);
            let is_taken = connection.offer(&http::post_with(OURS.write_path(), Some(&self.key), &body))?;
            let count = if is_taken { &self.taken } else { &self.refused };
            count.fetch_add(1, Ordering::Relaxed);
            due += pace;
            thread::sleep(due.saturating_duration_since(Instant::now()));
        }
        Ok(())
    }
}
