//! `GET /api/audit`: what was done, by whom.

use std::rc::Rc;

use actix_web::web::Bytes;
use actix_web::{HttpResponse, web};
use afterglow_wire::Timestamp;
use futures_util::stream;
use serde::Deserialize;

use super::gate::Allowed;
use super::parameters::between;
use super::permission::ReadAudit;
use super::problem::Problem;
use crate::store::AuditQuery;

/// The parameters as texts, so that a bad one is refused by its name.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Parameters {
    /// First instant, ISO 8601 or an integer epoch; the earliest entry when absent
    from: Option<String>,
    /// Last instant, inclusive; the latest entry when absent
    to: Option<String>,
    /// Who did it: `local`, `nobody`, `server`, `command line`, or `key:` and a key's id
    who: Option<String>,
    /// What was done, such as `key.create`, or `refused`
    action: Option<String>,
    /// The tenant, the own one when absent; only operators may name another one
    tenant: Option<String>,
}

/// Read the audit log
///
/// A line of JSON for each entry, oldest first: changes of boards, annotations, metadata and keys, and refusals, summed up
/// by the minute. Each has the hash that its successor includes; `afterglow audit verify` compares them.
#[utoipa::path(
    get, path = "/api/audit", tag = "access", params(Parameters),
    responses(
        (status = 200, description = "The entries", content_type = "application/x-ndjson", body = afterglow_wire::access::AuditEntry),
        (status = 400, description = "A parameter is not allowed"),
        (status = 422, description = "There is no such tenant"),
        (status = 503, description = "Ask again after `Retry-After` seconds"),
    )
)]
pub(super) async fn get(
    allowed: Allowed<ReadAudit>,
    parameters: web::Query<Parameters>,
) -> Result<HttpResponse, Problem> {
    let Parameters { from, to, who, action, tenant } = parameters.into_inner();
    let allowed = Rc::new(allowed.within(tenant.as_deref())?);
    let span = between(from.as_deref(), to.as_deref(), Timestamp::MAX)?;
    let query = AuditQuery { after: 0, span, who, action };
    // The first page before the head: a reader that is refused gets to know why.
    let first = page(&allowed, query.clone()).await?;
    let rest = stream::unfold(Some(first), move |next| {
        let (allowed, query) = (Rc::clone(&allowed), query.clone());
        async move {
            let (lines, after) = next?;
            if lines.is_empty() {
                return None;
            }
            match page(&allowed, AuditQuery { after, ..query }).await {
                Ok(next) => Some((Ok::<_, Problem>(lines), Some(next))),
                Err(problem) => Some((Err(problem), None)),
            }
        }
    });
    Ok(HttpResponse::Ok().content_type("application/x-ndjson").streaming(rest))
}

/// Some lines, and the number of the last entry among them.
async fn page(allowed: &Allowed<ReadAudit>, query: AuditQuery) -> Result<(Bytes, i64), Problem> {
    let entries = allowed.entries(query).await?;
    let mut lines = Vec::new();
    for entry in &entries {
        // Writing to a vector cannot fail.
        let _ = serde_json::to_writer(&mut lines, entry);
        lines.push(b'\n');
    }
    Ok((lines.into(), entries.last().map_or(i64::MAX, |entry| entry.id)))
}
