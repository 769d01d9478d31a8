//! Many subscribers in one thread, which check that every update comes once.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};

use super::hubs::{Heard, Hub, Memory};
use super::publisher::Timetable;
use super::websocket::{self, Opcode, client_frame};

/// A client that is not accepted and subscribed by then never will be.
const JOIN_DEADLINE: Duration = Duration::from_secs(60);

/// Fewer than a server's queue of connections that wait to be accepted holds.
const JOINING_AT_ONCE: usize = 64;

/// What subscribers saw.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) deliveries: u64,
    /// Not seen although a later one was.
    pub(super) missed: u64,
    /// Seen again, or after a later one.
    pub(super) doubled: u64,
    /// From publishing to receiving, of each delivery.
    pub(super) micros: Vec<u32>,
}

pub(super) struct Crowd<'a> {
    hub: &'a dyn Hub,
    epoll: OwnedFd,
    buffer: Vec<u8>,
    members: Vec<Member>,
    joined: usize,
    tally: Tally,
}

impl<'a> Crowd<'a> {
    /// Connects `count` subscribers, each of which sends `subscription` first; returns when all get updates.
    pub(super) fn join(hub: &'a dyn Hub, address: &str, count: usize, subscription: &[u8]) -> Result<Self> {
        let mut crowd = Self {
            hub,
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            buffer: vec![0; 256 * 1024],
            members: Vec::with_capacity(count),
            joined: 0,
            tally: Tally::default(),
        };
        let (path, subprotocol) = hub.endpoint();
        let handshake = websocket::handshake(path, subprotocol);
        let deadline = Instant::now() + JOIN_DEADLINE;
        while crowd.joined < count {
            if Instant::now() > deadline {
                bail!("only {} of {count} clients could join {}", crowd.joined, hub.name());
            }
            while crowd.members.len() < count && crowd.members.len() < crowd.joined + JOINING_AT_ONCE {
                let mut stream = TcpStream::connect(address)?;
                stream.write_all(handshake.as_bytes())?;
                stream.set_nonblocking(true)?;
                let place = epoll::EventData::new_u64(crowd.members.len() as u64);
                epoll::add(&crowd.epoll, &stream, place, epoll::EventFlags::IN)?;
                crowd.members.push(Member::new(stream, subscription));
            }
            crowd.turn(Duration::from_millis(10), None)?;
        }
        Ok(crowd)
    }

    /// Reads what comes until `deadline`, or until nothing of what `timetable` has is missing.
    pub(super) fn listen(&mut self, deadline: Instant, timetable: &Timetable) -> Result<()> {
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || self.has_all(timetable) {
                return Ok(());
            }
            self.turn(left.min(Duration::from_millis(100)), Some(timetable))?;
        }
    }

    fn has_all(&self, timetable: &Timetable) -> bool {
        timetable.is_over() && self.members.iter().all(|member| member.next == timetable.count())
    }

    /// What was seen since it was taken last.
    pub(super) fn take_tally(&mut self) -> Tally {
        std::mem::take(&mut self.tally)
    }

    /// How many updates before `end` have not come yet, over all.
    pub(super) fn outstanding(&self, end: u64) -> u64 {
        self.members.iter().map(|member| end.saturating_sub(member.next)).sum()
    }

    fn turn(&mut self, patience: Duration, timetable: Option<&Timetable>) -> Result<()> {
        let patience = Timespec::try_from(patience)?;
        let mut events: Vec<epoll::Event> = Vec::with_capacity(1_024);
        match epoll::wait(&self.epoll, spare_capacity(&mut events), Some(&patience)) {
            Err(rustix::io::Errno::INTR) => {}
            other => drop(other?),
        }
        for event in events {
            let member =
                self.members.get_mut(usize::try_from(event.data.u64())?).context("no such member")?;
            let was_joined = member.is_joined;
            member.read(self.hub, &mut self.buffer, &mut self.tally, timetable)?;
            self.joined += usize::from(member.is_joined && !was_joined);
        }
        Ok(())
    }
}

struct Member {
    stream: TcpStream,
    /// Sent as soon as the server has accepted.
    subscription: Vec<u8>,
    is_accepted: bool,
    is_joined: bool,
    /// The start of a frame whose end has not come yet.
    rest: Vec<u8>,
    memory: Memory,
    /// The number of the next update.
    next: u64,
}

impl Member {
    fn new(stream: TcpStream, subscription: &[u8]) -> Self {
        Self {
            stream,
            subscription: subscription.to_owned(),
            is_accepted: false,
            is_joined: false,
            rest: Vec::new(),
            memory: Memory::default(),
            next: 0,
        }
    }

    /// Reads once; what is left makes the socket ready again.
    fn read(
        &mut self,
        hub: &dyn Hub,
        buffer: &mut [u8],
        tally: &mut Tally,
        timetable: Option<&Timetable>,
    ) -> Result<()> {
        let read = match self.stream.read(buffer) {
            Ok(0) => bail!("{} closed a connection", hub.name()),
            Ok(read) => read,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
                return Ok(());
            }
            Err(error) => return Err(error).with_context(|| hub.name().to_owned()),
        };
        let mut joined = std::mem::take(&mut self.rest);
        let bytes = if joined.is_empty() {
            &buffer[..read]
        } else {
            joined.extend_from_slice(&buffer[..read]);
            &joined
        };
        let used = self.take(hub, bytes, tally, timetable)?;
        self.rest = bytes[used..].to_vec();
        Ok(())
    }

    /// Takes whole frames from `bytes`; how many bytes they were.
    fn take(
        &mut self,
        hub: &dyn Hub,
        bytes: &[u8],
        tally: &mut Tally,
        timetable: Option<&Timetable>,
    ) -> Result<usize> {
        let mut used = 0;
        if !self.is_accepted {
            let Some(end) = websocket::accepted(bytes)? else { return Ok(0) };
            used = end;
            self.is_accepted = true;
            self.stream.write_all(&std::mem::take(&mut self.subscription))?;
        }
        let now = timetable.map(Timetable::now).unwrap_or_default();
        while let Some((opcode, payload, length)) = websocket::first_frame(&bytes[used..])? {
            used += length;
            match opcode {
                Opcode::Ping => self.stream.write_all(&client_frame(Opcode::Pong, payload))?,
                Opcode::Pong => {}
                Opcode::Close => bail!("{} closed a WebSocket: {payload:?}", hub.name()),
                Opcode::Continuation => bail!("{} cuts messages into frames", hub.name()),
                Opcode::Text | Opcode::Binary => {
                    let Self { stream, is_joined, memory, next, .. } = self;
                    let mut answered = Ok(());
                    hub.read(payload, memory, &mut |heard| match heard {
                        Heard::Joined => *is_joined = true,
                        Heard::Answer(opcode, text) => {
                            answered = stream.write_all(&client_frame(opcode, text));
                        }
                        Heard::Update(number) => {
                            let sent = timetable.and_then(|timetable| timetable.sent(number));
                            tally.add(number, next, sent.map(|sent| now.saturating_sub(sent)));
                        }
                    })?;
                    answered?;
                }
            }
        }
        Ok(used)
    }
}

impl Tally {
    /// Adds what was seen later.
    pub(super) fn add_all(&mut self, later: Self) {
        self.deliveries += later.deliveries;
        self.missed += later.missed;
        self.doubled += later.doubled;
        self.micros.extend(later.micros);
    }

    fn add(&mut self, number: u64, next: &mut u64, micros: Option<u64>) {
        if number < *next {
            self.doubled += 1;
            return;
        }
        self.missed += number - *next;
        self.deliveries += 1;
        *next = number + 1;
        self.micros.extend(micros.and_then(|micros| u32::try_from(micros).ok()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_come_or_comes_twice_is_counted() {
        let (mut tally, mut next) = (Tally::default(), 0);
        for number in [0, 1, 4, 3, 4, 5] {
            tally.add(number, &mut next, Some(7));
        }
        assert_eq!((tally.deliveries, tally.missed, tally.doubled, next), (4, 2, 2, 6));
        assert_eq!(tally.micros, [7; 4]);
    }
}
