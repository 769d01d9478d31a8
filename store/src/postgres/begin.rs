//! Transactions, and what has become of them.

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use futures_util::future;

use super::special::IntegerRow;
use super::{Connection, driver, special};

/// A transaction that writes. Each process counts its own in the database, each in itself: the server's own numbers come back
/// after a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Transaction {
    run: i64,
    number: i64,
}

impl Transaction {
    /// Begins one of the process with the number `run`; also says which process leads. All that write, in whatever process, wait for
    /// each other.
    pub(super) fn begin(writer: &mut Connection, run: i64) -> QueryResult<(Self, i64)> {
        // Shared references: what is asked through them is sent at once.
        let (mut first, mut second, mut third) = (&**writer, &**writer, &**writer);
        let begun = diesel_async::SimpleAsyncConnection::batch_execute(&mut first, "BEGIN");
        let count = diesel::sql_query(special::COUNT).bind::<BigInt, _>(run);
        let count = diesel_async::RunQueryDsl::get_result::<IntegerRow>(count, &mut second);
        let turn = diesel::sql_query(special::FOLLOW_ONE_ANOTHER).bind::<BigInt, _>(run);
        let turn = diesel_async::RunQueryDsl::get_result::<IntegerRow>(turn, &mut third);
        let begun = driver::block_on(future::try_join3(begun, count, turn));
        begun.map(|((), count, leader)| (Self { run, number: count.value }, leader.value))
    }

    /// Begins one that is not counted, of a process that is not entered.
    pub(super) fn begin_beside(writer: &mut Connection) -> QueryResult<()> {
        SimpleConnection::batch_execute(writer, "BEGIN")?;
        special::number(writer, special::WAIT).map(drop)
    }

    /// Keeps it. A transaction in which a statement failed would be undone without an error, so there is one more.
    pub(super) fn commit(writer: &mut Connection) -> QueryResult<()> {
        SimpleConnection::batch_execute(writer, "SELECT; COMMIT")
    }

    /// Undoes it.
    pub(super) fn roll_back(writer: &mut Connection) -> QueryResult<()> {
        SimpleConnection::batch_execute(writer, "ROLLBACK")
    }

    /// Whether it was kept, asked on a connection that has the process's lock, and before it begins another one.
    pub(super) fn is_kept(self, writer: &mut Connection) -> QueryResult<bool> {
        special::writes_of(writer, self.run).map(|last| last == Some(self.number))
    }
}
