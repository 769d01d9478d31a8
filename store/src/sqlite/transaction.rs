//! The statements around every commit, prepared once: parsing them took as long as running them.

use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sqlite::Sqlite;

/// A statement without parameters.
macro_rules! statement {
    ($name:ident, $text:literal) => {
        #[derive(QueryId)]
        struct $name;

        impl QueryFragment<Sqlite> for $name {
            fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
                pass.push_sql($text);
                Ok(())
            }
        }

        impl RunQueryDsl<SqliteConnection> for $name {}
    };
}

statement!(Begin, "BEGIN IMMEDIATE");
statement!(Commit, "COMMIT");
statement!(Rollback, "ROLLBACK");

/// Begins a transaction that writes.
pub(super) fn begin(writer: &mut SqliteConnection) -> QueryResult<()> {
    Begin.execute(writer).map(drop)
}

/// Puts what was written since [`begin`] onto the disk.
pub(super) fn commit(writer: &mut SqliteConnection) -> QueryResult<()> {
    Commit.execute(writer).map(drop)
}

/// Undoes what was written since [`begin`]. Fails where SQLite has done so already.
pub(super) fn roll_back(writer: &mut SqliteConnection) -> QueryResult<()> {
    Rollback.execute(writer).map(drop)
}
