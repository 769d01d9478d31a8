//! Schemas: one for each tenant beside the default one.

use diesel::connection::SimpleConnection as _;

use super::link::Link;
use super::open::WRITE_LIMIT;
use super::server::Server;
use super::special;
use crate::StoreError;

/// Waits no longer for what others do with the schema; how long it takes to drop what is in one depends on that.
const SETUP: &str = "SET lock_timeout = '8s'; SET statement_timeout = 0";

/// Makes the schema of a new tenant.
///
/// # Errors
/// When the server does not answer, or its role may not.
pub(crate) fn make_schema(server: &Server) -> Result<(), StoreError> {
    let Some(schema) = server.schema() else { return Ok(()) };
    let mut link = connect(server)?;
    link.unlimited().batch_execute(&format!("CREATE SCHEMA \"{schema}\"")).map_err(|error| {
        let advice = "a tenant is a schema of the database; allow it as with GRANT CREATE ON DATABASE";
        StoreError::Down(format!("the schema {schema} cannot be made: {error}; {advice}"))
    })
}

/// Drops the schema of a tenant with all that is in it, if it is there and no process has it open; whether it is gone.
///
/// # Errors
/// When the server does not answer, or something outside the schema depends on it.
pub(crate) fn drop_schema(server: &Server) -> Result<bool, StoreError> {
    let Some(schema) = server.schema() else { return Ok(false) };
    let mut link = connect(server)?;
    let connection = link.unlimited();
    // Held until the connection ends, which is after what it protects is gone.
    match special::claim_named_schema(connection, schema)? {
        None => return Ok(true),
        Some(false) => return Ok(false),
        Some(true) => {}
    }
    connection.batch_execute(&format!("DROP SCHEMA \"{schema}\" CASCADE"))?;
    Ok(true)
}

/// A connection for statements that name the schema, which need not be there.
fn connect(server: &Server) -> Result<Link, StoreError> {
    let tls = server.tls().map_err(StoreError::Down)?;
    Link::anywhere(server, &tls, WRITE_LIMIT, SETUP).map_err(StoreError::Down)
}
