//! Connections from a chosen address: the server counts by address, and on loopback there are many.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use rustix::net::{AddressFamily, SocketType, bind, connect, socket, sockopt};

/// Longer than any answer should take; a bound, not an expectation.
const PATIENCE: Duration = Duration::from_secs(30);

/// Bytes that the kernel holds for a client that does not read: it is full soon.
const LITTLE: usize = 16 * 1024;

/// A loopback address of one's own: 127.0.0.`last`.
#[derive(Clone, Copy)]
pub(super) struct Place(pub(super) u8);

impl Place {
    /// Connects to `server`, which is `127.0.0.1:PORT`.
    pub(super) fn connect(self, server: &str) -> Result<TcpStream> {
        let socket = socket(AddressFamily::INET, SocketType::STREAM, None)?;
        sockopt::set_socket_recv_buffer_size(&socket, LITTLE)?;
        bind(&socket, &SocketAddrV4::new(Ipv4Addr::new(127, 0, 0, self.0), 0))?;
        connect(&socket, &server.parse::<SocketAddrV4>()?)?;
        let stream = TcpStream::from(socket);
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(stream)
    }

    /// Sends a request that ends its connection, reads all of the answer, and gives its status and how long it took.
    pub(super) fn ask(self, server: &str, head: &str, body: &[u8]) -> Result<(u16, Duration)> {
        let start = Instant::now();
        let mut stream = self.connect(server)?;
        stream.write_all(&request(head, body))?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        let status = answer.get(9..12).and_then(|status| std::str::from_utf8(status).ok()?.parse().ok());
        match status {
            Some(status) => Ok((status, start.elapsed())),
            None => bail!("{head} has no answer"),
        }
    }
}

/// A whole request; `head` is its method and target, and perhaps lines of headers behind ` HTTP/1.1`.
pub(super) fn request(head: &str, body: &[u8]) -> Vec<u8> {
    let (line, headers) = head.split_once('\n').unwrap_or((head, ""));
    let headers: String = headers.lines().map(|header| format!("{header}\r\n")).collect();
    let length = body.len();
    let head = format!(
        "{line} HTTP/1.1\r\nHost: bench\r\n{headers}Connection: close\r\nContent-Length: {length}\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}
