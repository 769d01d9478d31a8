//! `GET /health`, `GET /ready` and `GET /metrics`: how the server is.

use actix_web::http::header::ContentType;
use actix_web::{HttpResponse, web};
use afterglow_wire::Code;
use afterglow_wire::health::{Health, Readiness};

use super::gate::Allowed;
use super::parameters::OfTenant;
use super::permission::{Public, ReadMetrics};
use super::problem::Problem;

/// Whether the server is alive, and how it is
///
/// For those who restart it. `status` is `healthy`, or `degraded` while samples cannot be stored: a restart does not make
/// room on a disk. Where the database and the bus are on servers of their own, it says how they are; to operators also where, and what
/// was wrong last.
#[utoipa::path(
    get, path = "/health", tag = "operation",
    responses(
        (status = 200, description = "How the server is", body = Health),
        (status = 503, description = "The server is stopping"),
    )
)]
pub(super) async fn health(allowed: Allowed<Public>) -> Result<web::Json<Health>, Problem> {
    if allowed.is_draining() {
        return Err(stopping());
    }
    Ok(web::Json(Health { peers: allowed.peers(), ..allowed.health().report() }))
}

/// Whether the server can store samples
///
/// For those who choose between servers. One that is about to stop says so for `drain_delay` seconds before it refuses anything. A
/// server without its bus is ready; one whose database has not answered for seven seconds is not.
#[utoipa::path(
    get, path = "/ready", tag = "operation",
    responses(
        (status = 200, description = "It can, and how what it is connected to is", body = Readiness),
        (status = 503, description = "The server is stopping, commits fail or hang, the database does not answer, or sealing keeps failing"),
    )
)]
pub(super) async fn ready(allowed: Allowed<Public>) -> Result<web::Json<Readiness>, Problem> {
    if allowed.is_draining() || allowed.is_leaving() {
        return Err(stopping());
    }
    match allowed.health().problem() {
        Some((code, message)) => Err(Problem::new(code, message)),
        None => Ok(web::Json(Readiness { status: "ready".into(), peers: allowed.peers() })),
    }
}

fn stopping() -> Problem {
    Problem::new(Code::Draining, "the server is stopping")
}

/// Numbers for Prometheus
#[utoipa::path(
    get, path = "/metrics", tag = "operation", params(OfTenant),
    responses(
        (status = 200, description = "OpenMetrics text", body = String),
        (status = 422, description = "There is no such tenant"),
    )
)]
pub(super) async fn metrics(
    allowed: Allowed<ReadMetrics>,
    of: web::Query<OfTenant>,
) -> Result<HttpResponse, Problem> {
    let allowed = allowed.within(of.tenant.as_deref())?;
    Ok(HttpResponse::Ok().content_type(ContentType::plaintext()).body(allowed.metrics().render()))
}
