//! Transactions, and what has become of them.

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use futures_util::future;

use super::special::{ALONE, IntegerRow};
use super::{Connection, driver};

/// A transaction that writes, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Transaction(i64);

/// What has become of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Kept,
    Undone,
    /// It is still under way.
    Open,
}

impl Transaction {
    /// Begins one, in one way there and back.
    pub(super) fn begin(writer: &mut Connection) -> QueryResult<Self> {
        // Two shared references: what is asked through them is sent at once.
        let (mut first, mut second) = (&**writer, &**writer);
        let begun = diesel_async::SimpleAsyncConnection::batch_execute(&mut first, "BEGIN");
        let row = diesel_async::RunQueryDsl::get_result::<IntegerRow>(diesel::sql_query(ALONE), &mut second);
        driver::block_on(future::try_join(begun, row)).map(|((), row)| Self(row.value))
    }

    /// Keeps it. A transaction in which a statement failed would be undone without an error, so there is one more.
    pub(super) fn commit(writer: &mut Connection) -> QueryResult<()> {
        SimpleConnection::batch_execute(writer, "SELECT; COMMIT")
    }

    /// Undoes it.
    pub(super) fn roll_back(writer: &mut Connection) -> QueryResult<()> {
        SimpleConnection::batch_execute(writer, "ROLLBACK")
    }

    /// What has become of it.
    pub(super) fn fate(self, connection: &mut Connection) -> QueryResult<Fate> {
        const FATE: &str = "SELECT CASE pg_xact_status($1::text::xid8) WHEN 'committed' THEN 1 WHEN 'aborted' THEN 0 \
            ELSE 2 END::bigint AS value";
        let query = diesel::sql_query(FATE).bind::<BigInt, _>(self.0);
        let row: IntegerRow = query.get_result(connection)?;
        Ok(match row.value {
            0 => Fate::Undone,
            1 => Fate::Kept,
            _ => Fate::Open,
        })
    }
}
