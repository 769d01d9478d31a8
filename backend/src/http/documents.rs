//! What the routes of documents (boards, annotations, signal metadata) share: bodies, errors, and the revision.

use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse};
use afterglow_wire::document::Document;
use afterglow_wire::limits::SAVED_BODY_BYTES;
use afterglow_wire::revision::Revision;
use afterglow_wire::{Code, Invalid};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::answer;
use super::body::{self, MediaType};
use super::conditional::{begin, tagged};
use super::gate::Allowed;
use super::gate::access::{Changes, Queries, Reads};
use super::permission::{Permission, ReadBoards};
use super::problem::Problem;
use crate::decode::json::Format;
use crate::documents::{Extent, Failure};
use crate::pool::Broken;
use crate::store::{SaveError, Store};

/// The JSON body of a request that saves a document.
pub(super) async fn read_json<T: DeserializeOwned + Send + 'static>(
    allowed: &Allowed<impl Permission>,
    request: &HttpRequest,
    payload: Payload,
) -> Result<T, Problem> {
    read_json_as(allowed, request, payload, Ok).await
}

/// What `read` makes of a JSON body; off the event loop when it is large.
pub(super) async fn read_json_as<T: DeserializeOwned, R: Send + 'static>(
    allowed: &Allowed<impl Permission>,
    request: &HttpRequest,
    payload: Payload,
    read: impl FnOnce(T) -> Result<R, Problem> + Send + 'static,
) -> Result<R, Problem> {
    if body::media_type(request.headers())? != MediaType::Json(Format::Json) {
        return Err(Problem::new(
            Code::UnsupportedMediaType,
            "one JSON object is read; send application/json",
        ));
    }
    let body = allowed.bodies().read(request, payload).await?;
    if body.len() > SAVED_BODY_BYTES {
        let message = format!("the body has {} bytes; at most {SAVED_BODY_BYTES} are allowed", body.len());
        return Err(Problem::new(Code::BodyTooLarge, message));
    }
    let broken = |Broken| Problem::new(Code::Internal, "the parser broke; the server's log says why");
    allowed.bodies().work(body, |text| read(parse(text)?)).await.map_err(broken)?
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    match body.trim_ascii().first() {
        Some(b'{') => {}
        Some(_) => return Err(Problem::new(Code::NotAnObject, "one JSON object is expected")),
        None => {
            return Err(Problem::new(Code::EmptyBody, "the body is empty; one JSON object is expected"));
        }
    }
    let mut json = serde_json::Deserializer::from_slice(body);
    let parsed = serde_path_to_error::deserialize(&mut json).map_err(unreadable)?;
    json.end().map_err(|error| malformed(&error))?;
    Ok(parsed)
}

/// What a JSON value stands for.
pub(super) fn from_value<T: DeserializeOwned>(value: serde_json::Value) -> Result<T, Problem> {
    serde_path_to_error::deserialize(value).map_err(unreadable)
}

fn unreadable(error: serde_path_to_error::Error<serde_json::Error>) -> Problem {
    if error.inner().is_data() {
        let (path, message) = (error.path().to_string(), error.inner().to_string());
        // The path of a member that is not there is that of the object where it should be.
        let missing = message.strip_prefix("missing field `").and_then(|rest| rest.split_once('`'));
        return Problem::from(match (path.as_str(), missing) {
            (".", Some((name, _))) => Invalid::new(name, "it is missing"),
            (_, Some((name, _))) => Invalid::new(format!("{path}.{name}"), "it is missing"),
            // A member may be called nothing at all.
            ("", None) => Invalid::new("\"\"", message),
            _ => Invalid::new(path, message),
        });
    }
    malformed(&error.into_inner())
}

fn malformed(error: &serde_json::Error) -> Problem {
    Problem::new(Code::MalformedJson, format!("the body is not JSON: {error}"))
}

/// Answers with what `read` returns, or 304 when nothing of its kind has changed since the client got it.
pub(super) async fn get_document<T, E>(
    allowed: &Allowed<impl Reads>,
    request: &HttpRequest,
    extent: Extent,
    read: impl FnOnce(&Store) -> Result<T, E> + Send + 'static,
) -> Result<HttpResponse, Problem>
where
    T: Serialize + Send + 'static,
    E: Into<Problem> + std::fmt::Display + Send + 'static,
{
    // The number first: a change in between is then asked for twice, and never missed.
    let number = allowed.number();
    let (mut response, is_known) = begin(request, format_args!("{number:x}"));
    if is_known {
        return Ok(response.finish());
    }
    // Written there, too: a thousand annotations can have megabytes.
    let written = allowed.read(extent, move |store| Ok::<_, E>(serde_json::to_vec(&read(store)?))).await?;
    let text = written.map_err(|error| Problem::new(Code::Internal, error.to_string()))?;
    Ok(response.content_type("application/json").body(text))
}

/// Answers with the documents of a kind behind the name `after`, at most `limit`, as a list between `ends`; or 304 when none has changed
/// since the client got it. They are read while they are sent: all of a kind can have more bytes than may wait for a client.
pub(super) async fn list_saved<D: Document, P: Reads + Queries>(
    allowed: &Allowed<P>,
    request: &HttpRequest,
    after: String,
    limit: usize,
    ends: [&'static str; 2],
) -> Result<HttpResponse, Problem> {
    let (mut begun, is_known) = begin(request, format_args!("{:x}", allowed.number()));
    let begun = begun.finish();
    if is_known {
        return Ok(begun);
    }
    let mut answer = answer::stream(allowed, request, "application/json", move |store, mut output| {
        answer::list(ends, store.saved_behind::<D>(after).take(limit), &mut output)?;
        Ok(output)
    })
    .await?;
    for (name, value) in begun.headers() {
        answer.headers_mut().insert(name.clone(), value.clone());
    }
    Ok(answer)
}

/// Runs `delete` and answers 204.
pub(super) async fn delete_document(
    allowed: &Allowed<impl Changes>,
    delete: impl FnOnce(&Store) -> Result<(), SaveError> + Send + 'static,
) -> Result<HttpResponse, Problem> {
    allowed.change(delete).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Learn of changes
///
/// A number for each kind of documents that differs after every change. With `If-None-Match` it costs nothing to ask again.
/// Live clients get a message.
#[utoipa::path(
    get, path = "/api/revision", tag = "documents",
    responses(
        (status = 200, description = "The numbers", body = afterglow_wire::revision::Revision),
        (status = 304, description = "Nothing was saved since"),
    )
)]
pub(super) async fn revision(allowed: Allowed<ReadBoards>, request: HttpRequest) -> HttpResponse {
    let revision = allowed.revision();
    let Revision { boards, annotations, metadata, rules, alerts, silences, channels } = revision;
    let tag = format_args!(
        "{boards:x}-{annotations:x}-{metadata:x}-{rules:x}-{alerts:x}-{silences:x}-{channels:x}"
    );
    tagged(&request, tag, &revision)
}

impl From<Invalid> for Problem {
    fn from(invalid: Invalid) -> Self {
        Problem::new(Code::Invalid, invalid.to_string()).with_details(json!({ "field": invalid.field }))
    }
}

impl<E: Into<Problem> + std::fmt::Display> From<Failure<E>> for Problem {
    fn from(failure: Failure<E>) -> Self {
        match failure {
            Failure::Store(error) => error.into(),
            Failure::TooManyChanges => Problem::new(Code::QueueFull, failure.to_string()),
            Failure::Broken => Problem::new(Code::Internal, failure.to_string()),
        }
    }
}

impl From<SaveError> for Problem {
    fn from(error: SaveError) -> Self {
        match error {
            SaveError::Invalid(invalid) => invalid.into(),
            SaveError::Conflict(current) => {
                let message = format!(
                    "the {} {} is at version {} by now; change that one, or bring its version to replace it",
                    current.kind, current.id, current.version
                );
                Problem::new(Code::Conflict, message).with_details(json!({ "current": current.document }))
            }
            other => Problem::new(other.code(), other.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use afterglow_wire::board::Board;

    use afterglow_wire::channel::Channel;
    use afterglow_wire::document::Document;
    use afterglow_wire::rule::Rule;
    use afterglow_wire::silence::Silence;

    use super::*;
    use crate::refusal::Refusal;

    #[test]
    fn what_cannot_be_read_names_its_place() {
        let check = |body: &str, expected: &str| {
            let problem = parse::<Board>(body.as_bytes()).unwrap_err().to_string();
            assert!(problem.starts_with(expected), "{body}: {problem}");
        };
        check("", "empty_body");
        check("{", "malformed_json");
        check("{}}", "malformed_json");
        check("[1]", "not_an_object");
        check(r#"{"title":7}"#, "invalid: title: invalid type: integer `7`");
        check(r#"{"panels":[{},{"width":300}]}"#, "invalid: panels[1].width: ");
        check(r#"{"panels":[{"thresholds":[{"colour":5}]}]}"#, "invalid: panels[0].thresholds[0].colour: ");
        check(r#"{"panels":[{"kind":"pie"}]}"#, "invalid: panels[0].kind: unknown variant `pie`");
        let rule = parse::<afterglow_wire::rule::Rule>(br#"{"title":"X"}"#).unwrap_err().to_string();
        assert_eq!(rule, "invalid: is: it is missing");
        check(r#"{"panels":[{"tresholds":[]}]}"#, "invalid: panels[0].tresholds: unknown field");
    }

    /// A22: whatever is sent as a rule, a channel or a silence: no panic, and a refusal names a field of it, or says that it is no JSON.
    #[test]
    fn documents_of_alerts_do_not_break() {
        fn check<D: Document>(input: &[u8]) {
            match parse::<D>(input) {
                Ok(document) => {
                    if let Err(Invalid { field, message }) = document.check() {
                        assert!(!field.is_empty() && !message.is_empty(), "{field:?}: {message:?}");
                    }
                }
                Err(problem) => {
                    let Refusal { code, details, .. } = problem.refusal();
                    let field = details.as_ref().and_then(|details| details["field"].as_str());
                    assert_eq!(
                        field.is_some_and(|field| !field.is_empty()),
                        *code == Code::Invalid,
                        "{code:?}"
                    );
                }
            }
        }
        let corpus = [
            r#"{"id":"a","title":"A","signals":["oven.*.temp"],"except":["x"],"each":"signal","value":{"of":"mean","window":300},"is":"above","levels":[{"severity":"warning","limit":80,"recover":76},{"limit":95,"severity":"critical"}],"for":30,"keep":60,"and":[{"signals":["oven.*.door"],"is":"below","limit":0.5,"within":5}],"unless":[{"rule":"b","same":"*"}],"text":"{name} is at {value}","link":"https://wiki/x","labels":{"team":"ovens"},"to":["ops"],"repeat":60,"min_interval":0,"fresh":1,"late":"notify","forget":60,"against":{"signals":"oven.*.set","as":"ratio","within":9}}"#,
            r#"{"signals":["a"],"value":{"of":"silence"},"is":"above","levels":[{"limit":"learned"}],"each":{"prefix":2},"title":"B"}"#,
            r#"{"id":"ops","kind":"webhook","url":"http://127.0.0.1:9/x","secret":{"env":"AFTERGLOW_SECRET_X"},"default":true,"takes":{"severities":["critical"],"labels":{"a":"b"},"signals":["*"]},"group_by":"site","fallback":"boss","format":"alertmanager"}"#,
            r#"{"kind":"email","title":"Mail","server":"mail:587","from":"a@b","to":["c@d"],"user":"u","password":"p","protection":"starttls"}"#,
            r#"{"title":"Night","rules":["a*"],"signals":["b"],"severities":["info"],"labels":{"a":"b"},"from":"2026-01-01T00:00:00Z","to":1790000000,"windows":[{"days":["mon","sun"],"from":"22:00","to":"06:00","zone":"Europe/Berlin"}],"by":"ann","note":"x"}"#,
        ];
        let corpus = corpus.map(|text| text.as_bytes().to_vec());
        crate::fuzz::each(30, &corpus, |input| {
            check::<Rule>(input);
            check::<Channel>(input);
            check::<Silence>(input);
        });
    }
}
