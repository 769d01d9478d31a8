//! The components. They show summaries; samples never pass through here.

mod annotate;
mod annotations;
mod board;
mod board_menu;
mod board_state;
mod cards;
mod copy;
mod data_table;
mod dialog;
mod empty;
mod focus;
mod form;
mod header;
mod help;
mod icon;
mod ingest;
mod keys;
mod kiosk;
mod latency;
mod legend;
mod listing;
mod notice;
mod page;
mod panel;
mod panel_editor;
mod panel_tools;
mod range_picker;
mod refused;
mod share;
mod signal;
mod stat;
mod switcher;
mod theme;
mod toolbar;
mod zone_picker;

use std::rc::Rc;

use afterglow_wire::revision::Revision;
use dioxus::core::Runtime;
use dioxus::prelude::*;
use wasm_bindgen::JsCast as _;
use wasm_bindgen::prelude::Closure;

use crate::boards::annotations::AnnotationSet;
use crate::boards::metadata::SignalMetadata;
use crate::boards::panels;
use crate::boards::route::Route;
use crate::connection::status::{Link, Load, Status};
use crate::edge::address::{self, Address};
use crate::edge::feed::Feed;
use crate::edge::page_state::PageState;
use crate::edge::paint_loop::{News, PaintLoop};
use crate::samples::summary::Summary;
use crate::time::{Follow, HOUR, Range};
use board_state::BoardState;
use page::{Asked, Open, Page};

/// Renders the page into the element with the id `page`.
pub fn launch() {
    dioxus::LaunchBuilder::new().with_cfg(dioxus::web::Config::new().rootname("page")).launch(App);
}

/// The whole page.
#[component]
fn App() -> Element {
    let status = use_signal(Status::default);
    let page = use_page(status);
    let (board_state, names) = (page.board_state, page.names);
    board_state::use_saved(board_state, page.revision);
    annotations::use_annotations(&page);
    signal::use_metadata(&page);
    let now = status.read().clone();
    let failure = match &now.load {
        Load::Failed(reason) => Some(reason.clone()),
        Load::Pending if now.link == Link::Offline => Some("the server cannot be reached".to_owned()),
        Load::Pending | Load::Done => None,
    };
    let loading = failure.is_none();
    // A saved board has something to show even where there are no signals yet.
    let empty = names.read().is_empty() && (board_state.route.read().is_everything() || !now.loaded);
    let feed = Rc::clone(&page.feed);
    let (revision, full) = ((page.revision)(), page.mode.is_full());
    rsx! {
        if full {
            header::Header { status: now.clone() }
        } else {
            kiosk::Strip { status: now.clone() }
        }
        main { class: page.mode.key(), "data-testid": "board", "data-revision": "{revision.boards} {revision.annotations} {revision.metadata}",
            if let Some(reason) = failure {
                notice::Failure { reason, bare: empty, on_retry: move |()| feed.hurry() }
            }
            if *board_state.route.read() == Route::Ingest {
                ingest::Ingest {}
            } else if !empty {
                if full {
                    toolbar::Toolbar {}
                    cards::Cards {}
                }
                board::BoardView {}
            } else if now.loaded {
                empty::Empty {}
            } else if loading {
                notice::Loading {}
            }
        }
        panel_editor::PanelEditor {}
        annotate::Annotate {}
        signal::SignalSettings {}
        share::Share {}
        help::Help {}
    }
}

/// Starts the feed and the frame loop, and lets the loop write what components follow.
fn use_page(status: Signal<Status>) -> Page {
    let summary = use_signal(Summary::default);
    let time = use_signal(|| None);
    let (zone, revision) = (use_signal(String::new), use_signal(Revision::default));
    let names = use_memo(move || summary.read().rows.iter().map(|row| row.name.clone()).collect::<Vec<_>>());
    let notes = use_signal(|| Rc::new(AnnotationSet::default()));
    let metadata = use_signal(|| Rc::new(SignalMetadata::default()));
    let board_state = use_hook(|| BoardState::new(address::route()));
    let board = use_memo(move || {
        if board_state.route.read().is_everything() {
            return Some(panels::everything(names.read().iter().map(String::as_str), &metadata.read()));
        }
        board_state.board()?.ok()
    });
    let (measuring, open) = (use_signal(|| false), use_signal(|| None));
    let (mode, selection) = (use_hook(address::mode), use_signal(address::selection));
    use_context_provider(|| {
        let (range, named) = address::read(crate::edge::clock::Clock::default().now());
        let mut zone = zone;
        zone.set(named.name().to_owned());
        // A live range needs no more than itself; from any other the reader may go to the last hour.
        let first = if let Range::Live(Follow::Last(width)) = range { width.min(HOUR) } else { HOUR };
        let page_state = Rc::new(PageState::new(range, named));
        page_state.selection.replace(selection.peek().clone());
        let feed = Feed::new(Rc::clone(&page_state), first);
        let address = Address::new(Rc::clone(&page_state));
        let (runtime, can_annotate) = (Runtime::current(), mode.is_full());
        let paint_loop = PaintLoop::new(Rc::clone(&page_state), Rc::clone(&address), move |news| {
            let (mut status, mut summary, mut time, mut revision) = (status, summary, time, revision);
            let mut open = open;
            runtime.in_scope(ScopeId::ROOT, || match news {
                News::Status(new) => status.set(new),
                News::Revision(new) => revision.set(new),
                News::Time(new) => time.set(Some(new)),
                News::Summary(new) if *summary.peek() != new => summary.set(new),
                News::Summary(_) => {}
                News::Annotate(at) if can_annotate => {
                    open.set(Some(Open::Annotate(Asked { from: at, to: None })));
                }
                News::Annotate(_) => {}
            });
        });
        feed.connect();
        paint_loop.run();
        let page = Page {
            mode,
            page_state,
            feed,
            paint_loop,
            address,
            board_state,
            board,
            notes,
            metadata,
            summary,
            names,
            time,
            zone,
            revision,
            selection,
            measuring,
            open,
        };
        listen(&page);
        keys::listen(&page);
        theme::apply(&page.paint_loop, theme::saved());
        page
    })
}

/// Reacts to the network's return, to Back and Forward, to the page's return to the screen, to scrolling, and to the
/// system's change between light and dark.
fn listen(page: &Page) {
    let Some(window) = web_sys::window() else { return };
    let feed = Rc::clone(&page.feed);
    let document = window.document();
    let visible = Closure::<dyn Fn()>::new(move || {
        if document.as_ref().is_some_and(|document| !document.hidden()) {
            feed.wake();
        }
    });
    let feed = Rc::clone(&page.feed);
    let online = Closure::<dyn Fn()>::new(move || feed.hurry());
    let paint_loop = Rc::clone(&page.paint_loop);
    let restyle = Closure::<dyn Fn()>::new(move || paint_loop.restyle());
    let scroll = Closure::<dyn Fn()>::new(crate::edge::plot::note_scroll);
    let (board_state, mut selection, runtime) = (page.board_state, page.selection, Runtime::current());
    let page_state = Rc::clone(&page.state);
    let gone = Closure::<dyn FnMut()>::new(move || {
        runtime.in_scope(ScopeId::ROOT, || {
            let selected = address::selection();
            page_state.selection.replace(selected.clone());
            selection.set(selected);
            board_state.arrive(address::route());
        });
    });
    // No call fails for a function; all listeners live as long as the page.
    let _ = window.add_event_listener_with_callback("online", online.as_ref().unchecked_ref());
    let _ = window.document().map(|document| {
        document.add_event_listener_with_callback("visibilitychange", visible.as_ref().unchecked_ref())
    });
    let _ = window.add_event_listener_with_callback("scroll", scroll.as_ref().unchecked_ref());
    let _ = window.add_event_listener_with_callback("popstate", gone.as_ref().unchecked_ref());
    if let Ok(Some(query)) = window.match_media("(prefers-color-scheme: dark)") {
        let _ = query.add_event_listener_with_callback("change", restyle.as_ref().unchecked_ref());
        std::mem::forget(query);
    }
    visible.forget();
    online.forget();
    restyle.forget();
    scroll.forget();
    gone.forget();
}
