//! Three servers on one PostgreSQL database behind haproxy, with its example of deploy/, and NATS between them. A key kills one
//! of the servers.

mod keyboard;
/// The server that tests use, too: it ends with this process, and so does its folder.
#[path = "../../../store/src/tests/cluster.rs"]
#[expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "it belongs to the tests, which fail by panicking"
)]
mod postgres;

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Child;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};

use self::keyboard::Keyboard;
use super::{ours, start, start_producer};
use crate::prerequisites;
use crate::run::{command, root, say, stop};

/// As the example of haproxy calls them.
const NAMES: [&str; 3] = ["one", "two", "three"];

/// A child that is killed when it is dropped.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What all servers are started with.
struct Shared {
    database: String,
    /// Where they tell each other of commits; without it they look at the database.
    bus: Option<String>,
    /// The names by which they may be asked.
    hosts: String,
}

struct Server {
    process: Killed,
    /// `127.0.0.1:PORT`, which it keeps when it is started again.
    address: String,
}

impl Server {
    fn start(listen: &str, shared: &Shared) -> Result<Self> {
        let mut serve = ours("afterglow");
        // haproxy is trusted to say where clients are; everyone on this machine may read and write.
        serve.args(["serve", "--listen", listen, "--insecure", "--trusted-proxies", "127.0.0.1"]);
        serve.args(["--allowed-hosts", &shared.hosts]).env("AFTERGLOW_DATABASE", &shared.database);
        serve.envs(shared.bus.as_ref().map(|bus| ("AFTERGLOW_BUS", bus)));
        let (process, url) = start(serve)?;
        let address = url.strip_prefix("http://").context("an address")?.to_owned();
        Ok(Self { process: Killed(process), address })
    }
}

/// Runs until `interrupted`, or with an error until something ends by itself.
pub(super) fn run(listen: &str, interrupted: &Receiver<()>) -> Result<()> {
    ensure!(prerequisites::postgres(), "PostgreSQL is not installed: apt-get install postgresql");
    let haproxy = prerequisites::haproxy().context("haproxy is not installed: apt-get install haproxy")?;
    ensure!(postgres::is_here(), "PostgreSQL did not start");
    let database = format!("postgres://afterglow@{}/postgres", postgres::folder().replace('/', "%2F"));
    // What browsers call haproxy, and what haproxy calls each server when it asks how it is.
    let port = listen.rsplit(':').next().unwrap_or_default();
    let hosts = format!("{listen} localhost:{port} localhost:5001");
    let folder = tempfile::tempdir()?;
    let (mut nats, bus) = start_nats(folder.path())?.unzip();
    let shared = Shared { database, bus, hosts };
    let mut servers = Vec::new();
    for _ in NAMES {
        servers.push(Server::start("127.0.0.1:0", &shared)?);
    }
    let mut balancer = start_haproxy(&haproxy, folder.path(), listen, &servers)?;
    let address = format!("http://{listen}");
    let spool = folder.path().join("spool");
    let mut producer = Killed(start_producer(&address, &spool.to_string_lossy())?);
    let folder = postgres::folder();
    let each: Vec<_> = servers.iter().map(|server| format!("http://{}", server.address)).collect();
    say(&format!("\n    Afterglow is at {address}, by haproxy in front of {}", each.join(", ")));
    say(&format!("    PostgreSQL: psql --host {folder} --username afterglow postgres"));
    match &shared.bus {
        Some(bus) => say(&format!("    NATS: {bus}")),
        None => say(
            "    without NATS, which is not installed (apt-get install nats-server): the servers look at the database",
        ),
    }
    say("    k kills one of the servers with -9 and starts it again - Ctrl-C stops everything\n");
    let keyboard = Keyboard::open();
    let mut killed = 0;
    let ended = loop {
        if interrupted.recv_timeout(Duration::from_millis(100)).is_ok() {
            break Ok(());
        }
        if keyboard.pressed(b'k') {
            kill(NAMES[killed % NAMES.len()], &mut servers[killed % NAMES.len()], &shared)?;
            killed += 1;
        }
        let others = [("haproxy", &mut balancer), ("the producer", &mut producer)];
        let nats = nats.iter_mut().map(|nats| ("NATS", nats));
        let processes = servers.iter_mut().map(|server| &mut server.process);
        let all = NAMES.into_iter().zip(processes).chain(others).chain(nats);
        if let Some(ended) = all.filter_map(|(name, child)| ended(name, child)).next() {
            break Err(ended);
        }
    };
    // The producer first, so that its last samples still find a server.
    let stopped = stop("the producer", &mut producer.0);
    let servers = servers.iter_mut().zip(NAMES).map(|(server, name)| stop(name, &mut server.process.0));
    ended.and(stopped).and(servers.fold(Ok(()), Result::and))
}

/// What to say when a child has ended by itself.
fn ended(name: &str, child: &mut Killed) -> Option<anyhow::Error> {
    let status = child.0.try_wait().ok()??;
    Some(anyhow::anyhow!("{name} ended by itself with {status}"))
}

/// Kills a server as a loss of power would, and starts it again.
fn kill(name: &str, server: &mut Server, shared: &Shared) -> Result<()> {
    server.process.0.kill()?;
    server.process.0.wait()?;
    say(&format!("==> {name} (http://{}) is killed", server.address));
    *server = Server::start(&server.address, shared)?;
    say(&format!("==> {name} runs again"));
    Ok(())
}

/// Starts haproxy with the example, in which only the servers' addresses are replaced.
fn start_haproxy(program: &Path, folder: &Path, listen: &str, servers: &[Server]) -> Result<Killed> {
    let mut text = fs::read_to_string(root().join("deploy/proxy/haproxy-cluster.cfg"))?;
    for (name, server) in NAMES.iter().zip(servers) {
        text = text.replace(&format!(" {name}:5001"), &format!(" {}", server.address));
    }
    let file = folder.join("haproxy.cfg");
    fs::write(&file, text)?;
    let mut haproxy = command(&program.to_string_lossy(), ["-db", "-f"], folder);
    haproxy.arg(&file).env("PLAIN_BIND", listen).process_group(0);
    let mut balancer = Killed(haproxy.spawn().context("cannot start haproxy")?);
    listens("haproxy", &mut balancer, listen)?;
    Ok(balancer)
}

/// Starts NATS on a free port, and says its address; nothing where it is not installed.
fn start_nats(folder: &Path) -> Result<Option<(Killed, String)>> {
    let Some(program) = prerequisites::nats() else { return Ok(None) };
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let mut nats = command(&program.to_string_lossy(), ["--addr", "127.0.0.1", "--log", "nats.log"], folder);
    nats.args(["--port", &port.to_string()]).process_group(0);
    let mut nats = Killed(nats.spawn().context("cannot start NATS")?);
    listens("NATS", &mut nats, &format!("127.0.0.1:{port}"))?;
    Ok(Some((nats, format!("nats://127.0.0.1:{port}"))))
}

/// Waits until a child listens, which it does within this time or not at all.
fn listens(name: &str, child: &mut Killed, address: &str) -> Result<()> {
    for _ in 0..50 {
        if let Some(ended) = ended(name, child) {
            bail!(ended);
        }
        if TcpStream::connect(address).is_ok() {
            break;
        }
        std::thread::park_timeout(Duration::from_millis(100));
    }
    Ok(())
}
