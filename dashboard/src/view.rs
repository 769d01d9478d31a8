//! The components. They show summaries; samples never pass through here.

mod cards;
mod empty;
mod header;
mod legend;
mod listing;
mod notice;
mod panel;

use std::collections::BTreeMap;
use std::rc::Rc;

use dioxus::core::Runtime;
use dioxus::prelude::*;
use wasm_bindgen::JsCast as _;
use wasm_bindgen::prelude::Closure;

use crate::feed::Feed;
use crate::frame::{News, Stage};
use crate::panels::{self, SHOWN_AT_FIRST};
use crate::status::{Link, Load, Status};
use crate::store::Store;
use crate::summary::Summary;

/// Renders the page into the element with the id `page`.
pub fn launch() {
    dioxus::LaunchBuilder::new().with_cfg(dioxus::web::Config::new().rootname("page")).launch(App);
}

/// What every component may need.
#[derive(Clone)]
struct Page {
    feed: Rc<Feed>,
    stage: Rc<Stage>,
    /// Lines that the reader switched on or off, by signal.
    chosen: Signal<BTreeMap<String, bool>>,
}

impl Page {
    /// Whether the signal, at this place in its panel, has its line drawn.
    fn shows(&self, name: &str, place: usize) -> bool {
        self.chosen.read().get(name).copied().unwrap_or(place < SHOWN_AT_FIRST)
    }

    fn toggle(&self, name: &str, place: usize) {
        let shown = self.shows(name, place);
        let mut chosen = self.chosen;
        chosen.write().insert(name.to_owned(), !shown);
    }
}

/// The whole page.
#[component]
fn App() -> Element {
    let status = use_signal(Status::default);
    let summary = use_signal(Summary::default);
    let chosen = use_signal(BTreeMap::new);
    let page = use_context_provider(|| start(status, summary, chosen));
    let names = use_memo(move || summary.read().rows.iter().map(|row| row.name.clone()).collect::<Vec<_>>());
    let arranged = use_memo(move || panels::arrange(names.read().iter().map(String::as_str)));
    let now = status.read().clone();
    let failure = match &now.load {
        Load::Failed(reason) => Some(reason.clone()),
        Load::Pending if now.link == Link::Offline => Some("the server cannot be reached".to_owned()),
        Load::Pending | Load::Done => None,
    };
    let loading = failure.is_none();
    let empty = names.read().is_empty();
    rsx! {
        header::Header { link: now.link }
        main {
            if let Some(reason) = failure {
                notice::Failure { reason, bare: empty, on_retry: move |()| page.feed.hurry() }
            }
            if !empty {
                cards::Cards { summary }
                div { class: "board",
                    div { class: "panels",
                        for panel in arranged.read().iter() {
                            panel::PanelView { key: "{panel.key}", panel: panel.clone(), summary }
                        }
                    }
                    listing::Listing { summary }
                }
            } else if now.loaded {
                empty::Empty {}
            } else if loading {
                notice::Loading {}
            }
        }
    }
}

/// Starts the feed and the frame loop, and lets the loop write the components' summaries.
fn start(status: Signal<Status>, summary: Signal<Summary>, chosen: Signal<BTreeMap<String, bool>>) -> Page {
    let store = Rc::new(Store::new());
    let feed = Feed::new(Rc::clone(&store));
    let runtime = Runtime::current();
    let stage = Stage::new(store, move |news| {
        let (mut status, mut summary) = (status, summary);
        runtime.in_scope(ScopeId::ROOT, || match news {
            News::Status(new) => status.set(new),
            News::Summary(new) if *summary.peek() != new => summary.set(new),
            News::Summary(_) => {}
        });
    });
    feed.connect();
    stage.run();
    let page = Page { feed, stage, chosen };
    listen(&page);
    page
}

/// Reacts to the network's return and to the system's change between light and dark.
fn listen(page: &Page) {
    let Some(window) = web_sys::window() else { return };
    let feed = Rc::clone(&page.feed);
    let online = Closure::<dyn Fn()>::new(move || feed.hurry());
    let stage = Rc::clone(&page.stage);
    let restyle = Closure::<dyn Fn()>::new(move || stage.restyle());
    // Neither call fails for a function; both listeners live as long as the page.
    let _ = window.add_event_listener_with_callback("online", online.as_ref().unchecked_ref());
    if let Ok(Some(query)) = window.match_media("(prefers-color-scheme: dark)") {
        let _ = query.add_event_listener_with_callback("change", restyle.as_ref().unchecked_ref());
        std::mem::forget(query);
    }
    online.forget();
    restyle.forget();
}
