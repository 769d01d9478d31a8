//! The board on screen: as it is saved, and as the reader is changing it.

use std::cell::Cell;
use std::rc::Rc;

use afterglow_wire::board::{Board, BoardSummary, EVERYTHING, Panel};
use afterglow_wire::limits::BOARD_PANELS;
use dioxus::core::spawn_forever;
use dioxus::prelude::*;

use super::recent;
use crate::boards::draft;
use crate::boards::route::Route;
use crate::boards::search;
use crate::connection::refusal::Refusal;
use crate::edge::page_state::PageState;
use crate::edge::rest;
use crate::order;

/// Why a board that is not listed cannot be shown.
const GONE: &str = "This board was deleted, or never existed.";
/// Most steps that can be taken back.
const STEPS: usize = 50;

/// A saved board, or why it is not there.
type Found = Result<Board, String>;

/// What components follow of boards and other documents.
#[derive(Clone, Copy)]
pub(crate) struct BoardState {
    /// What the address says.
    pub(crate) route: Signal<Route>,
    /// All saved boards, by title.
    pub(crate) boards: Signal<Vec<BoardSummary>>,
    /// The saved board that the address names; none while it is on its way.
    found: Signal<Option<Found>>,
    /// A board that is being changed; kept while the reader looks at others.
    draft: Signal<Option<Board>>,
    /// The draft before each of the last changes of its panels, the newest last.
    undo: Signal<Vec<Board>>,
    /// Whether a field of the draft was changed.
    typed: Signal<bool>,
    /// The board that is being deleted: the server's news of that may come before its answer, and there is nothing to ask for.
    leaving: Signal<Option<String>>,
    /// The button that was pressed before its panel moved.
    focus: Signal<Option<String>>,
    /// What was not done, and why.
    pub(crate) refusal: Signal<Option<Refusal>>,
}

impl BoardState {
    pub(crate) fn new(route: Route) -> Self {
        Self {
            route: Signal::new(route),
            boards: Signal::new(Vec::new()),
            found: Signal::new(None),
            draft: Signal::new(None),
            undo: Signal::new(Vec::new()),
            typed: Signal::new(false),
            leaving: Signal::new(None),
            focus: Signal::new(None),
            refusal: Signal::new(None),
        }
    }

    /// The saved board at the address, as it is being changed if it is.
    pub(crate) fn board(self) -> Option<Found> {
        self.draft_here().map(Ok).or_else(|| self.found.read().clone())
    }

    /// The board at the address, when it is being changed.
    pub(crate) fn draft_here(self) -> Option<Board> {
        let draft = self.draft.read();
        draft.as_ref().filter(|draft| self.route.read().board() == Some(&draft.id)).cloned()
    }

    /// Whether the board at the address is being changed.
    pub(crate) fn is_editing(self) -> bool {
        self.draft_here().is_some()
    }

    /// Shows what is at `route`.
    pub(crate) fn arrive(mut self, route: Route) {
        if *self.route.peek() != route {
            self.route.set(route);
            self.leaving.set(None);
            self.found.set(None);
            self.refusal.set(None);
            // Not by the component that was clicked, which may be gone before the answer comes.
            spawn_forever(self.load());
        }
    }

    /// Shows a board that was just saved.
    pub(crate) fn arrive_at(mut self, board: Board) {
        recent::note(&board.id);
        self.route.set(Route::Board(board.id.clone()));
        self.leaving.set(None);
        self.found.set(Some(Ok(board)));
        self.refusal.set(None);
    }

    /// Asks for the board at the address.
    pub(crate) async fn load(mut self) {
        let route = self.route.peek().clone();
        let Some(id) = route.board().filter(|_| !route.is_everything()) else { return };
        if self.leaving.peek().as_deref() == Some(id) {
            return;
        }
        let found: Found = rest::get(&address(id), None).await;
        if found.is_err() && self.boards.peek().is_empty() {
            self.list().await;
        }
        let found = found.map_err(|reason| if self.is_listed(id) { reason } else { GONE.to_owned() });
        if found.is_ok() {
            recent::note(id);
        }
        // The reader may have moved to another board meanwhile.
        if *self.route.peek() == route {
            self.found.set(Some(found));
        }
    }

    /// Begins to change the board at the address.
    pub(crate) fn edit(mut self) {
        let Some(Ok(board)) = self.found.peek().clone() else { return };
        if let Some(other) = self.draft.peek().as_ref().filter(|draft| draft.id != board.id) {
            let message = format!("Save or discard the changes of “{}” first.", other.title);
            self.refusal.set(Some(Refusal::because(message)));
            return;
        }
        self.draft.set(Some(board));
    }

    /// Whether the draft differs from what is saved, wherever the reader is.
    pub(crate) fn is_changed(self) -> bool {
        !self.undo.read().is_empty() || *self.typed.read()
    }

    /// The title and the address of the board with unsaved changes, when the reader is elsewhere.
    pub(crate) fn left_behind(self) -> Option<Board> {
        let draft = self.draft.read();
        draft.as_ref().filter(|draft| self.route.read().board() != Some(&draft.id)).cloned()
    }

    /// Changes the draft's panels in one step, which [`Self::undo`] takes back.
    pub(crate) fn arrange(mut self, change: impl FnOnce(&mut Board)) {
        let Some(before) = self.draft.peek().clone() else { return };
        let mut undo = self.undo.write();
        if undo.len() == STEPS {
            undo.remove(0);
        }
        undo.push(before);
        drop(undo);
        if let Some(draft) = self.draft.write().as_mut() {
            change(draft);
        }
    }

    /// Whether there is a step to take back.
    pub(crate) fn can_undo(self) -> bool {
        !self.undo.read().is_empty()
    }

    /// Takes the last step back.
    pub(crate) fn undo(mut self) {
        let before = self.undo.write().pop();
        if before.is_some() {
            self.draft.set(before);
        }
    }

    /// Changes a field of the draft.
    pub(crate) fn change(mut self, change: impl FnOnce(&mut Board)) {
        self.typed.set(true);
        if let Some(draft) = self.draft.write().as_mut() {
            change(draft);
        }
    }

    /// The element with this id has the focus once its panel has moved: an element that is moved loses it, and a
    /// reader who uses the keyboard needs it.
    pub(crate) fn focus_later(mut self, id: String) {
        self.focus.set(Some(id));
    }

    /// The element that is to have the focus now.
    pub(crate) fn take_focus(mut self) -> Option<String> {
        if self.focus.peek().is_some() { self.focus.take() } else { None }
    }

    /// Forgets the changes.
    pub(crate) fn discard(mut self) {
        self.forget_draft();
        self.refusal.set(None);
    }

    fn forget_draft(&mut self) {
        self.draft.set(None);
        self.undo.set(Vec::new());
        self.typed.set(false);
    }

    /// Saves the draft; with `over` in the route of that version, which another has saved meanwhile.
    pub(crate) async fn save(mut self, over: Option<i32>) {
        let Some(mut board) = self.draft.peek().clone() else { return };
        board.version = over.unwrap_or(board.version);
        if self.put(&board).await {
            self.forget_draft();
        }
    }

    /// Gives the saved board another title.
    pub(crate) async fn rename(self, title: String) {
        let Some(Ok(board)) = self.found.peek().clone() else { return };
        self.put(&Board { title, ..board }).await;
    }

    /// Adds `panel` to the board `id`: to the draft when that board is being changed, or else to what is saved. Its title.
    pub(crate) async fn append(mut self, id: &str, panel: Panel) -> Result<String, String> {
        let full = || format!("The board has {BOARD_PANELS} panels already, which is the most.");
        if let Some(draft) = self.draft.peek().clone().filter(|draft| draft.id == id) {
            let mut added = None;
            self.arrange(|board| added = draft::append(board, panel));
            return added.map(|_| draft.title).ok_or_else(full);
        }
        let mut board: Board = rest::get(&address(id), None).await?;
        draft::append(&mut board, panel).ok_or_else(full)?;
        let saved =
            rest::send::<Board>("PUT", &address(id), &board).await.map_err(|refusal| refusal.message)?;
        let title = saved.title.clone();
        if self.route.peek().board() == Some(id) {
            self.found.set(Some(Ok(saved)));
        }
        Ok(title)
    }

    /// Saves `new`; as it was saved.
    pub(crate) async fn create(mut self, new: Board) -> Option<Board> {
        let saved = rest::send::<Board>("POST", "/api/boards", &new).await;
        let board = saved.map_err(|refusal| self.refusal.set(Some(refusal))).ok()?;
        self.list().await;
        Some(board)
    }

    /// Why something was not done, once: for what says it elsewhere.
    pub(crate) fn take_refusal(mut self) -> Option<String> {
        self.refusal.take().map(|refusal| refusal.message)
    }

    /// Saves the board that was exported as `text`; under another address when its own is taken.
    pub(crate) async fn import(mut self, text: &str) -> Option<Board> {
        match draft::import(text) {
            Ok(mut board) => {
                if self.boards.peek().iter().any(|known| known.id == board.id) {
                    board.id.clear();
                }
                self.create(board).await
            }
            Err(message) => {
                self.refusal.set(Some(Refusal::because(message)));
                None
            }
        }
    }

    /// Deletes the board at the address; whether it is gone.
    pub(crate) async fn delete(mut self) -> bool {
        let route = self.route.peek().clone();
        let Some(id) = route.board() else { return false };
        self.leaving.set(Some(id.to_owned()));
        match rest::delete(&address(id)).await {
            Ok(()) => {
                if self.draft.peek().as_ref().is_some_and(|draft| draft.id == id) {
                    self.forget_draft();
                }
                self.list().await;
                true
            }
            Err(refusal) => {
                self.leaving.set(None);
                self.refusal.set(Some(refusal));
                false
            }
        }
    }

    fn is_listed(self, id: &str) -> bool {
        self.boards.peek().iter().any(|board| board.id == id)
    }

    /// Asks for the list of boards, and for the board at the address, if it is among them.
    async fn refresh(mut self) {
        self.list().await;
        let is_gone = |id: &str| id != EVERYTHING && !self.is_listed(id);
        let known = self.found.peek().is_some();
        // Asked for again with each change of any board, it would be missing each time.
        if known && self.route.peek().board().is_some_and(is_gone) {
            self.found.set(Some(Err(GONE.to_owned())));
        } else {
            self.load().await;
        }
    }

    /// Asks for the list of boards.
    pub(crate) async fn list(mut self) {
        // Without an answer the old list stays; the next change of the revision asks again.
        if let Ok(mut boards) = rest::get::<Vec<BoardSummary>>("/api/boards", None).await {
            order::sort_by(&mut boards, search::by_title);
            self.boards.set(boards);
        }
    }

    async fn put(mut self, board: &Board) -> bool {
        match rest::send::<Board>("PUT", &address(&board.id), board).await {
            Ok(saved) => {
                self.refusal.set(None);
                self.found.set(Some(Ok(saved)));
                self.list().await;
                true
            }
            Err(refusal) => {
                self.refusal.set(Some(refusal));
                false
            }
        }
    }
}

/// Asks for what is saved once the revision is known, and when the server says that there is something new; for the list of boards
/// where the page `lists` them.
pub(super) fn use_saved(board_state: BoardState, state: Rc<PageState>, lists: bool) {
    let boards = use_memo(move || Some(state.revision.follow()?.boards));
    // Whether the board at the address was asked for.
    let asked = use_hook(|| Rc::new(Cell::new(false)));
    use_effect(move || {
        if boards().is_none() {
            return;
        }
        if lists && asked.replace(true) {
            spawn_forever(board_state.refresh());
            return;
        }
        spawn_forever(board_state.load());
        if lists {
            spawn_forever(board_state.list());
        }
    });
}

fn address(id: &str) -> String {
    format!("/api/boards/{}", rest::escaped(id))
}
