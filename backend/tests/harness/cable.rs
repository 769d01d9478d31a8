//! A connection to another server that can be cut. Then nothing passes, and neither end is notified, as between machines; what
//! was on its way arrives when it is whole again.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

/// A port that leads to another server.
pub(crate) struct Cable {
    port: u16,
    cut: Arc<Cut>,
}

#[derive(Default)]
struct Cut {
    is_cut: Mutex<bool>,
    healed: Condvar,
}

impl Cut {
    /// Waits until it is whole.
    fn pass(&self) {
        drop(self.healed.wait_while(self.is_cut.lock().unwrap(), |is_cut| *is_cut).unwrap());
    }
}

/// One end of a connection.
trait End: Read + Write + Send + Sized + 'static {
    fn again(&self) -> Self;
    fn close(&self);
}

impl End for TcpStream {
    fn again(&self) -> Self {
        self.try_clone().unwrap()
    }

    fn close(&self) {
        let _ = self.shutdown(Shutdown::Both);
    }
}

impl End for UnixStream {
    fn again(&self) -> Self {
        self.try_clone().unwrap()
    }

    fn close(&self) {
        let _ = self.shutdown(Shutdown::Both);
    }
}

impl Cable {
    /// To a port of this machine.
    pub(crate) fn to_port(port: u16) -> Self {
        Self::new(move || TcpStream::connect(("127.0.0.1", port)))
    }

    /// To the PostgreSQL server whose socket is in `folder`.
    pub(crate) fn to_postgres(folder: &str) -> Self {
        let socket = Path::new(folder).join(".s.PGSQL.5432");
        Self::new(move || UnixStream::connect(&socket))
    }

    fn new<E: End>(connect: impl Fn() -> std::io::Result<E> + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let cable = Self { port: listener.local_addr().unwrap().port(), cut: Arc::default() };
        let cut = Arc::clone(&cable.cut);
        let accept = move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = connect() else { continue };
                let (from, to) = (client.again(), server.again());
                let (there, back) = (Arc::clone(&cut), Arc::clone(&cut));
                thread::Builder::new().spawn(move || pump(from, to, &there)).unwrap();
                thread::Builder::new().spawn(move || pump(server, client, &back)).unwrap();
            }
        };
        thread::Builder::new().spawn(accept).unwrap();
        cable
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn cut(&self) {
        *self.cut.is_cut.lock().unwrap() = true;
    }

    pub(crate) fn heal(&self) {
        *self.cut.is_cut.lock().unwrap() = false;
        self.cut.healed.notify_all();
    }
}

/// Nothing may wait for it any more.
impl Drop for Cable {
    fn drop(&mut self) {
        self.heal();
    }
}

/// Passes on what comes until one side ends; then both end.
fn pump(mut from: impl End, mut to: impl End, cut: &Cut) {
    let mut bytes = [0; 16_384];
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        cut.pass();
        if to.write_all(&bytes[..count]).is_err() {
            break;
        }
    }
    cut.pass();
    from.close();
    to.close();
}
