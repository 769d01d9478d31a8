//! A NATS server for a test, and a client that can say anything to it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use super::{PATIENCE, eventually};

/// A NATS server on a free port, killed when dropped.
pub(crate) struct Nats {
    child: Child,
    port: u16,
}

/// The program; Debian's is where only administrators look.
fn program() -> Option<PathBuf> {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&folders).chain([PathBuf::from("/usr/sbin")]);
    folders.map(|folder| folder.join("nats-server")).find(|path| path.is_file())
}

/// Whether there can be a server.
pub(crate) fn is_here() -> bool {
    let is_here = program().is_some();
    if !is_here {
        eprintln!("skipped with NATS: it is not installed (apt-get install nats-server)");
    }
    is_here
}

fn spawn(port: u16, more: &[&str]) -> Child {
    let mut command = Command::new(program().unwrap());
    command.args(["--addr", "127.0.0.1", "--port", &port.to_string()]).args(more);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

impl Nats {
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    pub(crate) fn start_with(more: &[&str]) -> Self {
        loop {
            // Free now; another process may be faster.
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let mut nats = Self { child: spawn(port, more), port };
            if nats.is_up() {
                return nats;
            }
        }
    }

    /// Waits until it listens; whether it does.
    fn is_up(&mut self) -> bool {
        let mut is_up = false;
        eventually("NATS listens, or has ended", || {
            is_up = TcpStream::connect(("127.0.0.1", self.port)).is_ok();
            is_up || self.child.try_wait().unwrap().is_some()
        });
        is_up && self.child.try_wait().unwrap().is_none()
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        rustix::process::kill_process(pid, signal).unwrap();
    }

    pub(crate) fn kill_nine(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again after it was killed.
    pub(crate) fn start_again(&mut self) {
        self.child = spawn(self.port, &[]);
        assert!(self.is_up());
    }

    /// A client that hears everything.
    pub(crate) fn client(&self) -> Client {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut client = Client { reader: BufReader::new(stream.try_clone().unwrap()), stream };
        assert!(client.line().starts_with("INFO "));
        client
            .stream
            .write_all(b"CONNECT {\"verbose\":false,\"echo\":false}\r\nSUB > 1\r\nPING\r\n")
            .unwrap();
        assert_eq!(client.line(), "PONG");
        client
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A connection in NATS' own protocol.
pub(crate) struct Client {
    reader: BufReader<TcpStream>,
    stream: TcpStream,
}

impl Client {
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.reader.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// The next message: its subject and what it says.
    pub(crate) fn next(&mut self) -> (String, Vec<u8>) {
        loop {
            let line = self.line();
            let words: Vec<_> = line.split(' ').collect();
            match words[..] {
                ["MSG", subject, .., length] => {
                    let mut bytes = vec![0; length.parse::<usize>().unwrap() + 2];
                    self.reader.read_exact(&mut bytes).unwrap();
                    bytes.truncate(bytes.len() - 2);
                    return (subject.to_owned(), bytes);
                }
                ["PING"] => self.stream.write_all(b"PONG\r\n").unwrap(),
                _ => assert!(!line.is_empty(), "NATS has ended"),
            }
        }
    }

    pub(crate) fn send(&mut self, subject: &str, bytes: &[u8]) {
        let head = format!("PUB {subject} {}\r\n", bytes.len());
        self.stream.write_all(&[head.as_bytes(), bytes, b"\r\n"].concat()).unwrap();
    }
}
