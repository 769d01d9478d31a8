//! Rows of tenants with databases of their own.

use crate::StoreError;

/// Tenants. What is in them is decided by [`crate::tenants`].
pub(crate) trait TenantRows {
    /// All of them, by name.
    fn tenants(&mut self) -> Result<Vec<TenantRow>, StoreError>;

    /// Adds one.
    fn insert_tenant(&mut self, new: &TenantRow) -> Result<(), StoreError>;

    /// Replaces what one may use.
    fn set_tenant_limits(&mut self, name: &str, limits: &str) -> Result<(), StoreError>;

    /// Notes that one is being deleted.
    fn mark_tenant(&mut self, name: &str) -> Result<(), StoreError>;

    /// Removes the one with this name whose place this is, if it is being deleted; whether there was one.
    fn delete_tenant(&mut self, name: &str, file: &str) -> Result<bool, StoreError>;
}

/// A tenant as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TenantRow {
    pub(crate) name: String,
    pub(crate) file: String,
    pub(crate) is_deleting: bool,
    pub(crate) limits: String,
    pub(crate) created_at: i64,
}
