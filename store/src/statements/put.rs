//! Many rows in one statement.

use diesel::backend::Backend;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::query_dsl::methods::ExecuteDsl;
use diesel::result::QueryResult;
use diesel::serialize::ToSql;
use diesel::sql_types::{BigInt, HasSqlType, Nullable, Text};
use diesel::{Connection, RunQueryDsl};

/// Rows that one statement has. What is left over is put by the smaller ones, so there are few texts to prepare.
const SIZES: [usize; 3] = [64, 8, 1];

/// What a column of a row gets.
#[derive(Clone, Copy)]
pub(crate) enum Value<'r> {
    Text(&'r str),
    Number(i64),
    Perhaps(Option<i64>),
}

/// Puts `rows` into a table: `into` names it and its columns, `conflict` is what happens to a row whose key is there.
///
/// Diesel prepares each insert of several rows, and each `DO UPDATE`, whenever it is carried out, which takes SQLite as long as carrying
/// it out; the texts of these depend on the number of rows alone, so each is prepared once.
pub(crate) fn put<C: Connection, const COLUMNS: usize>(
    connection: &mut C,
    into: &'static str,
    conflict: &'static str,
    rows: &[[Value<'_>; COLUMNS]],
) -> QueryResult<()>
where
    for<'r> Put<'r, COLUMNS>: ExecuteDsl<C>,
{
    let mut left = rows;
    for size in SIZES {
        while let Some((rows, others)) = left.split_at_checked(size) {
            Put { into, conflict, rows }.execute(connection)?;
            left = others;
        }
    }
    Ok(())
}

/// The statement.
pub(crate) struct Put<'r, const COLUMNS: usize> {
    into: &'static str,
    conflict: &'static str,
    rows: &'r [[Value<'r>; COLUMNS]],
}

/// It is found by its text.
impl<const COLUMNS: usize> QueryId for Put<'_, COLUMNS> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<DB, const COLUMNS: usize> QueryFragment<DB> for Put<'_, COLUMNS>
where
    DB: Backend + HasSqlType<Text> + HasSqlType<BigInt>,
    str: ToSql<Text, DB>,
    i64: ToSql<BigInt, DB>,
    Option<i64>: ToSql<Nullable<BigInt>, DB>,
{
    fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        pass.push_sql("INSERT INTO ");
        pass.push_sql(self.into);
        pass.push_sql(" VALUES ");
        for (number, row) in self.rows.iter().enumerate() {
            pass.push_sql(if number == 0 { "(" } else { ", (" });
            for (number, value) in row.iter().enumerate() {
                if number > 0 {
                    pass.push_sql(", ");
                }
                match value {
                    Value::Text(text) => pass.push_bind_param::<Text, str>(text),
                    Value::Number(number) => pass.push_bind_param::<BigInt, i64>(number),
                    Value::Perhaps(number) => pass.push_bind_param::<Nullable<BigInt>, Option<i64>>(number),
                }?;
            }
            pass.push_sql(")");
        }
        pass.push_sql(" ON CONFLICT ");
        pass.push_sql(self.conflict);
        Ok(())
    }
}

impl<C: Connection, const COLUMNS: usize> RunQueryDsl<C> for Put<'_, COLUMNS> {}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use diesel::connection::{InstrumentationEvent, SimpleConnection as _};
    use diesel::prelude::*;
    use diesel::sqlite::SqliteConnection;

    use super::*;

    diesel::table! {
        thing (name) {
            name -> Text,
            number -> BigInt,
            perhaps -> Nullable<BigInt>,
        }
    }

    #[test]
    fn rows_are_put_and_replaced_by_statements_that_are_prepared_once() -> QueryResult<()> {
        let mut connection = SqliteConnection::establish(":memory:").unwrap();
        connection.batch_execute(
            "CREATE TABLE thing (name TEXT NOT NULL PRIMARY KEY, number BIGINT NOT NULL, perhaps BIGINT)",
        )?;
        let prepared = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&prepared);
        connection.set_instrumentation(move |event: InstrumentationEvent<'_>| {
            if matches!(event, InstrumentationEvent::CacheQuery { .. }) {
                count.fetch_add(1, Ordering::Relaxed);
            }
        });
        let names: Vec<String> = (0..210).map(|number| format!("thing {number}")).collect();
        for turn in 0..3 {
            let rows: Vec<[Value<'_>; 3]> = (0..)
                .zip(&names)
                .map(|(number, name)| {
                    let perhaps = (number % 2 == 0).then_some(number);
                    [Value::Text(name), Value::Number(1_000 * turn + number), Value::Perhaps(perhaps)]
                })
                .collect();
            let replace = "(name) DO UPDATE SET number = excluded.number, perhaps = excluded.perhaps";
            put(&mut connection, "thing (name, number, perhaps)", replace, &rows)?;
        }
        assert_eq!(prepared.load(Ordering::Relaxed), SIZES.len(), "each text once");
        let rows: Vec<(String, i64, Option<i64>)> =
            thing::table.order(thing::number).load(&mut connection)?;
        assert_eq!(rows.len(), names.len());
        for (number, row) in (0..).zip(rows) {
            let perhaps = (number % 2 == 0).then_some(number);
            assert_eq!(row, (format!("thing {number}"), 2_000 + number, perhaps));
        }
        Ok(())
    }
}
