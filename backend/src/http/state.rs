//! `GET /health` and `GET /metrics`: how the server is.

use actix_web::http::header::ContentType;
use actix_web::{HttpResponse, web};
use afterglow_wire::Code;
use serde_json::{Value, json};

use super::Context;
use super::problem::Problem;

/// Whether the server takes samples
#[utoipa::path(
    get, path = "/health", tag = "operation",
    responses(
        (status = 200, description = "`{\"status\": \"healthy\"}`", body = Value),
        (status = 503, description = "The server is stopping", body = super::openapi::ErrorBody),
    )
)]
pub(super) async fn health(context: web::Data<Context>) -> Result<web::Json<Value>, Problem> {
    if context.ingest.is_draining() {
        return Err(Problem::new(Code::Draining, "the server is stopping"));
    }
    Ok(web::Json(json!({ "status": "healthy" })))
}

/// Numbers for Prometheus
#[utoipa::path(
    get, path = "/metrics", tag = "operation",
    responses((status = 200, description = "OpenMetrics text", body = String))
)]
pub(super) async fn metrics(context: web::Data<Context>) -> HttpResponse {
    HttpResponse::Ok().content_type(ContentType::plaintext()).body(context.metrics.render())
}
