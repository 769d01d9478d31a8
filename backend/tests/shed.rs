//! A commit that is shed on its way to the broadcaster: who has read it from the store does not wait for the next one.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::thread::{self, JoinHandle};

use afterglow_backend::access::issuers::Issuers;
use afterglow_backend::batch::{Batch, Sample};
use afterglow_backend::clock::Clock;
use afterglow_backend::config::{Config, File};
use afterglow_backend::pipeline::{self, Known, PipelineError};
use afterglow_backend::store::Store;
use afterglow_client::subscribe::Subscription;
use afterglow_wire::Timestamp;
use tokio::sync::oneshot;

use crate::harness::{PATIENCE, client, event, eventually, try_post};
use crate::live_stream::Seen;

/// The backend in this process, so that a test can commit past its broadcaster.
struct Inside {
    store: Store,
    url: String,
    stop: oneshot::Sender<()>,
    runs: JoinHandle<Result<(), PipelineError>>,
}

impl Inside {
    fn start(folder: &Path) -> Self {
        let database = folder.join("a.db").display().to_string();
        let config = Config::load(&["--database", &database], File::default()).unwrap();
        let store = Store::open(&config.store.open(), Clock::real()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (stop, stopped) = oneshot::channel();
        let issuers = Issuers::open(&[], config.access.requests_per_key).unwrap();
        let known = Known::load(&config, issuers, &store, &Clock::real()).unwrap();
        let served = store.clone();
        #[expect(clippy::disallowed_methods, reason = "the server of a test")]
        let runs = thread::spawn(move || {
            let stop = async { drop(stopped.await) };
            let run = pipeline::run(config, served, known, Clock::real(), listener.into(), stop);
            actix::System::new().block_on(run)
        });
        Self { store, url, stop, runs }
    }

    fn post(&self, number: i64) {
        let body = format!(r#"{{"timestamp":{},"signals":{{"a":{number}}}}}"#, time(number));
        assert_eq!(try_post(&self.url, &client(), &body).unwrap().status, 200);
    }

    /// Commits a sample of which the broadcaster does not hear, as if it had had no room.
    fn shed(&self, number: i64) {
        let mut batch = Batch::default();
        let signal = self.store.signals().number(&mut batch, "a").unwrap();
        let timestamp = Timestamp::from_micros(time(number));
        batch.push(Sample { signal, timestamp, value: number as f64 });
        self.store.commit(&[batch]).unwrap();
    }

    fn watchers(&self) -> String {
        let text = client()
            .get(format!("{}/metrics", self.url))
            .call()
            .unwrap()
            .body_mut()
            .read_to_string()
            .unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix("afterglow_live_sessions "));
        line.unwrap().to_owned()
    }

    fn close(self) {
        self.stop.send(()).unwrap();
        self.runs.join().unwrap().unwrap();
    }
}

fn time(number: i64) -> i64 {
    1_700_000_000_000_000 + number
}

#[test]
fn a_client_that_has_a_commit_that_was_shed_is_live_soon_and_misses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let backend = Inside::start(folder.path());
    let mut subscription =
        Subscription::new(&backend.url, vec!["a".into()]).unwrap().window(1e10, None).unwrap();
    let mut seen = Seen::default();
    backend.post(0);
    backend.shed(1);
    seen.follow(&mut subscription, |seen| seen.samples.len() == 2);
    // No commit comes that could tell the broadcaster of the one that was shed.
    eventually("it is live", || backend.watchers() == "1");
    // It comes back with that commit, and needs no history.
    subscription.disconnect();
    seen.follow(&mut subscription, |seen| seen.begun + seen.resumed == 2);
    backend.post(2);
    seen.follow(&mut subscription, |seen| seen.samples.len() == 3);
    assert_eq!((seen.begun, seen.resumed), (1, 1));
    assert_eq!(seen.samples.values().copied().collect::<Vec<_>>(), [0.0, 1.0, 2.0]);
    backend.close();
}

#[test]
fn clients_that_know_no_positions_are_told_of_a_commit_that_was_shed() {
    let folder = tempfile::tempdir().unwrap();
    let backend = Inside::start(folder.path());
    backend.post(0);
    let host = backend.url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "GET /api/stream?signals=a HTTP/1.1\r\nHost: {host}\r\n\r\n").unwrap();
    let (mut socket, _) = tungstenite::connect(format!("ws://{host}/ws")).unwrap();
    assert_eq!(event(&mut socket)["event"], "connection_response");
    eventually("both are live", || backend.watchers() == "2");
    backend.post(1);
    backend.shed(2);
    backend.post(3);
    let lines = BufReader::new(stream).lines().map(Result::unwrap);
    let said = lines.filter_map(|line| line.strip_prefix("event: ").map(str::to_owned));
    let said: Vec<_> = said.filter(|event| event != "changed").take(3).collect();
    assert_eq!(said, ["telemetry_update", "gap", "telemetry_update"]);
    let events: Vec<_> = (0..3).map(|_| event(&mut socket)).collect();
    assert_eq!(events[0]["data"]["signals"]["a"], 1.0);
    assert!(events[1]["event"] == "gap" && events[1]["data"]["message"].is_string(), "{events:?}");
    assert_eq!(events[2]["data"]["signals"]["a"], 3.0);
    backend.close();
}
