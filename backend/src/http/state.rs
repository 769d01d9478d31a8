//! `GET /health` and `GET /metrics`: how the server is.

use actix_web::http::header::ContentType;
use actix_web::{HttpResponse, web};
use afterglow_wire::Code;
use serde_json::{Value, json};

use super::gate::Allowed;
use super::permission::{Public, ReadMetrics};
use super::problem::Problem;

/// Whether the server takes samples
#[utoipa::path(
    get, path = "/health", tag = "operation",
    responses(
        (status = 200, description = "`{\"status\": \"healthy\"}`", body = Value),
        (status = 503, description = "The server is stopping", body = afterglow_wire::ErrorBody),
    )
)]
pub(super) async fn health(allowed: Allowed<Public>) -> Result<web::Json<Value>, Problem> {
    if allowed.is_draining() {
        return Err(Problem::new(Code::Draining, "the server is stopping"));
    }
    Ok(web::Json(json!({ "status": "healthy" })))
}

/// Numbers for Prometheus
#[utoipa::path(
    get, path = "/metrics", tag = "operation",
    responses((status = 200, description = "OpenMetrics text", body = String))
)]
pub(super) async fn metrics(allowed: Allowed<ReadMetrics>) -> HttpResponse {
    HttpResponse::Ok().content_type(ContentType::plaintext()).body(allowed.metrics().render())
}
