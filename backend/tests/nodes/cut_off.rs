//! A server behind a balancer that is cut off from the database, from the bus, or from both, while the others go on: who watches it goes
//! on elsewhere, and after it has healed it answers what all answer.

use crate::balanced::{Balanced, START, through};
use crate::cluster;
use crate::harness::cable::Cable;
use crate::harness::haproxy::Haproxy;
use crate::harness::nats::{self, Nats};
use crate::harness::{Backend, client, close_code, eventually, try_post};
use crate::postgres::database;

/// The one that is cut off; the first one leads.
const ALONE: usize = 2;

fn cut_off(name: &str, from_database: bool, from_bus: bool) {
    if !cluster::is_here() || !nats::is_here() || !Haproxy::is_here() {
        return;
    }
    let (url, nats) = (database(name), Nats::start());
    let (to_database, to_bus) = (Cable::to_postgres(cluster::folder()), Cable::to_port(nats.port()));
    let far = format!("postgres://afterglow@127.0.0.1:{}/{name}?sslmode=disable", to_database.port());
    let far_bus = format!("nats://127.0.0.1:{}", to_bus.port());
    let mut balanced = Balanced::start_each([
        (url.clone(), Some(nats.url())),
        (url, Some(nats.url())),
        (far.into(), Some(far_bus)),
    ]);
    through(&mut balanced, |balanced, posts| {
        let alone = balanced.servers[ALONE].as_ref().unwrap();
        let has_bus = |node: &Backend| node.metric("afterglow_bus_connected") == 1.0;
        eventually("all have the bus", || balanced.servers.iter().flatten().all(has_bus));
        let mut socket = alone.watch();
        eventually("the session has joined", || alone.metric("afterglow_live_sessions") >= 1.0);
        if from_bus {
            to_bus.cut();
        }
        if from_database {
            to_database.cut();
            eventually("it is not ready", || alone.get("/ready").status == 503);
            assert_eq!(close_code(&mut socket), 1001);
            eventually("nobody watches it", || alone.metric("afterglow_live_sessions") == 0.0);
            assert_eq!(balanced.servers[0].as_ref().unwrap().get("/ready").status, 200);
        }
        if from_bus {
            eventually("it knows that it has no bus", || !has_bus(alone));
        }
        if !from_database {
            posts.go_on();
            assert_eq!(alone.get("/ready").status, 200, "the bus is not needed");
        }
        to_database.heal();
        to_bus.heal();
        // Where the cut fell between a commit and its answer, and what was answered as failed was kept, it ends at its next post: it does
        // not know what is stored. The post is one that was taken already.
        let known = format!(r#"{{"timestamp":{START},"signals":{{"w0":0}}}}"#);
        eventually("it takes posts", || {
            balanced.supervise(ALONE);
            let alone = balanced.servers[ALONE].as_ref().unwrap();
            try_post(&alone.url(""), &client(), &known).is_some_and(|answer| answer.status == 200)
        });
        let alone = balanced.servers[ALONE].as_ref().unwrap();
        eventually("it is ready", || alone.get("/ready").status == 200);
        eventually("it has the bus", || has_bus(alone));
        posts.go_on();
    });
}

#[test]
fn a_server_that_is_cut_off_from_its_database_is_left_and_then_answers_as_all_do() {
    cut_off("cut_database", true, false);
}

#[test]
fn a_server_that_is_cut_off_from_the_bus_goes_on() {
    cut_off("cut_bus", false, true);
}

#[test]
fn a_server_that_is_cut_off_from_both_is_left_and_then_answers_as_all_do() {
    cut_off("cut_both", true, true);
}
