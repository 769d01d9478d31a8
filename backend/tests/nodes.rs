//! Several servers on one database: whichever is asked has what another has acknowledged, and none is missed when it dies.

mod beside;
mod cut_off;
mod lossy_bus;
mod peers;
mod promotion;
mod takeover;
mod tenants;

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use afterglow_backend::clock::Clock;
use afterglow_client::subscribe::Subscription;
use afterglow_wire::Timestamp;

use crate::cluster;
use crate::harness::{Backend, Stop, client, eventually, kill_rounds, try_post};
use crate::keys::{ask, guarded, id, key};
use crate::live_stream::Seen;
use crate::named::tests_in;
use crate::postgres::{acknowledged, database, losses, sql};
use crate::writers::{Pace, Writer, write_until};

const START: i64 = 1_700_000_000_000_000;

/// Rounds of a test: more by `AFTERGLOW_NODE_ROUNDS`, for a night.
pub(crate) fn rounds(usual: usize) -> usize {
    std::env::var("AFTERGLOW_NODE_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(usual)
}

/// The list of proofs names no test that is not there.
#[test]
fn every_test_that_is_named_here_exists() {
    let named = tests_in("backend/tests/nodes/README.md", "which test proves it", &["figure", "no test"]);
    assert!(named.count > 30, "{}", named.count);
    assert!(named.missing.is_empty() && named.bare.is_empty(), "{:?} {:?}", named.missing, named.bare);
}

fn nodes(url: &Path, count: usize) -> Vec<Backend> {
    // The second one starts when the schema is there.
    (0..count).map(|_| Backend::start(url)).collect()
}

/// Writes to one server after another, and reads from the next one at once; how often what was acknowledged was missing.
fn stale_answers(nodes: &[Backend], rounds: usize) -> usize {
    let mut stale = 0;
    for round in 0..rounds {
        let (writer, reader) = (&nodes[round % nodes.len()], &nodes[(round + 1) % nodes.len()]);
        // Every tenth is a signal that is new.
        let signal = format!("s{}", round / 10);
        let time = START + round as i64;
        let posted = writer.post(&format!(r#"{{"timestamp":{time},"signals":{{"{signal}":{round}}}}}"#));
        assert_eq!(posted.status, 200, "{}", posted.text);
        let samples = reader.samples_of(&signal);
        let newest = samples.get(&signal).and_then(|samples| samples.last()).map(|(_, value)| *value);
        stale += usize::from(newest != Some(round as f64));
    }
    stale
}

#[test]
fn the_very_next_answer_of_any_server_has_what_another_has_acknowledged() {
    if !cluster::is_here() {
        return;
    }
    let nodes = nodes(&database("several"), 3);
    assert_eq!(stale_answers(&nodes, rounds(300)), 0);
    nodes.into_iter().for_each(Backend::close);
}

#[test]
fn a_server_that_does_not_look_at_what_others_commit_is_noticed() {
    if !cluster::is_here() {
        return;
    }
    let url = database("blind");
    let honest = Backend::start(&url);
    let blind = Backend::start_with(&url, "127.0.0.1:0", &[("AFTERGLOW_FAULT", "skip_sync")]);
    assert!(stale_answers(&[honest, blind], 10) > 0);
}

#[test]
fn what_is_changed_on_one_server_counts_on_all() {
    if !cluster::is_here() {
        return;
    }
    let url = database("documents");
    let nodes = nodes(&url, 2);
    let saved = nodes[0].send("POST", "/api/boards", r#"{"title":"B"}"#);
    assert_eq!(saved.status, 201, "{}", saved.text);
    assert_eq!(nodes[1].get("/api/boards/b").json()["title"], "B");
    let replaced = nodes[1].send("PUT", "/api/boards/b", r#"{"title":"C","version":1}"#);
    assert_eq!(replaced.status, 200, "{}", replaced.text);
    let late = nodes[0].send("PUT", "/api/boards/b", r#"{"title":"D","version":1}"#);
    assert_eq!(late.status, 409, "one of two wins: {}", late.text);
    let rule = r#"{"id":"hot","title":"Hot","signals":["a"],"is":"above","levels":[{"limit":10}]}"#;
    let made = nodes[1].send("POST", "/api/rules", rule);
    assert!(made.status < 300, "{}", made.text);
    // Whichever of them leads evaluates what the other one takes.
    let posted = nodes[1].post(r#"{"signals":{"a":11}}"#);
    assert_eq!(posted.status, 200, "{}", posted.text);
    for node in &nodes {
        eventually("the alert is there", || node.get("/api/alerts").text.contains("\"hot\""));
    }
    nodes.into_iter().for_each(Backend::close);
}

#[test]
fn a_key_that_was_made_elsewhere_counts_at_once_and_one_that_was_revoked_soon_does_not() {
    if !cluster::is_here() {
        return;
    }
    let url = database("keys");
    let nodes = [guarded(&url), guarded(&url)];
    let admin = key(&url, &["--scopes", "admin"]);
    assert_eq!(ask(&nodes[0], &admin, "GET", "/api/keys", "").status, 200, "made on the command line");
    for round in 0..10 {
        let (here, there) = (&nodes[round % 2], &nodes[(round + 1) % 2]);
        let made = ask(here, &admin, "POST", "/api/keys", r#"{"label":"k","scopes":["read"]}"#);
        assert_eq!(made.status, 201, "{}", made.text);
        let reader = made.json()["key"].as_str().unwrap().to_owned();
        assert_eq!(ask(there, &reader, "GET", "/api/signals", "").status, 200, "in round {round}");
        assert_eq!(ask(there, &admin, "DELETE", &format!("/api/keys/{}", id(&reader)), "").status, 204);
        eventually("it is over here, too", || ask(here, &reader, "GET", "/api/signals", "").status == 401);
    }
}

#[test]
fn servers_that_start_and_change_members_at_the_same_moment_do_not_fail() {
    if !cluster::is_here() {
        return;
    }
    let url = database("at_once");
    // Each of them makes the link for the first admin.
    let nodes: Vec<_> = thread::scope(|scope| {
        let starting: Vec<_> = (0..3).map(|_| scope.spawn(|| guarded(&url))).collect();
        starting.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let admin = key(&url, &["--scopes", "admin"]);
    let add = |node: &Backend, name: &str| {
        let member = format!(r#"{{"name":"{name}","role":"admin"}}"#);
        let added = ask(node, &admin, "POST", "/api/members", &member);
        assert_eq!(added.status, 201, "{name}: {}", added.text);
    };
    thread::scope(|scope| {
        for (number, node) in nodes.iter().enumerate() {
            let add = &add;
            scope.spawn(move || (0..5).for_each(|round| add(node, &format!("m{number}-{round}"))));
        }
    });
    let members = || ask(&nodes[0], &admin, "GET", "/api/members", "").json();
    eventually("all members are there", || members().as_array().map(Vec::len) == Some(15));
}

#[test]
fn servers_whose_clocks_are_wrong_have_the_time_of_the_database() {
    if !cluster::is_here() {
        return;
    }
    let (url, folder) = (database("clocks"), tempfile::tempdir().unwrap());
    let start = |name: &str, ahead: i64| {
        let (clock, errors) = (folder.path().join(name), folder.path().join(format!("{name}.log")));
        std::fs::write(&clock, ahead.to_string()).unwrap();
        let settings = [("AFTERGLOW_CLOCK_FILE", clock.to_str().unwrap()), ("AFTERGLOW_LOOK_MILLIS", "20")];
        let node = Backend::try_start(&url, &settings, &errors).unwrap();
        (node, clock, errors)
    };
    // Ten years ahead, ten minutes behind.
    let nodes = [start("ahead", 315_360_000), start("behind", -600)];
    let mut posts = 0;
    // Whether a sample without a time gets one of now.
    let mut is_right = |node: &Backend| {
        posts += 1;
        let signal = format!("a{posts}");
        let answer = node.post(&format!(r#"{{"signals":{{"{signal}":1}}}}"#));
        assert_eq!(answer.status, 200, "{}", answer.text);
        let (time, _) = node.samples_of(&signal)[&signal][0].clone();
        let off = time.parse::<Timestamp>().unwrap().micros() - Clock::real().now().micros();
        off.abs() < 60_000_000
    };
    for (node, ..) in &nodes {
        assert!(is_right(node), "from the start on");
    }
    for ((_, _, errors), words) in
        nodes.iter().zip(["315360000 s ahead of the database's", "600 s behind the database's"])
    {
        eventually("it is logged", || std::fs::read_to_string(errors).unwrap().contains(words));
    }
    // While they run; a day back.
    let (node, clock, _) = &nodes[0];
    std::fs::write(clock, "-86400").unwrap();
    eventually("it is corrected", || is_right(node));
    for (node, ..) in nodes {
        node.close();
    }
}

#[test]
fn a_leader_that_stands_still_is_replaced_and_changes_nothing_when_it_wakes_up() {
    if !cluster::is_here() {
        return;
    }
    let url = database("asleep");
    let seals = [("AFTERGLOW_SEAL_SAMPLES", "1"), ("AFTERGLOW_LOOK_MILLIS", "20")];
    let mut leader = Backend::start_with(&url, "127.0.0.1:0", &seals);
    let other = Backend::start_with(&url, "127.0.0.1:0", &seals);
    let journal = || sql("asleep", "SELECT count(*) FROM journal");
    assert_eq!(other.post(r#"{"timestamp":1700000000000000,"signals":{"a":1}}"#).status, 200);
    eventually("the leader seals what the other one takes", || journal() == "0");
    leader.signal(rustix::process::Signal::STOP);
    assert_eq!(other.post(r#"{"timestamp":1700000000000001,"signals":{"a":2}}"#).status, 200);
    eventually("the other one leads", || journal() == "0");
    leader.signal(rustix::process::Signal::CONT);
    assert!(!leader.wait().success(), "it must begin again");
    let values: Vec<_> = other.samples()["a"].iter().map(|(_, value)| *value).collect();
    assert_eq!(values, [1.0, 2.0]);
    other.close();
}

/// A balancer: hands each connection to the next server, of those that there are.
struct Balancer {
    address: String,
    servers: Arc<Mutex<Vec<String>>>,
}

impl Balancer {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let balancer = Self { address: listener.local_addr().unwrap().to_string(), servers: Arc::default() };
        let servers = Arc::clone(&balancer.servers);
        thread::Builder::new()
            .spawn(move || {
                for (number, client) in listener.incoming().enumerate() {
                    let server = {
                        let servers = servers.lock().unwrap();
                        servers.get(number % servers.len().max(1)).cloned()
                    };
                    let server = server.and_then(|server| TcpStream::connect(server).ok());
                    if let (Ok(client), Some(server)) = (client, server) {
                        let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                        thread::Builder::new().spawn(move || pass(from, to)).unwrap();
                        thread::Builder::new().spawn(move || pass(server, client)).unwrap();
                    }
                }
            })
            .unwrap();
        balancer
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn use_servers(&self, nodes: &[Backend]) {
        *self.servers.lock().unwrap() = nodes.iter().map(|node| node.address().to_owned()).collect();
    }

    /// Starts a server that may be asked by the balancer's address.
    fn start(&self, url: &Path, environment: &[(&str, &str)]) -> Backend {
        let hosts = [("AFTERGLOW_ALLOWED_HOSTS", self.address.as_str())];
        Backend::start_with(url, "127.0.0.1:0", &[&hosts, environment].concat())
    }
}

/// Passes on what comes until one side ends; then both end.
fn pass(mut from: TcpStream, mut to: TcpStream) {
    let _ = std::io::copy(&mut from, &mut to);
    for end in [from, to] {
        let _ = end.shutdown(std::net::Shutdown::Both);
    }
}

/// Posts to `url` until `is_over`, sample by sample; how many were acknowledged. Sends again what was not.
fn write(url: &str, writer: usize, is_over: &AtomicBool) -> i64 {
    let mut number = 0_i64;
    while !is_over.load(Ordering::Relaxed) {
        // Each on a connection of its own.
        let agent = client();
        for _ in 0..20 {
            // Every fourth is late.
            let time = START + number - if number % 4 == 3 { 1_000_000_000 } else { 0 };
            let body = format!(r#"{{"timestamp":{time},"signals":{{"w{writer}":{number}}}}}"#);
            match try_post(url, &agent, &body) {
                Some(answer) if answer.status == 200 => number += 1,
                Some(answer) => assert_eq!(answer.status, 503, "{}", answer.text),
                None => break,
            }
        }
    }
    number
}

#[test]
fn a_viewer_goes_on_at_another_server_without_a_gap() {
    if !cluster::is_here() {
        return;
    }
    let rounds = rounds(60);
    let url = database("viewer");
    let balancer = Balancer::new();
    let nodes: Vec<_> = (0..3).map(|_| balancer.start(&url, &[])).collect();
    balancer.use_servers(&nodes);
    let (to, is_over) = (balancer.url(), AtomicBool::new(false));
    thread::scope(|scope| {
        let _stop = Stop(&is_over);
        let writers: Vec<_> = (0..2)
            .map(|number| {
                let (to, is_over) = (&to, &is_over);
                scope.spawn(move || write(to, number, is_over))
            })
            .collect();
        let mut subscription =
            Subscription::new(&to, vec!["w*".to_owned()]).unwrap().window(1e10, None).unwrap();
        let mut seen = Seen::default();
        for round in 0..rounds {
            let enough = seen.samples.len() + 1 + round % 7;
            seen.follow(&mut subscription, |seen| seen.is_back_after(round) && seen.samples.len() >= enough);
            subscription.disconnect();
        }
        is_over.store(true, Ordering::Relaxed);
        let sent: i64 = writers.into_iter().map(|writer| writer.join().unwrap()).sum();
        let total = usize::try_from(sent).unwrap();
        // Everything may have been read before the last interruption.
        seen.follow(&mut subscription, |seen| seen.is_back_after(rounds) && seen.samples.len() >= total);
        assert_eq!((seen.samples.len(), seen.doubled), (total, 0));
        assert_eq!((seen.begun, seen.resumed), (1, rounds), "every return went on where it was");
    });
    nodes.into_iter().for_each(Backend::close);
}

#[test]
fn nothing_is_lost_or_doubled_when_servers_are_killed_one_after_another() {
    if !cluster::is_here() {
        return;
    }
    const PACE: Pace = Pace { per_post: 1, start: START.unsigned_abs(), step: 1 };
    let url = database("dying");
    let mut writers: [Vec<Writer>; 2] =
        ["x", "y"].map(|prefix| (0..4).map(|number| Writer::new(prefix, number)).collect());
    let mut number = 0;
    let mut nodes = nodes(&url, 2);
    while number < kill_rounds(4) || writers.iter().any(|writers| acknowledged(writers) <= 20) {
        assert!(number < 1_000, "hardly anything is written");
        // Both take samples; one of them is killed, which the other does not notice, and started again.
        let (killed, other) = (nodes.remove(0), nodes.remove(0));
        let [first, second] = &mut writers;
        let is_over = AtomicBool::new(false);
        thread::scope(|scope| {
            let _stop = Stop(&is_over);
            for writer in second {
                let (other, is_over) = (&other, &is_over);
                scope.spawn(move || {
                    while !is_over.load(Ordering::Relaxed) {
                        let posted = other.post(&writer.body(PACE));
                        assert_eq!(posted.status, 200, "the other one goes on: {}", posted.text);
                        writer.acknowledged += PACE.per_post;
                    }
                });
            }
            write_until(&killed.url(""), first, PACE, || {
                thread::park_timeout(Duration::from_millis(50 + 20 * number as u64));
                killed.kill_nine();
            });
            is_over.store(true, Ordering::Relaxed);
        });
        nodes = vec![other, Backend::start(&url)];
        number += 1;
    }
    nodes.into_iter().for_each(Backend::close);
    let all: Vec<_> = writers.concat();
    assert_eq!(losses(&url, &all), [""; 0]);
}
