//! What no hub can go below: a loop that writes the same bytes to every socket. This program, started once more.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use anyhow::Result;

use super::{Heard, Hub, Memory, Publish, number_in};
use crate::fanout::websocket::{Opcode, client_frame, connect, first_frame, server_frame};

pub(in crate::fanout) struct Floor;

pub(in crate::fanout) const NAME: &str = "a loop of writes";

/// Where the publisher connects.
const PUBLISH: &str = "/publish";

impl Hub for Floor {
    fn name(&self) -> &'static str {
        NAME
    }

    fn version(&self) -> Result<String> {
        Ok("std::net".into())
    }

    fn command(&self, _: &Path, port: u16) -> Result<Command> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["floor", &format!("127.0.0.1:{port}")]);
        Ok(command)
    }

    fn endpoint(&self) -> (&'static str, Option<&'static str>) {
        ("/", None)
    }

    fn read(&self, message: &[u8], _: &mut Memory, heard: &mut dyn FnMut(Heard)) -> Result<()> {
        heard(number_in(message).map_or(Heard::Joined, Heard::Update));
        Ok(())
    }

    fn publisher(&self, address: &str) -> Result<Publish> {
        let (mut stream, _) = connect(address, PUBLISH, None)?;
        Ok(Box::new(move |update| Ok(stream.write_all(&client_frame(Opcode::Text, update))?)))
    }
}

type Sockets = Arc<Mutex<Vec<TcpStream>>>;

/// Serves until it is killed. One thread accepts, one more reads what is published.
pub(crate) fn serve(address: &str) -> Result<()> {
    let sockets = Sockets::default();
    for stream in TcpListener::bind(address)?.incoming() {
        // A client that disconnects at once only checked whether the port is open.
        let _ = admit(stream?, &sockets);
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "the threads of this hub live as long as the process")]
fn admit(mut stream: TcpStream, sockets: &Sockets) -> Result<()> {
    stream.set_nodelay(true)?;
    let (mut request, mut chunk) = (Vec::new(), [0; 4096]);
    while !request.ends_with(b"\r\n\r\n") {
        match stream.read(&mut chunk)? {
            0 => return Ok(()),
            read => request.extend_from_slice(&chunk[..read]),
        }
    }
    stream.write_all(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")?;
    if request.starts_with(format!("GET {PUBLISH}").as_bytes()) {
        let sockets = Arc::clone(sockets);
        thread::spawn(move || relay(stream, &sockets));
        return Ok(());
    }
    stream.write_all(&server_frame(Opcode::Text, b"joined"))?;
    lock(sockets).push(stream);
    Ok(())
}

/// Writes each frame that comes from `stream` to all sockets.
fn relay(mut stream: TcpStream, sockets: &Sockets) -> Result<()> {
    let (mut received, mut chunk) = (Vec::new(), [0; 4096]);
    loop {
        let read = stream.read(&mut chunk)?;
        if read == 0 {
            return Ok(());
        }
        received.extend_from_slice(&chunk[..read]);
        while let Some((_, payload, length)) = first_frame(&received)? {
            let frame = server_frame(Opcode::Text, payload);
            for socket in lock(sockets).iter_mut() {
                let _ = socket.write_all(&frame);
            }
            received.drain(..length);
        }
    }
}

fn lock(sockets: &Sockets) -> std::sync::MutexGuard<'_, Vec<TcpStream>> {
    sockets.lock().unwrap_or_else(PoisonError::into_inner)
}
