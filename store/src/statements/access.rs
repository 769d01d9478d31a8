//! The statements of keys and of the audit log.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::BigInt;

use super::Connection;
use crate::StoreError;
use crate::statements::limit_of;
use crate::statements::schema::{access_key, audit};
use crate::tables::{AccessRows, EntryRow, KeyRow};

/// The tenant of everything so far.
const DEFAULT_TENANT: i32 = 1;

type KeyColumns = (String, Vec<u8>, String, Option<i64>, Option<String>);

fn key((id, hash, document, used_at, used_from): KeyColumns) -> KeyRow {
    KeyRow { id, hash, document, used_at, used_from }
}

const KEY: (
    access_key::id,
    access_key::hash,
    access_key::document,
    access_key::used_at,
    access_key::used_from,
) = (access_key::id, access_key::hash, access_key::document, access_key::used_at, access_key::used_from);

type EntryColumns = (i64, i32, i64, String, String, String, String, String, String, Vec<u8>, Vec<u8>);

fn entry(columns: EntryColumns) -> EntryRow {
    let (id, tenant, at, who, address, action, object, outcome, detail, previous, hash) = columns;
    EntryRow { id, tenant, at, who, address, action, object, outcome, detail, previous, hash }
}

impl AccessRows for Connection {
    fn keys(&mut self) -> Result<Vec<KeyRow>, StoreError> {
        let rows: Vec<KeyColumns> = access_key::table.order(access_key::id).select(KEY).load(self)?;
        Ok(rows.into_iter().map(key).collect())
    }

    fn key(&mut self, id: &str) -> Result<Option<KeyRow>, StoreError> {
        let row: Option<KeyColumns> = access_key::table.find(id).select(KEY).first(self).optional()?;
        Ok(row.map(key))
    }

    fn count_keys(&mut self) -> Result<usize, StoreError> {
        let count: i64 = access_key::table.count().get_result(self)?;
        Ok(usize::try_from(count).unwrap_or_default())
    }

    fn key_bytes(&mut self) -> Result<i64, StoreError> {
        let bytes = sql::<BigInt>("coalesce(sum(octet_length(document)), 0)");
        Ok(access_key::table.select(bytes).first(self)?)
    }

    fn insert_key(&mut self, id: &str, hash: &[u8], document: &str) -> Result<(), StoreError> {
        diesel::insert_into(access_key::table)
            .values((
                access_key::id.eq(id),
                access_key::tenant_id.eq(DEFAULT_TENANT),
                access_key::hash.eq(hash),
                access_key::document.eq(document),
            ))
            .execute(self)?;
        Ok(())
    }

    fn update_key(&mut self, id: &str, document: &str) -> Result<(), StoreError> {
        diesel::update(access_key::table.find(id)).set(access_key::document.eq(document)).execute(self)?;
        Ok(())
    }

    fn delete_key(&mut self, id: &str) -> Result<bool, StoreError> {
        Ok(diesel::delete(access_key::table.find(id)).execute(self)? > 0)
    }

    fn key_used(&mut self, id: &str, at: i64, from: &str) -> Result<(), StoreError> {
        diesel::update(access_key::table.find(id))
            .set((access_key::used_at.eq(at), access_key::used_from.eq(from)))
            .execute(self)?;
        Ok(())
    }

    fn last_entry(&mut self) -> Result<Option<(i64, Vec<u8>)>, StoreError> {
        let last = audit::table.order(audit::id.desc()).select((audit::id, audit::hash));
        Ok(last.first(self).optional()?)
    }

    fn insert_entry(&mut self, new: &EntryRow) -> Result<(), StoreError> {
        diesel::insert_into(audit::table)
            .values((
                (audit::id.eq(new.id), audit::tenant_id.eq(new.tenant), audit::at.eq(new.at)),
                (audit::who.eq(&new.who), audit::address.eq(&new.address), audit::action.eq(&new.action)),
                (audit::object.eq(&new.object), audit::outcome.eq(&new.outcome)),
                (audit::detail.eq(&new.detail), audit::previous.eq(&new.previous), audit::hash.eq(&new.hash)),
            ))
            .execute(self)?;
        Ok(())
    }

    fn entries(
        &mut self,
        after: i64,
        (from, to): (i64, i64),
        who: Option<&str>,
        action: Option<&str>,
        limit: usize,
    ) -> Result<Vec<EntryRow>, StoreError> {
        let mut wanted = audit::table
            .filter(audit::id.gt(after))
            .filter(audit::at.between(from, to))
            .order(audit::id)
            .limit(limit_of(limit))
            .into_boxed();
        if let Some(who) = who {
            wanted = wanted.filter(audit::who.eq(who.to_owned()));
        }
        if let Some(action) = action {
            wanted = wanted.filter(audit::action.eq(action.to_owned()));
        }
        let rows: Vec<EntryColumns> = wanted.select(audit::all_columns).load(self)?;
        Ok(rows.into_iter().map(entry).collect())
    }

    fn expire_entries(&mut self, instant: i64) -> Result<usize, StoreError> {
        let kept: Option<i64> =
            audit::table.filter(audit::at.ge(instant)).select(diesel::dsl::min(audit::id)).first(self)?;
        // The newest stays: the chain goes on from it.
        let last: Option<i64> = audit::table.select(diesel::dsl::max(audit::id)).first(self)?;
        let Some(first) = kept.or(last) else { return Ok(0) };
        Ok(diesel::delete(audit::table.filter(audit::id.lt(first))).execute(self)?)
    }
}
