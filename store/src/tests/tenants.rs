//! The list of tenants.

use afterglow_wire::tenant::TenantLimits;

use super::*;
use crate::tenants::Tenant;

fn tenant(file: &str) -> Tenant {
    let (name, file) = ("acme".to_owned(), file.to_owned());
    Tenant { name, file, is_deleting: false, limits: TenantLimits::default(), created: NOW }
}

fn the_end_of_a_deletion_that_comes_late_leaves_the_next_tenant_of_that_name<D: Database>() {
    let (database, author) = (D::new(), Author::command_line());
    let store = database.open();
    let access = store.access();
    let (first, second) = (tenant("acme-1"), tenant("acme-2"));
    access.add_tenant(&author, &first).unwrap();
    access.end_tenant_deletion(&first).unwrap();
    assert_eq!(access.tenants().unwrap(), [first.clone()], "it is not being deleted");
    access.begin_tenant_deletion(&author, "acme").unwrap();
    access.end_tenant_deletion(&first).unwrap();
    assert_eq!(access.tenants().unwrap(), []);
    access.add_tenant(&author, &second).unwrap();
    access.end_tenant_deletion(&first).unwrap();
    assert_eq!(access.tenants().unwrap(), [second.clone()]);
    access.begin_tenant_deletion(&author, "acme").unwrap();
    access.end_tenant_deletion(&first).unwrap();
    assert_eq!(access.tenants().unwrap(), [Tenant { is_deleting: true, ..second }]);
}

suite!(the_end_of_a_deletion_that_comes_late_leaves_the_next_tenant_of_that_name);
