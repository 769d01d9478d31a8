//! `GET /api/ingest`: what arrived lately.

use actix_web::web;
use afterglow_wire::ingest_report::IngestReport;

use super::gate::Allowed;
use super::permission::ReadIngestReport;

/// See what arrives
///
/// Sums since the server's start, rates, the latest senders with the skew of their clocks, and the latest requests with
/// what became of them.
#[utoipa::path(
    get, path = "/api/ingest", tag = "operation",
    responses((status = 200, description = "What arrived", body = afterglow_wire::ingest_report::IngestReport))
)]
pub(super) async fn get(allowed: Allowed<ReadIngestReport>) -> web::Json<IngestReport> {
    web::Json(allowed.ingest_report().report(allowed.clock().now()))
}
