//! Our own programs in TLS: they speak only to a server whose certificate they trust, and lose nothing while they do not.

use std::process::{Command, Stdio};
use std::time::Duration;

use afterglow_client::access::Access;
use afterglow_client::publish::Publisher;
use afterglow_client::publish::outbox::Limits;
use afterglow_client::subscribe::{News, Subscription};
use afterglow_wire::Timestamp;
use afterglow_wire::telemetry::Reading;

use crate::harness::authority::Authority;
use crate::harness::{Backend, PATIENCE, eventually, producer, serve};

/// A server in TLS, what trusts it, and what trusts another.
fn start(folder: &tempfile::TempDir) -> (Backend, Authority, Access, Access) {
    let authority = Authority::new();
    let other = folder.path().join("other");
    std::fs::create_dir(&other).unwrap();
    authority.issue(folder.path());
    let access = |file| Access::default().with_authorities(file).unwrap();
    let (right, wrong) = (access(&authority.file(folder.path())), access(&Authority::new().file(&other)));
    let mut command = serve(&folder.path().join("a.db"), "127.0.0.1:0");
    command.env("AFTERGLOW_TLS_CERT", folder.path().join("cert.pem"));
    command.env("AFTERGLOW_TLS_KEY", folder.path().join("key.pem"));
    (Backend::spawn(command), authority, right, wrong)
}

fn readings() -> Vec<Reading> {
    let reading = |number: i64| Reading {
        timestamp: Some(Timestamp::from_micros(1_700_000_000_000_000 + number)),
        signals: [("a".to_owned(), number as f64)].into(),
    };
    (0..100).map(reading).collect()
}

/// How many samples of the signal there are.
fn count(backend: &Backend, authority: &Authority) -> usize {
    let url = backend.url("/api/telemetry?from=0001-01-01&format=csv&signals=a");
    let mut answer = authority.agent(false).get(url).call().unwrap();
    answer.body_mut().read_to_string().unwrap().lines().skip(1).count()
}

#[test]
fn a_publisher_that_does_not_trust_the_server_keeps_everything() {
    let folder = tempfile::tempdir().unwrap();
    let (backend, authority, right, wrong) = start(&folder);
    let spool = folder.path().join("spool");
    let publish = |url: &str, access: &Access| {
        Publisher::start(url, spool.clone(), Limits::default(), access.clone()).unwrap()
    };
    let publisher = publish(&backend.url(""), &wrong);
    publisher.record(readings());
    let closed = publisher.close(Duration::from_millis(500)).unwrap();
    assert_eq!((closed.tally.sent, closed.spooled, closed.lost), (0, 100, 0), "not its authority");
    // Its certificate has no such name.
    let other_name = backend.url("").replace("127.0.0.1", "localhost");
    let closed = publish(&other_name, &right).close(Duration::from_millis(500)).unwrap();
    assert_eq!((closed.tally.sent, closed.spooled), (0, 100), "not its name");
    assert_eq!(count(&backend, &authority), 0);
    let closed = publish(&backend.url(""), &right).close(PATIENCE).unwrap();
    assert_eq!((closed.tally.sent, closed.spooled, closed.lost), (100, 0, 0));
    assert_eq!(count(&backend, &authority), 100);
    assert!(backend.terminate().success());
}

#[test]
fn a_subscription_follows_only_a_server_that_it_trusts() {
    let folder = tempfile::tempdir().unwrap();
    let (backend, _, right, wrong) = start(&folder);
    let subscribe =
        |access: Access| Subscription::new(&backend.url(""), vec!["*".into()]).unwrap().access(access);
    assert!(
        matches!(subscribe(wrong).receive(), Ok(News::Offline { reason, .. }) if reason.contains("certificate"))
    );
    assert!(matches!(subscribe(right).receive(), Ok(News::Began { is_resumed: false })));
    assert!(backend.terminate().success());
}

#[test]
fn the_producer_and_tail_take_the_authority_from_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let (backend, authority, ..) = start(&folder);
    let url = backend.url("");
    let config = folder.path().join("producer.toml");
    // Relative to the configuration's folder.
    std::fs::write(
        &config,
        format!(
            "backend = {url:?}\nca_file = 'ca.pem'\n[[signal]]\nname = 'a'\nshape = 'sine'\nperiod_ms = 20\n"
        ),
    )
    .unwrap();
    let mut sends =
        Command::new(producer()).arg("--config").arg(&config).stderr(Stdio::null()).spawn().unwrap();
    eventually("samples arrive", || count(&backend, &authority) > 0);
    let tail = |trust: bool| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_afterglow"));
        command.args(["tail", "a", "--backend", &url]).stdout(Stdio::piped()).stderr(Stdio::null());
        if trust {
            command.arg("--ca-file").arg(folder.path().join("ca.pem"));
        }
        command.spawn().unwrap()
    };
    let mut follows = tail(true);
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(follows.stdout.take().unwrap()), &mut line)
        .unwrap();
    assert!(line.contains(r#""signals":{"a":"#), "{line}");
    for child in [&mut follows, &mut sends] {
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert!(backend.terminate().success());
}
