//! The schemas of `GET /api/ingest`.

use std::collections::HashMap;

use utoipa::ToSchema;

/// What arrived since the server's start.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its schema is used")]
pub(in crate::http) struct IngestReport {
    /// The server's start, ISO 8601.
    since: String,
    /// The server's time, ISO 8601.
    now: String,
    totals: Totals,
    /// Over the last ten whole seconds.
    requests_per_second: f64,
    /// Over the last ten whole seconds.
    samples_per_second: f64,
    /// How often each code refused a sample or a whole request.
    rejected_by_code: HashMap<String, u64>,
    /// The latest first; at most 64.
    sources: Vec<Source>,
    /// The latest first; at most 200.
    requests: Vec<Request>,
}

/// Sums since the start.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its schema is used")]
pub(in crate::http) struct Totals {
    requests: u64,
    /// Requests of which nothing was stored.
    failed: u64,
    bytes: u64,
    accepted: u64,
    rejected: u64,
    /// Accepted samples that were older than a minute when they arrived.
    late: u64,
}

/// A sender.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its schema is used")]
pub(in crate::http) struct Source {
    /// IP address; a proxy's where there is one.
    address: String,
    /// When it sent last, ISO 8601.
    last: String,
    requests: u64,
    accepted: u64,
    rejected: u64,
    /// The newest timestamp of its latest request minus the server's time; absent when it sends none.
    skew_micros: Option<i64>,
}

/// One request and what became of it.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its schema is used")]
pub(in crate::http) struct Request {
    /// When it was answered, ISO 8601.
    at: String,
    /// IP address and port.
    source: String,
    bytes: u64,
    status: u16,
    /// Why nothing of it was stored; absent when something was.
    code: Option<String>,
    accepted: u64,
    rejected: u64,
    late: u64,
    /// The first refusal in words.
    reason: Option<String>,
    /// From the whole body to the answer.
    took_micros: u64,
}

#[cfg(test)]
mod tests {
    use afterglow_wire::ingest as wire;

    use super::super::tests::check;

    #[test]
    fn the_schemas_have_the_fields_of_wires_types() {
        let document = super::super::document();
        check(document, "IngestReport", wire::IngestReport::default());
        check(document, "Totals", wire::Totals::default());
        let source = wire::Source {
            address: String::new(),
            last: Default::default(),
            requests: 0,
            accepted: 0,
            rejected: 0,
            skew_micros: Some(0),
        };
        check(document, "Source", source);
        let request = wire::Request {
            at: Default::default(),
            source: String::new(),
            bytes: 0,
            status: 400,
            code: Some("not_finite".into()),
            accepted: 0,
            rejected: 0,
            late: 0,
            reason: Some(String::new()),
            took_micros: 0,
        };
        check(document, "Request", request);
    }
}
