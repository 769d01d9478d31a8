//! How the page starts: its state, the feed, the paint loop, and what components follow of them.

use std::collections::BTreeSet;
use std::rc::Rc;

use dioxus::core::Runtime;
use dioxus::prelude::*;

use super::board_state::BoardState;
use super::page::{Asked, Open, Page};
use super::{keys, listeners, page, printing, theme};
use crate::boards::panels;
use crate::connection::status::Status;
use crate::edge::address::{self, Address};
use crate::edge::clock::Clock;
use crate::edge::feed::Feed;
use crate::edge::page_state::PageState;
use crate::edge::paint_loop::{News, PaintLoop};
use crate::samples::summary::Summary;

/// Starts the feed and the paint loop, and lets the loop write what components follow.
pub(super) fn use_page(status: Signal<Status>) -> Page {
    let (summary, time, open) = (use_signal(Summary::default), use_signal(|| None), use_signal(|| None));
    let (turn, sight) = (use_signal(|| (0_usize, true)), use_signal(BTreeSet::new));
    let (typed, asking) = (use_signal(|| false), use_signal(|| false));
    let (search, moving) = (use_signal(String::new), use_signal(|| None));
    let folded = use_signal(page::folded);
    let state = use_hook(|| {
        let (range, zone) = address::read(Clock::default().now());
        let state = PageState::new(range, zone);
        state.selection.set(Rc::new(address::selection()));
        state.cursors.replace(address::cursors());
        Rc::new(state)
    });
    let names = use_memo(move || summary.read().rows.iter().map(|row| row.name.clone()).collect::<Vec<_>>());
    let board_state = use_hook(|| BoardState::new(address::route()));
    let metadata = Rc::clone(&state);
    let board = use_memo(move || {
        if board_state.route.read().is_everything() {
            let metadata = metadata.metadata.follow();
            return Some(panels::everything(names.read().iter().map(String::as_str), &metadata));
        }
        board_state.board()?.ok()
    });
    let mode = use_hook(address::mode);
    use_context_provider(|| {
        let feed = Feed::new(Rc::clone(&state));
        let address = Address::new(Rc::clone(&state));
        let (runtime, can_annotate) = (Runtime::current(), mode.is_full());
        let paint_loop = PaintLoop::new(Rc::clone(&state), Rc::clone(&address), move |news| {
            let (mut status, mut summary, mut time, mut open) = (status, summary, time, open);
            let (mut turn, mut sight) = (turn, sight);
            runtime.in_scope(ScopeId::ROOT, || match news {
                News::Status(new) => status.set(new),
                News::Time(new) => time.set(Some(new)),
                News::Summary(new, is_quiet) => {
                    if *summary.peek() != new {
                        summary.set(new);
                    }
                    let (last, _) = *turn.peek();
                    turn.set((last.wrapping_add(1), is_quiet));
                }
                News::Sight(keys) => sight.set(keys),
                News::Annotate(at) if can_annotate => {
                    open.set(Some(Open::Annotate(Asked { from: at, to: None })));
                }
                News::Annotate(_) => {}
            });
        });
        state.starts_where_data_is.set(mode.is_full());
        feed.connect();
        feed.learn_revision();
        paint_loop.run();
        let page = Page {
            mode,
            state,
            feed,
            paint_loop,
            address,
            board_state,
            board,
            summary,
            turn,
            sight,
            names,
            time,
            open,
            typed,
            asking,
            folded,
            moving,
            search,
        };
        listeners::listen(&page);
        printing::listen(&page);
        keys::listen(&page);
        theme::apply(&page.paint_loop, theme::saved());
        page
    })
}
