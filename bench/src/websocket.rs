//! As much of WebSocket as a client needs that costs next to nothing itself: it trusts its server.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Result, bail};

/// What a frame carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Opcode {
    Continuation = 0,
    Text = 1,
    Binary = 2,
    Close = 8,
    Ping = 9,
    Pong = 10,
}

/// The request that opens a WebSocket.
pub(super) fn handshake(path: &str, subprotocol: Option<&str>) -> String {
    let subprotocol =
        subprotocol.map(|name| format!("Sec-WebSocket-Protocol: {name}\r\n")).unwrap_or_default();
    format!(
        "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: YWZ0ZXJnbG93LWJlbmNoLg==\r\n{subprotocol}\r\n"
    )
}

/// Where the answer to a [`handshake`] ends; None while it is incomplete.
pub(super) fn accepted(answer: &[u8]) -> Result<Option<usize>> {
    let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
    if answer.starts_with(b"HTTP/1.1 101") {
        Ok(Some(end + 4))
    } else {
        bail!("no WebSocket: {}", String::from_utf8_lossy(answer))
    }
}

/// A frame as clients send it. Its mask is zero, which changes nothing and costs nothing.
pub(super) fn client_frame(opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    frame(opcode, payload, 0x80, &[0; 4])
}

/// A frame as servers send it.
pub(super) fn server_frame(opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    frame(opcode, payload, 0, &[])
}

fn frame(opcode: Opcode, payload: &[u8], masked: u8, mask: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x80 | opcode as u8];
    match u16::try_from(payload.len()) {
        Ok(length @ ..126) => frame.push(masked | u8::try_from(length).unwrap_or_default()),
        Ok(length) => {
            frame.push(masked | 126);
            frame.extend(length.to_be_bytes());
        }
        Err(_) => {
            frame.push(masked | 127);
            frame.extend((payload.len() as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(mask);
    frame.extend_from_slice(payload);
    frame
}

/// The first frame of a server in `bytes`, and how long it is with its head; None while it is incomplete.
pub(super) fn first_frame(bytes: &[u8]) -> Result<Option<(Opcode, &[u8], usize)>> {
    let &[first, length, ref rest @ ..] = bytes else { return Ok(None) };
    let opcode = match first & 15 {
        0 => Opcode::Continuation,
        1 => Opcode::Text,
        2 => Opcode::Binary,
        8 => Opcode::Close,
        9 => Opcode::Ping,
        10 => Opcode::Pong,
        other => bail!("no opcode: {other}"),
    };
    let (head, length) = match (length & 0x7f, rest) {
        (length @ ..126, _) => (2, usize::from(length)),
        (126, &[a, b, ..]) => (4, usize::from(u16::from_be_bytes([a, b]))),
        (127, &[a, b, c, d, e, f, g, h, ..]) => {
            (10, usize::try_from(u64::from_be_bytes([a, b, c, d, e, f, g, h]))?)
        }
        _ => return Ok(None),
    };
    // A client that masks, as `floor` sees it.
    let head = head + if bytes[1] & 0x80 > 0 { 4 } else { 0 };
    Ok(bytes.get(head..head + length).map(|payload| (opcode, payload, head + length)))
}

/// A connection that has been accepted, and what came behind the answer.
pub(super) fn connect(address: &str, path: &str, subprotocol: Option<&str>) -> Result<(TcpStream, Vec<u8>)> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    stream.write_all(handshake(path, subprotocol).as_bytes())?;
    let (mut answer, mut chunk) = (Vec::new(), [0; 4096]);
    loop {
        let read = stream.read(&mut chunk)?;
        if read == 0 {
            bail!("the server closed the connection instead of answering");
        }
        answer.extend_from_slice(&chunk[..read]);
        if let Some(end) = accepted(&answer)? {
            answer.drain(..end);
            return Ok((stream, answer));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_all_lengths() {
        for length in [0, 1, 125, 126, 65_535, 65_536] {
            let payload = vec![7; length];
            for frame in [server_frame(Opcode::Text, &payload), client_frame(Opcode::Text, &payload)] {
                let expected = Some((Opcode::Text, payload.as_slice(), frame.len()));
                assert_eq!(first_frame(&frame).unwrap(), expected);
                assert_eq!(first_frame(&frame[..frame.len() - 1]).unwrap(), None, "{length}");
            }
        }
    }

    #[test]
    fn only_a_101_is_accepted() {
        assert_eq!(accepted(b"HTTP/1.1 101 x\r\n\r\nabc").unwrap(), Some(18));
        assert_eq!(accepted(b"HTTP/1.1 101 x\r\n").unwrap(), None);
        assert!(accepted(b"HTTP/1.1 503 x\r\n\r\n").is_err());
    }
}
