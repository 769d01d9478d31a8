//! The statements of boards, annotations and metadata.

use afterglow_wire::annotation::Annotation;
use afterglow_wire::board::{Board, BoardSummary};
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Text};

use super::{Connection, special};
use crate::documents::json;
use crate::statements::limit_of;
use crate::statements::schema::{annotation, board, metadata, signal};
use crate::tables::{AnnotationRow, DocumentRows};
use crate::{Span, StoreError};

type AnnotationColumns = (i64, i64, i64, String, String, String);

fn annotation_row((id, first, last, text, tags, signals): AnnotationColumns) -> AnnotationRow {
    AnnotationRow { id, first, last, text, tags, signals }
}

impl DocumentRows for Connection {
    fn boards(&mut self) -> Result<Vec<BoardSummary>, StoreError> {
        let rows: Vec<(String, i32, String)> = board::table
            .order((board::title, board::id))
            .select((board::id, board::version, board::title))
            .load(self)?;
        Ok(rows.into_iter().map(|(id, version, title)| BoardSummary { id, version, title }).collect())
    }

    fn board_ids(&mut self) -> Result<Vec<String>, StoreError> {
        Ok(board::table.select(board::id).load(self)?)
    }

    fn board(&mut self, id: &str) -> Result<Option<String>, StoreError> {
        Ok(board::table.find(id).select(board::document).first(self).optional()?)
    }

    fn put_board(&mut self, new: &Board, document: &str, now: i64) -> Result<(), StoreError> {
        let content = (
            board::version.eq(new.version),
            board::title.eq(&new.title),
            board::document.eq(document),
            board::updated_at.eq(now),
        );
        diesel::insert_into(board::table)
            .values((board::id.eq(&new.id), content))
            .on_conflict(board::id)
            .do_update()
            .set(content)
            .execute(self)?;
        Ok(())
    }

    fn delete_board(&mut self, id: &str) -> Result<bool, StoreError> {
        Ok(diesel::delete(board::table.find(id)).execute(self)? > 0)
    }

    fn annotations(
        &mut self,
        span: Span,
        tags: &[String],
        limit: usize,
    ) -> Result<(usize, Vec<AnnotationRow>), StoreError> {
        let tags = json(tags)?;
        let matching = || {
            let has_all =
                sql::<Bool>(special::HAS_ALL_TAGS.0).bind::<Text, _>(&tags).sql(special::HAS_ALL_TAGS.1);
            annotation::table
                .filter(annotation::last_timestamp.ge(span.from.micros()))
                .filter(annotation::first_timestamp.le(span.to.micros()))
                .filter(has_all)
        };
        let newest = (annotation::first_timestamp.desc(), annotation::id.desc());
        let total: i64 = matching().count().get_result(self)?;
        let rows: Vec<AnnotationColumns> =
            matching().order(newest).limit(limit_of(limit)).select(annotation::all_columns).load(self)?;
        Ok((usize::try_from(total).unwrap_or_default(), rows.into_iter().map(annotation_row).collect()))
    }

    fn annotations_before(
        &mut self,
        before: i64,
        span: Span,
        tags: &[String],
        limit: usize,
    ) -> Result<Vec<AnnotationRow>, StoreError> {
        let tags = json(tags)?;
        let has_all =
            sql::<Bool>(special::HAS_ALL_TAGS.0).bind::<Text, _>(&tags).sql(special::HAS_ALL_TAGS.1);
        let rows: Vec<AnnotationColumns> = annotation::table
            .filter(annotation::id.lt(before))
            .filter(annotation::last_timestamp.ge(span.from.micros()))
            .filter(annotation::first_timestamp.le(span.to.micros()))
            .filter(has_all)
            .order(annotation::id.desc())
            .limit(limit_of(limit))
            .select(annotation::all_columns)
            .load(self)?;
        Ok(rows.into_iter().map(annotation_row).collect())
    }

    fn annotation(&mut self, id: i64) -> Result<Option<AnnotationRow>, StoreError> {
        let row: Option<AnnotationColumns> = annotation::table.find(id).first(self).optional()?;
        Ok(row.map(annotation_row))
    }

    fn count_annotations(&mut self) -> Result<usize, StoreError> {
        let count: i64 = annotation::table.count().get_result(self)?;
        Ok(usize::try_from(count).unwrap_or_default())
    }

    fn insert_annotation(&mut self, new: &Annotation, tags: &str, signals: &str) -> Result<i64, StoreError> {
        Ok(diesel::insert_into(annotation::table)
            .values((
                annotation::first_timestamp.eq(new.from.micros()),
                annotation::last_timestamp.eq(new.end().micros()),
                annotation::text.eq(&new.text),
                annotation::tags.eq(tags),
                annotation::signals.eq(signals),
            ))
            .returning(annotation::id)
            .get_result(self)?)
    }

    fn delete_annotation(&mut self, id: i64) -> Result<bool, StoreError> {
        Ok(diesel::delete(annotation::table.find(id)).execute(self)? > 0)
    }

    fn metadata_behind(
        &mut self,
        name: &str,
        limit: usize,
    ) -> Result<Vec<(i32, String, String)>, StoreError> {
        Ok(metadata::table
            .inner_join(signal::table.on(signal::id.eq(metadata::signal_id)))
            .filter(signal::name.gt(name))
            .order(signal::name)
            .limit(limit_of(limit))
            .select((metadata::signal_id, signal::name, metadata::document))
            .load(self)?)
    }

    fn signal_id(&mut self, name: &str) -> Result<Option<i32>, StoreError> {
        Ok(signal::table.filter(signal::name.eq(name)).select(signal::id).first(self).optional()?)
    }

    fn metadata(&mut self, signal: i32) -> Result<Option<String>, StoreError> {
        Ok(metadata::table.find(signal).select(metadata::document).first(self).optional()?)
    }

    fn put_metadata(&mut self, signal: i32, document: Option<&str>) -> Result<(), StoreError> {
        match document {
            Some(document) => diesel::insert_into(metadata::table)
                .values((metadata::signal_id.eq(signal), metadata::document.eq(document)))
                .on_conflict(metadata::signal_id)
                .do_update()
                .set(metadata::document.eq(document))
                .execute(self)?,
            None => diesel::delete(metadata::table.find(signal)).execute(self)?,
        };
        Ok(())
    }
}
