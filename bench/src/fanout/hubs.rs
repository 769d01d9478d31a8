//! Who fans out. Everything that differs between them is behind [`Hub`].

pub(super) mod afterglow;
pub(super) mod floor;
mod mosquitto;
mod nats;
mod node;

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::websocket::{self, Opcode, client_frame};
use crate::packages::Package;

/// Ours first.
pub(super) const OURS: [&dyn Hub; 2] =
    [&afterglow::Hub { is_text: true }, &afterglow::Hub { is_text: false }];

pub(super) const PEERS: [&dyn Hub; 5] =
    [&nats::Nats, &mosquitto::Mosquitto, &node::WS, &node::SOCKET_IO, &floor::Floor];

/// What a subscriber learns from what it received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// From now on it gets every update.
    Joined,
    /// An update, by its number.
    Update(u64),
    /// The server wants to hear this.
    Answer(Opcode, &'static [u8]),
}

/// What a subscriber remembers between two messages, for protocols that need it.
#[derive(Default)]
pub(super) struct Memory {
    /// The start of a packet whose end has not come yet.
    pub(super) rest: Vec<u8>,
    /// What the server calls the signal that numbers the updates.
    pub(super) number: Option<u32>,
}

/// Sends what is published to all that subscribed, over WebSocket.
pub(super) trait Hub: Sync {
    fn name(&self) -> &'static str;

    /// What must be on the machine.
    fn package(&self) -> Option<Package> {
        None
    }

    fn version(&self) -> Result<String>;

    /// Serves WebSockets on `port` on loopback; `folder` is empty.
    fn command(&self, folder: &Path, port: u16) -> Result<Command>;

    /// What is asked for, and the subprotocol.
    fn endpoint(&self) -> (&'static str, Option<&'static str>);

    /// What a subscriber sends first.
    fn subscription(&self) -> Vec<u8> {
        Vec::new()
    }

    /// Tells `heard` what is in a message.
    fn read(&self, message: &[u8], memory: &mut Memory, heard: &mut dyn FnMut(Heard)) -> Result<()>;

    /// Opens a way to publish updates.
    fn publisher(&self, address: &str) -> Result<Publish>;
}

pub(super) type Publish = Box<dyn FnMut(&[u8]) -> Result<()> + Send>;

/// A publisher on a WebSocket of its own, which sends `first` and then each update as `wrap` makes it a frame.
fn over_websocket(
    hub: &dyn Hub,
    address: &str,
    first: &[u8],
    wrap: impl Fn(&[u8]) -> Vec<u8> + Send + 'static,
) -> Result<Publish> {
    let (path, subprotocol) = hub.endpoint();
    let (mut stream, _) = websocket::connect(address, path, subprotocol)?;
    std::io::Write::write_all(&mut stream, first)?;
    Ok(Box::new(move |update| Ok(std::io::Write::write_all(&mut stream, &wrap(update))?)))
}

/// A message with the update as it is.
fn plain(update: &[u8]) -> Vec<u8> {
    client_frame(Opcode::Text, update)
}

/// What numbers the updates.
pub(super) const NUMBER: &str = "signal0";

/// The update with this `number`, at this time: the same for all, an object of 6 signals. The time is to the microsecond:
/// two updates of one instant would be one sample, which takes the place of the other.
pub(super) fn update(number: u64, microsecond: u128) -> Vec<u8> {
    let value = |signal: u64| crate::figures::float((number * 7_919 + signal * 104_729) % 1_000_003) / 1e3;
    let values: String = (1..6).map(|signal| format!(",\"signal{signal}\":{}", value(signal))).collect();
    format!("{{\"timestamp\":{microsecond},\"signals\":{{\"{NUMBER}\":{number}{values}}}}}").into_bytes()
}

/// The number of an [`update`] that is somewhere in `message`.
fn number_in(message: &[u8]) -> Option<u64> {
    const BEFORE: &[u8] = b"\"signal0\":";
    let start = message.windows(BEFORE.len()).position(|window| window == BEFORE)? + BEFORE.len();
    let digits = message[start..].iter().take_while(|byte| byte.is_ascii_digit());
    Some(digits.fold(0, |number, digit| number * 10 + u64::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn updates_have_numbers() {
        let update = update(4711, 1_764_045_900_000_000);
        assert!(update.starts_with(br#"{"timestamp":1764045900000000,"signals":{"signal0":4711,"signal1":"#));
        assert_eq!(number_in(&update), Some(4711));
        assert_eq!(number_in(br#"{"signals":{"signal0":12.0}}"#), Some(12));
        assert_eq!(number_in(b"{}"), None);
    }
}
