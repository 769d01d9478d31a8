//! How often components follow the samples: what is on screen with every summary, what is not only in turns, so that no frame has
//! everything to do.

use dioxus::prelude::*;

use super::page::{Page, Turn};
use crate::samples::summary::Summary;

/// Of the panels that are off the screen, one in this many is brought up to date with each summary.
const TURNS: usize = 4;
/// A list of more rows than this changes as seldom, and has no more at first.
const LONG: usize = 60;
/// After this many summaries the page has started.
const STARTED: usize = 8;
/// A board of more panels than this has legends only where the reader has been.
const FEW: usize = 8;

/// The newest values as the panel `key` shows them. The calling component renders again with each summary that the panel is to
/// show.
pub(super) fn use_summary(page: &Page, key: &str) -> ReadableRef<'static, Signal<Summary>> {
    let (turn, sight, key) = (page.turn, page.sight, key.to_owned());
    let place = key.bytes().map(usize::from).sum::<usize>() % TURNS;
    use_turn(turn, move |number| sight.read().contains(&key) || number % TURNS == place);
    page.summary.peek_unchecked()
}

/// Whether the chart of the panel `key` has been on screen. Until then its legend is not made, where there are many panels.
pub(super) fn use_seen(page: &Page, key: &str) -> bool {
    let (board, sight, key) = (page.board, page.sight, key.to_owned());
    let mut seen = false;
    let has_been = use_memo(move || {
        let few = || board.read().as_ref().is_none_or(|board| board.panels.len() <= FEW);
        seen = seen || sight.read().contains(&key) || few();
        seen
    });
    has_been()
}

/// How many rows the list of all signals has: few at first, so that charts are there earlier.
pub(super) fn use_rows(page: &Page, most: usize) -> usize {
    let turn = page.turn;
    let has_started = use_memo(move || turn().0 > STARTED);
    if has_started() { most } else { most.min(LONG) }
}

/// The newest values as the list of all signals shows them.
pub(super) fn use_listed(page: &Page) -> ReadableRef<'static, Signal<Summary>> {
    let summary = page.summary;
    use_turn(page.turn, move |number| summary.peek().rows.len() <= LONG || number % TURNS == 0);
    page.summary.peek_unchecked()
}

/// Renders the calling component again with each turn that `is_due`, and with those when nothing else happens.
fn use_turn(turn: Signal<Turn>, is_due: impl Fn(usize) -> bool + 'static) {
    let mut shown = 0;
    let due = use_memo(move || {
        let (number, is_quiet) = turn();
        if is_due(number) || is_quiet {
            shown = number;
        }
        shown
    });
    let _ = due();
}
