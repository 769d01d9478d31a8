//! Which boards were opened last, and whether they are listed in that order: kept by the browser.

use crate::edge::storage;

/// Where the addresses are kept, the latest first; they have no blanks.
const BOARDS: &str = "afterglow.boards";
/// Where the order is kept.
const ORDER: &str = "afterglow.boards.order";
/// The value of [`ORDER`] for the latest first.
const LATEST: &str = "recent";
/// Most addresses that are kept.
const MOST: usize = 50;

/// Notes that the board with this address is opened.
pub(super) fn note(id: &str) {
    let mut boards = boards();
    boards.retain(|known| known != id);
    boards.insert(0, id.to_owned());
    boards.truncate(MOST);
    storage::set(BOARDS, &boards.join(" "));
}

/// The addresses, the latest first.
pub(super) fn boards() -> Vec<String> {
    let kept = storage::get(BOARDS).unwrap_or_default();
    kept.split(' ').filter(|id| !id.is_empty()).map(str::to_owned).collect()
}

/// Whether boards are listed with the latest first.
pub(super) fn is_sorted() -> bool {
    storage::get(ORDER).as_deref() == Some(LATEST)
}

/// Lists boards with the latest first from now on, or by their titles.
pub(super) fn set_sorted(latest: bool) {
    storage::set(ORDER, if latest { LATEST } else { "title" });
}
