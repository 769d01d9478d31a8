//! The list of tenants.

use afterglow_wire::tenant::TenantLimits;

use super::*;
use crate::tenants::{Tenant, make_place, remove_place};

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
    assert_eq!(access.tenants().unwrap().len(), 1, "it is not being deleted");
    access.begin_tenant_deletion(&author, "acme").unwrap();
    access.end_tenant_deletion(&first).unwrap();
    assert_eq!(access.tenants().unwrap(), []);
    access.add_tenant(&author, &second).unwrap();
    access.end_tenant_deletion(&first).unwrap();
    assert_eq!(access.tenants().unwrap(), std::slice::from_ref(&second));
    access.begin_tenant_deletion(&author, "acme").unwrap();
    access.end_tenant_deletion(&first).unwrap();
    assert_eq!(access.tenants().unwrap(), [Tenant { is_deleting: true, ..second }]);
}

fn the_place_of_a_tenant_that_cannot_be_read_is_known<D: Database>() {
    let (database, author) = (D::new(), Author::command_line());
    let store = database.open();
    let access = store.access();
    access.add_tenant(&author, &tenant("acme-1")).unwrap();
    // As a newer version may have written it.
    database.update(r#"tenant_database SET limits = '{"signals":"many"}'"#);
    assert_eq!(access.tenants_and_places().unwrap(), (Vec::new(), vec!["acme-1".to_owned()]));
    assert!(access.has_place("acme-1").unwrap() && !access.has_place("acme-2").unwrap());
}

suite!(
    the_end_of_a_deletion_that_comes_late_leaves_the_next_tenant_of_that_name,
    the_place_of_a_tenant_that_cannot_be_read_is_known,
);

#[test]
fn a_tenant_whose_connections_are_not_in_its_schema_is_not_opened() {
    if !cluster::is_here() {
        return;
    }
    let schema = schema::Schema::new();
    let server = Server::new(&schema.url()).unwrap();
    let open = |server: Server| {
        Store::open(
            &StoreConfig { database: Location::Server(server), ..schema.config() },
            Clock::manual(NOW),
        )
    };
    let place = Location::Server(server.in_schema("tenant_of_its_own"));
    let missing = open(server.in_schema("tenant_of_its_own")).err().unwrap().to_string();
    assert!(missing.contains("is missing"), "{missing}");
    make_place(&place).unwrap();
    drop(open(server.in_schema("tenant_of_its_own")).unwrap());
    let refused = open(server.unheard_in_schema("tenant_of_its_own")).err().unwrap().to_string();
    assert!(refused.contains("tenant_of_its_own") && refused.contains("options"), "{refused}");
    // It is found by its name, wherever the connection is.
    assert!(remove_place(&Location::Server(server.unheard_in_schema("tenant_of_its_own"))).unwrap());
    assert!(open(server.in_schema("tenant_of_its_own")).is_err());
    assert!(remove_place(&place).unwrap(), "it is gone already");
}
