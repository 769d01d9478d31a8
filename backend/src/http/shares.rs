//! `/api/shares`: links to one board, for people without an account; `/api/tickets`: what stands for a key where a browser cannot
//! send one.

use actix_web::http::header::SET_COOKIE;
use actix_web::{HttpRequest, HttpResponse, web};
use afterglow_wire::access::{CreatedShare, Kind, NewShare, NewTicket, OpenShare, OpenedShare, Share};
use afterglow_wire::{Invalid, name};

use super::dashboard::SHARE;
use super::documents::read_json;
use super::gate::{Allowed, cookie};
use super::permission::{Enter, MakeTickets, ManageShares, ReadShares};
use super::problem::Problem;
use crate::access::token;
use crate::store::SaveError;

/// List links to boards
///
/// Every link, without its secret, which is kept nowhere.
#[utoipa::path(
    get, path = "/api/shares", tag = "access",
    responses(
        (status = 200, description = "The links", body = Vec<Share>),
        (status = 503, description = "Ask again after `Retry-After` seconds"),
    )
)]
pub(super) async fn list(allowed: Allowed<ReadShares>) -> Result<HttpResponse, Problem> {
    allowed.listed_keys(Share::of).await
}

/// Make a link to a board
///
/// Everyone who has it sees that board and the signals that are on it when they look, and nothing else. The answer has the link,
/// this once; and the address for frames, where pages of other origins may show it.
#[utoipa::path(
    post, path = "/api/shares", tag = "access",
    request_body(content = NewShare, example = json!({"board": "workshop", "label": "the neighbours"})),
    responses(
        (status = 201, description = "The link", body = CreatedShare),
        (status = 404, description = "There is no such board"),
        (status = 422, description = "Not allowed; `details.field` says where"),
        (status = 503, description = "Send again after `Retry-After` seconds"),
    )
)]
pub(super) async fn post(
    allowed: Allowed<ManageShares>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let new: NewShare = read_json(&allowed, &request, payload).await?;
    let (text, made) = token::create(Kind::Share);
    let key = new.accept(token::id(made.id), allowed.clock().now(), allowed.who().to_string())?;
    let (author, kept) = (allowed.author(), key.clone());
    allowed
        .change_keys(move |store| {
            let board = store.board(kept.board.as_deref().unwrap_or_default())?;
            // All of it is compared with every name, as the patterns of a key.
            name::check_patterns(&board.signals()).map_err(|(pattern, message)| {
                Invalid::new("board", format!("it cannot be shown by a link: of {pattern:?}, {message}"))
            })?;
            store.access().add_key(&author, &kept, &made.hash)
        })
        .await?;
    let share = Share::of(key).map(|share| CreatedShare {
        link: format!("/s#{text}"),
        // The id has the server find who may frame it: it never gets what is behind the `#`.
        frame: (!share.embed_from.is_empty())
            .then(|| format!("/boards/{}?{SHARE}={}#{text}", share.board, share.id)),
        share,
    });
    Ok(HttpResponse::Created().json(share))
}

/// Revoke a link to a board
///
/// It is over once this is answered. Pages that are open with it are closed with 4401 at once.
#[utoipa::path(
    delete, path = "/api/shares/{id}", tag = "access",
    params(("id" = String, Path, description = "Its id")),
    responses(
        (status = 204, description = "Revoked"),
        (status = 404, description = "There is none"),
        (status = 503, description = "Send again after `Retry-After` seconds"),
    )
)]
pub(super) async fn delete(
    allowed: Allowed<ManageShares>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let author = allowed.author();
    allowed
        .change_keys(move |store| {
            let is_share = |key: &afterglow_wire::access::Key| key.id == *id && key.kind == Kind::Share;
            if !store.access().keys()?.iter().any(|(key, _)| is_share(key)) {
                return Err(SaveError::NotFound(format!("there is no link {:?}", *id)));
            }
            store.access().revoke_key(&author, &id)
        })
        .await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Open a link to a board
///
/// The answer brings a cookie with which the page shows that board. Who is logged in as a member stays that.
#[utoipa::path(
    post, path = "/api/shares/open", tag = "access", request_body = OpenShare,
    responses(
        (status = 200, description = "Where the link leads", body = OpenedShare),
        (status = 401, description = "The link is over"),
        (status = 422, description = "The token is missing"),
    )
)]
pub(super) async fn open(
    allowed: Allowed<Enter>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let OpenShare { token } = read_json(&allowed, &request, payload).await?;
    let allowed = allowed.of_key(&token);
    let board = allowed.shared(&token)?.to_string();
    let cookie = cookie::set_share(&token, allowed.is_secure());
    Ok(HttpResponse::Ok().insert_header((SET_COOKIE, cookie)).json(OpenedShare { board }))
}

/// Get a ticket
///
/// It stands for who asks in one request that opens a WebSocket or an event stream, within 30 seconds: for pages of other sites
/// (`cors_origins`), whose browsers send no key there. What it opens ends with the key.
#[utoipa::path(
    post, path = "/api/tickets", tag = "access",
    responses(
        (status = 201, description = "The ticket", body = NewTicket),
        (status = 429, description = "Too many wait to be used"),
    )
)]
pub(super) async fn ticket(allowed: Allowed<MakeTickets>) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Created().json(allowed.ticket()?))
}
