//! What stands between the cells of a table, where nobody says it.

use super::super::records::{self, SEPARATORS};
use super::Options;
use super::header::Header;

/// What most likely separates the cells of a header: what stands there most often, of those that leave a column for the time.
pub(super) fn likely_separator(header: &[u8], options: &Options, campbell: bool) -> u8 {
    let has_time = |separator: u8| {
        records::cells(header, separator).is_ok_and(|cells| {
            let names: Vec<_> = cells.iter().map(|cell| cell.text().into_owned()).collect();
            !matches!(Header::of(&names, options, campbell, true), Ok(None))
        })
    };
    let mut best = (b',', (false, 1));
    for separator in SEPARATORS {
        let count = records::count(header, *separator);
        if count > 1 {
            let rank = (has_time(*separator), count);
            if rank > best.1 {
                best = (*separator, rank);
            }
        }
    }
    best.0
}
