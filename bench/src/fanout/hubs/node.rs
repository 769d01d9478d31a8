//! The two common libraries on node, each in the shortest program that sends every update to everyone else.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use super::{Heard, Hub, Memory, Publish, number_in, over_websocket, plain};
use crate::commands::first_line;
use crate::fanout::websocket::{Opcode, client_frame};
use crate::packages::Package;

pub(super) struct Node {
    name: &'static str,
    script: &'static str,
    package: &'static str,
    is_socket_io: bool,
}

pub(super) const WS: Node = Node { name: "ws on node", script: "ws.js", package: "ws", is_socket_io: false };

pub(super) const SOCKET_IO: Node =
    Node { name: "Socket.IO on node", script: "socketio.js", package: "socket.io", is_socket_io: true };

impl Hub for Node {
    fn name(&self) -> &'static str {
        self.name
    }

    fn package(&self) -> Option<Package> {
        Some(Package { name: "node", program: "node", debian: "nodejs" })
    }

    fn version(&self) -> Result<String> {
        let version = format!("process.version + ' ' + require('{}/package.json').version", self.package);
        let mut node = Command::new("node");
        first_line(node.args(["-p", &version]).current_dir(folder()))
    }

    fn command(&self, _: &Path, port: u16) -> Result<Command> {
        let mut command = Command::new("node");
        command.args([self.script, &format!("127.0.0.1:{port}")]).current_dir(folder());
        Ok(command)
    }

    fn endpoint(&self) -> (&'static str, Option<&'static str>) {
        (if self.is_socket_io { "/socket.io/?EIO=4&transport=websocket" } else { "/" }, None)
    }

    fn subscription(&self) -> Vec<u8> {
        if self.is_socket_io { client_frame(Opcode::Text, b"40") } else { Vec::new() }
    }

    fn read(&self, message: &[u8], _: &mut Memory, heard: &mut dyn FnMut(Heard)) -> Result<()> {
        match message {
            // Engine.IO's ping, its opening; Socket.IO's connection. ws.js greets.
            b"2" => heard(Heard::Answer(Opcode::Text, b"3")),
            [b'0', ..] => {}
            [b'4', b'0', ..] | b"joined" => heard(Heard::Joined),
            update => number_in(update).into_iter().for_each(|number| heard(Heard::Update(number))),
        }
        Ok(())
    }

    fn publisher(&self, address: &str) -> Result<Publish> {
        if !self.is_socket_io {
            return over_websocket(self, address, &[], plain);
        }
        let wrap = |update: &[u8]| {
            client_frame(Opcode::Text, &[b"42[\"update\",".as_slice(), update, b"]"].concat())
        };
        over_websocket(self, address, &client_frame(Opcode::Text, b"40"), wrap)
    }
}

/// Where the scripts and their npm packages are; `cargo xtask bench` says so.
fn folder() -> PathBuf {
    std::env::var_os("AFTERGLOW_BENCH_HUBS").map_or_else(|| "bench/hubs".into(), PathBuf::from)
}
