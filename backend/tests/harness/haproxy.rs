//! haproxy with its example for several servers, of which only addresses are replaced.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rand::RngExt as _;
use tempfile::TempDir;

use super::{client, eventually, try_get};

/// A running haproxy, killed when dropped.
pub(crate) struct Haproxy {
    child: Child,
    port: u16,
    _folder: TempDir,
}

impl Haproxy {
    /// Whether there is such a program.
    pub(crate) fn is_here() -> bool {
        let is_here = program().arg("-v").status().is_ok_and(|status| status.success());
        if !is_here {
            eprintln!("skipped: haproxy is not installed (apt-get install haproxy)");
        }
        is_here
    }

    /// Starts it on `port` before servers on this machine's `servers`, and waits until one of them answers through it.
    pub(crate) fn start(port: u16, servers: [u16; 3]) -> Self {
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/proxy/haproxy-cluster.cfg");
        let mut text = std::fs::read_to_string(example).unwrap();
        let servers = ["one", "two", "three"].into_iter().zip(servers);
        let addresses = servers.map(|(name, port)| (format!(" {name}:5001"), format!(" 127.0.0.1:{port}")));
        // The machine may have no names to look up.
        let none = [("parse-resolv-conf", "nameserver none 127.0.0.1:9")];
        let none = none.map(|(from, to)| (from.to_owned(), to.to_owned()));
        for (from, to) in addresses.chain(none) {
            assert!(text.contains(&from), "the example says {from}");
            text = text.replace(&from, &to);
        }
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("haproxy.cfg");
        std::fs::write(&file, text).unwrap();
        let mut start = program();
        start.args(["-db", "-f"]).arg(&file).env("PLAIN_BIND", format!("127.0.0.1:{port}"));
        let haproxy = Self { child: start.spawn().unwrap(), port, _folder: folder };
        let agent = client();
        eventually("haproxy leads to a server", || {
            try_get(&haproxy.url(), &agent, "/ready").is_some_and(|answer| answer.status == 200)
        });
        haproxy
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for Haproxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn program() -> Command {
    // Debian has it where only root looks.
    let debian = Path::new("/usr/sbin/haproxy");
    let mut command = Command::new(if debian.is_file() { debian } else { Path::new("haproxy") });
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// A port that nobody listens on, and that no connection is given by the system: a server that is started again finds it free.
pub(crate) fn port() -> u16 {
    loop {
        let port = rand::rng().random_range(10_000..30_000);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
