//! `/api/keys`: who may do what.

use std::time::Duration;

use actix_web::http::header::LOCATION;
use actix_web::{HttpRequest, HttpResponse, web};
use afterglow_wire::access::{CreatedKey, Key, Kind, NewKey, Rotate, duration};
use afterglow_wire::{Invalid, Timestamp};

use super::documents::read_json;
use super::gate::Allowed;
use super::parameters::OfTenant;
use super::permission::{ManageKeys, ReadKeys};
use super::problem::Problem;
use crate::access::{accept, token};

/// List keys
///
/// Every key, without its secret, which is kept nowhere. Links to boards are in `/api/shares`.
#[utoipa::path(
    get, path = "/api/keys", tag = "access", params(OfTenant),
    responses(
        (status = 200, description = "The keys", body = Vec<Key>),
        (status = 422, description = "There is no such tenant"),
        (status = 503, description = "Ask again after `Retry-After` seconds"),
    )
)]
pub(super) async fn list(
    allowed: Allowed<ReadKeys>,
    of: web::Query<OfTenant>,
) -> Result<HttpResponse, Problem> {
    let allowed = allowed.within(of.tenant.as_deref())?;
    allowed.listed_keys(|key| (key.kind != Kind::Share).then_some(key)).await
}

/// Make a key
///
/// The answer has the key itself, this once.
#[utoipa::path(
    post, path = "/api/keys", tag = "access",
    request_body(content = NewKey, example = json!({"label": "workshop", "scopes": ["write"], "signals": ["workshop.*"]})),
    responses(
        (status = 201, description = "The key", body = CreatedKey),
        (status = 422, description = "Not allowed; `details.field` says where"),
        (status = 503, description = "Send again after `Retry-After` seconds"),
    )
)]
pub(super) async fn post(
    allowed: Allowed<ManageKeys>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let new: NewKey = read_json(&allowed, &request, payload).await?;
    let allowed = allowed.within(new.tenant.as_deref())?;
    let (text, made) = token::create(new.kind);
    let (author, tenant) = (allowed.author(), allowed.tenant().map(|tenant| &**tenant));
    let key = accept(new, tenant, token::id(made.id), allowed.clock().now(), author.who.clone())?;
    let kept = key.clone();
    allowed.change_keys(move |store| store.access().add_key(&author, &kept, &made.hash)).await?;
    Ok(created(text, key))
}

fn created(text: String, description: Key) -> HttpResponse {
    let path = (description.kind == Kind::In).then(|| format!("/in/{text}"));
    let location = (LOCATION, format!("/api/keys/{}", description.id));
    HttpResponse::Created().insert_header(location).json(CreatedKey { key: text, path, description })
}

/// Revoke a key
///
/// It is not valid any more once this is answered. Live clients that came with it are closed with 4401 at once.
#[utoipa::path(
    delete, path = "/api/keys/{id}", tag = "access",
    params(("id" = String, Path, description = "Its id"), OfTenant),
    responses(
        (status = 204, description = "Revoked"),
        (status = 404, description = "There is none"),
        (status = 422, description = "There is no such tenant"),
        (status = 503, description = "Send again after `Retry-After` seconds"),
    )
)]
pub(super) async fn delete(
    allowed: Allowed<ManageKeys>,
    id: web::Path<String>,
    of: web::Query<OfTenant>,
) -> Result<HttpResponse, Problem> {
    let allowed = allowed.within(of.tenant.as_deref())?;
    let author = allowed.author();
    allowed.change_keys(move |store| store.access().revoke_key(&author, &id)).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Replace a key
///
/// The answer has a key that may do the same, this once. The old one stays valid for `grace`, so that programs can be
/// given the new one before; without it the old one is revoked.
#[utoipa::path(
    post, path = "/api/keys/{id}/rotate", tag = "access",
    params(("id" = String, Path, description = "The id of the key that is replaced")),
    request_body(content = Rotate, example = json!({"grace": "24h"})),
    responses(
        (status = 201, description = "The new key", body = CreatedKey),
        (status = 404, description = "There is none"),
        (status = 422, description = "Not allowed; `details.field` says where"),
        (status = 503, description = "Send again after `Retry-After` seconds"),
    )
)]
pub(super) async fn rotate(
    allowed: Allowed<ManageKeys>,
    request: HttpRequest,
    id: web::Path<String>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let Rotate { grace } = read_json(&allowed, &request, payload).await?;
    let grace = grace.as_deref().map_or(Ok(Duration::ZERO), duration);
    let grace = grace.map_err(|message| Invalid::new("grace", message))?;
    let (now, author, creator) = (allowed.clock().now(), allowed.author(), allowed.who().to_string());
    let until = i64::try_from(grace.as_micros()).unwrap_or(i64::MAX).saturating_add(now.micros());
    let id = id.into_inner();
    let rotated = allowed.change_keys(move |store| {
        let kind = store.access().keys()?.into_iter().find(|(key, _)| key.id == id).map(|(key, _)| key.kind);
        // Another kind would be as good where there is no such key.
        let (text, made) = token::create(kind.unwrap_or_default());
        let replacement = |old: Key| Key {
            id: token::id(made.id),
            created: now,
            creator,
            replaces: Some(id.clone()),
            last_used: None,
            last_used_from: None,
            ..old
        };
        let until = Timestamp::from_micros(until);
        let key = store.access().rotate_key(&author, &id, until, &made.hash, replacement)?;
        Ok((text, key))
    });
    let (text, key) = rotated.await?;
    Ok(created(text, key))
}
