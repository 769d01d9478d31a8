//! How long after the answer that revokes a key the last of its live clients is closed, while samples come.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

use super::{Bar, Judged, ask, serve};
use crate::fanout::allow_many_sockets;
use crate::figures::{print_table, progress, show};
use crate::http::{self, Connection};
use crate::lab::Lab;
use crate::systems::OURS;
use crate::websocket::{self, Opcode, client_frame, first_frame};

const SOCKETS: u64 = 500;

/// From one sample to the next.
const PACE: Duration = Duration::from_millis(20);

/// In seconds.
const BAR: f64 = 2.0;

pub(super) fn run(lab: &Lab) -> Result<Judged> {
    allow_many_sockets()?;
    let folder = lab.folder()?;
    std::fs::create_dir_all(folder.path().join("data"))?;
    let key =
        |scopes: &str| ask(folder.path(), &format!("access key create --label bench --scopes {scopes}"));
    let (reader, writer, admin) = (key("read")?, key("write")?, key("admin")?);
    let settings = [("AFTERGLOW_AUTH", "required"), ("AFTERGLOW_LIVE_CLIENTS_PER_ADDRESS", "1000")];
    let server = serve(lab, folder.path(), None, &settings)?;
    let count = lab.scaled(SOCKETS);
    progress(&format!("revoke: {count} live clients"));
    let sockets = (0..count).map(|_| open(&server.address, &reader)).collect::<Result<Vec<_>>>()?;
    let is_over = AtomicBool::new(false);
    let took = thread::scope(|scope| {
        let writing = scope.spawn(|| write(&server.address, &writer, &is_over));
        let took = revoke(&server.address, &admin, &reader, sockets);
        is_over.store(true, Ordering::Relaxed);
        writing.join().unwrap_or_else(|_| bail!("the writer broke"))?;
        took
    })?;
    let row = [count.to_string(), show(took.as_secs_f64() * 1e3)];
    print_table("From the answer that revokes a key to the last close, 4401", ["live clients", "ms"], &[row]);
    let what = "from the revocation of a key to the last close".to_owned();
    Ok(Judged { what, figure: took.as_secs_f64(), unit: " s", bar: Bar::Below(BAR) })
}

/// A live client that watches everything, by a ticket for `key`.
fn open(address: &str, key: &str) -> Result<TcpStream> {
    let mut connection = Connection::open(address)?;
    let answer = connection.ask(&http::post_with("/api/tickets", Some(key), b""))?;
    let ticket = std::str::from_utf8(answer)?.split('"').nth(3).context("a ticket")?;
    let (mut stream, _) =
        websocket::connect(address, "/ws", Some(&format!("afterglow.v1, ag.ticket.{ticket}")))?;
    stream.write_all(&client_frame(Opcode::Text, br#"{"type":"subscribe","id":1,"signals":["*"]}"#))?;
    Ok(stream)
}

fn write(address: &str, key: &str, is_over: &AtomicBool) -> Result<()> {
    let mut connection = Connection::open(address)?;
    let mut number = 0_u32;
    while !is_over.load(Ordering::Relaxed) {
        number += 1;
        let body = format!("{{\"signals\":{{\"a\":{number}}}}}");
        connection.send(&http::post_with(OURS.write_path(), Some(key), body.as_bytes()))?;
        thread::sleep(PACE);
    }
    Ok(())
}

/// Revokes the key `reader`, and waits until each of `sockets` is closed for that reason; how long the last one took.
fn revoke(address: &str, admin: &str, reader: &str, sockets: Vec<TcpStream>) -> Result<Duration> {
    let id = reader.get(4..20).context("an id")?;
    let head = format!("DELETE /api/keys/{id} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {admin}\r\n");
    Connection::open(address)?.send(format!("{head}Content-Length: 0\r\n\r\n").as_bytes())?;
    let start = Instant::now();
    for socket in sockets {
        let code = close_code(socket)?;
        ensure!(code == 4401, "a live client was closed with {code}");
    }
    Ok(start.elapsed())
}

/// Reads until the server closes.
fn close_code(mut socket: TcpStream) -> Result<u16> {
    let (mut bytes, mut chunk) = (Vec::new(), vec![0; 64 * 1024]);
    loop {
        let read = socket.read(&mut chunk)?;
        ensure!(read > 0, "a live client was cut off without a reason");
        bytes.extend_from_slice(&chunk[..read]);
        while let Some((opcode, payload, length)) = first_frame(&bytes)? {
            if let (Opcode::Close, [high, low, ..]) = (opcode, payload) {
                return Ok(u16::from_be_bytes([*high, *low]));
            }
            bytes.drain(..length);
        }
    }
}
