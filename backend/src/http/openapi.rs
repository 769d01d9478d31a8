//! `GET /api/openapi.json`: the contract for programs.
//!
//! The operations are those of the route table, which builds the document; the schemas are those of wire's types (its
//! feature `schema`). `backend/openapi.json` is what a test found it to be, and what the program embeds: without the code that
//! builds it, the program is a megabyte smaller. After a change of the API,
//! `UPDATE_EXPECT=1 cargo test -p afterglow-backend --lib openapi` writes the file.

use std::io::BufReader;

use actix_web::http::Method;
use actix_web::web::Bytes;
use actix_web::{HttpResponse, web};
use afterglow_wire::telemetry::{Series, SignalDetails};
use flate2::read::ZlibDecoder;
use serde_json::{Value, json};
use utoipa::OpenApi;

use super::gate::Allowed;
use super::permission::{Holders, ReadContract};
use super::unread;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Afterglow",
        description = "Send a number, see it move at once, keep it for years. \
                       Statuses 429 and 503 may be tried again after `Retry-After` seconds; others never."
    ),
    components(schemas(
        SignalDetails,
        Series,
        afterglow_wire::metadata::Metadata,
        afterglow_wire::Code,
        afterglow_wire::ErrorBody
    ))
)]
struct Frame;

/// What every operation can be answered with that not everyone may do.
const DENIED: [(&str, &str); 3] = [
    ("401", "The request brings no valid key, and the server asks for one"),
    ("403", "The request comes from another site or an unknown proxy, or the key lacks the permission"),
    (
        "429",
        "Too many requests with this key, or too many that were refused; ask again after `Retry-After` seconds",
    ),
];

/// What every operation that reads a body can be answered with.
const WITH_BODY: [(&str, &str); 4] = [
    ("400", "The body cannot be read, or a parameter is not allowed"),
    ("408", "The body did not arrive in time"),
    ("413", "The body is too large"),
    ("415", "The content type or encoding is not one that is read"),
];

/// What every operation can be answered with.
const EVERYWHERE: [(&str, &str); 5] = [
    ("400", "The query string cannot be read, or has a parameter that is unknown or given twice"),
    ("403", "The request comes from another site or an unknown proxy"),
    ("421", "The server is not known by the host that is asked for"),
    ("500", "Something broke in the server; its log says what"),
    ("503", "The server is stopping or busy; ask again after `Retry-After` seconds"),
];

/// The whole document, with each operation's permission as `x-permission`.
pub(super) struct Document {
    json: Value,
    /// As it is sent.
    sent: Bytes,
}

/// What the table says of an operation.
pub(super) struct Documented<'a> {
    /// As actix-web matches it.
    pub(super) path: &'a str,
    pub(super) method: &'a Method,
    /// The name of its permission.
    pub(super) permission: &'a str,
    /// Who has it.
    pub(super) holders: Holders,
}

/// `backend/openapi.json`, as the build script leaves it.
static COMPRESSED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/openapi.json.zlib"));

impl Document {
    /// The document that the program embeds.
    pub(super) fn embedded() -> Self {
        Self::of(serde_json::from_reader(BufReader::new(ZlibDecoder::new(COMPRESSED))).unwrap_or_default())
    }

    /// The document of `operations`, which are those of the table: each with its permission, and what is answered without it.
    pub(super) fn new<'a>(
        operations: utoipa::openapi::OpenApi,
        table: impl Iterator<Item = Documented<'a>>,
    ) -> Self {
        let mut document = Frame::openapi();
        document.merge(operations);
        let mut document = serde_json::to_value(document).unwrap_or_default();
        document["components"]["securitySchemes"] = json!({
            "bearer": {"type": "http", "scheme": "bearer"},
            "basic": {"type": "http", "scheme": "basic", "description": "The key is the password"},
            "header": {"type": "apiKey", "in": "header", "name": "X-Api-Key"},
        });
        for entry in table {
            let operation = &mut document["paths"][documented(entry.path)][key(entry.method)];
            operation["x-permission"] = entry.permission.into();
            let with_body = if operation["requestBody"].is_object() { &WITH_BODY[..] } else { &[] };
            let denied = if entry.holders == Holders::Everyone { &[] } else { &DENIED[..] };
            if !denied.is_empty() {
                operation["security"] = json!([{"bearer": []}, {"basic": []}, {"header": []}]);
            }
            for (status, description) in with_body.iter().chain(denied).chain(&EVERYWHERE) {
                let response = &mut operation["responses"][status];
                if response.is_null() {
                    *response = json!({"description": description});
                }
            }
            // Here and not at each operation, where it would be code for every status.
            for (status, response) in operation["responses"].as_object_mut().into_iter().flatten() {
                if status.starts_with(['4', '5']) && response["content"].is_null() {
                    let body = json!({"schema": {"$ref": "#/components/schemas/ErrorBody"}});
                    response["content"] = json!({"application/json": body});
                }
            }
        }
        Self::of(document)
    }

    fn of(json: Value) -> Self {
        let sent = serde_json::to_vec(&json).unwrap_or_default().into();
        Self { json, sent }
    }

    pub(super) fn text(&self) -> String {
        format!("{:#}\n", self.json)
    }

    /// The names of the query parameters of an operation.
    pub(super) fn query_parameters(&self, path: &str, method: &Method) -> Vec<String> {
        let parameters = self.json["paths"][documented(path)][key(method)]["parameters"].as_array();
        let of_query = parameters.into_iter().flatten().filter(|parameter| parameter["in"] == "query");
        of_query.filter_map(|parameter| parameter["name"].as_str()).map(str::to_owned).collect()
    }
}

/// This document
#[utoipa::path(get, path = "/api/openapi.json", tag = "operation", responses((status = 200, body = serde_json::Value)))]
pub(super) async fn get(_: Allowed<ReadContract>, document: web::Data<Document>) -> HttpResponse {
    unread::common(HttpResponse::Ok().content_type("application/json").body(document.sent.clone()))
}

/// A path as the document writes it: without the expressions that its parts must match.
fn documented(path: &str) -> String {
    let mut documented = String::new();
    for part in path.split_inclusive('}') {
        match part.split_once(':') {
            Some((before, _)) => documented.extend([before, "}"]),
            None => documented.push_str(part),
        }
    }
    documented
}

/// A method as the document writes it.
fn key(method: &Method) -> String {
    method.as_str().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use expect_test::expect_file;

    use super::super::table::{self, DOCUMENT, TABLE};
    use super::*;

    fn document() -> &'static Value {
        &DOCUMENT.json
    }

    #[test]
    fn the_embedded_document_is_that_of_the_table() {
        expect_file![concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json")]
            .assert_eq(&table::document().text());
        assert_eq!(DOCUMENT.text(), table::document().text());
    }

    #[test]
    fn the_document_has_the_operations_of_the_table_and_no_others() {
        let table: BTreeSet<_> =
            TABLE.iter().map(|entry| (documented(entry.path), key(&entry.method))).collect();
        assert_eq!(table.len(), TABLE.len(), "no row is there twice");
        let operations: BTreeSet<_> = document()["paths"]
            .as_object()
            .unwrap()
            .iter()
            .flat_map(|(path, item)| {
                item.as_object().unwrap().keys().map(move |method| (path.clone(), method.clone()))
            })
            .collect();
        assert_eq!(operations, table);
        for (path, method) in table {
            let operation = &document()["paths"][&path][&method];
            let row = TABLE.iter().find(|row| documented(row.path) == path && key(&row.method) == method);
            let is_open = row.unwrap().holders == Holders::Everyone;
            assert_eq!(operation["security"].is_null(), is_open, "{method} {path}");
            assert!(
                operation["x-permission"].is_string() && operation["summary"].is_string(),
                "{method} {path}"
            );
        }
    }

    #[test]
    fn query_parameters_are_documented_as_such() {
        let of = |path: &str| {
            let entry = TABLE.iter().find(|entry| entry.path == path && entry.method == "GET").unwrap();
            DOCUMENT.query_parameters(entry.path, &entry.method).join(",")
        };
        assert_eq!(of("/api/telemetry"), "hours,from,to,signals,max_points,format,slice");
        assert_eq!(of("/api/signals"), "details,metadata");
        assert_eq!(of("/api/boards/{id}"), "");
    }

    #[test]
    fn only_refusals_have_the_body_of_an_error() {
        let operations = document()["paths"].as_object().unwrap().values();
        for operation in operations.flat_map(|item| item.as_object().unwrap().values()) {
            for (status, response) in operation["responses"].as_object().unwrap() {
                let is_refusal = status.starts_with(['4', '5']);
                let schema = &response["content"]["application/json"]["schema"];
                let is_error = schema["$ref"] == "#/components/schemas/ErrorBody";
                assert!(is_refusal || !is_error, "{status} {operation:#}");
                assert!(!is_refusal || schema.is_object(), "{status} {operation:#}");
            }
        }
    }

    #[test]
    fn every_code_is_documented() {
        let codes = document()["components"]["schemas"]["Code"]["enum"].as_array().unwrap();
        assert_eq!(codes.len(), afterglow_wire::Code::ALL.len());
    }

    #[test]
    fn the_documented_fields_are_those_that_are_sent() {
        let check = |schema: &str, sent: Value| {
            let documented = &document()["components"]["schemas"][schema]["properties"];
            let names = |object: &Value| -> BTreeSet<String> {
                object.as_object().unwrap().keys().cloned().collect()
            };
            assert_eq!(names(documented), names(&sent), "{schema}");
        };
        check("IngestReport", json!(afterglow_wire::ingest_report::IngestReport::default()));
        check("Annotations", json!(afterglow_wire::annotation::Annotations::default()));
        check("Revision", json!(afterglow_wire::revision::Revision::default()));
        check("ErrorBody", json!(afterglow_wire::Code::Internal.body("")));
    }

    #[test]
    fn every_schema_that_is_named_is_there() {
        let text = document().to_string();
        for name in text.split("#/components/schemas/").skip(1).filter_map(|rest| rest.split('"').next()) {
            assert!(document()["components"]["schemas"][name].is_object(), "{name}");
        }
    }
}
