//! Keys as rows have them, and what links to boards show.

use std::collections::HashMap;

use afterglow_wire::access::Key;
use afterglow_wire::board::Board;
use afterglow_wire::limits::{PATTERN_STARS, PATTERNS};
use afterglow_wire::{Timestamp, name};

use crate::StoreError;
use crate::tables::{KeyRow, Rows};

/// The hash of a secret.
pub type SecretHash = [u8; 32];

/// The signals of boards, by the boards' addresses.
pub type BoardSignals = HashMap<String, Vec<String>>;

/// All keys, and what the links among them show.
pub(crate) fn keys_and_boards(
    reader: &mut dyn Rows,
) -> Result<(Vec<(Key, SecretHash)>, BoardSignals), StoreError> {
    let keys: Vec<_> = reader.keys()?.into_iter().filter_map(sound).collect();
    let mut boards = BoardSignals::new();
    for board in keys.iter().filter_map(|(key, _)| key.board.as_ref()) {
        if !boards.contains_key(board) {
            boards.insert(board.clone(), signals_of(reader, board)?);
        }
    }
    Ok((keys, boards))
}

/// A key as a row has it; none, and a line in the log, when it is damaged.
pub(crate) fn sound(row: KeyRow) -> Option<(Key, SecretHash)> {
    let parsed = serde_json::from_str::<Key>(&row.document)
        .map_err(|error| error.to_string())
        .and_then(|key| if key.id == row.id { Ok(key) } else { Err("it names another".to_owned()) })
        .and_then(|key| {
            Ok((key, SecretHash::try_from(row.hash).map_err(|_| "its hash is none".to_owned())?))
        });
    let (key, hash) =
        parsed.inspect_err(|why| log::error!("the key {} is damaged and not valid: {why}", row.id)).ok()?;
    let last_used = row.used_at.map(Timestamp::from_micros);
    Some((Key { last_used, last_used_from: row.used_from, ..key }, hash))
}

/// What links show of a board, nothing of one that is not there, or is damaged. All of it is compared with every name: of a board
/// with more patterns than a key may have, the first ones in order.
fn signals_of(reader: &mut dyn Rows, board: &str) -> Result<Vec<String>, StoreError> {
    let board: Option<Board> = reader.board(board)?.and_then(|document| serde_json::from_str(&document).ok());
    let mut signals = board.map(|board| board.signals()).unwrap_or_default();
    let mut with_star = 0;
    signals.retain(|signal| {
        let stars = name::pieces(signal).len() - 1;
        with_star += usize::from(stars > 0);
        stars <= PATTERN_STARS && (stars == 0 || with_star <= PATTERNS)
    });
    Ok(signals)
}
