//! The tenants beside the one that this database is of. Each has a database of its own, in a folder beside this one's file; here stands
//! that it exists, and under what name its file is found. A file's name is never used again: what still has the file of a deleted
//! tenant open cannot reach that of its successor.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use afterglow_wire::tenant::{TENANTS, TenantLimits};
use afterglow_wire::{Invalid, Timestamp};

use crate::audit::{self, Author, Event};
use crate::documents::{SaveError, json};
use crate::tables::TenantRow;
use crate::{Access, StoreError, logs, with_suffix};

/// A tenant with a database of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenant {
    /// Its name.
    pub name: String,
    /// The name of its file in [`folder`].
    pub file: String,
    /// Whether it is being deleted: nothing opens its file any more.
    pub is_deleting: bool,
    /// What it may use.
    pub limits: TenantLimits,
    /// When it was made.
    pub created: Timestamp,
}

impl Tenant {
    /// Its database.
    pub fn path(&self, database: &Path) -> PathBuf {
        folder(database).join(&self.file)
    }
}

/// Where the databases of further tenants are.
pub fn folder(database: &Path) -> PathBuf {
    with_suffix(database, ".tenants")
}

/// Removes a database with its logs and its lock, as far as they are there.
///
/// # Errors
/// When the system does not remove one.
pub fn remove_files(database: &Path) -> std::io::Result<()> {
    // The file goes first: logs without one are refused when it is opened.
    let first = [database.to_owned()];
    let files = first.into_iter().chain(logs(database)).chain([with_suffix(database, ".lock")]);
    for file in files {
        match std::fs::remove_file(&file) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

impl Access {
    /// All further tenants, by name. One whose limits cannot be read is left out.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn tenants(&self) -> Result<Vec<Tenant>, StoreError> {
        let rows = self.tables().in_documents(|reader| reader.tenants())?;
        Ok(rows.into_iter().filter_map(sound).collect())
    }

    /// Whether there are any, also such that cannot be read.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn has_tenants(&self) -> Result<bool, StoreError> {
        Ok(!self.tables().in_documents(|reader| reader.tenants())?.is_empty())
    }

    /// Adds a tenant, whose file is there already.
    ///
    /// # Errors
    /// When there is one of this name, there are too many, or the database does not answer.
    pub fn add_tenant(&self, author: &Author, new: &Tenant) -> Result<(), SaveError> {
        self.tables().writing(|writer| {
            let tenants = writer.tenants()?;
            if tenants.iter().any(|tenant| tenant.name == new.name) {
                return Err(Invalid::new("name", "there is a tenant of this name").into());
            }
            if tenants.len() >= TENANTS {
                return Err(SaveError::LimitReached { kind: "tenants", limit: TENANTS });
            }
            writer.insert_tenant(&TenantRow {
                name: new.name.clone(),
                file: new.file.clone(),
                is_deleting: false,
                limits: json(&new.limits)?,
                created_at: new.created.micros(),
            })?;
            Ok(audit::append(writer, self.now(), author, Event::done("tenant.create", &*new.name))?)
        })
    }

    /// Changes what a tenant may use as `change` says, which gets what it may use now; the tenant as it is then.
    ///
    /// # Errors
    /// When there is none of this name, `change` refuses, or the database does not answer.
    pub fn change_tenant(
        &self,
        author: &Author,
        name: &str,
        change: impl FnOnce(TenantLimits) -> Result<TenantLimits, Invalid>,
    ) -> Result<Tenant, SaveError> {
        self.tables().writing(|writer| {
            let tenant = writer.tenants()?.into_iter().filter_map(sound).find(|tenant| tenant.name == name);
            let Some(tenant) = tenant.filter(|tenant| !tenant.is_deleting) else {
                return Err(SaveError::NotFound(format!("there is no tenant {name:?}")));
            };
            let tenant = Tenant { limits: change(tenant.limits.clone())?, ..tenant };
            let text = json(&tenant.limits)?;
            writer.set_tenant_limits(name, &text)?;
            audit::append(writer, self.now(), author, Event::done("tenant.limits", name).with(text))?;
            Ok(tenant)
        })
    }

    /// Notes that a tenant is being deleted: from now on its files may go, and must.
    ///
    /// # Errors
    /// When there is none of this name, or the database does not answer.
    pub fn begin_tenant_deletion(&self, author: &Author, name: &str) -> Result<(), SaveError> {
        self.tables().writing(|writer| {
            let tenants = writer.tenants()?;
            let Some(tenant) = tenants.iter().find(|tenant| tenant.name == name) else {
                return Err(SaveError::NotFound(format!("there is no tenant {name:?}")));
            };
            if tenant.is_deleting {
                return Ok(());
            }
            writer.mark_tenant(name)?;
            Ok(audit::append(writer, self.now(), author, Event::begun("tenant.delete", name))?)
        })
    }

    /// Forgets a tenant whose files are gone.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn end_tenant_deletion(&self, name: &str) -> Result<(), StoreError> {
        self.tables().writing(|writer| writer.delete_tenant(name).map(|_| ()))
    }
}

fn sound(row: TenantRow) -> Option<Tenant> {
    let TenantRow { name, file, is_deleting, limits, created_at } = row;
    // What is in a file's name leads to a file.
    let is_file_name = !file.contains('/') && !file.starts_with('.');
    let limits = serde_json::from_str(&limits).ok();
    // Whatever its limits were, one that is being deleted goes.
    let limits = limits.or_else(|| is_deleting.then(TenantLimits::default)).filter(|_| is_file_name);
    if limits.is_none() {
        log::error!("the row of the tenant {name:?} is damaged, and the tenant is not served");
    }
    Some(Tenant { name, file, is_deleting, limits: limits?, created: Timestamp::from_micros(created_at) })
}
