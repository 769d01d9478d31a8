//! Mosquitto, MQTT 3.1.1 at quality 0.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::{Heard, Hub, Memory, Publish, number_in, over_websocket};
use crate::fanout::websocket::{Opcode, client_frame};
use crate::packages::Package;

pub(super) struct Mosquitto;

const PACKAGE: Package = Package { name: "Mosquitto", program: "mosquitto", debian: "mosquitto" };

/// A new session without a name, without keep-alive.
const CONNECT: &[u8] = b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x00\x00\x00";

const SUBSCRIBE: &[u8] = b"\x82\x0c\x00\x01\x00\x07updates\x00";

impl Hub for Mosquitto {
    fn name(&self) -> &'static str {
        PACKAGE.name
    }

    fn package(&self) -> Option<Package> {
        Some(PACKAGE)
    }

    fn version(&self) -> Result<String> {
        PACKAGE.version()
    }

    fn command(&self, folder: &Path, port: u16) -> Result<Command> {
        let configuration = folder.join("mosquitto.conf");
        // It does not start with only WebSockets, binds them to every address unless the domain is set, waits for more
        // to send, and drops what waits behind 1,000 messages.
        let text = format!(
            "listener 0 {}\nlistener {port} 127.0.0.1\nsocket_domain ipv4\nprotocol websockets\n\
             allow_anonymous true\nset_tcp_nodelay true\nmax_queued_messages 0\nlog_type error\nuser root\n",
            folder.join("mosquitto.sock").display()
        );
        std::fs::write(&configuration, text)?;
        let mut command = Command::new(PACKAGE.program);
        command.arg("-c").arg(configuration);
        Ok(command)
    }

    fn endpoint(&self) -> (&'static str, Option<&'static str>) {
        ("/mqtt", Some("mqtt"))
    }

    fn subscription(&self) -> Vec<u8> {
        client_frame(Opcode::Binary, &[CONNECT, SUBSCRIBE].concat())
    }

    /// A stream of packets, cut into messages anywhere.
    fn read(&self, message: &[u8], memory: &mut Memory, heard: &mut dyn FnMut(Heard)) -> Result<()> {
        const SUBSCRIBED: u8 = 0x90;
        const PUBLISH: u8 = 0x30;
        memory.rest.extend_from_slice(message);
        let mut rest = memory.rest.as_slice();
        while let Some((kind, content, after)) = packet(rest) {
            match kind & 0xf0 {
                SUBSCRIBED => heard(Heard::Joined),
                PUBLISH => number_in(content).into_iter().for_each(|number| heard(Heard::Update(number))),
                _ => {}
            }
            rest = after;
        }
        let read = memory.rest.len() - rest.len();
        memory.rest.drain(..read);
        Ok(())
    }

    fn publisher(&self, address: &str) -> Result<Publish> {
        let wrap = |update: &[u8]| {
            let mut packet = vec![0x30];
            push_length(&mut packet, 9 + update.len());
            packet.extend_from_slice(b"\x00\x07updates");
            packet.extend_from_slice(update);
            client_frame(Opcode::Binary, &packet)
        };
        over_websocket(self, address, &client_frame(Opcode::Binary, CONNECT), wrap)
    }
}

/// The first packet's kind and content, and what follows it; None while it is incomplete.
fn packet(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (kind, rest) = bytes.split_first()?;
    let digits = rest.iter().take(4).position(|digit| digit & 0x80 == 0)? + 1;
    let length = rest[..digits].iter().rev().fold(0, |length, digit| length << 7 | usize::from(digit & 0x7f));
    let content = rest.get(digits..digits + length)?;
    Some((*kind, content, &rest[digits + length..]))
}

/// Seven bits a byte, the lowest first.
fn push_length(packet: &mut Vec<u8>, mut length: usize) {
    loop {
        let digit = u8::try_from(length & 0x7f).unwrap_or_default();
        length >>= 7;
        packet.push(if length > 0 { digit | 0x80 } else { digit });
        if length == 0 {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets() {
        for length in [0, 127, 128, 300] {
            let mut bytes = vec![0x30];
            push_length(&mut bytes, length);
            bytes.extend(vec![7; length]);
            assert_eq!(packet(&bytes[..bytes.len() - 1]), None);
            bytes.push(9);
            assert_eq!(packet(&bytes), Some((0x30, vec![7; length].as_slice(), [9].as_slice())));
        }
        assert_eq!(packet(CONNECT).map(|(_, _, rest)| rest.len()), Some(0));
        assert_eq!(packet(SUBSCRIBE).map(|(_, _, rest)| rest.len()), Some(0));
    }
}
