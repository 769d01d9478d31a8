//! The components. They show summaries; samples never pass through here.

mod account;
mod add_to;
mod alerts;
mod annotate;
mod annotations;
mod board;
mod board_list;
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
mod later;
mod legend;
mod listeners;
mod listing;
mod notice;
mod page;
mod panel;
mod panel_drag;
mod panel_editor;
mod panel_frame;
mod panel_tools;
mod printing;
mod range_picker;
mod recent;
mod refused;
mod sections;
mod share;
mod signal;
mod start;
mod stat;
mod sure;
mod switcher;
mod theme;
mod toolbar;
mod turns;
mod zone_picker;

use std::rc::Rc;

use dioxus::prelude::*;

use later::{Later, Part};
use page::Page;

use crate::boards::panels;
use crate::boards::route::Route;
use crate::connection::status::{Link, Load, Status};

/// Renders the page into the element with the id `page`.
pub fn launch() {
    let root = if account::is_here() { Beside } else { App };
    dioxus::LaunchBuilder::new().with_cfg(dioxus::web::Config::new().rootname("page")).launch(root);
}

/// A page beside the dashboard.
#[component]
fn Beside() -> Element {
    rsx! { Later { part: Part::Account } }
}

/// The whole page.
#[component]
fn App() -> Element {
    let status = use_signal(Status::default);
    let page = start::use_page(status);
    let (board_state, names) = (page.board_state, page.names);
    board_state::use_saved(board_state, Rc::clone(&page.state), page.mode.is_full());
    annotations::use_annotations(&page);
    alerts::use_alerts(&page);
    signal::use_metadata(&page);
    use_title(&page);
    use_subscription(&page);
    let now = status.read().clone();
    let failure = match &now.load {
        Load::Failed(reason) => Some(reason.clone()),
        Load::Pending if now.link == Link::Offline => Some("the server cannot be reached".to_owned()),
        Load::Pending | Load::Done => None,
    };
    let loading = failure.is_none();
    // A saved board has something to show even where there are no signals yet.
    let empty = names.read().is_empty() && (board_state.route.read().is_everything() || !now.loaded);
    let (feed, home) = (Rc::clone(&page.feed), page.clone());
    let (revision, full) = (page.state.revision.follow().unwrap_or_default(), page.mode.is_full());
    rsx! {
        if full {
            a {
                class: "skip", href: "#content",
                onclick: move |event| {
                    // The address is the view's.
                    event.prevent_default();
                    focus::focus("content");
                },
                "Skip to the content"
            }
            header::Header { status: now.clone() }
        } else {
            kiosk::Strip { status: now.clone() }
        }
        main { id: "content", tabindex: "-1", class: page.mode.key(), "data-testid": "board", "data-revision": "{revision.boards} {revision.annotations} {revision.metadata}",
            if now.is_over {
                notice::Over {}
            } else if let Some(reason) = failure {
                notice::Failure { reason, bare: empty, on_retry: move |()| feed.hurry() }
            }
            if now.is_over {
                // Nothing else.
            } else if *board_state.route.read() == Route::Alerts {
                Later { part: Part::Alerts }
            } else if *board_state.route.read() == Route::Ingest {
                Later { part: Part::Ingest }
            } else if let Route::Nothing(path) = &*board_state.route.read() {
                notice::Nothing { path: path.clone(), on_back: move |()| home.visit(Route::everything()) }
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
        later::Sheets {}
    }
}

/// Keeps the document's title that of the view, so that tabs and bookmarks differ.
fn use_title(page: &Page) {
    let page = page.clone();
    use_effect(move || {
        let title = match &*page.board_state.route.read() {
            Route::Alerts => "Alerts · Afterglow".to_owned(),
            Route::Ingest => "Ingest · Afterglow".to_owned(),
            Route::Nothing(_) => "Not found · Afterglow".to_owned(),
            route if route.is_everything() => "Afterglow".to_owned(),
            Route::Board(_) => match &*page.board.read() {
                Some(board) => format!("{} · Afterglow", board.title),
                None => "Afterglow".to_owned(),
            },
        };
        if let Some(document) = web_sys::window().and_then(|window| window.document()) {
            let firing = page.state.alerts.follow().count;
            document.set_title(&if firing > 0 { format!("({firing}) {title}") } else { title });
        }
    });
}

/// Asks for the samples of what is shown, and of nothing else.
fn use_subscription(page: &Page) {
    let page = page.clone();
    let patterns = use_memo(move || {
        let all = || Some(vec!["*".to_owned()]);
        match &*page.board_state.route.read() {
            // Of everything the panels are made when the names are known.
            route if route.is_everything() => all(),
            Route::Ingest => all(),
            Route::Alerts | Route::Nothing(_) => Some(panels::nothing()),
            Route::Board(_) => match (page.board.read().as_ref(), page.board_state.board()) {
                (Some(board), _) => Some(panels::patterns(board, |panel| page.mode.has(panel))),
                (None, Some(Err(_))) => all(),
                (None, _) => None,
            },
        }
    });
    let feed = use_context::<Page>().feed;
    use_effect(move || {
        if let Some(patterns) = patterns.read().clone() {
            feed.show(patterns);
        }
    });
}
