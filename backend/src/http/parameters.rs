//! Query parameters: which ones a route takes, and what several routes take.

use std::collections::HashSet;

use actix_web::http::Method;
use actix_web::{HttpRequest, web};

use afterglow_wire::limits::{MAX_POINTS, QUERY_PARAMETERS};
use afterglow_wire::{Code, Timestamp, name};

use super::problem::Problem;
use crate::store::Span;

/// The names of the query parameters that a path takes, by method, as the OpenAPI document lists them.
pub(super) struct ListedParameters(Vec<(Method, Vec<String>)>);

impl ListedParameters {
    pub(super) fn new(by_method: Vec<(Method, Vec<String>)>) -> Self {
        Self(by_method)
    }

    /// Refuses parameters that are not listed, and those that are given twice, by their name.
    pub(super) fn check(&self, request: &HttpRequest) -> Result<(), Problem> {
        if request.query_string().is_empty() {
            return Ok(());
        }
        let method = if *request.method() == Method::HEAD { &Method::GET } else { request.method() };
        let listed = self.0.iter().find(|(of, _)| of == method).map_or(&[][..], |(_, names)| names);
        let given =
            web::Query::<Vec<(String, String)>>::from_query(request.query_string()).map_err(|error| {
                Problem::new(Code::BadParameter, format!("the query string cannot be read: {error}"))
            })?;
        let mut seen = HashSet::new();
        for (name, _) in given.iter() {
            if !listed.contains(name) {
                let allowed = match listed {
                    [] => "this address takes no parameters".to_owned(),
                    listed => format!("this address takes {}", listed.join(", ")),
                };
                let name: String = name.chars().take(80).collect();
                // The value may be a key that does not belong there: it is not shown.
                return Err(Problem::parameter(&name, "…", allowed));
            }
            if !seen.insert(name) {
                return Err(Problem::parameter(name, "…", "it is given twice; once is allowed"));
            }
        }
        Ok(())
    }
}

/// Whose data an operator asks for.
#[derive(Debug, Default, serde::Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct OfTenant {
    /// The tenant, the own one when absent; only operators may name another one
    pub(super) tenant: Option<String>,
}

/// Refuses more parameters than any route takes, before they are read.
pub(super) fn check_count(query: &str) -> Result<(), Problem> {
    match query.split('&').filter(|parameter| !parameter.is_empty()).nth(QUERY_PARAMETERS) {
        None => Ok(()),
        Some(parameter) => {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let name: String = name.chars().take(80).collect();
            Err(Problem::parameter(
                &name,
                value,
                format!("a request has at most {QUERY_PARAMETERS} parameters"),
            ))
        }
    }
}

/// What becomes of a query string whose form is not right.
pub(super) fn query_config() -> web::QueryConfig {
    web::QueryConfig::default().error_handler(|error, _| {
        Problem::new(Code::BadParameter, format!("the query string cannot be read: {error}")).into()
    })
}

/// The names and patterns of a list, separated by commas.
pub(super) fn patterns(signals: &str) -> Result<Vec<String>, Problem> {
    let refused = |pattern: &str, message| Problem::parameter("signals", pattern, message);
    let mut patterns = name::split(signals);
    patterns.retain(|pattern| !pattern.is_empty());
    for pattern in &patterns {
        name::check(pattern).map_err(|message| refused(pattern, message))?;
    }
    name::check_patterns(&patterns).map_err(|(pattern, message)| refused(pattern, message))?;
    Ok(patterns)
}

pub(super) fn max_points(text: &str) -> Result<u32, Problem> {
    text.parse()
        .ok()
        .filter(|points| (1..=MAX_POINTS).contains(points))
        .ok_or_else(|| Problem::parameter("max_points", text, format!("1 to {MAX_POINTS} is expected")))
}

/// The span between `from`, or the first instant, and `to`, or the instant `latest`.
pub(super) fn between(from: Option<&str>, to: Option<&str>, latest: Timestamp) -> Result<Span, Problem> {
    let instant = |name, text: Option<&str>, absent| match text {
        Some(text) => Timestamp::in_address(text).map_err(|error| Problem::parameter(name, text, error)),
        None => Ok(absent),
    };
    let (from, to) = (instant("from", from, Timestamp::MIN)?, instant("to", to, latest)?);
    if from > to {
        return Err(Problem::parameter("from", &from.to_string(), format!("it lies after to={to}")));
    }
    Ok(Span { from, to })
}

pub(super) fn flag(name: &str, text: Option<&str>) -> Result<bool, Problem> {
    match text {
        None | Some("0" | "false") => Ok(false),
        Some("1" | "true") => Ok(true),
        Some(other) => Err(Problem::parameter(name, other, "1 or 0 is expected")),
    }
}
