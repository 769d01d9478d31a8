//! The statements of tenants.

use diesel::prelude::*;

use super::Connection;
use crate::StoreError;
use crate::statements::schema::tenant_database;
use crate::tables::{TenantRow, TenantRows};

type TenantColumns = (String, String, bool, String, i64);

impl TenantRows for Connection {
    fn tenants(&mut self) -> Result<Vec<TenantRow>, StoreError> {
        let rows: Vec<TenantColumns> = tenant_database::table.order(tenant_database::name).load(self)?;
        let row = |(name, file, is_deleting, limits, created_at): TenantColumns| TenantRow {
            name,
            file,
            is_deleting,
            limits,
            created_at,
        };
        Ok(rows.into_iter().map(row).collect())
    }

    fn insert_tenant(&mut self, new: &TenantRow) -> Result<(), StoreError> {
        diesel::insert_into(tenant_database::table)
            .values((
                tenant_database::name.eq(&new.name),
                tenant_database::file.eq(&new.file),
                tenant_database::is_deleting.eq(new.is_deleting),
                tenant_database::limits.eq(&new.limits),
                tenant_database::created_at.eq(new.created_at),
            ))
            .execute(self)?;
        Ok(())
    }

    fn set_tenant_limits(&mut self, name: &str, limits: &str) -> Result<(), StoreError> {
        diesel::update(tenant_database::table.find(name))
            .set(tenant_database::limits.eq(limits))
            .execute(self)?;
        Ok(())
    }

    fn mark_tenant(&mut self, name: &str) -> Result<(), StoreError> {
        diesel::update(tenant_database::table.find(name))
            .set(tenant_database::is_deleting.eq(true))
            .execute(self)?;
        Ok(())
    }

    fn delete_tenant(&mut self, name: &str, file: &str) -> Result<bool, StoreError> {
        let deleted = tenant_database::table
            .find(name)
            .filter(tenant_database::file.eq(file))
            .filter(tenant_database::is_deleting.eq(true));
        Ok(diesel::delete(deleted).execute(self)? > 0)
    }
}
