//! A program that publishes through the client crate loses nothing while the backend is down, also not when it is ended
//! itself.

use std::time::Duration;

use afterglow_client::access::Access;
use afterglow_client::publish::Publisher;
use afterglow_client::publish::outbox::Limits;
use afterglow_wire::Timestamp;
use afterglow_wire::telemetry::Reading;

use crate::harness::{Backend, PATIENCE, eventually};

fn reading(number: i64) -> Reading {
    let timestamp = Some(Timestamp::from_micros(1_700_000_000_000_000 + number));
    Reading { timestamp, signals: [("a".to_owned(), number as f64)].into() }
}

#[test]
fn everything_that_was_recorded_arrives_once() {
    let folder = tempfile::tempdir().unwrap();
    let (database, spool) = (folder.path().join("a.db"), folder.path().join("spool"));
    let backend = Backend::start(&database);
    let (address, url) = (backend.address().to_owned(), backend.url(""));
    let start = || Publisher::start(&url, spool.clone(), Limits::default(), Access::default()).unwrap();
    let publisher = start();
    (0..100).for_each(|number| publisher.record(vec![reading(number)]));
    eventually("the first samples are stored", || {
        backend.metric("afterglow_samples_committed_total") == 100.0
    });
    backend.kill_nine();
    // Down: these go to the spool, and the program ends.
    (100..200).for_each(|number| publisher.record(vec![reading(number)]));
    let closed = publisher.close(Duration::from_millis(200)).unwrap();
    assert_eq!((closed.tally.sent, closed.spooled, closed.lost), (100, 100, 0));
    // The next one finds them.
    let publisher = start();
    publisher.record((200..300).map(reading).collect());
    let backend = Backend::start_with(&database, &address, &[]);
    eventually("the rest is stored", || {
        backend.samples().get("a").is_some_and(|samples| samples.len() == 300)
    });
    let closed = publisher.close(PATIENCE).unwrap();
    assert_eq!((closed.tally.sent, closed.spooled, closed.lost), (200, 0, 0));
    let stored: Vec<_> = backend.samples()["a"].iter().map(|(_, value)| *value).collect();
    assert_eq!(stored, (0..300).map(f64::from).collect::<Vec<_>>());
    backend.close();
}
