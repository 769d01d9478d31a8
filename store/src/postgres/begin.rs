//! Transactions, and what has become of them.

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use futures_util::future;

use super::special::IntegerRow;
use super::{Connection, driver, special};

/// A transaction that writes. Those of the process that has the lock are counted in the database, each in itself: the server's own
/// numbers come back after a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Transaction(i64);

impl Transaction {
    /// Begins one. All that write wait for each other.
    pub(super) fn begin(writer: &mut Connection, is_guest: bool) -> QueryResult<Self> {
        // Two shared references: what is asked through them is sent at once.
        let (mut first, mut second) = (&**writer, &**writer);
        let begun = diesel_async::SimpleAsyncConnection::batch_execute(&mut first, "BEGIN");
        let count = diesel::sql_query(if is_guest { special::WAIT } else { special::COUNT });
        let row = diesel_async::RunQueryDsl::get_result::<IntegerRow>(count, &mut second);
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

    /// Whether it was kept, asked by the process that has the lock again, and before it begins another one.
    pub(super) fn is_kept(self, writer: &mut Connection) -> QueryResult<bool> {
        special::number(writer, "SELECT writes AS value FROM numbering").map(|last| last == self.0)
    }
}
