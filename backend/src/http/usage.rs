//! `GET /api/usage`: what was done with each key, and what may be.

use actix_web::web;
use afterglow_wire::access::Usage;

use super::gate::Allowed;
use super::parameters::OfTenant;
use super::permission::ReadUsage;
use super::problem::Problem;

/// See what was used
///
/// Samples written with each key since the server started, and the quotas of keys: `samples_per_second`, beyond which requests are
/// refused with 429 `quota_exceeded`, and `most_signals`, beyond which samples of new signals are with `too_many_signals`.
#[utoipa::path(
    get, path = "/api/usage", tag = "access", params(OfTenant),
    responses(
        (status = 200, description = "The counts", body = Usage),
        (status = 422, description = "There is no such tenant"),
    )
)]
pub(super) async fn get(
    allowed: Allowed<ReadUsage>,
    of: web::Query<OfTenant>,
) -> Result<web::Json<Usage>, Problem> {
    Ok(web::Json(allowed.within(of.tenant.as_deref())?.usage()))
}
