//! Tables: a header, and rows of one sample or of one instant (see [`afterglow_formats::table`]).

use afterglow_formats::Verdict;
use afterglow_formats::records::Records;
use afterglow_formats::table::{Options, Sink, Table};
use afterglow_wire::limits::BODY_BYTES;
use afterglow_wire::{Code, Timestamp};

use super::Collector;
use crate::refusal::Refusal;

/// Reads a body. The index of a rejection is its line, from 0.
///
/// # Errors
/// When the body is empty, or its header does not say which column is the time. What is wrong with single rows and cells
/// is noted by the collector.
pub fn decode(body: &[u8], options: Options, collector: &mut Collector) -> Result<(), Refusal> {
    if body.trim_ascii().is_empty() {
        return Err(Refusal::new(Code::EmptyBody, "the body is empty; send a header and rows"));
    }
    let refused = |problem: String| Refusal::new(Code::MalformedCsv, problem);
    let mut table = Table::new(options);
    let mut records = Records::new(body, BODY_BYTES as u64 + 1);
    // Memory cannot fail to be read.
    while let Ok(Some(record)) = records.next(table.separator()) {
        table.record(&record, collector).map_err(refused)?;
    }
    table.finish().map_err(refused)?;
    collector.check_size()
}

impl Sink for Collector {
    fn sample(&mut self, place: usize, name: &str, timestamp: Timestamp, value: f64) -> Result<(), Verdict> {
        Self::sample(self, place, name, timestamp, value)
    }

    fn refuse(&mut self, line: u64, signal: Option<&str>, verdict: Verdict) {
        self.reject(usize::try_from(line.saturating_sub(1)).unwrap_or(usize::MAX), signal, verdict);
    }

    fn note(&mut self, line: u64, message: String) {
        self.warn(format!("line {line}: {message}"));
    }
}
