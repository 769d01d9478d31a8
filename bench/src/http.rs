//! An HTTP client that costs little itself.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// Longer than any answer should take; a bound, not an expectation.
const PATIENCE: Duration = Duration::from_secs(120);

/// A whole answer is kept up to this size.
const KEPT_BYTES: usize = 64 * 1024 * 1024;

/// The complete request that POSTs `body` to `path`.
pub(crate) fn post(path: &str, body: &[u8]) -> Vec<u8> {
    post_with(path, None, body)
}

/// The same with a key, where there is one.
pub(crate) fn post_with(path: &str, key: Option<&str>, body: &[u8]) -> Vec<u8> {
    let authorization = key.map(|key| format!("Authorization: Bearer {key}\r\n")).unwrap_or_default();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: bench\r\n{authorization}Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// A connection that stays open while the server keeps it so, with one request at a time.
pub(crate) struct Connection {
    address: String,
    stream: TcpStream,
    answer: Vec<u8>,
}

impl Connection {
    pub(crate) fn open(address: &str) -> Result<Self> {
        Ok(Self { address: address.to_owned(), stream: connect(address)?, answer: Vec::new() })
    }

    /// Sends a request of [`post`] and reads the answer, which must be a good one.
    pub(crate) fn send(&mut self, request: &[u8]) -> Result<()> {
        let head = self.exchange(request)?;
        head.check(&self.answer)
    }

    /// Sends a request of [`post`] and reads the answer; whether the server took it (2xx) or refused it for now (429, 503).
    pub(crate) fn offer(&mut self, request: &[u8]) -> Result<bool> {
        let head = self.exchange(request)?;
        if matches!(&*head.status, "429" | "503") {
            Ok(false)
        } else {
            head.check(&self.answer).map(|()| true)
        }
    }

    /// The body of the answer, which must be a good one.
    pub(crate) fn ask(&mut self, request: &[u8]) -> Result<&[u8]> {
        let head = self.exchange(request)?;
        head.check(&self.answer)?;
        Ok(&self.answer[head.end..])
    }

    /// The status of the answer, also that of a refusal.
    pub(crate) fn status(&mut self, request: &[u8]) -> Result<String> {
        Ok(self.exchange(request)?.status)
    }

    fn exchange(&mut self, request: &[u8]) -> Result<Head> {
        self.stream.write_all(request)?;
        self.answer.clear();
        let mut chunk = [0; 4096];
        loop {
            let read = self.stream.read(&mut chunk)?;
            if read == 0 {
                bail!("the server closed the connection");
            }
            self.answer.extend_from_slice(&chunk[..read]);
            let Some(head) = Head::parse(&self.answer)? else { continue };
            if self.answer.len() >= head.end + head.length.unwrap_or(0) {
                if head.closes {
                    self.stream = connect(&self.address)?;
                }
                return Ok(head);
            }
        }
    }
}

/// What [`download`] saw pass by.
pub(crate) struct Download {
    pub(crate) bytes: u64,
    /// From connecting to the last byte.
    pub(crate) took: Duration,
    pub(crate) content_type: String,
}

/// GETs `path` and throws the answer away.
pub(crate) fn download(address: &str, path: &str) -> Result<Download> {
    let start = Instant::now();
    let mut bytes = 0;
    let head = exchange(address, "GET", path, |part| {
        bytes += part.len() as u64;
        Ok(())
    })?;
    Ok(Download { bytes, took: start.elapsed(), content_type: head.content_type })
}

/// Asks for `path` and keeps the answer.
pub(crate) fn fetch(address: &str, method: &str, path: &str) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    let head = exchange(address, method, path, |part| {
        body.extend_from_slice(part);
        if body.len() > KEPT_BYTES {
            bail!("{path} answers with more than {KEPT_BYTES} bytes")
        } else {
            Ok(())
        }
    })?;
    if head.chunked { unchunk(&body).context("a broken chunk") } else { Ok(body) }
}

/// One request on a connection of its own, so that the answer ends where the connection does. Chunks are passed on as
/// they came, with their lengths.
fn exchange(
    address: &str,
    method: &str,
    path: &str,
    mut pass: impl FnMut(&[u8]) -> Result<()>,
) -> Result<Head> {
    const ENOUGH_FOR_A_HEAD: usize = 16 * 1024;
    let mut stream = connect(address)?;
    let head =
        format!("{method} {path} HTTP/1.1\r\nHost: bench\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    stream.write_all(head.as_bytes())?;

    let mut buffer = vec![0; 256 * 1024];
    let mut start = Vec::new();
    let head = loop {
        let read = stream.read(&mut buffer)?;
        start.extend_from_slice(&buffer[..read]);
        match Head::parse(&start)? {
            Some(head) => break head,
            None if read == 0 || start.len() > ENOUGH_FOR_A_HEAD => bail!("{path} has no complete answer"),
            None => {}
        }
    };
    head.check(&start)?;
    pass(&start[head.end..])?;
    let mut received = start.len() - head.end;
    let mut last: Vec<u8> = start;
    loop {
        let read = stream.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        pass(&buffer[..read])?;
        received += read;
        // The end mark may lie across two reads.
        last.drain(..last.len().saturating_sub(8));
        last.extend_from_slice(&buffer[read.saturating_sub(8)..read]);
    }
    let complete = if head.chunked {
        last.ends_with(b"0\r\n\r\n")
    } else {
        head.length.is_none_or(|all| all == received)
    };
    if complete { Ok(head) } else { bail!("the answer of {path} was cut short after {received} bytes") }
}

fn connect(address: &str) -> Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// What matters of an answer's head.
struct Head {
    status: String,
    /// Where the body begins.
    end: usize,
    length: Option<usize>,
    chunked: bool,
    /// The server ends the connection after this answer.
    closes: bool,
    content_type: String,
}

impl Head {
    /// None while the head is incomplete.
    fn parse(answer: &[u8]) -> Result<Option<Self>> {
        let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
        let text = std::str::from_utf8(&answer[..end])?.to_ascii_lowercase();
        let field = |name| text.lines().find_map(|line| Some(line.strip_prefix(name)?.trim()));
        Ok(Some(Self {
            status: text.split(' ').nth(1).unwrap_or_default().to_owned(),
            end: end + 4,
            length: field("content-length:").map(str::parse).transpose()?,
            chunked: field("transfer-encoding:") == Some("chunked"),
            closes: field("connection:") == Some("close"),
            content_type: field("content-type:").unwrap_or_default().to_owned(),
        }))
    }

    fn check(&self, answer: &[u8]) -> Result<()> {
        if self.status.starts_with('2') {
            return Ok(());
        }
        bail!("answered {}: {}", self.status, String::from_utf8_lossy(&answer[self.end..]))
    }
}

/// The body that came in `chunks`; None when they are broken.
fn unchunk(mut chunks: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = chunks.windows(2).position(|two| two == b"\r\n")?;
        let length = usize::from_str_radix(std::str::from_utf8(&chunks[..line]).ok()?, 16).ok()?;
        if length == 0 {
            return Some(body);
        }
        body.extend_from_slice(chunks.get(line + 2..line + 2 + length)?);
        chunks = chunks.get(line + 2 + length + 2..)?;
    }
}

/// `text` as it may stand in a query.
pub(crate) fn percent_encode(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    text.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_become_a_body() {
        assert_eq!(unchunk(b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n").as_deref(), Some(b"abcde".as_slice()));
        assert_eq!(unchunk(b"3\r\nab"), None);
    }

    #[test]
    fn heads() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: text/csv\r\n\r\nok";
        let head = Head::parse(answer).unwrap().unwrap();
        assert_eq!((&*head.status, head.length, &answer[head.end..]), ("200", Some(2), b"ok".as_slice()));
        assert_eq!((head.chunked, &*head.content_type), (false, "text/csv"));
        assert!(Head::parse(&answer[..20]).unwrap().is_none());
    }

    #[test]
    fn queries_are_escaped() {
        assert_eq!(percent_encode("max(x[5m])"), "max%28x%5B5m%5D%29");
    }
}
