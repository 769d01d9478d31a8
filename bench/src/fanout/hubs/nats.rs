//! NATS.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::{Heard, Hub, Memory, Publish, number_in, over_websocket};
use crate::fanout::websocket::{Opcode, client_frame};
use crate::packages::Package;
use crate::server::free_port;

pub(super) struct Nats;

const PACKAGE: Package = Package { name: "NATS", program: "nats-server", debian: "nats-server" };

const CONNECT: &str = "CONNECT {\"verbose\":false,\"pedantic\":false}\r\n";

impl Hub for Nats {
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
        let configuration = folder.join("nats.conf");
        let text = format!(
            "host: 127.0.0.1\nport: {}\nwebsocket {{\n  host: 127.0.0.1\n  port: {port}\n  no_tls: true\n}}\n",
            free_port()?
        );
        std::fs::write(&configuration, text)?;
        let mut command = Command::new(PACKAGE.program);
        command.arg("-c").arg(configuration);
        Ok(command)
    }

    fn endpoint(&self) -> (&'static str, Option<&'static str>) {
        ("/", None)
    }

    fn subscription(&self) -> Vec<u8> {
        client_frame(Opcode::Binary, format!("{CONNECT}SUB updates 1\r\nPING\r\n").as_bytes())
    }

    /// A stream of lines, cut into messages anywhere; `MSG` has its content behind it.
    fn read(&self, message: &[u8], memory: &mut Memory, heard: &mut dyn FnMut(Heard)) -> Result<()> {
        memory.rest.extend_from_slice(message);
        let mut rest = memory.rest.as_slice();
        while let Some(end) = rest.windows(2).position(|two| two == b"\r\n") {
            let (line, after) = (&rest[..end], &rest[end + 2..]);
            if line.starts_with(b"MSG ") {
                let length =
                    str::from_utf8(line)?.rsplit(' ').next().context("no length")?.parse::<usize>()?;
                let Some(content) = after.get(..length + 2) else { break };
                if let Some(number) = number_in(content) {
                    heard(Heard::Update(number));
                }
                rest = &after[length + 2..];
                continue;
            }
            match line {
                b"PONG" => heard(Heard::Joined),
                b"PING" => heard(Heard::Answer(Opcode::Binary, b"PONG\r\n")),
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
            let head = format!("PUB updates {}\r\n", update.len());
            client_frame(Opcode::Binary, &[head.as_bytes(), update, b"\r\n"].concat())
        };
        over_websocket(self, address, &client_frame(Opcode::Binary, CONNECT.as_bytes()), wrap)
    }
}
