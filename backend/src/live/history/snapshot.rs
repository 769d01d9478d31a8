//! The snapshot of the past that comes before the tail, as frames of [`afterglow_wire::v1`].

use afterglow_wire::Timestamp;
use afterglow_wire::limits::{AHEAD_MICROS, SNAPSHOT_SAMPLES};
use afterglow_wire::v1::{Flags, Header, Kind, Position, Subscribe, Writer};

use super::{CaughtUp, HistoryError, Output};
use crate::live::dialect::v1::{self, FRAME, V1, binary};
use crate::live::{Dialect as _, Step, known};
use crate::signals::Selector;
use crate::store::{Detail, Query, Sink, Span, Stopped, Store};

/// Writes the snapshot that `subscribe` asks for. Blocks.
///
/// # Errors
/// When it is too large, the store does not answer, or the output wants no more.
pub fn snapshot(
    store: &Store,
    subscribe: &Subscribe,
    epoch: u64,
    now: Timestamp,
    output: &mut dyn Output,
) -> Result<CaughtUp, HistoryError> {
    let nowhere = Position { epoch, sequence: 0 };
    let step = Step::at(nowhere, now.micros());
    let named = known(store.signals());
    let wanted = Selector::new(&subscribe.signals).within(store.scope());
    let mut selected = store.signals().select(&wanted, || output.check())?;
    selected.sort_unstable_by_key(|(_, signal)| *signal);
    let mut signals = selected.iter().map(|(_, signal)| *signal).filter(|signal| signal.0 < named);
    for frame in V1.names(&step, store.signals(), &mut signals) {
        output.frame(frame)?;
    }
    let flags = if subscribe.width.is_some() { Flags::REDUCED } else { Flags::NONE };
    let header = v1::header(&step, Kind::Snapshot, flags);
    let mut snapshot = Snapshot::new(store, &wanted, subscribe, header, named, output);
    let sequence = match subscribe.window {
        Some(seconds) => store.query(&query(subscribe, wanted.clone(), seconds, now), &mut snapshot)?,
        None => store.sequence(),
    };
    snapshot.finish(Position { epoch, sequence })
}

fn query(subscribe: &Subscribe, wanted: Selector, seconds: f64, now: Timestamp) -> Query {
    // A window beyond the calendar is held within it.
    let from = now.micros().saturating_sub((seconds * 1e6) as i64);
    let to = now.micros().saturating_add(AHEAD_MICROS);
    Query {
        span: Span { from: Timestamp::from_micros(from), to: Timestamp::from_micros(to) },
        signals: wanted,
        detail: Detail::at_most(subscribe.width.map(|width| 2 * width)),
    }
}

struct Snapshot<'a> {
    store: &'a Store,
    wanted: &'a Selector,
    request: u32,
    header: Header,
    output: &'a mut dyn Output,
    writer: Writer,
    signal: u32,
    named: u32,
    /// Samples that may still come, where all are asked for.
    room: Option<usize>,
    /// Signals that are reduced, and to which slices; none when that is not asked for.
    reduced: Option<Vec<(u32, i64)>>,
}

impl<'a> Snapshot<'a> {
    fn new(
        store: &'a Store,
        wanted: &'a Selector,
        subscribe: &Subscribe,
        header: Header,
        named: u32,
        output: &'a mut dyn Output,
    ) -> Self {
        let room = subscribe.width.is_none().then_some(SNAPSHOT_SAMPLES);
        let request = subscribe.id;
        let (writer, reduced) = (begin(&header, request), subscribe.slice.then(Vec::new));
        Self { store, wanted, request, header, output, writer, signal: 0, named, room, reduced }
    }

    fn finish(mut self, position: Position) -> Result<CaughtUp, HistoryError> {
        let header = Header { kind: Kind::Reduced, flags: Flags::NONE, ..self.header };
        // A signal takes at most 15 bytes.
        for reduced in self.reduced.take().unwrap_or_default().chunks(FRAME / 15) {
            let mut writer = begin(&header, self.request);
            reduced.iter().for_each(|(signal, slice)| writer.slice(*signal, *slice));
            self.output.frame(binary(writer.finish()))?;
        }
        let header = Header { flags: self.header.flags.with(Flags::LAST), position, ..self.header };
        self.output.frame(binary(self.writer.finish_as(&header)))?;
        Ok(CaughtUp { position, named: self.named })
    }

    /// Names a signal, and others that are wanted, that appeared only after the others had been named.
    fn name(&mut self) -> Result<(), Stopped> {
        let header = Header { kind: Kind::Names, flags: Flags::NONE, ..self.header };
        let (from, to) = (self.named, self.signal + 1);
        let mut writer = Writer::new(&header);
        for (signal, name) in (from..to).zip(self.store.signals().range(from, to)) {
            if self.wanted.has(&name) {
                writer.name(signal, &name);
            }
        }
        self.named = to;
        self.output.frame(binary(writer.finish()))
    }
}

fn begin(header: &Header, request: u32) -> Writer {
    let mut writer = Writer::new(header);
    writer.request(request);
    writer
}

impl Sink for Snapshot<'_> {
    fn series(&mut self, name: &str) -> Result<(), Stopped> {
        self.signal = self.store.signals().find(name).map_or(0, |signal| signal.0);
        if self.signal >= self.named { self.name() } else { Ok(()) }
    }

    fn points(&mut self, times: &[i64], values: &[f64]) -> Result<(), Stopped> {
        if let Some(room) = &mut self.room {
            *room = room.checked_sub(times.len()).ok_or(Stopped::TooMuch(SNAPSHOT_SAMPLES))?;
        }
        for (times, values) in times.chunks(FRAME / 16).zip(values.chunks(FRAME / 16)) {
            self.writer.columns(self.signal, times, values);
            if self.writer.len() >= FRAME {
                let next = begin(&self.header, self.request);
                self.output.frame(binary(std::mem::replace(&mut self.writer, next).finish()))?;
            }
        }
        Ok(())
    }

    fn reduced(&mut self, slice: i64) -> Result<(), Stopped> {
        if let Some(reduced) = &mut self.reduced {
            reduced.push((self.signal, slice));
        }
        Ok(())
    }

    fn check(&mut self) -> Result<(), Stopped> {
        self.output.check()
    }
}
