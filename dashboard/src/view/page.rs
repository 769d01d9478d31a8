//! What every component may need.

use std::collections::BTreeMap;
use std::rc::Rc;

use afterglow_wire::board::Board;
use afterglow_wire::revision::Revision;
use dioxus::prelude::*;

use super::desk::Desk;
use crate::address::Address;
use crate::feed::Feed;
use crate::frame::{Stage, TimeNews};
use crate::notes::Notes;
use crate::panels::SHOWN_AT_FIRST;
use crate::place::Place;
use crate::store::Store;
use crate::summary::Summary;
use crate::time::Range;
use crate::time::expression;
use crate::zones::NamedZone;

/// What is open over the page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Open {
    /// What can be done with the board.
    Board,
    /// The form of the panel with this id.
    Panel(String),
    /// The form of a new annotation.
    Annotate(Asked),
    /// The choice of a range.
    Range,
    /// The keys.
    Help,
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
    pub(crate) store: Rc<Store>,
    pub(crate) feed: Rc<Feed>,
    pub(crate) stage: Rc<Stage>,
    pub(crate) address: Rc<Address>,
    /// Boards and other saved things.
    pub(crate) desk: Desk,
    /// Annotations around the range on screen.
    pub(crate) notes: Signal<Rc<Notes>>,
    /// The board on screen; none when there is none, or it is on its way.
    pub(crate) board: Memo<Option<Board>>,
    /// The newest values.
    pub(crate) summary: Signal<Summary>,
    /// The names of all signals, in order.
    pub(crate) names: Memo<Vec<String>>,
    /// The range; none before the first frame.
    pub(crate) time: Signal<Option<TimeNews>>,
    /// The name of the zone in which times are shown.
    pub(crate) zone: Signal<String>,
    /// Which saved things the server has; what shows them asks for them again when it changes.
    pub(crate) revision: Signal<Revision>,
    /// Lines that the reader switched on or off, by signal.
    pub(crate) chosen: Signal<BTreeMap<String, bool>>,
    /// Whether taps on charts set cursors.
    pub(crate) measuring: Signal<bool>,
    /// What is open over the page.
    pub(crate) open: Signal<Option<Open>>,
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
        self.chosen.read().get(name).copied().unwrap_or(place < SHOWN_AT_FIRST)
    }

    /// Switches a signal's line on or off.
    pub(crate) fn toggle(&self, name: &str, place: usize) {
        let shown = self.shows(name, place);
        let mut chosen = self.chosen;
        chosen.write().insert(name.to_owned(), !shown);
    }

    /// Shows only this one of `signals`, or all of them when it is the only one shown already.
    pub(crate) fn solo(&self, name: &str, signals: &[String]) {
        let shown = |(place, signal): (usize, &String)| self.shows(signal, place) == (signal == name);
        let alone = signals.iter().enumerate().all(shown);
        let mut chosen = self.chosen;
        let mut chosen = chosen.write();
        for (place, signal) in signals.iter().enumerate() {
            chosen.insert(signal.clone(), if alone { place < SHOWN_AT_FIRST } else { signal == name });
        }
    }

    /// Goes to another view.
    pub(crate) fn visit(&self, place: Place) {
        self.close();
        self.address.visit(&place);
        self.desk.arrive(place);
    }

    /// Goes to a board that was just saved.
    pub(crate) fn visit_new(&self, board: Board) {
        self.close();
        self.address.visit(&Place::Board(board.id.clone()));
        self.desk.arrive_at(board);
    }

    /// Shows `range`, and closes what is open.
    pub(crate) fn go(&self, range: Range) {
        self.store.timeline.borrow_mut().go(range);
        self.close();
    }

    /// Shows what was typed.
    ///
    /// # Errors
    /// What is not understood, and what would be.
    pub(crate) fn go_to(&self, text: &str) -> Result<(), String> {
        let range = expression::range(text, self.store.clock.now(), &*self.store.zone())?;
        self.go(range);
        Ok(())
    }

    /// Shows times in the zone called `name`; whether the browser knows it.
    pub(crate) fn set_zone(&self, name: &str) -> bool {
        let Some(zone) = NamedZone::new(name) else { return false };
        let mut shown = self.zone;
        shown.set(zone.name().to_owned());
        self.store.set_zone(zone);
        self.stage.repaint();
        self.address.write();
        true
    }

    /// Has taps on charts set cursors, or takes the cursors away.
    pub(crate) fn toggle_measuring(&self) {
        let mut measuring = self.measuring;
        let on = !measuring();
        measuring.set(on);
        self.store.set_measuring(on);
    }

    /// Opens something over the page, or closes it when it is open.
    pub(crate) fn toggle_open(&self, what: Open) {
        let mut open = self.open;
        let next = Some(what).filter(|what| open.peek().as_ref() != Some(what));
        open.set(next);
    }

    /// Closes what is open over the page; whether anything was.
    pub(crate) fn close(&self) -> bool {
        let mut open = self.open;
        let was = open.peek().is_some();
        if was {
            open.set(None);
        }
        was
    }
}
