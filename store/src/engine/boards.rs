//! Boards: addresses, versions, and how many there may be.

use afterglow_wire::board::{self as wire, Board, BoardSummary};
use afterglow_wire::limits::BOARDS;

use super::Engine;
use crate::StoreError;
use crate::audit::{Author, Event};
use crate::documents::{Addresses, Current, SaveError, json};
use crate::tables::Rows;

impl Engine {
    pub(crate) fn boards(&self) -> Result<Vec<BoardSummary>, StoreError> {
        self.tables.in_documents(|reader| reader.boards())
    }

    pub(crate) fn board(&self, id: &str) -> Result<Board, SaveError> {
        self.tables.in_documents(|reader| find(reader, id))?.ok_or_else(|| SaveError::no_board(id))
    }

    pub(crate) fn add_board(&self, by: Option<&Author>, mut new: Board) -> Result<Board, SaveError> {
        self.tables.writing(|writer| {
            let mut taken = Addresses::new(writer.board_ids()?);
            if taken.len() >= BOARDS {
                return Err(SaveError::LimitReached { kind: "boards", limit: BOARDS });
            }
            if new.id.is_empty() {
                new.id = taken.take_free(&wire::slug(&new.title));
            } else if let Some(current) = find(writer, &new.id)? {
                return Err(conflict(&current));
            }
            new.version = 1;
            self.put_board(writer, &new)?;
            self.note(writer, by, Event::done("board.create", &*new.id))?;
            Ok(new)
        })
    }

    pub(crate) fn replace_board(&self, by: Option<&Author>, mut new: Board) -> Result<Board, SaveError> {
        self.tables.writing(|writer| {
            let Some(current) = find(writer, &new.id)? else { return Err(SaveError::no_board(&new.id)) };
            if current.version != new.version {
                return Err(conflict(&current));
            }
            new.version = current.version.saturating_add(1);
            self.put_board(writer, &new)?;
            let version = format!("version {}", new.version);
            self.note(writer, by, Event::done("board.replace", &*new.id).with(version))?;
            Ok(new)
        })
    }

    pub(crate) fn delete_board(&self, by: Option<&Author>, id: &str) -> Result<(), SaveError> {
        self.tables.writing(|writer| match writer.delete_board(id)? {
            true => Ok(self.note(writer, by, Event::done("board.delete", id))?),
            false => Err(SaveError::no_board(id)),
        })
    }

    fn put_board(&self, writer: &mut dyn Rows, new: &Board) -> Result<(), StoreError> {
        writer.put_board(new, &json(new)?, self.clock.now().micros())
    }
}

fn find(rows: &mut dyn Rows, id: &str) -> Result<Option<Board>, StoreError> {
    let parse = |document: String| {
        serde_json::from_str(&document)
            .map_err(|error| StoreError::Down(format!("the board {id:?} is damaged: {error}")))
    };
    rows.board(id)?.map(parse).transpose()
}

fn conflict(current: &Board) -> SaveError {
    SaveError::Conflict(Box::new(Current::new("board", &current.id, current.version, current)))
}
