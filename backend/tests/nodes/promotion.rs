//! A synchronous standby takes over: nothing acknowledged is lost, and no client takes the new numbering for the old one.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use afterglow_client::subscribe::Subscription;

use super::{Balancer, START, write};
use crate::cluster;
use crate::harness::standby::Pair;
use crate::harness::{Backend, Stop, eventually};
use crate::live_stream::Seen;

#[test]
fn nothing_acknowledged_is_lost_when_a_synchronous_standby_takes_over() {
    if !cluster::is_here() {
        return;
    }
    let mut pair = Pair::start();
    let (url, balancer) = (pair.url(), Balancer::new());
    let start = || -> Vec<Backend> { (0..2).map(|_| balancer.start(&url, &[])).collect() };
    let mut nodes = start();
    balancer.use_servers(&nodes);
    let (to, is_over) = (balancer.url(), AtomicBool::new(false));
    thread::scope(|scope| {
        let _stop = Stop(&is_over);
        let writers = [0, 1].map(|number| {
            let (to, is_over) = (&to, &is_over);
            scope.spawn(move || write(to, number, is_over))
        });
        let mut subscription =
            Subscription::new(&to, vec!["w*".to_owned()]).unwrap().window(1e10, None).unwrap();
        let mut seen = Seen::default();
        seen.follow(&mut subscription, |seen| seen.samples.len() >= 200);
        pair.promote();
        for node in &mut nodes {
            assert!(!node.wait().success(), "it has another past, and must begin again");
        }
        nodes = start();
        balancer.use_servers(&nodes);
        seen.follow(&mut subscription, |seen| seen.begun == 2);
        let enough = seen.samples.len() + 200;
        seen.follow(&mut subscription, |seen| seen.samples.len() >= enough);
        is_over.store(true, Ordering::Relaxed);
        let sent = writers.map(|writer| usize::try_from(writer.join().unwrap()).unwrap());
        let stored = nodes[0].samples();
        for (number, sent) in sent.into_iter().enumerate() {
            let samples = &stored[&format!("w{number}")];
            // One more may be stored than was acknowledged.
            assert!((sent..=sent + 1).contains(&samples.len()), "{sent} of {} are stored", samples.len());
            let mut values: Vec<_> = samples.iter().map(|(_, value)| *value as usize).collect();
            values.sort_unstable();
            assert!(values.into_iter().eq(0..samples.len()), "each once");
        }
        let total: usize = stored.values().map(Vec::len).sum();
        seen.follow(&mut subscription, |seen| seen.samples.len() >= total);
        assert_eq!((seen.samples.len(), seen.begun), (total, 2), "a snapshot, and no mixture");
        assert!(seen.samples.iter().all(|((_, time), value)| {
            let late = if *value as i64 % 4 == 3 { 1_000_000_000 } else { 0 };
            *time == START + *value as i64 - late
        }));
    });
    let answers = |node: &Backend| node.get("/ready").status == 200;
    eventually("all are ready", || nodes.iter().all(answers));
    nodes.into_iter().for_each(Backend::close);
}
