//! How fast the disk makes a write durable.

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;

/// The median and the 99th percentile of overwriting 4 KiB and waiting for fdatasync, in `folder`.
pub(crate) fn latency(folder: &Path) -> Result<(Duration, Duration)> {
    const ROUNDS: usize = 500;
    let mut file = File::create(folder.join("fdatasync"))?;
    let mut took = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let start = Instant::now();
        file.seek(SeekFrom::Start(0))?;
        file.write_all(&[7; 4096])?;
        file.sync_data()?;
        took.push(start.elapsed());
    }
    took.sort();
    Ok((took[ROUNDS / 2], took[ROUNDS * 99 / 100]))
}
