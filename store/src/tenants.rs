//! The tenants beside the one that this database is of. Each has a place of its own: a database in a folder beside this one's file, or a
//! schema of this one's database on a server. Here stands that it exists, and under what name its place is found. A place's name is
//! never used again: what still has that of a deleted tenant open cannot reach that of its successor.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use afterglow_wire::tenant::{TENANTS, TenantLimits};
use afterglow_wire::{Invalid, Timestamp, printable};

use crate::audit::{self, Author, Event};
use crate::documents::{SaveError, json};
use crate::tables::TenantRow;
use crate::{Access, Location, StoreError, logs, postgres, with_suffix};

/// A tenant beside the default one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenant {
    /// Its name.
    pub name: String,
    /// The name of its file in a folder beside the default tenant's, or of its schema.
    pub file: String,
    /// Whether it is being deleted: nothing opens its place any more.
    pub is_deleting: bool,
    /// What it may use.
    pub limits: TenantLimits,
    /// When it was made.
    pub created: Timestamp,
}

impl Tenant {
    /// Where what it has is, beside the default tenant's `database`.
    pub fn location(&self, database: &Location) -> Location {
        match database {
            Location::File(path) => folder(path).join(&self.file).into(),
            Location::Server(server) => Location::Server(server.in_schema(&self.file)),
        }
    }
}

/// A name for the place of a new tenant, which has none before.
pub fn place_name(database: &Location, tenant: &str, random: u32) -> String {
    match database {
        Location::File(_) => format!("{tenant}-{random:08x}.db"),
        Location::Server(_) => format!("tenant_{}_{random:08x}", tenant.replace('-', "_")),
    }
}

/// Makes the place of a new tenant, as far as it is not made when it is opened.
///
/// # Errors
/// When the server does not make the schema.
pub fn make_place(location: &Location) -> Result<(), StoreError> {
    match location {
        Location::File(_) => Ok(()),
        Location::Server(server) => postgres::make_schema(server),
    }
}

/// Whether the place of a tenant is not there, which opening it would not tell.
pub fn is_lost(location: &Location) -> bool {
    location.file().is_some_and(|path| !path.exists())
}

/// Removes the place of a tenant with all that is in it, as far as it is there; whether it is gone. A schema stays while a process has it open.
///
/// # Errors
/// When a file cannot be removed, or the server does not answer.
pub fn remove_place(location: &Location) -> Result<bool, StoreError> {
    match location {
        Location::Server(server) => postgres::drop_schema(server),
        Location::File(path) => {
            remove_files(path).map_err(|error| {
                let path = path.display().to_string();
                StoreError::Down(format!("a file of {} cannot be removed: {error}", printable(&path)))
            })?;
            // Only the last one leaves it empty.
            let _ = path.parent().map(std::fs::remove_dir);
            Ok(true)
        }
    }
}

/// Where the databases of further tenants are.
fn folder(database: &Path) -> PathBuf {
    with_suffix(database, ".tenants")
}

/// Removes a database with its logs and its lock, as far as they are there.
fn remove_files(database: &Path) -> std::io::Result<()> {
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
        self.tenants_and_places().map(|(tenants, _)| tenants)
    }

    /// As [`Self::tenants`], and what the places of all are called, also of those that are left out.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn tenants_and_places(&self) -> Result<(Vec<Tenant>, Vec<String>), StoreError> {
        let rows = self.tables().in_documents(|reader| reader.tenants())?;
        let places = rows.iter().map(|row| row.file.clone()).collect();
        Ok((rows.into_iter().filter_map(sound).collect(), places))
    }

    /// Whether there is a tenant whose place is called so, once what is being written is there or undone.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn has_place(&self, file: &str) -> Result<bool, StoreError> {
        self.tables().writing(|writer| Ok(writer.tenants()?.iter().any(|tenant| tenant.file == file)))
    }

    /// Adds a tenant, whose place is there already.
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

    /// Notes that a tenant is being deleted: from now on its place may go, and must.
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

    /// Forgets a tenant whose place is gone. Another server may have done so, and another tenant may have its name by now, which stays.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn end_tenant_deletion(&self, tenant: &Tenant) -> Result<(), StoreError> {
        self.tables().writing(|writer| writer.delete_tenant(&tenant.name, &tenant.file).map(|_| ()))
    }
}

fn sound(row: TenantRow) -> Option<Tenant> {
    let TenantRow { name, file, is_deleting, limits, created_at } = row;
    // What is in a place's name leads to no other place.
    let is_allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.');
    let is_file_name = file.chars().all(is_allowed) && !file.is_empty() && !file.starts_with('.');
    let limits = serde_json::from_str(&limits).ok();
    // Whatever its limits were, one that is being deleted goes.
    let limits = limits.or_else(|| is_deleting.then(TenantLimits::default)).filter(|_| is_file_name);
    if limits.is_none() {
        log::error!("the row of the tenant {name:?} is damaged, and the tenant is not served");
    }
    Some(Tenant { name, file, is_deleting, limits: limits?, created: Timestamp::from_micros(created_at) })
}
