//! The text that both peers take: a line for each instant, or for each [`FIELDS`] of an instant's signals, a field for each
//! signal. Of the forms that mean the same it is the shortest, and the one that costs InfluxDB least.

use std::io::Write as _;

use crate::samples::Batch;

pub(super) const WRITE_PATH: &str = "/write?db=bench&precision=ms";

/// VictoriaMetrics takes lines of up to 256 KiB.
const FIELDS: usize = 5_000;

pub(super) fn encode(batch: &Batch, body: &mut Vec<u8>) {
    // Writing to a Vec cannot fail.
    for (time, values) in batch.instants() {
        for (part, values) in values.chunks(FIELDS).enumerate() {
            for (index, value) in values.iter().enumerate() {
                let before = if index == 0 { "bench " } else { "," };
                let _ = write!(body, "{before}signal{}={value}", part * FIELDS + index);
            }
            let _ = writeln!(body, " {time}");
        }
    }
}
