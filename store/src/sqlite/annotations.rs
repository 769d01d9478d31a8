//! The table of annotations.

use afterglow_wire::Timestamp;
use afterglow_wire::annotation::{Annotation, Annotations};
use afterglow_wire::limits::{ANNOTATIONS, ANNOTATIONS_LISTED};
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Text};

use super::super::saved::SaveError;
use super::super::schema::annotation;
use super::super::{Span, StoreError};
use super::saved::json;
use super::{Sqlite, connection};

type Row = (i64, i64, i64, String, String, String);

impl Sqlite {
    pub(crate) fn annotations(&self, span: Span, tags: &[String]) -> Result<Annotations, StoreError> {
        let tags = json(&tags)?;
        let matching = || {
            let lacks_none = sql::<Bool>("NOT EXISTS (SELECT 1 FROM json_each(")
                .bind::<Text, _>(&tags)
                .sql(") AS wanted WHERE wanted.value NOT IN (SELECT value FROM json_each(annotation.tags)))");
            annotation::table
                .filter(annotation::last_timestamp.ge(span.from.micros()))
                .filter(annotation::first_timestamp.le(span.to.micros()))
                .filter(lacks_none)
        };
        let most = i64::try_from(ANNOTATIONS_LISTED).unwrap_or(i64::MAX);
        let newest = (annotation::first_timestamp.desc(), annotation::id.desc());
        // In one transaction: the number must be that of the list.
        connection(&self.readers)?.transaction(|reader| {
            let total: i64 = matching().count().get_result(reader)?;
            let rows: Vec<Row> =
                matching().order(newest).limit(most).select(annotation::all_columns).load(reader)?;
            let mut annotations: Vec<_> = rows.into_iter().filter_map(|row| self.annotation(row)).collect();
            annotations.reverse();
            Ok(Annotations { annotations, total: usize::try_from(total).unwrap_or_default() })
        })
    }

    pub(crate) fn add_annotation(&self, mut new: Annotation) -> Result<Annotation, SaveError> {
        let (tags, signals) = (json(&new.tags)?, json(&new.signals)?);
        self.save(|writer| {
            let count: i64 = annotation::table.count().get_result(writer)?;
            if usize::try_from(count).is_ok_and(|count| count >= ANNOTATIONS) {
                return Err(SaveError::LimitReached { kind: "annotations", limit: ANNOTATIONS });
            }
            new.id = diesel::insert_into(annotation::table)
                .values((
                    annotation::first_timestamp.eq(new.from.micros()),
                    annotation::last_timestamp.eq(new.end().micros()),
                    annotation::text.eq(&new.text),
                    annotation::tags.eq(tags),
                    annotation::signals.eq(signals),
                ))
                .execute(writer)
                .and_then(|_| diesel::select(sql::<BigInt>("last_insert_rowid()")).get_result(writer))?;
            Ok(new)
        })
    }

    pub(crate) fn delete_annotation(&self, id: i64) -> Result<(), SaveError> {
        self.save(|writer| match diesel::delete(annotation::table.find(id)).execute(writer)? {
            0 => Err(SaveError::NotFound(format!("there is no annotation {id}"))),
            _ => Ok(()),
        })
    }

    /// Leaves out a damaged one.
    fn annotation(&self, (id, first, last, text, tags, signals): Row) -> Option<Annotation> {
        let lists = serde_json::from_str(&tags).and_then(|tags| Ok((tags, serde_json::from_str(&signals)?)));
        let (tags, signals) = lists.map_err(|error| self.report_damage("annotation", id, &error)).ok()?;
        let to = (last > first).then(|| Timestamp::from_micros(last));
        Some(Annotation { id, from: Timestamp::from_micros(first), to, text, tags, signals })
    }
}
