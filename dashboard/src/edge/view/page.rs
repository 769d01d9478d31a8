//! What every component may need.

use std::collections::BTreeSet;
use std::rc::Rc;

use afterglow_wire::annotation::Annotation;
use afterglow_wire::board::{Board, Panel as Definition};
use afterglow_wire::rule::Rule;
use dioxus::prelude::*;

use super::board_state::BoardState;
use super::focus::{focus, show_panel};
use crate::boards::draft::Moving;
use crate::boards::mode::Mode;
use crate::boards::panels::Panel;
use crate::boards::route::Route;
use crate::boards::search::finds;
use crate::boards::selection::Selection;
use crate::edge::address::Address;
use crate::edge::feed::Feed;
use crate::edge::page_state::PageState;
use crate::edge::paint_loop::{PaintLoop, TimeNews};
use crate::edge::storage;
use crate::edge::zones::NamedZone;
use crate::samples::summary::Summary;
use crate::time::Range;
use crate::time::expression;

/// Where the browser keeps which panels are folded.
const FOLDED: &str = "afterglow.folded";

/// The panels that were folded at the last visit.
pub(super) fn folded() -> BTreeSet<String> {
    let kept = storage::get(FOLDED).unwrap_or_default();
    kept.split(' ').filter(|key| !key.is_empty()).map(str::to_owned).collect()
}

/// A summary's number, and whether it is one of those that come only because time passes.
pub(super) type Turn = (usize, bool);

/// What is open over the page.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Open {
    /// The list of boards.
    Boards,
    /// The choice of a board that this panel is added to.
    AddTo(Box<Definition>),
    /// What can be done with the board.
    Board,
    /// The form of the panel with this id.
    Panel(String),
    /// The form of a new annotation.
    Annotate(Asked),
    /// The form of this annotation, to change it.
    Note(Box<Annotation>),
    /// The metadata of the signal of this name.
    Signal(String),
    /// The form of a rule; a new one has no version.
    Rule(Box<Rule>),
    /// The form of a channel; a new one has no version.
    Channel(Box<serde_json::Value>),
    /// The choice of a range.
    Range,
    /// Links and files for others.
    Share,
    /// The keys.
    Help,
}

impl Open {
    /// Whether it is a form or sheet over the page, and not below a button.
    pub(super) const fn is_sheet(&self) -> bool {
        !matches!(self, Self::Boards | Self::Board | Self::Range)
    }

    /// The id of the button that has the focus when this is closed.
    fn opener(&self) -> Option<&'static str> {
        match self {
            Self::Board => Some("board-menu"),
            Self::Boards => Some("board-select"),
            Self::Range => Some("range-button"),
            Self::Panel(_)
            | Self::Annotate(_)
            | Self::Note(_)
            | Self::Signal(_)
            | Self::AddTo(_)
            | Self::Rule(_)
            | Self::Channel(_)
            | Self::Share
            | Self::Help => None,
        }
    }
}

/// Where a new annotation is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) from: i64,
    pub(crate) to: Option<i64>,
}

/// The page's plain data, and what of it components follow.
#[derive(Clone)]
pub(crate) struct Page {
    /// How much of the page there is.
    pub(crate) mode: Mode,
    pub(crate) state: Rc<PageState>,
    pub(crate) feed: Rc<Feed>,
    pub(crate) paint_loop: Rc<PaintLoop>,
    pub(crate) address: Rc<Address>,
    /// Boards and other documents.
    pub(crate) board_state: BoardState,
    /// The board on screen; none when there is none, or it is on its way.
    pub(crate) board: Memo<Option<Board>>,
    /// The newest values.
    pub(crate) summary: Signal<Summary>,
    /// Which of the summaries that is.
    pub(crate) turn: Signal<Turn>,
    /// The keys of the charts that are on screen, or almost.
    pub(crate) sight: Signal<BTreeSet<String>>,
    /// The names of all signals, in order.
    pub(crate) names: Memo<Vec<String>>,
    /// The range; none before the first frame.
    pub(crate) time: Signal<Option<TimeNews>>,
    /// What is open over the page.
    pub(crate) open: Signal<Option<Open>>,
    /// Whether something was typed into the form that is open, and would be lost.
    pub(crate) typed: Signal<bool>,
    /// Whether the reader is asked about that.
    pub(crate) asking: Signal<bool>,
    /// The panels of the view of everything of which only the heading is shown.
    pub(crate) folded: Signal<BTreeSet<String>>,
    /// The panel that a pointer is moving.
    pub(crate) moving: Signal<Option<Moving>>,
    /// What is typed to find signals: of the view of everything, only they are shown.
    pub(crate) search: Signal<String>,
}

impl PartialEq for Page {
    /// There is one, so it never differs.
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Page {
    /// Whether the signal, at this place in its panel, has its line drawn.
    pub(crate) fn shows(&self, name: &str, place: usize) -> bool {
        if self.is_searching() {
            let metadata = self.state.metadata.follow();
            return finds(&self.search.read(), name, metadata.name(name));
        }
        self.state.selection.follow().shows(name, place)
    }

    /// Changes which lines are drawn; the address says it.
    pub(crate) fn select(&self, change: impl FnOnce(&mut Selection)) {
        let mut selection = (*self.state.selection.get()).clone();
        change(&mut selection);
        self.state.selection.set(Rc::new(selection));
        self.address.write();
    }

    /// The panels on screen, with the signals that they have at the moment.
    pub(crate) fn panels(&self) -> Vec<Panel> {
        let (board, names, metadata) = (self.board.read(), self.names.read(), self.state.metadata.follow());
        let names = names.iter().map(String::as_str);
        let panels = board.as_ref().map(|board| board.panels.clone()).unwrap_or_default();
        let panels = panels.into_iter().filter(|panel| self.mode.has(&panel.id));
        let panels = panels.map(|panel| {
            let mut panel = Panel::new(panel, names.clone(), &metadata);
            self.state.looks.borrow_mut().give(&mut panel);
            panel
        });
        if !self.is_searching() {
            return panels.collect();
        }
        let typed = self.search.read();
        let is_found = |name: &String| finds(&typed, name, metadata.name(name));
        panels.filter(|panel| panel.signals.iter().any(is_found)).collect()
    }

    /// Whether only the signals that the reader searches are shown.
    pub(crate) fn is_searching(&self) -> bool {
        self.board_state.route.read().is_everything() && !self.search.read().trim().is_empty()
    }

    /// Brings a signal's line into view, alone on its panel; its settings where no panel has it.
    pub(crate) fn show_line(&self, name: &str) {
        let panels = self.panels();
        let Some(panel) = panels.iter().find(|panel| panel.signals.iter().any(|signal| signal == name))
        else {
            return self.toggle_open(Open::Signal(name.to_owned()));
        };
        self.select(|lines| lines.isolate(name, &panel.signals));
        self.fold([panel.key()], false);
        show_panel(panel.key());
    }

    /// Whether only the heading of the panel with this key is shown.
    pub(crate) fn is_folded(&self, key: &str) -> bool {
        self.board_state.route.read().is_everything() && self.folded.read().contains(key)
    }

    /// Shows only the headings of the panels with these keys, or all of them again.
    pub(crate) fn fold<'a>(&self, keys: impl IntoIterator<Item = &'a str>, folded: bool) {
        let mut all = self.folded;
        let mut now = all.peek().clone();
        for key in keys {
            if folded {
                now.insert(key.to_owned());
            } else {
                now.remove(key);
            }
        }
        if now != *all.peek() {
            // Keys have no blanks.
            storage::set(FOLDED, &now.iter().map(String::as_str).collect::<Vec<_>>().join(" "));
            all.set(now);
        }
    }

    /// Goes to another view.
    pub(crate) fn visit(&self, place: Route) {
        self.close();
        self.address.visit(&place);
        self.board_state.arrive(place);
    }

    /// Goes to a board that was just saved.
    pub(crate) fn visit_new(&self, board: Board) {
        self.close();
        self.address.visit(&Route::Board(board.id.clone()));
        self.board_state.arrive_at(board);
    }

    /// Shows `range`, and closes what is open.
    pub(crate) fn go(&self, range: Range) {
        self.state.timeline.borrow_mut().go(range);
        self.close();
    }

    /// Shows what was typed.
    ///
    /// # Errors
    /// What is not understood, and what would be.
    pub(crate) fn go_to(&self, text: &str) -> Result<(), String> {
        let range = expression::range(text, self.state.clock.now(), &*self.state.zone.get())?;
        self.go(range);
        Ok(())
    }

    /// Shows times in the zone called `name`; whether the browser knows it.
    pub(crate) fn set_zone(&self, name: &str) -> bool {
        let Some(zone) = NamedZone::new(name) else { return false };
        self.state.zone.set(Rc::new(zone));
        self.paint_loop.repaint();
        self.address.write();
        true
    }

    /// Has taps on charts set cursors, or takes the cursors away.
    pub(crate) fn toggle_measuring(&self) {
        self.state.set_measuring(!self.state.measuring.get());
    }

    /// Opens something over the page, or closes it when it is open. There is nothing to open on a page to look at.
    pub(crate) fn toggle_open(&self, what: Open) {
        let mut open = self.open;
        if open.peek().as_ref() == Some(&what) {
            self.close();
        } else if self.mode.is_full() {
            open.set(Some(what));
        }
    }

    /// Closes what is open over the page as the reader wishes, but asks before what was typed is lost; the same wish once more
    /// takes the question back. Whether anything was open.
    pub(crate) fn dismiss(&self) -> bool {
        let mut asking = self.asking;
        if *self.typed.peek() && self.open.peek().is_some() {
            let asked = *asking.peek();
            asking.set(!asked);
            return true;
        }
        self.close()
    }

    /// What was typed is saved, or replaced by what somebody else has saved: nothing of it would be lost.
    pub(crate) fn forget_typed(&self) {
        let mut typed = self.typed;
        typed.set(false);
    }

    /// Closes what is open over the page; whether anything was.
    pub(crate) fn close(&self) -> bool {
        let mut open = self.open;
        let Some(was) = open.peek().clone() else { return false };
        open.set(None);
        self.forget_typed();
        // A sheet gives the focus back by itself.
        if let Some(opener) = was.opener() {
            focus(opener);
        }
        true
    }
}
