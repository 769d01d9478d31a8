//! `GET /api/openapi.json`: the contract for programs.
//!
//! The schemas stand beside wire's types instead of on them, so that wire and the dashboard need no documentation
//! generator; a test holds the two together.

pub(super) mod ingest;
pub(super) mod saved;

use std::collections::HashMap;
use std::sync::LazyLock;

use actix_web::web;
use serde_json::Value;
use utoipa::{OpenApi, ToSchema};

use super::gate::Allowed;
use super::permission::Public;
use super::table::{Entry, Operations, TABLE};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Afterglow",
        description = "Send a number, see it move at once, keep it for years. \
                       Statuses 429 and 503 may be tried again after `Retry-After` seconds; others never."
    ),
    components(schemas(
        Reading,
        Receipt,
        Rejection,
        Point,
        History,
        SignalDetails,
        saved::Board,
        saved::BoardSummary,
        saved::Panel,
        saved::PanelKind,
        saved::Threshold,
        saved::Annotation,
        saved::NewAnnotation,
        saved::Annotations,
        saved::Metadata,
        saved::Revision,
        ingest::IngestReport,
        ingest::Totals,
        ingest::Source,
        ingest::Request,
        ErrorBody,
        ErrorInfo,
        Code
    ))
)]
struct Document;

/// This document
#[utoipa::path(get, path = "/api/openapi.json", tag = "operation", responses((status = 200, body = serde_json::Value)))]
pub(super) async fn get(_: Allowed<Public>) -> web::Json<&'static Value> {
    web::Json(document())
}

/// The whole document, with each operation's permission as `x-permission`.
fn document() -> &'static Value {
    static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
        let mut document = Document::openapi();
        document.merge(Operations::openapi());
        let mut document = serde_json::to_value(document).unwrap_or_default();
        for entry in TABLE {
            document["paths"][path(entry)][method(entry)]["x-permission"] = entry.permission.into();
        }
        document
    });
    &DOCUMENT
}

/// The names of the query parameters of an operation.
pub(super) fn query_parameters(entry: &Entry) -> Vec<String> {
    let parameters = document()["paths"][path(entry)][method(entry)]["parameters"].as_array();
    let of_query = parameters.into_iter().flatten().filter(|parameter| parameter["in"] == "query");
    of_query.filter_map(|parameter| parameter["name"].as_str()).map(str::to_owned).collect()
}

/// A path as the document writes it: without the expressions that its parts must match.
fn path(entry: &Entry) -> String {
    let mut path = String::new();
    for part in entry.path.split_inclusive('}') {
        match part.split_once(':') {
            Some((before, _)) => path.extend([before, "}"]),
            None => path.push_str(part),
        }
    }
    path
}

fn method(entry: &Entry) -> String {
    entry.method.as_str().to_ascii_lowercase()
}

/// Values of one instant.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its schema is used")]
pub(super) struct Reading {
    /// ISO 8601 with any offset, or an integer epoch in s, ms, us or ns; the server's time when absent.
    #[schema(value_type = Option<Object>, example = "2026-01-31T12:00:00.5Z")]
    timestamp: Option<String>,
    /// Signal name (1 to 256 bytes, no control characters) to a finite number, `true` or `false`.
    signals: HashMap<String, f64>,
}

/// What was stored, and what was not.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its schema is used")]
pub(super) struct Receipt {
    /// Always `success`.
    status: String,
    /// Samples now durably stored.
    accepted: usize,
    /// Samples refused.
    rejected_count: usize,
    /// The first 1000 refused samples.
    rejected: Vec<Rejection>,
}

/// Why one sample, or one whole object, was refused.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its schema is used")]
pub(super) struct Rejection {
    /// The object's place in the array, or its line, from 0.
    index: usize,
    /// The signal; absent when the whole object was unusable.
    signal: Option<String>,
    /// Why, for programs.
    code: Code,
    /// Why, for people.
    message: String,
}

/// One stored sample.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its schema is used")]
pub(super) struct Point {
    /// ISO 8601 in UTC with six digits of fraction.
    timestamp: String,
    /// The value.
    value: f64,
}

/// Signal name to its points, oldest first.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its schema is used")]
pub(super) struct History(HashMap<String, Vec<Point>>);

/// What one signal comes to.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its schema is used")]
pub(super) struct SignalDetails {
    name: String,
    /// Its earliest sample, ISO 8601.
    first: String,
    /// Its latest sample, ISO 8601.
    last: String,
    /// How many samples it has, expired ones included.
    count: u64,
    /// Samples per second between the first and the last.
    rate: f64,
    /// The latest sample's value.
    last_value: f64,
    /// What people say about it; absent when nothing is said.
    metadata: Option<saved::Metadata>,
}

/// The body of every error.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its schema is used")]
pub(super) struct ErrorBody {
    error: ErrorInfo,
}

/// What went wrong.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its schema is used")]
pub(super) struct ErrorInfo {
    /// For programs.
    code: Code,
    /// For people: what was wrong, where, what is allowed.
    message: String,
    /// More for programs, where there is more to say.
    #[schema(value_type = Option<Object>)]
    details: Option<serde_json::Value>,
}

/// Every code, from wire's own list.
pub(super) struct Code;

impl utoipa::PartialSchema for Code {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::schema::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .enum_values(Some(afterglow_wire::Code::ALL.iter().map(|code| code.name())))
            .into()
    }
}

impl ToSchema for Code {}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_document_has_the_operations_of_the_table_and_no_others() {
        let table: BTreeSet<_> = TABLE.iter().map(|entry| (path(entry), method(entry))).collect();
        assert_eq!(table.len(), TABLE.len(), "no row is there twice");
        let documented: BTreeSet<_> = document()["paths"]
            .as_object()
            .unwrap()
            .iter()
            .flat_map(|(path, item)| {
                item.as_object().unwrap().keys().map(move |method| (path.clone(), method.clone()))
            })
            .collect();
        assert_eq!(documented, table);
        for (path, method) in table {
            let operation = &document()["paths"][&path][&method];
            assert!(
                operation["x-permission"].is_string() && operation["summary"].is_string(),
                "{method} {path}"
            );
        }
    }

    #[test]
    fn every_code_is_documented() {
        let codes = document()["components"]["schemas"]["Code"]["enum"].as_array().unwrap();
        assert_eq!(codes.len(), afterglow_wire::Code::ALL.len());
    }

    /// Compares a documented schema's fields with those of a real value.
    pub(super) fn check(document: &Value, schema: &str, example: impl serde::Serialize) {
        let example = serde_json::to_value(example).unwrap();
        let documented = document["components"]["schemas"][schema]["properties"].as_object().unwrap();
        let mut documented: Vec<_> = documented.keys().cloned().collect();
        let mut real: Vec<_> = example.as_object().unwrap().keys().cloned().collect();
        documented.sort();
        real.sort();
        assert_eq!(documented, real, "{schema}");
    }

    #[test]
    fn the_schemas_have_the_fields_of_wires_types() {
        let document = super::document();
        use afterglow_wire::telemetry as t;
        let rejection = t::Rejection::new(0, Some("a".into()), afterglow_wire::Code::NotFinite, "");
        check(document, "Rejection", &rejection);
        check(
            &document,
            "Reading",
            &t::Reading { timestamp: Some(Default::default()), signals: Default::default() },
        );
        check(document, "Point", t::Point { timestamp: Default::default(), value: 0.0 });
        let receipt = t::Receipt { status: "".into(), accepted: 0, rejected_count: 0, rejected: vec![] };
        check(document, "Receipt", &receipt);
        let details = t::SignalDetails {
            name: "".into(),
            first: Default::default(),
            last: Default::default(),
            count: 0,
            rate: 0.0,
            last_value: 0.0,
            metadata: afterglow_wire::metadata::Metadata { unit: Some("K".into()), ..Default::default() },
        };
        check(document, "SignalDetails", &details);
        let mut body = afterglow_wire::Code::Internal.body("");
        body.error.details = Some(Value::Null);
        check(document, "ErrorBody", &body);
        check(document, "ErrorInfo", &body.error);
    }
}
