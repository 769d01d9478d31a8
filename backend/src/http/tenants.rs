//! `/api/tenants`: who uses this server beside the default tenant.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};
use afterglow_wire::Code;
use afterglow_wire::tenant::{CreatedTenant, NewTenant, Tenant, TenantPatch, TenantState};

use super::Context;
use super::documents::read_json;
use super::gate::Allowed;
use super::permission::{ChangeTenants, ManageTenants};
use super::problem::Problem;
use crate::store::tenants;

/// List tenants
///
/// Those beside the default one, to which everything belongs that names none.
#[utoipa::path(
    get, path = "/api/tenants", tag = "access",
    responses(
        (status = 200, description = "By name", body = Vec<Tenant>),
        (status = 503, description = "Ask again after `Retry-After` seconds"),
    )
)]
pub(super) async fn list(allowed: Allowed<ManageTenants>) -> Result<web::Json<Vec<Tenant>>, Problem> {
    let known = allowed.tenants().await?;
    let served = allowed.tenancy().served();
    let tenants = known.into_iter().map(|tenant| {
        let context = served.get(&*tenant.name);
        shown(tenant, context)
    });
    Ok(web::Json(tenants.collect()))
}

fn shown(tenant: tenants::Tenant, context: Option<&Arc<Context>>) -> Tenant {
    let state = match context {
        _ if tenant.is_deleting => TenantState::Deleting,
        Some(_) => TenantState::Active,
        None => TenantState::Unavailable,
    };
    Tenant {
        name: tenant.name,
        state,
        created: tenant.created,
        limits: tenant.limits,
        signals: context.map_or(0, |context| context.store.signals().len()),
        samples: context.map_or(0, |context| context.metrics.committed.get()),
        live_clients: context.map_or(0, |context| context.admission.taken()),
    }
}

/// Make a tenant
///
/// It has its own samples, documents, keys and members, and knows of no other. From the first one on nobody uses the server without a
/// key or a password. The answer has a link for its first admin, this once.
#[utoipa::path(
    post, path = "/api/tenants", tag = "access",
    request_body(content = NewTenant, example = json!({"name": "acme", "limits": {"samples_per_second": 5000}})),
    responses(
        (status = 201, description = "It is there", body = CreatedTenant),
        (status = 422, description = "Not allowed; `details.field` says where"),
        (status = 503, description = "Send again after `Retry-After` seconds"),
    )
)]
pub(super) async fn post(
    allowed: Allowed<ManageTenants>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let new: NewTenant = read_json(&allowed, &request, payload).await?;
    let created = allowed.tenancy().create(new, allowed.author()).await?;
    Ok(HttpResponse::Created().json(created))
}

/// Change what a tenant may use
///
/// A limit that is absent is unchanged; one that is null is as for the default tenant. What was stored or is connected already stays,
/// but for sessions of members who must have one-time codes from now on. Admins of the tenant may only have more of its members have them.
#[utoipa::path(
    patch, path = "/api/tenants/{name}", tag = "access",
    params(("name" = String, Path, description = "Its name")),
    request_body(content = TenantPatch, example = json!({"limits": {"samples_per_second": 10_000, "bytes": null}})),
    responses(
        (status = 200, description = "The tenant", body = Tenant),
        (status = 403, description = "More than the tenant's own admins may change"),
        (status = 404, description = "There is none"),
        (status = 422, description = "Not allowed; `details.field` says where"),
        (status = 503, description = "Send again after `Retry-After` seconds"),
    )
)]
pub(super) async fn patch(
    allowed: Allowed<ChangeTenants>,
    request: HttpRequest,
    name: web::Path<String>,
    payload: web::Payload,
) -> Result<web::Json<Tenant>, Problem> {
    let own = allowed.tenant().cloned();
    if own.as_deref().is_some_and(|own| own != *name) {
        return Err(Problem::new(Code::NotFound, format!("there is no tenant {:?}", *name)));
    }
    let patch: TenantPatch = read_json(&allowed, &request, payload).await?;
    if own.is_some() && patch.limits.keys().ne(["require_second_factor"]) {
        let message =
            "admins of a tenant change nothing of it but require_second_factor; an operator changes the rest";
        return Err(Problem::new(Code::Forbidden, message));
    }
    let author = allowed.changer();
    let changed = allowed.tenancy().change(name.into_inner(), patch, own.is_some(), author).await?;
    let context = allowed.tenancy().named(&changed.name);
    Ok(web::Json(shown(changed, context.as_ref())))
}

/// Delete a tenant
///
/// With all that it has. Its keys, sessions and links end at once, its live clients are closed with 4401; it is gone when this is
/// answered, and its name may be used again. `afterglow tenant export` writes its samples into a file before.
#[utoipa::path(
    delete, path = "/api/tenants/{name}", tag = "access",
    params(("name" = String, Path, description = "Its name")),
    responses(
        (status = 204, description = "It is gone"),
        (status = 404, description = "There is none"),
        (status = 503, description = "Send again after `Retry-After` seconds"),
    )
)]
pub(super) async fn delete(
    allowed: Allowed<ManageTenants>,
    name: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    allowed.tenancy().delete(name.into_inner(), allowed.author()).await?;
    Ok(HttpResponse::NoContent().finish())
}
