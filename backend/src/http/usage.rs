//! `GET /api/usage`: what was done with each key, and what may be.

use actix_web::web;
use afterglow_wire::access::Usage;

use super::gate::Allowed;
use super::permission::ReadUsage;

/// See what was used
///
/// Samples written with each key since the server started, and the quotas of keys: `samples_per_second`, beyond which requests are
/// refused with 429 `quota_exceeded`, and `most_signals`, beyond which samples of new signals are with `too_many_signals`.
#[utoipa::path(
    get, path = "/api/usage", tag = "access",
    responses((status = 200, description = "The counts", body = Usage))
)]
pub(super) async fn get(allowed: Allowed<ReadUsage>) -> web::Json<Usage> {
    web::Json(allowed.usage())
}
