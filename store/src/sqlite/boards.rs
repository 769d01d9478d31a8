//! The table of boards.

use afterglow_wire::board::{self as wire, Board, BoardSummary};
use afterglow_wire::limits::{BOARDS, SLUG_BYTES};
use diesel::prelude::*;

use super::super::StoreError;
use super::super::saved::SaveError;
use super::super::schema::board;
use super::saved::json;
use super::{Sqlite, connection};

impl Sqlite {
    pub(crate) fn boards(&self) -> Result<Vec<BoardSummary>, StoreError> {
        let rows: Vec<(String, i32, String)> = board::table
            .order((board::title, board::id))
            .select((board::id, board::version, board::title))
            .load(&mut *connection(&self.readers)?)?;
        Ok(rows.into_iter().map(|(id, version, title)| BoardSummary { id, version, title }).collect())
    }

    pub(crate) fn board(&self, id: &str) -> Result<Board, SaveError> {
        find(&mut *connection(&self.readers)?, id)?.ok_or_else(|| SaveError::no_board(id))
    }

    pub(crate) fn add_board(&self, mut new: Board) -> Result<Board, SaveError> {
        self.save(|writer| {
            let count: i64 = board::table.count().get_result(writer)?;
            if usize::try_from(count).is_ok_and(|count| count >= BOARDS) {
                return Err(SaveError::LimitReached { kind: "boards", limit: BOARDS });
            }
            if new.id.is_empty() {
                new.id = free_address(writer, &wire::slug(&new.title))?;
            } else if let Some(current) = find(writer, &new.id)? {
                return Err(SaveError::Conflict(Box::new(current)));
            }
            new.version = 1;
            self.put(writer, &new)?;
            Ok(new)
        })
    }

    pub(crate) fn replace_board(&self, mut new: Board) -> Result<Board, SaveError> {
        self.save(|writer| {
            let Some(current) = find(writer, &new.id)? else { return Err(SaveError::no_board(&new.id)) };
            if current.version != new.version {
                return Err(SaveError::Conflict(Box::new(current)));
            }
            new.version = current.version.saturating_add(1);
            self.put(writer, &new)?;
            Ok(new)
        })
    }

    pub(crate) fn delete_board(&self, id: &str) -> Result<(), SaveError> {
        self.save(|writer| match diesel::delete(board::table.find(id)).execute(writer)? {
            0 => Err(SaveError::no_board(id)),
            _ => Ok(()),
        })
    }

    fn put(&self, writer: &mut SqliteConnection, new: &Board) -> Result<(), SaveError> {
        diesel::replace_into(board::table)
            .values((
                board::id.eq(&new.id),
                board::version.eq(new.version),
                board::title.eq(&new.title),
                board::document.eq(json(new)?),
                board::updated_at.eq(self.clock.now().micros()),
            ))
            .execute(writer)?;
        Ok(())
    }
}

fn find(connection: &mut SqliteConnection, id: &str) -> Result<Option<Board>, SaveError> {
    let document: Option<String> =
        board::table.find(id).select(board::document).first(connection).optional()?;
    let parse = |document: String| {
        serde_json::from_str(&document)
            .map_err(|error| StoreError::Down(format!("the board {id:?} is damaged: {error}")))
    };
    Ok(document.map(parse).transpose()?)
}

/// `wanted`, or the first of `wanted-2`, `wanted-3`, ... that no board has.
fn free_address(connection: &mut SqliteConnection, wanted: &str) -> Result<String, SaveError> {
    let taken: Vec<String> = board::table.select(board::id).load(connection)?;
    let numbered = (2_u32..).map(|number| {
        let ending = format!("-{number}");
        format!("{}{ending}", &wanted[..wanted.len().min(SLUG_BYTES - ending.len())])
    });
    let mut candidates = std::iter::once(wanted.to_owned()).chain(numbered);
    Ok(candidates.find(|candidate| !taken.contains(candidate)).unwrap_or_default())
}
