//! The text that both peers take: a line for each instant, a field for each signal. Of the forms that mean the same it
//! is the shortest, and the one that costs InfluxDB least.

use std::io::Write as _;

use crate::samples::Batch;

pub(super) const WRITE_PATH: &str = "/write?db=bench&precision=ms";

pub(super) fn encode(batch: &Batch, body: &mut Vec<u8>) {
    // Writing to a Vec cannot fail.
    for (time, values) in batch.instants() {
        for (signal, value) in values.iter().enumerate() {
            let before = if signal == 0 { "bench " } else { "," };
            let _ = write!(body, "{before}signal{signal}={value}");
        }
        let _ = writeln!(body, " {time}");
    }
}
