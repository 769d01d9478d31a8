//! Ours: published with a durable POST, received as text events or on `afterglow.v1`.

use std::path::Path;
use std::process::Command;

use afterglow_wire::v1::{Body, Frame, PROTOCOL};
use anyhow::Result;

use super::{Heard, Memory, NUMBER, Publish, number_in};
use crate::fanout::websocket::{Opcode, client_frame};
use crate::http::{self, Connection};
use crate::systems::OURS;

pub(in crate::fanout) struct Hub {
    pub(in crate::fanout) is_text: bool,
}

impl super::Hub for Hub {
    fn name(&self) -> &'static str {
        if self.is_text { "Afterglow, text events" } else { "Afterglow, afterglow.v1" }
    }

    fn version(&self) -> Result<String> {
        OURS.version()
    }

    fn command(&self, folder: &Path, port: u16) -> Result<Command> {
        let mut command = OURS.command(folder, port)?;
        // All of them come from one address here.
        command.env("AFTERGLOW_LIVE_CLIENTS_PER_ADDRESS", "20000");
        Ok(command)
    }

    fn endpoint(&self) -> (&'static str, Option<&'static str>) {
        ("/ws", (!self.is_text).then_some(PROTOCOL))
    }

    fn subscription(&self) -> Vec<u8> {
        if self.is_text { Vec::new() } else { subscription("*") }
    }

    fn read(&self, message: &[u8], memory: &mut Memory, heard: &mut dyn FnMut(Heard)) -> Result<()> {
        if self.is_text {
            // Of the two events only updates have numbers.
            heard(number_in(message).map_or(Heard::Joined, Heard::Update));
            return Ok(());
        }
        match Frame::parse(message)?.body {
            Body::Subscribed { .. } => heard(Heard::Joined),
            Body::Names(names) => {
                for name in names {
                    let (number, name) = name?;
                    if name == NUMBER {
                        memory.number = Some(number);
                    }
                }
            }
            Body::Samples(mut columns) => {
                let (mut times, mut values) = (Vec::new(), Vec::new());
                while let Some(signal) = columns.next(&mut times, &mut values)? {
                    if memory.number == Some(signal) {
                        values.iter().for_each(|value| heard(Heard::Update(whole(*value))));
                        break;
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn publisher(&self, address: &str) -> Result<Publish> {
        let mut connection = Connection::open(address)?;
        Ok(Box::new(move |update| connection.send(&http::post(OURS.write_path(), update))))
    }
}

/// What a client of `afterglow.v1` asks for that wants no history.
pub(in crate::fanout) fn subscription(signals: &str) -> Vec<u8> {
    let request = format!(r#"{{"type":"subscribe","id":1,"signals":["{signals}"]}}"#);
    client_frame(Opcode::Text, request.as_bytes())
}

fn whole(value: f64) -> u64 {
    value as u64
}
