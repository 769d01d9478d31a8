//! The instants of rows, or of objects, in their order.

use std::collections::HashMap;

use afterglow_wire::Timestamp;
use afterglow_wire::timestamp::Written;

use super::super::Verdict;
use super::super::zone::{Instants, Zone};
use super::dates::{self, Dates};
use super::{bad_timestamp, quoted};

/// How far back clocks are set at most, in microseconds.
const SET_BACK: i64 = 2 * 3_600 * 1_000_000;

/// Series of a long file whose orders are kept; the others share one.
const SERIES: usize = 250_000;

/// Reads the instants of a file in its order, which tells the two hours apart that clocks show alike.
#[derive(Debug)]
pub struct Clock {
    zone: Option<Zone>,
    /// Whether that is what a column's name says, and no setting.
    is_found: bool,
    dates: Option<Dates>,
    /// The order of rows, or, in a long file, of each series.
    rows: Order,
    series: HashMap<String, Order>,
    /// What has been said already.
    said_twice: bool,
    said_back: bool,
}

/// Where the rows are.
#[derive(Clone, Copy, Debug, Default)]
struct Order {
    /// The instant of the row before.
    last: Option<Timestamp>,
    /// Whether that row was earlier than the one before it.
    descends: bool,
}

/// An instant, and what nobody may overlook about it.
pub type Read = Result<(Timestamp, Option<String>), Verdict>;

impl Clock {
    /// Local times are in `zone`, or in UTC when absent, and dates whose year comes last in the order `dates`.
    pub fn new(zone: Option<Zone>, dates: Option<Dates>) -> Self {
        Self {
            zone,
            is_found: false,
            dates,
            rows: Order::default(),
            series: HashMap::new(),
            said_twice: false,
            said_back: false,
        }
    }

    /// Local times are in this zone from here on, unless one was set: a header says so.
    pub(super) fn in_zone(&mut self, zone: Option<Zone>) {
        if self.is_found || self.zone.is_none() {
            (self.is_found, self.zone) = (zone.is_some(), zone);
        }
    }

    /// Reads a row's instant. Numbers count `unit` seconds, or what their magnitude tells; `series` is the row's in a long
    /// file. Beside it, what nobody may overlook about it.
    ///
    /// # Errors
    /// When it is none, or one that clocks never show.
    pub fn instant(&mut self, text: &str, unit: Option<f64>, series: Option<&str>) -> Read {
        if text.trim().is_empty() {
            return Err(bad_timestamp("its timestamp is missing"));
        }
        if let Some(unit) = unit
            && let Ok(number) = text.trim().parse::<f64>()
        {
            return count(number, unit).map(|timestamp| (timestamp, None));
        }
        let local = match dates::read(text.trim(), self.dates)? {
            Written::Instant(timestamp) => {
                if series.is_none() {
                    self.rows.step(timestamp);
                }
                return Ok((timestamp, None));
            }
            Written::Local(local) => local,
        };
        let order = *self.order(series);
        let (timestamp, note) = match &self.zone {
            None => (local, self.set_back(order, local, text)),
            Some(zone) => match zone.instants(local) {
                Instants::Once(timestamp) => (timestamp, None),
                Instants::Twice(first, second) => {
                    let timestamp = order.choose(first, second);
                    let note = (!self.said_twice).then(|| {
                        format!(
                            "clocks in {zone} show {} twice; rows are taken in their order, the first ones before the \
                             clocks are set back",
                            quoted(text)
                        )
                    });
                    self.said_twice = true;
                    (timestamp, note)
                }
                Instants::Never => {
                    return Err(bad_timestamp(format!(
                        "clocks in {zone} never show {}: they are set forward over it",
                        quoted(text)
                    )));
                }
            },
        };
        self.order(series).step(timestamp);
        Ok((timestamp, note))
    }

    /// The order of a series, or of all rows.
    fn order(&mut self, series: Option<&str>) -> &mut Order {
        let Some(series) = series else { return &mut self.rows };
        if !self.series.contains_key(series) && self.series.len() < SERIES {
            self.series.insert(series.to_owned(), Order::default());
        }
        self.series.get_mut(series).unwrap_or(&mut self.rows)
    }

    /// What to say when local times go back as they do where clocks are set back.
    fn set_back(&mut self, order: Order, local: Timestamp, text: &str) -> Option<String> {
        let last = order.last.filter(|_| !order.descends)?;
        let back = last.micros() - local.micros();
        if self.said_back || !(1..=SET_BACK).contains(&back) {
            return None;
        }
        self.said_back = true;
        Some(format!(
            "the time goes backward here, from {last} to {}: where these are local times and clocks were set back, later \
             samples replace earlier ones of the same time; `zone` tells them apart",
            quoted(text)
        ))
    }
}

impl Order {
    /// Which of two instants continues the order of the rows.
    fn choose(&self, first: Timestamp, second: Timestamp) -> Timestamp {
        match self.last {
            Some(last) if self.descends => {
                if second <= last {
                    second
                } else {
                    first
                }
            }
            Some(last) => {
                if first >= last {
                    first
                } else {
                    second
                }
            }
            None => first,
        }
    }

    fn step(&mut self, timestamp: Timestamp) {
        if let Some(last) = self.last
            && last != timestamp
        {
            self.descends = timestamp < last;
        }
        self.last = Some(timestamp);
    }
}

/// The instant `number` times `unit` seconds after 1970.
fn count(number: f64, unit: f64) -> Result<Timestamp, Verdict> {
    let micros = (number * (unit * 1e6)).round();
    let timestamp = Timestamp::from_micros(micros as i64);
    if timestamp.micros() as f64 == micros {
        Ok(timestamp)
    } else {
        Err(bad_timestamp(format!("the timestamp {number} does not lie between the years 1 and 9999")))
    }
}
