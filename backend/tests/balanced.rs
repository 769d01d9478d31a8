//! Three servers on one database behind haproxy, with its example of deploy/: no post fails while each is started again, nothing is
//! lost when they are killed, and who watches misses nothing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use afterglow_client::subscribe::Subscription;
use afterglow_wire::Timestamp;

use crate::cluster;
use crate::harness::haproxy::{self, Haproxy};
use crate::harness::{Backend, client, eventually, kill_rounds, try_post};
use crate::live_stream::Seen;
use crate::postgres::database;

pub(crate) const START: i64 = 1_700_000_000_000_000;
const WRITERS: usize = 4;
const VIEWERS: usize = 3;

/// Three servers and what stands before them.
pub(crate) struct Balanced {
    places: [Place; 3],
    hosts: String,
    pub(crate) servers: [Option<Backend>; 3],
    haproxy: Haproxy,
}

/// How a server is started.
struct Place {
    url: PathBuf,
    port: u16,
    bus: Option<String>,
}

impl Balanced {
    fn start(url: &Path) -> Self {
        Self::start_each([(); 3].map(|()| (url.to_owned(), None)))
    }

    /// Starts servers with a database's URL and a bus each.
    pub(crate) fn start_each(each: [(PathBuf, Option<String>); 3]) -> Self {
        let port = haproxy::port();
        let places = each.map(|(url, bus)| Place { url, port: haproxy::port(), bus });
        let hosts = format!("127.0.0.1:{port} localhost:5001");
        let servers = places.each_ref().map(|place| Some(server(place, &hosts)));
        let haproxy = Haproxy::start(port, places.each_ref().map(|place| place.port));
        Self { places, hosts, servers, haproxy }
    }

    fn stop(&mut self, number: usize) -> Backend {
        self.servers[number].take().unwrap()
    }

    /// Starts a server again that was stopped, and waits until haproxy may lead to it.
    fn start_again(&mut self, number: usize) {
        let server = server(&self.places[number], &self.hosts);
        eventually("it is ready", || server.get("/ready").status == 200);
        self.servers[number] = Some(server);
    }

    /// Starts a server again if it has ended by itself, as what supervises it does; it must have said that this helps.
    pub(crate) fn supervise(&mut self, number: usize) {
        if let Some(status) = self.servers[number].as_mut().and_then(Backend::ended) {
            assert_eq!(status.code(), Some(1), "failed while running");
            self.stop(number);
            self.start_again(number);
        }
    }
}

fn server(Place { url, port, bus }: &Place, hosts: &str) -> Backend {
    let mut environment = vec![
        ("AFTERGLOW_DRAIN_DELAY", "4"),
        ("AFTERGLOW_ALLOWED_HOSTS", hosts),
        ("AFTERGLOW_INSECURE", "true"),
    ];
    environment.extend(bus.as_deref().map(|bus| ("AFTERGLOW_BUS", bus)));
    Backend::start_with(url, &format!("127.0.0.1:{port}"), &environment)
}

/// What came of posts.
#[derive(Default)]
pub(crate) struct Posts {
    acknowledged: AtomicUsize,
    /// Those that needed a second attempt.
    tried_again: AtomicUsize,
    /// Those that needed a third one.
    failed: AtomicUsize,
}

impl Posts {
    /// Waits until many more are acknowledged.
    pub(crate) fn go_on(&self) {
        let before = self.acknowledged.load(Ordering::Relaxed);
        eventually("samples are taken", || self.acknowledged.load(Ordering::Relaxed) > before + 100);
    }
}

/// Posts to `url` until `is_over`, sample by sample, each until it is acknowledged; how many.
fn post(url: &str, writer: usize, posts: &Posts, is_over: &AtomicBool) -> i64 {
    let (agent, mut number) = (client(), 0);
    while !is_over.load(Ordering::Relaxed) {
        let time = START + number;
        let body = format!(r#"{{"timestamp":{time},"signals":{{"w{writer}":{number}}}}}"#);
        let mut attempts = 0;
        eventually("a post is acknowledged", || {
            attempts += 1;
            let status = try_post(url, &agent, &body).map_or(0, |answer| answer.status);
            assert!([0, 200, 502, 503, 504].contains(&status), "{status}");
            status == 200
        });
        number += 1;
        posts.acknowledged.fetch_add(1, Ordering::Relaxed);
        posts.tried_again.fetch_add(usize::from(attempts > 1), Ordering::Relaxed);
        posts.failed.fetch_add(usize::from(attempts > 2), Ordering::Relaxed);
    }
    number
}

/// Ends writers and viewers when a test fails, so that it fails: they are waited for. Viewers notice when no server is left.
struct End<'e> {
    balanced: &'e mut Balanced,
    is_over: &'e AtomicBool,
    total: &'e AtomicUsize,
}

impl Drop for End<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.is_over.store(true, Ordering::Relaxed);
            self.total.store(0, Ordering::Relaxed);
            self.balanced.servers = [const { None }; 3];
        }
    }
}

/// Lets writers post and viewers watch through haproxy until `disturb` returns. Then every viewer has exactly what was acknowledged,
/// and so has every server.
pub(crate) fn through(
    balanced: &mut Balanced,
    disturb: impl FnOnce(&mut Balanced, &Posts),
) -> (Posts, Vec<Seen>) {
    let (url, posts) = (balanced.haproxy.url(), Posts::default());
    let (is_over, total) = (AtomicBool::new(false), AtomicUsize::new(usize::MAX));
    let seen = thread::scope(|scope| {
        let (url, posts, is_over, total) = (&url, &posts, &is_over, &total);
        let end = End { balanced, is_over, total };
        let writers: Vec<_> =
            (0..WRITERS).map(|writer| scope.spawn(move || post(url, writer, posts, is_over))).collect();
        let watch = || {
            let mut subscription =
                Subscription::new(url, vec!["w*".to_owned()]).unwrap().window(1e10, None).unwrap();
            let mut seen = Seen::default();
            seen.follow(&mut subscription, |seen| seen.samples.len() >= total.load(Ordering::Relaxed));
            seen
        };
        let viewers: Vec<_> = (0..VIEWERS).map(|_| scope.spawn(watch)).collect();
        posts.go_on();
        disturb(end.balanced, posts);
        is_over.store(true, Ordering::Relaxed);
        let mut expected = BTreeMap::new();
        for (number, writer) in writers.into_iter().enumerate() {
            let count = writer.join().unwrap();
            expected.extend((0..count).map(|i| ((format!("w{number}"), START + i), i as f64)));
        }
        total.store(expected.len() + 1, Ordering::Relaxed);
        // One more, for viewers who have all others already.
        eventually("the last one is taken", || {
            let last = format!(r#"{{"timestamp":{START},"signals":{{"w":0}}}}"#);
            try_post(url, &client(), &last).is_some_and(|answer| answer.status == 200)
        });
        expected.insert(("w".to_owned(), START), 0.0);
        let seen: Vec<_> = viewers.into_iter().map(|viewer| viewer.join().unwrap()).collect();
        for seen in &seen {
            assert!(seen.samples == expected, "{} of {}", seen.samples.len(), expected.len());
            assert_eq!(seen.begun, 1, "every return goes on where it was");
        }
        for server in end.balanced.servers.iter().flatten() {
            let stored = server.samples().into_iter().flat_map(|(signal, samples)| {
                samples.into_iter().map(move |(time, value)| ((signal.clone(), micros(&time)), value))
            });
            assert!(stored.eq(expected.clone()), "exactly what was acknowledged is stored");
        }
        seen
    });
    let counts =
        [&posts.acknowledged, &posts.tried_again, &posts.failed].map(|count| count.load(Ordering::Relaxed));
    println!(
        "acknowledged, tried again, failed: {counts:?}; resumed: {:?}",
        seen.iter().map(|seen| seen.resumed).collect::<Vec<_>>()
    );
    (posts, seen)
}

fn micros(time: &str) -> i64 {
    Timestamp::parse(time).unwrap().micros()
}

#[test]
fn no_post_fails_and_no_viewer_misses_anything_while_servers_are_started_again() {
    if !cluster::is_here() || !Haproxy::is_here() {
        return;
    }
    let mut balanced = Balanced::start(&database("balanced"));
    let (posts, seen) = through(&mut balanced, |balanced, posts| {
        for number in 0..3 {
            assert!(balanced.stop(number).terminate().success());
            posts.go_on();
            balanced.start_again(number);
            posts.go_on();
        }
    });
    assert_eq!(posts.failed.into_inner(), 0, "with one more attempt every post is taken");
    assert!(seen.iter().all(|seen| seen.resumed > 0), "all had to change the server");
    assert!(seen.iter().all(|seen| seen.doubled == 0), "what is taken is taken once");
}

#[test]
fn nothing_is_lost_when_servers_behind_a_balancer_are_killed() {
    if !cluster::is_here() || !Haproxy::is_here() {
        return;
    }
    let mut balanced = Balanced::start(&database("balanced_killed"));
    through(&mut balanced, |balanced, posts| {
        for round in 0..kill_rounds(3) {
            balanced.stop(round % 3).kill_nine();
            posts.go_on();
            balanced.start_again(round % 3);
            posts.go_on();
        }
    });
}
