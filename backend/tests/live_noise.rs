//! Frames from clients that nobody has checked: no panic, the right close codes, flat memory.
//! `AFTERGLOW_FUZZ_FRAMES=1000000` for a long run.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};

use tungstenite::stream::MaybeTlsStream;

use crate::harness::{Backend, PATIENCE, speak};

/// Frames in all unless told otherwise.
const FRAMES: u64 = 5_000;

/// Random bytes, the same for the same seed (xorshift64).
struct Noise(u64);

impl Noise {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn byte(&mut self) -> u8 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 32) as u8
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::from(self.byte()) % bound
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.byte()).collect()
    }

    /// A frame of a client; `first` is its first byte.
    fn frame(&mut self, first: u8, payload: &[u8]) -> Vec<u8> {
        let mask = self.bytes(4);
        let masked = payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask);
        let length = 0x80 | u8::try_from(payload.len()).unwrap();
        [first, length].into_iter().chain(mask.clone()).chain(masked).collect()
    }

    /// One or two frames that are allowed: a ping, a pong, a request that is refused, whole or in two parts.
    fn allowed(&mut self) -> Vec<Vec<u8>> {
        let request = format!(r#"{{"type":"subscribe","id":{},"signals":[]}}"#, self.byte());
        let (length, middle) = (self.below(126), self.below(request.len()));
        let payload = self.bytes(length);
        match self.below(4) {
            0 => vec![self.frame(0x89, &payload)],
            1 => vec![self.frame(0x8a, &payload)],
            2 => vec![self.frame(0x81, request.as_bytes())],
            _ => {
                let (one, other) = request.as_bytes().split_at(middle);
                vec![self.frame(0x01, one), self.frame(0x80, other)]
            }
        }
    }

    /// Something else: half of it begins as a text frame.
    fn anything(&mut self) -> Vec<u8> {
        let length = 8 + self.below(120);
        let mut bytes = self.bytes(length);
        if self.below(2) == 0 {
            bytes[0] = 0x81;
            bytes[1] = 0x80 | u8::try_from(length - 6).unwrap();
        }
        bytes
    }
}

/// The code of the close frame in what a server sent.
fn close_code(mut sent: &[u8]) -> Option<u16> {
    while let [first, length, rest @ ..] = sent {
        let (length, rest) = match (length, rest) {
            (126, [a, b, rest @ ..]) => (usize::from(u16::from_be_bytes([*a, *b])), rest),
            (length, rest) => (usize::from(*length), rest),
        };
        if let (0x88, [a, b, ..]) = (first, rest) {
            return Some(u16::from_be_bytes([*a, *b]));
        }
        sent = rest.get(length..)?;
    }
    None
}

/// Sends what a client's `noise` gives, closes, and reads the rest.
fn answer(stream: &mut TcpStream, noise: &[u8]) -> Option<u16> {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let _ = stream.write_all(noise);
    let _ = stream.shutdown(Shutdown::Write);
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest);
    close_code(&rest)
}

#[test]
fn noise_from_clients_breaks_nothing() {
    let frames = std::env::var("AFTERGLOW_FUZZ_FRAMES").map_or(FRAMES, |frames| frames.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let backend = Backend::start(&folder.path().join("a.db"));
    let (mut sent, mut seed, mut resident) = (0, 0, None);
    while sent < frames {
        if sent >= frames / 5 {
            resident.get_or_insert_with(|| backend.resident());
        }
        seed += 1;
        let mut noise = Noise::new(seed);
        // Fewer than are too many at once.
        let allowed: Vec<_> = (0..noise.below(9)).flat_map(|_| noise.allowed()).collect();
        sent += allowed.len() as u64 + 1;
        let bytes = [allowed.concat(), noise.anything()].concat();
        let mut socket = speak(&backend, "afterglow.v1").unwrap();
        let MaybeTlsStream::Plain(stream) = socket.get_mut() else { unreachable!("loopback has no TLS") };
        let code = answer(stream, &bytes);
        assert!(matches!(code, None | Some(1000 | 1002 | 1003 | 1007 | 1008 | 1009)), "{seed}: {code:?}");
    }
    let grown = backend.resident().saturating_sub(resident.unwrap());
    assert!(grown < 8 << 20, "{grown} bytes more after all than after a fifth of {frames} frames");
    assert_eq!(backend.post(r#"{"signals":{"a":1}}"#).status, 200);
    backend.close();
}
