//! The one error body.

use std::fmt;

use actix_web::http::header::TryIntoHeaderValue;
use actix_web::http::{Method, StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, ResponseError};
use afterglow_wire::Code;
use serde_json::Value;

use crate::refusal::Refusal;
use crate::store::StoreError;

/// How long a client is asked to wait before it tries again, where the details do not say it.
const RETRY_AFTER_SECONDS: u64 = 1;

/// A refusal as HTTP answers it.
#[derive(Debug)]
pub(super) struct Problem(Refusal);

impl Problem {
    pub(super) fn new(code: Code, message: impl Into<String>) -> Self {
        Self(Refusal::new(code, message))
    }

    pub(super) fn with_details(mut self, details: Value) -> Self {
        self.0.details = Some(details);
        self
    }

    pub(super) fn refusal(&self) -> &Refusal {
        &self.0
    }

    /// A query parameter that cannot be used.
    pub(super) fn parameter(name: &str, value: &str, allowed: impl fmt::Display) -> Self {
        let shown: String = value.chars().take(80).collect();
        Self::new(Code::BadParameter, format!("{name}={shown} is not allowed: {allowed}"))
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.code.name(), self.0.message)
    }
}

impl std::error::Error for Problem {}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.0.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        if self.0.code.may_retry() {
            let seconds = self.0.details.as_ref().and_then(|details| details["seconds"].as_u64());
            response.insert_header((header::RETRY_AFTER, seconds.unwrap_or(RETRY_AFTER_SECONDS)));
        }
        if self.0.code == Code::Unauthenticated {
            // Not Basic, for which browsers show a dialogue of their own.
            response.insert_header((header::WWW_AUTHENTICATE, "Bearer realm=\"afterglow\""));
        }
        let mut body = self.0.code.body(self.0.message.clone());
        body.error.details.clone_from(&self.0.details);
        response.json(body)
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Self(refusal)
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}

impl From<actix_web::error::BlockingError> for Problem {
    fn from(_: actix_web::error::BlockingError) -> Self {
        Self::new(Code::Internal, "the query broke; the server's log says why")
    }
}

impl From<crate::pool::Broken> for Problem {
    fn from(_: crate::pool::Broken) -> Self {
        Self::new(Code::Internal, "the work broke; the server's log says why")
    }
}

/// Answers a method that a path does not have, or `OPTIONS`, with the methods that it has.
pub(super) fn method_not_allowed(request: &HttpRequest, allow: header::Allow) -> HttpResponse {
    if *request.method() == Method::OPTIONS {
        return HttpResponse::NoContent().insert_header(allow).finish();
    }
    // A key in an address is nobody's business.
    let path = if request.path().starts_with("/in/") { "this address" } else { request.path() };
    let method = request.method();
    let message = format!("{path} does not take {method}; it takes {allow}");
    let mut response = Problem::new(Code::MethodNotAllowed, message).error_response();
    if let Ok(allow) = allow.try_into_value() {
        response.headers_mut().insert(header::ALLOW, allow);
    }
    response
}

impl actix_web::Responder for Problem {
    type Body = actix_web::body::BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        self.error_response()
    }
}
