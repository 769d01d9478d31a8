//! What a reader does to a board before it is saved.

use afterglow_wire::board::{Board, Panel};
use afterglow_wire::limits::{BOARD_PANELS, COLUMNS, PANEL_ROWS, PANEL_SIGNALS};

/// A narrower panel has no room for its title and its buttons.
const NARROWEST: u8 = 3;

/// A panel that a pointer moves, by its id, and the one that it would go beside: before that, or behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moving {
    /// The panel that is moved.
    pub id: String,
    /// The other, and whether the place is behind it; none while the pointer is elsewhere.
    pub beside: Option<(String, bool)>,
}

/// A new board that shows what `shown` does.
pub fn copy(shown: &Board, title: &str) -> Board {
    let panels = shown.panels.iter().take(BOARD_PANELS).cloned().map(savable).collect();
    Board { title: title.trim().to_owned(), panels, ..Board::default() }
}

/// The same panel, with a pattern in place of more names than a board may have.
pub fn savable(mut panel: Panel) -> Panel {
    if panel.signals.len() > PANEL_SIGNALS {
        panel.signals = vec![format!("{}*", common_prefix(&panel.signals))];
    }
    panel
}

/// The board that was exported as `text`.
///
/// # Errors
/// What is wrong with it.
pub fn import(text: &str) -> Result<Board, String> {
    serde_json::from_str(text).map_err(|error| format!("this is no exported board: {error}"))
}

/// The board as a text that [`import`] reads.
pub fn export(board: &Board) -> String {
    // Writing plain data into memory does not fail.
    serde_json::to_string_pretty(board).unwrap_or_default()
}

/// Adds a panel without signals at the end; its id.
pub fn add(board: &mut Board) -> String {
    let id = board.free_panel_id();
    board.panels.push(Panel { id: id.clone(), ..Panel::of(Vec::new()) });
    id
}

/// Adds `panel` at the end, under an id of its own; the id, where there is room for one.
pub fn append(board: &mut Board, panel: Panel) -> Option<String> {
    if board.panels.len() >= BOARD_PANELS {
        return None;
    }
    let id = board.free_panel_id();
    board.panels.push(savable(Panel { id: id.clone(), ..panel }));
    Some(id)
}

/// Adds a copy of the panel `id` behind it; the copy's id, where there is room for one.
pub fn duplicate(board: &mut Board, id: &str) -> Option<String> {
    let place = board.panels.iter().position(|panel| panel.id == id)?;
    if board.panels.len() >= BOARD_PANELS {
        return None;
    }
    let copy = Panel { id: board.free_panel_id(), ..board.panels.get(place)?.clone() };
    let id = copy.id.clone();
    board.panels.insert(place + 1, copy);
    Some(id)
}

/// Takes the panel `id` away.
pub fn remove(board: &mut Board, id: &str) {
    board.panels.retain(|panel| panel.id != id);
}

/// Moves the panel `id` by `places`, but not beyond the first or the last place.
pub fn shift(board: &mut Board, id: &str, places: isize) {
    let Some(from) = board.panels.iter().position(|panel| panel.id == id) else { return };
    let to = from.saturating_add_signed(places).min(board.panels.len() - 1);
    let panel = board.panels.remove(from);
    board.panels.insert(to, panel);
}

/// Moves the panel `id` to the place before the panel `beside`, or behind it.
pub fn place(board: &mut Board, id: &str, beside: &str, behind: bool) {
    let find = |board: &Board, id: &str| board.panels.iter().position(|panel| panel.id == id);
    let Some(from) = find(board, id).filter(|_| id != beside && find(board, beside).is_some()) else {
        return;
    };
    let panel = board.panels.remove(from);
    let to = find(board, beside).map_or(from, |place| place + usize::from(behind));
    board.panels.insert(to, panel);
}

/// Makes a panel wider and higher by so much, as far as the grid allows.
pub fn resize(panel: &mut Panel, columns: i8, rows: i8) {
    panel.width = panel.width.saturating_add_signed(columns).clamp(NARROWEST, COLUMNS);
    panel.height = panel.height.saturating_add_signed(rows).clamp(1, PANEL_ROWS);
}

/// What all of `names` begin with.
fn common_prefix(names: &[String]) -> &str {
    let Some((first, others)) = names.split_first() else { return "" };
    let common = |name: &String| {
        let ends = first.char_indices().map(|(at, c)| at + c.len_utf8());
        ends.take_while(|end| name.get(..*end) == first.get(..*end)).last().unwrap_or(0)
    };
    let length = others.iter().map(common).min().unwrap_or(first.len());
    &first[..length]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn board(ids: &[&str]) -> Board {
        let panel = |id: &&str| Panel { id: (*id).into(), ..Panel::of(vec!["a".into()]) };
        Board { title: "B".into(), panels: ids.iter().map(panel).collect(), ..Board::default() }
    }

    fn ids(board: &Board) -> Vec<&str> {
        board.panels.iter().map(|panel| panel.id.as_str()).collect()
    }

    #[test]
    fn panels_are_added_moved_and_removed() {
        let mut board = board(&["1", "3"]);
        assert_eq!(add(&mut board), "2");
        shift(&mut board, "2", -1);
        assert_eq!(ids(&board), ["1", "2", "3"]);
        shift(&mut board, "2", -9);
        shift(&mut board, "1", 9);
        shift(&mut board, "gone", 1);
        assert_eq!(ids(&board), ["2", "3", "1"]);
        assert_eq!(duplicate(&mut board, "3").as_deref(), Some("4"));
        assert_eq!(duplicate(&mut board, "gone"), None);
        assert_eq!(ids(&board), ["2", "3", "4", "1"]);
        assert_eq!(board.panels[2].signals, board.panels[1].signals);
        place(&mut board, "4", "2", false);
        assert_eq!(ids(&board), ["4", "2", "3", "1"]);
        place(&mut board, "2", "1", true);
        place(&mut board, "3", "3", true);
        place(&mut board, "3", "gone", true);
        assert_eq!(ids(&board), ["4", "3", "1", "2"]);
        place(&mut board, "1", "3", true);
        place(&mut board, "2", "3", false);
        assert_eq!(ids(&board), ["4", "2", "3", "1"]);
        remove(&mut board, "4");
        remove(&mut board, "3");
        assert_eq!(ids(&board), ["2", "1"]);
    }

    #[test]
    fn sizes_stay_on_the_grid() {
        let mut panel = Panel::of(vec![]);
        resize(&mut panel, 100, 1);
        assert_eq!((panel.width, panel.height), (COLUMNS, 5));
        resize(&mut panel, -100, -100);
        assert_eq!((panel.width, panel.height), (NARROWEST, 1));
    }

    #[test]
    fn a_copy_can_be_saved() {
        let mut shown = board(&["1", "2"]);
        shown.panels[1].signals = (0..=PANEL_SIGNALS).map(|n| format!("hö.{n}")).collect();
        let copied = copy(&shown, " Copy ");
        assert_eq!((copied.id.as_str(), copied.title.as_str(), copied.version), ("", "Copy", 0));
        assert_eq!(copied.panels[1].signals, ["hö.*"]);
        assert_eq!(copied.check(), Ok(()));
    }

    #[test]
    fn a_panel_is_appended_as_long_as_there_is_room() {
        let mut board = board(&["1"]);
        let panel = Panel { id: "host".into(), title: "Host".into(), ..Panel::of(vec!["host.*".into()]) };
        assert_eq!(append(&mut board, panel.clone()).as_deref(), Some("2"));
        assert_eq!((board.panels[1].id.as_str(), board.panels[1].title.as_str()), ("2", "Host"));
        while append(&mut board, panel.clone()).is_some() {}
        assert_eq!((board.panels.len(), board.check()), (BOARD_PANELS, Ok(())));
    }

    #[test]
    fn what_is_exported_can_be_imported() {
        let board = board(&["1"]);
        assert_eq!(import(&export(&board)), Ok(board));
        assert!(import("7").unwrap_err().starts_with("this is no exported board: "));
    }
}
