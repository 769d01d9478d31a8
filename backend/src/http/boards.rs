//! `/api/boards`: pages of panels.

use actix_web::http::header::LOCATION;
use actix_web::{HttpRequest, HttpResponse, web};
use afterglow_wire::Invalid;
use afterglow_wire::board::Board;

use super::documents::{delete_document, get_document, read_json};
use super::gate::Allowed;
use super::permission::{ReadBoards, WriteBoards};
use super::problem::Problem;
use crate::documents::Extent;
use crate::store::{SaveError, StoreError};

/// List boards
///
/// Address, version and title of every board, by title.
#[utoipa::path(
    get, path = "/api/boards", tag = "documents",
    responses(
        (status = 200, description = "The boards", body = Vec<afterglow_wire::board::BoardSummary>),
        (status = 304, description = "None was changed since the answer that `If-None-Match` names"),
        (status = 503, description = "Ask again after `Retry-After` seconds"),
    )
)]
pub(super) async fn list(
    allowed: Allowed<ReadBoards>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let only = allowed.board();
    get_document(&allowed, &request, Extent::One, move |store| {
        let mut boards = store.boards()?;
        boards.retain(|board| only.as_ref().is_none_or(|only| **only == board.id));
        Ok::<_, StoreError>(boards)
    })
    .await
}

/// Save a new board
///
/// What `GET /api/boards/{id}` answered can be sent as it is. Its address is its `id`, or made from its title when it has
/// none; its version is 1, whatever it brings.
#[utoipa::path(
    post, path = "/api/boards", tag = "documents",
    request_body = afterglow_wire::board::Board,
    responses(
        (status = 201, description = "The board as it was saved", body = afterglow_wire::board::Board),
        (status = 409, description = "The address is taken; `details.current` is the board that has it"),
        (status = 422, description = "Not allowed; `details.field` says where"),
    )
)]
pub(super) async fn post(
    allowed: Allowed<WriteBoards>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let board: Board = read_json(&allowed, &request, payload).await?;
    let saved = allowed.change(move |store| store.add_board(board)).await?;
    Ok(HttpResponse::Created().insert_header((LOCATION, format!("/api/boards/{}", saved.id))).json(saved))
}

/// Get a board
#[utoipa::path(
    get, path = "/api/boards/{id}", tag = "documents",
    params(("id" = String, Path, description = "Its address")),
    responses(
        (status = 200, description = "The board", body = afterglow_wire::board::Board),
        (status = 304, description = "It was not changed since the answer that `If-None-Match` names"),
        (status = 404, description = "There is none"),
    )
)]
pub(super) async fn get(
    allowed: Allowed<ReadBoards>,
    request: HttpRequest,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let only = allowed.board();
    get_document(&allowed, &request, Extent::One, move |store| match only {
        Some(only) if *only != **id => Err(SaveError::no_board(&id)),
        _ => store.board(&id),
    })
    .await
}

/// Replace a board
///
/// `version` is that of the board which is replaced; the answer has the next one.
#[utoipa::path(
    put, path = "/api/boards/{id}", tag = "documents",
    params(("id" = String, Path, description = "Its address")),
    request_body = afterglow_wire::board::Board,
    responses(
        (status = 200, description = "The board as it was saved", body = afterglow_wire::board::Board),
        (status = 404, description = "There is none"),
        (status = 409, description = "It was changed meanwhile; `details.current` is what it is now"),
        (status = 422, description = "Not allowed; `details.field` says where"),
    )
)]
pub(super) async fn put(
    allowed: Allowed<WriteBoards>,
    request: HttpRequest,
    id: web::Path<String>,
    payload: web::Payload,
) -> Result<web::Json<Board>, Problem> {
    let mut board: Board = read_json(&allowed, &request, payload).await?;
    let id = id.into_inner();
    if !board.id.is_empty() && board.id != id {
        let message =
            format!("it differs from {id:?}, at which the board is; leave it out, or save a new board");
        return Err(Invalid::new("id", message).into());
    }
    board.id = id;
    Ok(web::Json(allowed.change(move |store| store.replace_board(board)).await?))
}

/// Delete a board
#[utoipa::path(
    delete, path = "/api/boards/{id}", tag = "documents",
    params(("id" = String, Path, description = "Its address")),
    responses(
        (status = 204, description = "Deleted"),
        (status = 404, description = "There is none"),
    )
)]
pub(super) async fn delete(
    allowed: Allowed<WriteBoards>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    delete_document(&allowed, move |store| store.delete_board(&id)).await
}
