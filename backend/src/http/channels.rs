//! `/api/channels`: where messages about alerts go. Secrets go in and never come out.

use std::sync::LazyLock;

use actix_web::http::header::LOCATION;
use actix_web::{HttpRequest, HttpResponse, web};
use afterglow_wire::channel::{Channel, ChannelKind, ChannelTest};
use afterglow_wire::secret::Secret;
use afterglow_wire::{Code, Invalid};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::documents::{delete_document, get_document, read_json};
use super::gate::Allowed;
use super::permission::{ReadChannels, WriteChannels};
use super::problem::Problem;
use crate::documents::Extent;
use crate::shares::{Exhausted, Shares};
use crate::store::{Event, SaveError, Store};

/// Tests of channels at once, half of them for one address: each waits for a receiver. Beyond it 503 `queue_full`.
const TESTS: usize = 8;

static PLACES: LazyLock<Shares> = LazyLock::new(|| Shares::halves(TESTS));

/// Bytes of a signing key that the server makes.
const KEY_BYTES: usize = 24;

/// List channels
///
/// Without their secrets: `kept` says which there are, and of an address its host.
#[utoipa::path(
    get, path = "/api/channels", tag = "alerts",
    responses(
        (status = 200, description = "The channels, by name", body = Vec<Channel>),
        (status = 304, description = "None was changed since the answer that `If-None-Match` names"),
        (status = 503, description = "Ask again after `Retry-After` seconds"),
    )
)]
pub(super) async fn list(
    allowed: Allowed<ReadChannels>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    get_document(&allowed, &request, Extent::List, Store::channels).await
}

/// Save a new channel
///
/// A `webhook` that brings no `secret` gets one, which this answer alone shows.
#[utoipa::path(
    post, path = "/api/channels", tag = "alerts",
    request_body = Channel,
    responses(
        (status = 201, description = "The channel without its secrets, but one that was made for it", body = Channel),
        (status = 409, description = "The name is taken; `details.current` is the channel that has it"),
        (status = 422, description = "Not allowed; `details.field` says where"),
    )
)]
pub(super) async fn post(
    allowed: Allowed<WriteChannels>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let mut channel: Channel = read_json(&allowed, &request, payload).await?;
    check_command(&allowed, &channel)?;
    let mut made = None;
    if channel.kind == ChannelKind::Webhook && channel.secret.is_none() {
        let key = format!("whsec_{}", BASE64_STANDARD.encode(rand::random::<[u8; KEY_BYTES]>()));
        channel.secret = Some(Secret::new(&*key));
        made = Some(key);
    }
    let saved = allowed.change(move |store| store.add_channel(channel)).await?;
    announce(&allowed);
    let location = (LOCATION, format!("/api/channels/{}", saved.id));
    let mut shown = serde_json::to_value(saved).unwrap_or_default();
    if let Some(made) = made {
        shown["secret"] = made.into();
    }
    Ok(HttpResponse::Created().insert_header(location).json(shown))
}

/// Get a channel
#[utoipa::path(
    get, path = "/api/channels/{id}", tag = "alerts",
    params(("id" = String, Path, description = "Its name")),
    responses(
        (status = 200, description = "The channel, without its secrets", body = Channel),
        (status = 304, description = "It was not changed since the answer that `If-None-Match` names"),
        (status = 404, description = "There is none"),
    )
)]
pub(super) async fn get(
    allowed: Allowed<ReadChannels>,
    request: HttpRequest,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    get_document(&allowed, &request, Extent::One, move |store| store.channel(&id)).await
}

/// Replace a channel
///
/// It must bring the version that it replaces. Secrets that it does not bring stay.
#[utoipa::path(
    put, path = "/api/channels/{id}", tag = "alerts",
    params(("id" = String, Path, description = "Its name")),
    request_body = Channel,
    responses(
        (status = 200, description = "The channel as it was saved, without its secrets", body = Channel),
        (status = 404, description = "There is none"),
        (status = 409, description = "It has another version; `details.current` is the channel as it is"),
        (status = 422, description = "Not allowed; `details.field` says where"),
    )
)]
pub(super) async fn put(
    allowed: Allowed<WriteChannels>,
    request: HttpRequest,
    id: web::Path<String>,
    payload: web::Payload,
) -> Result<web::Json<Channel>, Problem> {
    let mut channel: Channel = read_json(&allowed, &request, payload).await?;
    check_command(&allowed, &channel)?;
    let id = id.into_inner();
    if !channel.id.is_empty() && channel.id != id {
        let message = format!(
            "it differs from {id:?}, under which the channel is; leave it out, or save a new channel"
        );
        return Err(Invalid::new("id", message).into());
    }
    channel.id = id;
    let saved = allowed.change(move |store| store.replace_channel(channel)).await?;
    announce(&allowed);
    Ok(web::Json(saved))
}

/// Delete a channel
///
/// With its secrets, its log, and all that waits for it.
#[utoipa::path(
    delete, path = "/api/channels/{id}", tag = "alerts",
    params(("id" = String, Path, description = "Its name")),
    responses(
        (status = 204, description = "Deleted"),
        (status = 404, description = "There is none"),
    )
)]
pub(super) async fn delete(
    allowed: Allowed<WriteChannels>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let deleted = delete_document(&allowed, move |store| store.delete_channel(&id)).await?;
    announce(&allowed);
    Ok(deleted)
}

/// Test a channel
///
/// Sends a message that says that it is a test, and answers how that ended.
#[utoipa::path(
    post, path = "/api/channels/{id}/test", tag = "alerts",
    params(("id" = String, Path, description = "Its name")),
    responses(
        (status = 200, description = "How it ended, and what was sent", body = ChannelTest),
        (status = 404, description = "There is none"),
        (status = 503, description = "As many are tested as may be; try again after `Retry-After` seconds"),
    )
)]
pub(super) async fn test(
    allowed: Allowed<WriteChannels>,
    id: web::Path<String>,
) -> Result<web::Json<ChannelTest>, Problem> {
    let place = PLACES.take(allowed.address(), 1).map_err(|exhausted| {
        let whose = if exhausted == Exhausted::All { "" } else { " for this address" };
        let message = format!("as many channels are tested{whose} as may be at once; try again in a moment");
        Problem::new(Code::QueueFull, message)
    })?;
    allowed.record(Event::begun("channel.test", &**id)).await?;
    // Not in the turn of changes: a receiver may take its time.
    let notifier = allowed.notifier().clone();
    let tested = web::block(move || {
        let _held = place;
        notifier.test(&id)
    });
    let tested = tested.await?;
    Ok(web::Json(tested?))
}

/// See how messages were delivered
///
/// The last attempts, the newest first.
#[utoipa::path(
    get, path = "/api/channels/{id}/log", tag = "alerts",
    params(("id" = String, Path, description = "Its name")),
    responses(
        (status = 200, description = "The log", body = afterglow_wire::channel::DeliveryLog),
        (status = 404, description = "There is none"),
    )
)]
pub(super) async fn log(
    allowed: Allowed<ReadChannels>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let log = allowed
        .read(Extent::List, move |store| {
            store.saved_one::<Channel>(&id)?;
            Ok::<_, SaveError>(store.deliveries(&id)?)
        })
        .await?;
    Ok(HttpResponse::Ok().json(log))
}

/// Only programs of the configuration file are run.
fn check_command(allowed: &Allowed<WriteChannels>, channel: &Channel) -> Result<(), Problem> {
    match &channel.command {
        Some(command) if !allowed.notifier().has_command(command) => {
            let message = format!("the configuration file has no [[alert_command]] called {command:?}");
            Err(Invalid::new("command", message).into())
        }
        _ => Ok(()),
    }
}

/// Lets the evaluation and the threads of channels read what is saved now.
fn announce(allowed: &Allowed<WriteChannels>) {
    allowed.alerts().changed();
    if let Err(error) = allowed.notifier().wake_all() {
        log::error!("notices that wait are sent later: {error}");
    }
}
