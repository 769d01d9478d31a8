//! A bus that loses, repeats and reorders messages.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::thread;
use std::time::Duration;

use afterglow_backend::clock::Stopwatch;
use afterglow_client::subscribe::Subscription;

use crate::bus::{frames, post, values, write};
use crate::cluster;
use crate::harness::lossy::Lossy;
use crate::harness::nats::{self, Nats};
use crate::harness::{Backend, PATIENCE, eventually};
use crate::live_stream::Seen;
use crate::postgres::database;

#[test]
fn nothing_is_missed_or_doubled_over_a_bus_that_loses_repeats_and_reorders() {
    if !cluster::is_here() || !nats::is_here() {
        return;
    }
    let (url, nats, seed) = (database("lossy_bus"), Nats::start(), rand::random::<u32>());
    println!("seed {seed}");
    let lossy = Lossy::to_port(nats.port(), seed.into());
    let address = lossy.url();
    let nodes =
        [(); 2].map(|()| Backend::start_with(&url, "127.0.0.1:0", &[("AFTERGLOW_BUS", address.as_str())]));
    for node in &nodes {
        eventually("the bus is connected", || node.metric("afterglow_bus_connected") == 1.0);
    }
    // What one server commits the other one, which takes nothing itself, has from the bus, or from its looks.
    let [writer, reader] = &nodes;
    let (acknowledged, is_over, total) =
        (AtomicI64::new(0), AtomicBool::new(false), AtomicI64::new(i64::MAX));
    thread::scope(|scope| {
        let writing = scope.spawn(|| write(&writer.url(""), "w", &acknowledged, &is_over));
        let viewers = [writer, reader].map(|node| {
            let mut subscription =
                Subscription::new(&node.url(""), vec!["w*".to_owned()]).unwrap().window(1e10, None).unwrap();
            let total = &total;
            scope.spawn(move || {
                let mut seen = Seen::default();
                let is_whole = |seen: &Seen| seen.samples.len() as i64 >= total.load(Ordering::Relaxed);
                seen.follow(&mut subscription, is_whole);
                seen
            })
        });
        // A panic in here would wait for the writer for ever.
        let since = Stopwatch::start();
        let is_disturbed = || {
            lossy.counts().into_iter().all(|count| count >= 20)
                && ["taken", "known"].into_iter().all(|outcome| frames(reader, outcome) >= 20.0)
        };
        while !is_disturbed() && since.elapsed() < PATIENCE {
            thread::park_timeout(Duration::from_millis(10));
        }
        is_over.store(true, Ordering::Relaxed);
        let sent = writing.join().unwrap();
        // A viewer may have them all already: one more commit lets it look.
        total.store(sent + 1, Ordering::Relaxed);
        post(writer, "w_last", 0);
        let outcomes =
            ["taken", "known", "filled", "dropped", "refused"].map(|outcome| frames(reader, outcome));
        println!("sent {sent}; lost, doubled, late: {:?}; {outcomes:?}", lossy.counts());
        for viewer in viewers {
            let seen = viewer.join().unwrap();
            assert_eq!((seen.begun, seen.resumed, seen.doubled), (1, 0, 0));
            let samples = seen.samples.iter().filter(|((name, _), _)| name == "w");
            assert!(samples.map(|(_, value)| *value as i64).eq(0..sent), "each once, in order");
        }
        assert!(is_disturbed(), "messages are lost, doubled and late, and others taken");
        for node in &nodes {
            assert_eq!(values(node, "w").len() as i64, sent);
        }
    });
    assert_eq!(frames(reader, "refused"), 0.0);
    nodes.into_iter().for_each(Backend::close);
}
