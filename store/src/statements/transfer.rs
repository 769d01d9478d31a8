//! The statements that copy rows, whatever their tables are.

use diesel::deserialize::{self, QueryableByName};
use diesel::prelude::*;
use diesel::query_builder::{BoxedSqlQuery, SqlQuery};
use diesel::row::{Field as _, NamedRow};
use diesel::sql_types::{BigInt, Binary, Double, Text};

use super::{Connection, special};
use crate::StoreError;
use crate::statements::schema::{numbering, transfer};
use crate::tables::{Origin, Row, Table, TransferRows, Value};

type Backend = <Connection as diesel::Connection>::Backend;

/// There is at most one row.
const ID: i32 = 1;

/// A row of any table.
struct Found(Row);

impl QueryableByName<Backend> for Found {
    fn build<'a>(row: &impl NamedRow<'a, Backend>) -> deserialize::Result<Self> {
        let mut values = Vec::with_capacity(row.field_count());
        for index in 0..row.field_count() {
            let field = diesel::row::Row::get(row, index).ok_or("a column is missing")?;
            values.push(field.value().map_or(Ok(Value::Null), special::value)?);
        }
        Ok(Self(values))
    }
}

/// Names as a statement lists them.
fn list(names: &[&str]) -> String {
    let quoted: Vec<_> = names.iter().map(|name| format!("\"{name}\"")).collect();
    quoted.join(", ")
}

/// Rows of values, each in parentheses: a placeholder for each value but NULL, whose type a placeholder would have to name.
fn placeholders<'v>(rows: impl Iterator<Item = &'v [Value]>) -> String {
    let mut last = 0;
    let mut value = |value: &Value| match value {
        Value::Null => "NULL".to_owned(),
        _ => {
            last += 1;
            format!("${last}")
        }
    };
    let rows: Vec<_> =
        rows.map(|row| format!("({})", row.iter().map(&mut value).collect::<Vec<_>>().join(", "))).collect();
    rows.join(", ")
}

/// The statement `text` with the values of its placeholders.
fn bound<'v>(text: String, values: impl Iterator<Item = &'v Value>) -> BoxedSqlQuery<'v, Backend, SqlQuery> {
    values.fold(diesel::sql_query(text).into_boxed(), |query, value| match value {
        Value::Null => query,
        Value::Integer(number) => query.bind::<BigInt, _>(*number),
        Value::Real(bits) => query.bind::<Double, _>(f64::from_bits(*bits)),
        Value::Text(text) => query.bind::<Text, _>(text.as_str()),
        Value::Bytes(bytes) => query.bind::<Binary, _>(bytes.as_slice()),
    })
}

fn is_one_of(table: &Table, keys: &[&[Value]]) -> String {
    format!("({}) IN (VALUES {})", list(table.key), placeholders(keys.iter().copied()))
}

impl TransferRows for Connection {
    fn marks(&mut self, table: &Table) -> Result<Vec<Row>, StoreError> {
        let (marked, from, key) = (list(&table.marked()), special::readable(table.name), list(table.key));
        let found: Vec<Found> =
            diesel::sql_query(format!("SELECT {marked} FROM {from} ORDER BY {key}")).load(self)?;
        Ok(found.into_iter().map(|found| found.0).collect())
    }

    fn whole(&mut self, table: &Table, keys: &[&[Value]]) -> Result<Vec<Row>, StoreError> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let (columns, from, key) = (list(&table.columns()), special::readable(table.name), list(table.key));
        let wanted = is_one_of(table, keys);
        let text = format!("SELECT {columns} FROM {from} WHERE {wanted} ORDER BY {key}");
        let found: Vec<Found> = bound(text, keys.iter().copied().flatten()).load(self)?;
        Ok(found.into_iter().map(|found| found.0).collect())
    }

    fn put(&mut self, table: &Table, rows: &[Row]) -> Result<(), StoreError> {
        if rows.is_empty() {
            return Ok(());
        }
        let columns = table.columns();
        let others = [table.mark, table.rest].concat();
        let replaced: Vec<_> =
            others.iter().map(|name| format!("\"{name}\" = excluded.\"{name}\"")).collect();
        let text = format!(
            "INSERT INTO {} ({}) VALUES {} ON CONFLICT ({}) DO UPDATE SET {}",
            special::writable(table.name),
            list(&columns),
            placeholders(rows.iter().map(Vec::as_slice)),
            list(table.key),
            replaced.join(", ")
        );
        bound(text, rows.iter().flatten()).execute(self)?;
        Ok(())
    }

    fn remove(&mut self, table: &Table, keys: &[&[Value]]) -> Result<(), StoreError> {
        if keys.is_empty() {
            return Ok(());
        }
        let wanted = is_one_of(table, keys);
        let text = format!("DELETE FROM {} WHERE {wanted}", special::writable(table.name));
        bound(text, keys.iter().copied().flatten()).execute(self)?;
        Ok(())
    }

    fn has_rows(&mut self, table: &Table) -> Result<bool, StoreError> {
        let text = format!("SELECT 1 AS value FROM {} LIMIT 1", special::readable(table.name));
        Ok(!diesel::sql_query(text).load::<Found>(self)?.is_empty())
    }

    fn last_number(&mut self, table: &str, column: &str) -> Result<i64, StoreError> {
        let highest = format!("SELECT coalesce(max(\"{column}\"), 0) AS value FROM {table}");
        let highest = special::number(self, &highest)?;
        Ok(highest.max(special::number(self, &special::last_number(table, column))?))
    }

    fn number_from(&mut self, table: &str, column: &str, last: i64) -> Result<(), StoreError> {
        for statement in special::number_from(table, column, last) {
            diesel::sql_query(statement).execute(self)?;
        }
        Ok(())
    }

    fn numbering(&mut self) -> Result<(i64, i64), StoreError> {
        Ok(numbering::table.select((numbering::epoch, numbering::sealed_sequence)).first(self)?)
    }

    fn origin(&mut self) -> Result<Option<Origin>, StoreError> {
        let found: Option<(i64, Option<i64>)> =
            transfer::table.select((transfer::source, transfer::completed_at)).first(self).optional()?;
        Ok(found.map(|(source, completed)| Origin { source, is_complete: completed.is_some() }))
    }

    fn begin_transfer(&mut self, source: i64) -> Result<(), StoreError> {
        let row = (transfer::id.eq(ID), transfer::source.eq(source));
        diesel::insert_into(transfer::table).values(row).execute(self)?;
        Ok(())
    }

    fn end_transfer(&mut self, sealed_sequence: i64, now: i64) -> Result<(), StoreError> {
        let numbered = (numbering::epoch.eq(now.max(1)), numbering::sealed_sequence.eq(sealed_sequence));
        diesel::update(numbering::table).set(numbered).execute(self)?;
        diesel::sql_query(special::AFTER_TRANSFER).execute(self)?;
        diesel::update(transfer::table).set(transfer::completed_at.eq(now)).execute(self)?;
        Ok(())
    }
}
