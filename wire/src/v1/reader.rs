//! Reads frames. Nothing in a frame is trusted: lengths are checked before anything is read or made room for.

use super::bytes::{Malformed, Reader};
use super::frame::{Header, Kind};

/// A frame as it was received.
#[derive(Clone, Debug)]
pub struct Frame<'a> {
    /// What it begins with.
    pub header: Header,
    /// What follows.
    pub body: Body<'a>,
}

/// What follows a header.
#[derive(Clone, Debug)]
pub enum Body<'a> {
    /// `Welcome`, `Heartbeat`: nothing.
    Nothing,
    /// `Subscribed`: which request is answered.
    Subscribed {
        /// Its number.
        request: u32,
    },
    /// `Names`.
    Names(Names<'a>),
    /// `Snapshot`.
    Snapshot {
        /// The number of the request.
        request: u32,
        /// Samples.
        columns: Columns<'a>,
    },
    /// `Tail`, `Patch`.
    Samples(Columns<'a>),
    /// `Refused`.
    Refused {
        /// The number of the request.
        request: u32,
        /// An [`crate::ErrorBody`] as JSON.
        error: &'a str,
    },
    /// `Changed`: what has changed.
    Changed(&'a str),
    /// `Reduced`.
    Reduced {
        /// The number of the request.
        request: u32,
        /// What is reduced.
        slices: Slices<'a>,
    },
}

impl<'a> Frame<'a> {
    /// Reads a frame's header and what needs no loop.
    ///
    /// # Errors
    /// When the bytes are not a frame.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let mut rest = Reader(bytes);
        let header = Header::read(&mut rest)?;
        let mut request = || rest.array().map(u32::from_le_bytes);
        let body = match header.kind {
            Kind::Welcome | Kind::Heartbeat => Body::Nothing,
            Kind::Subscribed => Body::Subscribed { request: request()? },
            Kind::Names => Body::Names(Names(rest)),
            Kind::Snapshot => Body::Snapshot { request: request()?, columns: Columns::new(&header, rest) },
            Kind::Tail | Kind::Patch => Body::Samples(Columns::new(&header, rest)),
            Kind::Refused => Body::Refused { request: request()?, error: text(&rest)? },
            Kind::Changed => Body::Changed(text(&rest)?),
            Kind::Reduced => Body::Reduced { request: request()?, slices: Slices(rest) },
        };
        Ok(Self { header, body })
    }
}

fn text<'a>(bytes: &Reader<'a>) -> Result<&'a str, Malformed> {
    str::from_utf8(bytes.0).map_err(|_| Malformed("a text is not UTF-8"))
}

/// Signals' numbers and names.
#[derive(Clone, Debug)]
pub struct Names<'a>(Reader<'a>);

impl<'a> Iterator for Names<'a> {
    type Item = Result<(u32, &'a str), Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        (!self.0.is_empty()).then(|| {
            let signal = self.0.number()?;
            let length = self.0.number()?;
            Ok((signal, text(&Reader(self.0.take(length as usize)?))?))
        })
    }
}

/// Signals' numbers, and microseconds of the slices of which only the lowest and the highest sample came; at least 1.
#[derive(Clone, Debug)]
pub struct Slices<'a>(Reader<'a>);

impl Iterator for Slices<'_> {
    type Item = Result<(u32, i64), Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        (!self.0.is_empty()).then(|| {
            let (signal, slice) = (self.0.number()?, self.0.varint()?);
            let slice = i64::try_from(slice).ok().filter(|slice| *slice > 0);
            Ok((signal, slice.ok_or(Malformed("a slice is impossible"))?))
        })
    }
}

/// Samples, signal by signal.
#[derive(Clone, Debug)]
pub struct Columns<'a> {
    rest: Reader<'a>,
    server_time: i64,
}

impl<'a> Columns<'a> {
    fn new(header: &Header, rest: Reader<'a>) -> Self {
        Self { rest, server_time: header.server_time }
    }

    /// The next signal's number, and its samples in place of what was in `times` (microseconds, strictly rising) and
    /// `values`; `None` after the last.
    ///
    /// # Errors
    /// When the frame is malformed; what was read from it before is sound.
    pub fn next(&mut self, times: &mut Vec<i64>, values: &mut Vec<f64>) -> Result<Option<u32>, Malformed> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let signal = self.rest.number()?;
        let count = self.rest.number()? as usize;
        // A sample takes nine bytes at least: a count that promises more is not believed.
        if count == 0 || count > self.rest.len() / 9 {
            return Err(Malformed("a count is impossible"));
        }
        times.clear();
        values.clear();
        let mut time = self.server_time.wrapping_add(self.rest.signed_varint()?);
        times.push(time);
        for _ in 1..count {
            let step = i64::try_from(self.rest.varint()?).ok().filter(|step| *step > 0);
            time = step.and_then(|step| time.checked_add(step)).ok_or(Malformed("times do not rise"))?;
            times.push(time);
        }
        for value in self.rest.take(8 * count)?.as_chunks().0 {
            values.push(f64::from_le_bytes(*value));
        }
        Ok(Some(signal))
    }
}
