//! `/api/rules`: what is to be noticed.

use actix_web::http::header::LOCATION;
use actix_web::{HttpRequest, HttpResponse, web};
use afterglow_wire::Invalid;
use afterglow_wire::limits::{RULES, RULES_ADDED};
use afterglow_wire::rule::Rule;
use serde::Deserialize;
use serde_json::Value;

use super::documents::{delete_document, from_value, get_document, list_saved, read_json, read_json_as};
use super::gate::Allowed;
use super::permission::{ReadRules, WriteRules};
use super::problem::Problem;
use crate::documents::Extent;
use crate::store::SaveError;

/// How the list is wanted.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Parameters {
    /// `export` for an object that `POST /api/rules` takes
    format: Option<String>,
    /// Only rules whose names come after this one: the last of the page before
    after: Option<String>,
    /// How many rules at most, 1 to 10000; all when absent
    limit: Option<String>,
}

/// Several rules.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Many {
    rules: Vec<Rule>,
}

/// What a body brings.
enum New {
    One(Box<Rule>),
    Many(Vec<Rule>),
}

fn new(body: Value) -> Result<New, Problem> {
    let Some(rules) = body.get("rules") else { return Ok(New::One(from_value(body)?)) };
    if let Some(count) = rules.as_array().map(Vec::len).filter(|count| *count > RULES_ADDED) {
        let message = format!("there are {count}; at most {RULES_ADDED} are saved at once");
        return Err(Invalid::new("rules", message).into());
    }
    let Many { rules } = from_value(body)?;
    for (index, rule) in rules.iter().enumerate() {
        rule.check()
            .map_err(|invalid| Invalid { field: format!("rules[{index}].{}", invalid.field), ..invalid })?;
    }
    Ok(New::Many(rules))
}

/// List rules
///
/// All of every rule, by name; a page of them with `after` and `limit`.
#[utoipa::path(
    get, path = "/api/rules", tag = "alerts", params(Parameters),
    responses(
        (status = 200, description = "The rules; with `format=export` an object with the member `rules`", body = Vec<Rule>),
        (status = 304, description = "None was changed since the answer that `If-None-Match` names"),
        (status = 400, description = "A parameter is not allowed"),
        (status = 503, description = "Ask again after `Retry-After` seconds"),
    )
)]
pub(super) async fn list(
    allowed: Allowed<ReadRules>,
    request: HttpRequest,
    parameters: web::Query<Parameters>,
) -> Result<HttpResponse, Problem> {
    let is_export = match parameters.format.as_deref() {
        None => false,
        Some("export") => true,
        Some(other) => return Err(Problem::parameter("format", other, "export is expected, or nothing")),
    };
    let Parameters { after, limit, .. } = parameters.into_inner();
    let limit =
        match &limit {
            None => RULES,
            Some(text) => text.parse().ok().filter(|limit| (1..=RULES).contains(limit)).ok_or_else(|| {
                Problem::parameter("limit", text, "a whole number from 1 to 10000 is expected")
            })?,
        };
    let ends = if is_export { ["{\"rules\":[", "]}"] } else { ["[", "]"] };
    list_saved::<Rule, _>(&allowed, &request, after.unwrap_or_default(), limit, ends).await
}

/// Save new rules
///
/// One rule, or at most 500 as `{"rules": [...]}`, all of them or none. A rule's name is its `id`, or made from its title when it
/// has none; its version is 1, whatever it brings. It starts in the state that it would have had it always been there.
#[utoipa::path(
    post, path = "/api/rules", tag = "alerts",
    request_body = Rule,
    responses(
        (status = 201, description = "The rule as it was saved, or the rules as an array", body = Rule),
        (status = 409, description = "A name is taken; `details.current` is the rule that has it"),
        (status = 422, description = "Not allowed; `details.field` says where"),
    )
)]
pub(super) async fn post(
    allowed: Allowed<WriteRules>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let rule = match read_json_as(&allowed, &request, payload, new).await? {
        New::One(rule) => *rule,
        New::Many(rules) => {
            let saved = allowed.change(move |store| store.add_all_saved(rules)).await?;
            allowed.alerts().changed();
            return Ok(HttpResponse::Created().json(saved));
        }
    };
    let saved = allowed.change(move |store| store.add_saved(rule)).await?;
    allowed.alerts().changed();
    Ok(HttpResponse::Created().insert_header((LOCATION, format!("/api/rules/{}", saved.id))).json(saved))
}

/// Get a rule
#[utoipa::path(
    get, path = "/api/rules/{id}", tag = "alerts",
    params(("id" = String, Path, description = "Its name")),
    responses(
        (status = 200, description = "The rule", body = Rule),
        (status = 304, description = "It was not changed since the answer that `If-None-Match` names"),
        (status = 404, description = "There is none"),
    )
)]
pub(super) async fn get(
    allowed: Allowed<ReadRules>,
    request: HttpRequest,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    get_document(&allowed, &request, Extent::One, move |store| {
        Ok::<_, SaveError>(store.saved_one::<Rule>(&id)?.document)
    })
    .await
}

/// Replace a rule
///
/// It must bring the version that it replaces. An alert that fires goes on where the value is wrong by the new rule too, and is
/// resolved where it is not. A rule that is the same stays at its version.
#[utoipa::path(
    put, path = "/api/rules/{id}", tag = "alerts",
    params(("id" = String, Path, description = "Its name")),
    request_body = Rule,
    responses(
        (status = 200, description = "The rule as it was saved", body = Rule),
        (status = 404, description = "There is none"),
        (status = 409, description = "It has another version; `details.current` is the rule as it is"),
        (status = 422, description = "Not allowed; `details.field` says where"),
    )
)]
pub(super) async fn put(
    allowed: Allowed<WriteRules>,
    request: HttpRequest,
    id: web::Path<String>,
    payload: web::Payload,
) -> Result<web::Json<Rule>, Problem> {
    let mut rule: Rule = read_json(&allowed, &request, payload).await?;
    let id = id.into_inner();
    if !rule.id.is_empty() && rule.id != id {
        let message =
            format!("it differs from {id:?}, under which the rule is; leave it out, or save a new rule");
        return Err(Invalid::new("id", message).into());
    }
    rule.id = id;
    let saved = allowed.change(move |store| store.replace_saved(rule)).await?;
    allowed.alerts().changed();
    Ok(web::Json(saved))
}

/// Delete a rule
///
/// What fires of it is resolved, and those who were notified of it are notified of that.
#[utoipa::path(
    delete, path = "/api/rules/{id}", tag = "alerts",
    params(("id" = String, Path, description = "Its name")),
    responses(
        (status = 204, description = "Deleted"),
        (status = 404, description = "There is none"),
    )
)]
pub(super) async fn delete(
    allowed: Allowed<WriteRules>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let deleted = delete_document(&allowed, move |store| store.delete_saved::<Rule>(&id)).await?;
    allowed.alerts().changed();
    Ok(deleted)
}
