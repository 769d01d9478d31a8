//! Tables into series.

use std::sync::Arc;

use afterglow_wire::Timestamp;
use diesel::prelude::*;

use super::super::query::reduce;
use super::super::schema::{sample, signal};
use super::{Query, Series};

pub(super) fn query(reader: &mut SqliteConnection, query: &Query) -> QueryResult<Vec<Series>> {
    let signals: Vec<(i32, String)> =
        signal::table.order(signal::name).select((signal::id, signal::name)).load(reader)?;
    let mut series = Vec::new();
    for (id, name) in signals.into_iter().filter(|(_, name)| query.wants(name)) {
        let points = points(reader, id, query)?;
        if !points.is_empty() {
            series.push(Series { name: Arc::from(name), points });
        }
    }
    Ok(series)
}

fn points(reader: &mut SqliteConnection, id: i32, query: &Query) -> QueryResult<Vec<(Timestamp, f64)>> {
    let rows: Vec<(i64, f64)> = sample::table
        .filter(sample::signal_id.eq(id))
        .filter(sample::timestamp.between(query.span.from.micros(), query.span.to.micros()))
        .order(sample::timestamp)
        .select((sample::timestamp, sample::value))
        .load(reader)?;
    let points = rows.into_iter().map(|(micros, value)| (Timestamp::from_micros(micros), value)).collect();
    Ok(match query.max_points {
        Some(max_points) => reduce(points, query.span, max_points),
        None => points,
    })
}

pub(super) fn signal_names(reader: &mut SqliteConnection) -> QueryResult<Vec<String>> {
    let has_samples = diesel::dsl::exists(sample::table.filter(sample::signal_id.eq(signal::id)));
    signal::table.filter(has_samples).order(signal::name).select(signal::name).load(reader)
}
