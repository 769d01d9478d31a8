//! The statements of alerts.

use afterglow_wire::Timestamp;
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::BigInt;

use super::Connection;
use crate::alerts::StateRow;
use crate::statements::limit_of;
use crate::statements::put::{Value, put};
use crate::statements::schema::{
    alert_cursor, alert_document, alert_episode, alert_secret, alert_state, alert_unheard,
};
use crate::tables::{AlertRows, EpisodeRow, SavedRow, SecretRow};
use crate::{Span, StoreError};

/// Name, version, document, time of its first version.
type Saved = (String, i32, String, i64);

const SAVED: (
    alert_document::id,
    alert_document::version,
    alert_document::document,
    alert_document::created_at,
) = (alert_document::id, alert_document::version, alert_document::document, alert_document::created_at);

fn saved((id, version, document, created_at): Saved) -> SavedRow {
    SavedRow { id, version, document, created_at }
}

/// Number, rule, scope, begin, end, document, acknowledgement.
type Episode = (String, String, String, i64, Option<i64>, String, Option<String>);

const EPISODE: (
    alert_episode::id,
    alert_episode::rule,
    alert_episode::scope,
    alert_episode::fired_at,
    alert_episode::resolved_at,
    alert_episode::document,
    alert_episode::ack,
) = (
    alert_episode::id,
    alert_episode::rule,
    alert_episode::scope,
    alert_episode::fired_at,
    alert_episode::resolved_at,
    alert_episode::document,
    alert_episode::ack,
);

fn episode((id, rule, scope, fired_at, resolved_at, document, ack): Episode) -> EpisodeRow {
    EpisodeRow { id, rule, scope, fired_at, resolved_at, document, ack }
}

impl AlertRows for Connection {
    fn saved(&mut self, kind: &str) -> Result<Vec<SavedRow>, StoreError> {
        let rows: Vec<Saved> = alert_document::table
            .filter(alert_document::kind.eq(kind))
            .order(alert_document::id)
            .select(SAVED)
            .load(self)?;
        Ok(rows.into_iter().map(saved).collect())
    }

    fn saved_behind(&mut self, kind: &str, after: &str, limit: i64) -> Result<Vec<SavedRow>, StoreError> {
        let rows: Vec<Saved> = alert_document::table
            // The key begins with it: without it every page reads all rows.
            .filter(alert_document::tenant.eq("default"))
            .filter(alert_document::kind.eq(kind).and(alert_document::id.gt(after)))
            .order(alert_document::id)
            .limit(limit)
            .select(SAVED)
            .load(self)?;
        Ok(rows.into_iter().map(saved).collect())
    }

    fn saved_ids(&mut self, kind: &str) -> Result<Vec<String>, StoreError> {
        Ok(alert_document::table
            .filter(alert_document::kind.eq(kind))
            .select(alert_document::id)
            .load(self)?)
    }

    fn saved_bytes(&mut self, kind: &str) -> Result<i64, StoreError> {
        // Reads no text: its length stands before it.
        let bytes = sql::<BigInt>("coalesce(sum(octet_length(document)), 0)");
        Ok(alert_document::table.filter(alert_document::kind.eq(kind)).select(bytes).first(self)?)
    }

    fn saved_one(&mut self, kind: &str, id: &str) -> Result<Option<SavedRow>, StoreError> {
        let row: Option<Saved> = alert_document::table
            .filter(alert_document::kind.eq(kind).and(alert_document::id.eq(id)))
            .select(SAVED)
            .first(self)
            .optional()?;
        Ok(row.map(saved))
    }

    fn put_saved(&mut self, kind: &str, row: &SavedRow, now: i64) -> Result<(), StoreError> {
        let content = (
            alert_document::version.eq(row.version),
            alert_document::document.eq(&row.document),
            alert_document::created_at.eq(row.created_at),
            alert_document::updated_at.eq(now),
        );
        diesel::insert_into(alert_document::table)
            .values((alert_document::kind.eq(kind), alert_document::id.eq(&row.id), content))
            .on_conflict((alert_document::tenant, alert_document::kind, alert_document::id))
            .do_update()
            .set(content)
            .execute(self)?;
        Ok(())
    }

    fn delete_saved(&mut self, kind: &str, id: &str) -> Result<bool, StoreError> {
        let row = alert_document::table.filter(alert_document::kind.eq(kind).and(alert_document::id.eq(id)));
        Ok(diesel::delete(row).execute(self)? > 0)
    }

    fn secrets(&mut self, channel: &str) -> Result<Vec<SecretRow>, StoreError> {
        let rows: Vec<(String, String, i64)> = alert_secret::table
            .filter(alert_secret::channel.eq(channel))
            .select((alert_secret::name, alert_secret::value, alert_secret::set_at))
            .load(self)?;
        Ok(rows.into_iter().map(|(name, value, set_at)| SecretRow { name, value, set_at }).collect())
    }

    fn put_secret(
        &mut self,
        channel: &str,
        name: &str,
        value: Option<&str>,
        now: i64,
    ) -> Result<(), StoreError> {
        let row =
            alert_secret::table.filter(alert_secret::channel.eq(channel).and(alert_secret::name.eq(name)));
        match value {
            Some(value) => {
                let content = (alert_secret::value.eq(value), alert_secret::set_at.eq(now));
                diesel::insert_into(alert_secret::table)
                    .values((alert_secret::channel.eq(channel), alert_secret::name.eq(name), content))
                    .on_conflict((alert_secret::tenant, alert_secret::channel, alert_secret::name))
                    .do_update()
                    .set(content)
                    .execute(self)?
            }
            None => diesel::delete(row).execute(self)?,
        };
        Ok(())
    }

    fn alert_cursor(&mut self) -> Result<Option<(i64, i64)>, StoreError> {
        let cursor = alert_cursor::table.select((alert_cursor::sequence, alert_cursor::at)).first(self);
        Ok(cursor.optional()?)
    }

    fn put_alert_cursor(&mut self, sequence: i64, at: i64) -> Result<(), StoreError> {
        let content = (alert_cursor::sequence.eq(sequence), alert_cursor::at.eq(at));
        diesel::insert_into(alert_cursor::table)
            .values((alert_cursor::id.eq(1), content))
            .on_conflict(alert_cursor::id)
            .do_update()
            .set(content)
            .execute(self)?;
        Ok(())
    }

    fn heard(&mut self) -> Result<Option<i64>, StoreError> {
        let heard: Option<Option<i64>> =
            alert_cursor::table.select(alert_cursor::heard_at).first(self).optional()?;
        Ok(heard.flatten())
    }

    fn put_heard(&mut self, at: i64) -> Result<(), StoreError> {
        diesel::update(alert_cursor::table).set(alert_cursor::heard_at.eq(at)).execute(self)?;
        Ok(())
    }

    fn put_unheard(&mut self, span: Span) -> Result<(), StoreError> {
        let end = alert_unheard::to_at.eq(span.to.micros());
        diesel::insert_into(alert_unheard::table)
            .values((alert_unheard::from_at.eq(span.from.micros()), end))
            .on_conflict(alert_unheard::from_at)
            .do_update()
            .set(end)
            .execute(self)?;
        Ok(())
    }

    fn unheard(&mut self, span: Span) -> Result<Vec<Span>, StoreError> {
        let rows: Vec<(i64, i64)> = alert_unheard::table
            .filter(alert_unheard::to_at.ge(span.from.micros()))
            .filter(alert_unheard::from_at.le(span.to.micros()))
            .order(alert_unheard::from_at)
            .load(self)?;
        let instant = Timestamp::from_micros;
        Ok(rows.into_iter().map(|(from, to)| Span { from: instant(from), to: instant(to) }).collect())
    }

    fn expire_unheard(&mut self, before: i64) -> Result<(), StoreError> {
        diesel::delete(alert_unheard::table.filter(alert_unheard::to_at.lt(before))).execute(self)?;
        Ok(())
    }

    fn alert_states(&mut self) -> Result<Vec<(String, String, String)>, StoreError> {
        Ok(alert_state::table
            .select((alert_state::rule, alert_state::scope, alert_state::document))
            .load(self)?)
    }

    fn alert_states_behind(
        &mut self,
        rule: &str,
        scope: &str,
        limit: i64,
    ) -> Result<Vec<(String, String, String)>, StoreError> {
        // The key begins with the tenant: without it SQLite reads all of them for each page.
        let all = || alert_state::table.filter(alert_state::tenant.eq("default"));
        let columns = (alert_state::rule, alert_state::scope, alert_state::document);
        let order = (alert_state::rule, alert_state::scope);
        let mut rows: Vec<(String, String, String)> = all()
            .filter(alert_state::rule.eq(rule).and(alert_state::scope.gt(scope)))
            .order(order)
            .limit(limit)
            .select(columns)
            .load(self)?;
        let further: Vec<(String, String, String)> = all()
            .filter(alert_state::rule.gt(rule))
            .order(order)
            .limit(limit.saturating_sub_unsigned(rows.len() as u64))
            .select(columns)
            .load(self)?;
        rows.extend(further);
        Ok(rows)
    }

    fn put_alert_states(&mut self, states: &[&StateRow]) -> Result<(), StoreError> {
        for StateRow { rule, scope, .. } in states.iter().filter(|state| state.document.is_none()) {
            let row = alert_state::table.filter(alert_state::rule.eq(rule).and(alert_state::scope.eq(scope)));
            diesel::delete(row).execute(self)?;
        }
        let rows: Vec<[Value<'_>; 3]> = states
            .iter()
            .filter_map(|StateRow { rule, scope, document }| {
                Some([Value::Text(rule), Value::Text(scope), Value::Text(document.as_deref()?)])
            })
            .collect();
        let replace = "(tenant, rule, scope) DO UPDATE SET document = excluded.document";
        put(self, "alert_state (rule, scope, document)", replace, &rows)?;
        Ok(())
    }

    fn put_episodes(&mut self, rows: &[EpisodeRow]) -> Result<(), StoreError> {
        let rows: Vec<[Value<'_>; 6]> = rows
            .iter()
            .map(|row| {
                [
                    Value::Text(&row.id),
                    Value::Text(&row.rule),
                    Value::Text(&row.scope),
                    Value::Number(row.fired_at),
                    Value::Perhaps(row.resolved_at),
                    Value::Text(&row.document),
                ]
            })
            .collect();
        let replace = "(id) DO UPDATE SET resolved_at = excluded.resolved_at, document = excluded.document";
        put(self, "alert_episode (id, rule, scope, fired_at, resolved_at, document)", replace, &rows)?;
        Ok(())
    }

    fn count_open(&mut self, rule: Option<&str>) -> Result<i64, StoreError> {
        let open = alert_episode::table.filter(alert_episode::resolved_at.is_null());
        Ok(match rule {
            Some(rule) => open.filter(alert_episode::rule.eq(rule)).count().get_result(self)?,
            None => open.count().get_result(self)?,
        })
    }

    fn open_behind(&mut self, rule: &str, scope: &str, limit: i64) -> Result<Vec<EpisodeRow>, StoreError> {
        // Two reads, so that each begins in the index where it is to begin.
        let open = || alert_episode::table.filter(alert_episode::resolved_at.is_null());
        let order = (alert_episode::rule, alert_episode::scope);
        let mut rows: Vec<Episode> = open()
            .filter(alert_episode::rule.eq(rule).and(alert_episode::scope.gt(scope)))
            .order(order)
            .limit(limit)
            .select(EPISODE)
            .load(self)?;
        let further: Vec<Episode> = open()
            .filter(alert_episode::rule.gt(rule))
            .order(order)
            .limit(limit.saturating_sub_unsigned(rows.len() as u64))
            .select(EPISODE)
            .load(self)?;
        rows.extend(further);
        Ok(rows.into_iter().map(episode).collect())
    }

    fn open_episodes(&mut self) -> Result<Vec<EpisodeRow>, StoreError> {
        let rows: Vec<Episode> = alert_episode::table
            .filter(alert_episode::resolved_at.is_null())
            .order((alert_episode::rule, alert_episode::scope))
            .select(EPISODE)
            .load(self)?;
        Ok(rows.into_iter().map(episode).collect())
    }

    fn episodes(&mut self, span: Span, limit: usize) -> Result<(usize, Vec<EpisodeRow>), StoreError> {
        let touching = || {
            let ends_after = alert_episode::resolved_at
                .is_null()
                .or(alert_episode::resolved_at.ge(span.from.micros()).assume_not_null());
            alert_episode::table.filter(alert_episode::fired_at.le(span.to.micros())).filter(ends_after)
        };
        let total: i64 = touching().count().get_result(self)?;
        let rows: Vec<Episode> = touching()
            .order((alert_episode::fired_at.desc(), alert_episode::id))
            .limit(limit_of(limit))
            .select(EPISODE)
            .load(self)?;
        Ok((usize::try_from(total).unwrap_or_default(), rows.into_iter().map(episode).collect()))
    }

    fn episode(&mut self, id: &str) -> Result<Option<EpisodeRow>, StoreError> {
        let row: Option<Episode> = alert_episode::table.find(id).select(EPISODE).first(self).optional()?;
        Ok(row.map(episode))
    }

    fn acknowledge(&mut self, id: &str, ack: Option<&str>) -> Result<bool, StoreError> {
        let row = diesel::update(alert_episode::table.find(id)).set(alert_episode::ack.eq(ack));
        Ok(row.execute(self)? > 0)
    }

    fn void_acknowledgements(&mut self, ids: &[String]) -> Result<(), StoreError> {
        let rows = alert_episode::table.filter(alert_episode::id.eq_any(ids));
        let rows = rows.filter(alert_episode::ack.is_not_null());
        diesel::update(rows).set(alert_episode::ack.eq(None::<String>)).execute(self)?;
        Ok(())
    }

    fn expire_episodes(&mut self, before: i64, most: usize) -> Result<usize, StoreError> {
        let old = alert_episode::table.filter(alert_episode::resolved_at.lt(before));
        let mut expired = diesel::delete(old).execute(self)?;
        let beyond: Option<i64> = alert_episode::table
            .filter(alert_episode::resolved_at.is_not_null())
            .order(alert_episode::fired_at.desc())
            .offset(limit_of(most))
            .select(alert_episode::fired_at)
            .first(self)
            .optional()?;
        if let Some(beyond) = beyond {
            let ended = alert_episode::table
                .filter(alert_episode::resolved_at.is_not_null())
                .filter(alert_episode::fired_at.le(beyond));
            expired += diesel::delete(ended).execute(self)?;
        }
        Ok(expired)
    }
}
