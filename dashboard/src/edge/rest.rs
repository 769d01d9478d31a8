//! Questions to the server's HTTP interface.

use js_sys::Uint8Array;
use serde::Serialize;
use serde::de::DeserializeOwned;
use wasm_bindgen::{JsCast as _, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{AbortController, AbortSignal, RequestInit, Response};

use crate::connection::refusal::Refusal;
use crate::edge::{ahead, framed};

/// Without an answer after this long a question has failed, in milliseconds.
const ANSWER_WITHIN: u32 = 30_000;

/// The name under which the browser keeps where to come back to.
const WANTED: &str = "afterglow-wanted";

/// Cancels a question when it is dropped.
pub struct Cancel {
    controller: AbortController,
}

impl Cancel {
    /// What can be cancelled must be asked with [`Self::signal`].
    pub fn new() -> Option<Self> {
        Some(Self { controller: AbortController::new().ok()? })
    }

    /// What the question is to listen to.
    pub fn signal(&self) -> AbortSignal {
        self.controller.signal()
    }
}

impl Drop for Cancel {
    fn drop(&mut self) {
        self.controller.abort();
    }
}

/// The answer to GET `address`, or why there is none. Without `cancel` it is given up after half a minute.
///
/// # Errors
/// What the server said, or that it said nothing.
pub async fn get<T: DeserializeOwned>(address: &str, cancel: Option<&AbortSignal>) -> Result<T, String> {
    answer(address, &RequestInit::new(), cancel).await.map_err(|refusal| refusal.message)
}

/// The answer to `method` with `body` as JSON.
///
/// # Errors
/// What the server said, or that it said nothing.
pub async fn send<T: DeserializeOwned>(
    method: &str,
    address: &str,
    body: &impl Serialize,
) -> Result<T, Refusal> {
    answer(address, &with_body(method, body)?, None).await
}

/// As [`send`], where the answer has nothing in it.
///
/// # Errors
/// What the server said, or that it said nothing.
pub async fn tell(method: &str, address: &str, body: &impl Serialize) -> Result<(), Refusal> {
    told(address, &with_body(method, body)?, None).await.map(drop)
}

/// Deletes what is at `address`.
///
/// # Errors
/// What the server said, or that it said nothing.
pub async fn delete(address: &str) -> Result<(), Refusal> {
    let options = RequestInit::new();
    options.set_method("DELETE");
    told(address, &options, None).await.map(drop)
}

fn with_body(method: &str, body: &impl Serialize) -> Result<RequestInit, Refusal> {
    let body = serde_json::to_string(body).map_err(|error| Refusal::because(error.to_string()))?;
    let options = RequestInit::new();
    options.set_method(method);
    options.set_body(&body.into());
    let headers = js_sys::Object::new();
    // Fails only on frozen objects.
    let _ = js_sys::Reflect::set(&headers, &"content-type".into(), &"application/json".into());
    options.set_headers(&headers);
    Ok(options)
}

async fn answer<T: DeserializeOwned>(
    address: &str,
    options: &RequestInit,
    cancel: Option<&AbortSignal>,
) -> Result<T, Refusal> {
    let text = told(address, options, cancel).await?;
    let understood = serde_json::from_str(&text);
    understood.map_err(|error| Refusal::because(format!("the server's answer is not understood: {error}")))
}

async fn told(address: &str, options: &RequestInit, cancel: Option<&AbortSignal>) -> Result<String, Refusal> {
    let answer = text(address, options, cancel).await;
    let (status, text) = answer.map_err(|_| Refusal::because("the server cannot be reached"))?;
    if status == 401 {
        lead_to_login();
    }
    if (200..300).contains(&status) { Ok(text) } else { Err(Refusal::of(status, &text)) }
}

/// Opens the page where one logs in, unless this is it, and notes where to come back to. A board within another page has none.
pub fn lead_to_login() {
    if framed::key().is_some() {
        return framed::end();
    }
    let Some(window) = web_sys::window() else { return };
    let location = window.location();
    let (path, search) = (location.pathname().unwrap_or_default(), location.search().unwrap_or_default());
    if matches!(&*path, "/login" | "/setup" | "/s") {
        return;
    }
    if let Ok(Some(storage)) = window.session_storage() {
        // Without it the reader comes back to the root.
        let _ = storage.set_item(WANTED, &format!("{path}{search}"));
    }
    let _ = location.replace("/login");
}

/// The page that led to the login, once: a path of this server's.
pub fn wanted() -> Option<String> {
    let wanted = still_wanted();
    let _ = web_sys::window()?.session_storage().ok()??.remove_item(WANTED);
    wanted
}

/// The same, to be asked for again.
pub fn still_wanted() -> Option<String> {
    let wanted = web_sys::window()?.session_storage().ok()??.get_item(WANTED).ok()??;
    (wanted.starts_with('/') && !wanted.starts_with("//")).then_some(wanted)
}

/// A text as part of an address.
pub fn escaped(text: &str) -> String {
    js_sys::encode_uri_component(text).into()
}

/// Signals' names as the parameter `signals` lists them: as they are, whatever they have.
pub fn names(names: &[String]) -> String {
    let names: Vec<String> = names
        .iter()
        .map(|name| {
            let name = name.replace('\\', "\\\\").replace(',', "\\,").replace(' ', "\\ ");
            escaped(&name)
        })
        .collect();
    names.join(",")
}

async fn text(
    address: &str,
    options: &RequestInit,
    cancel: Option<&AbortSignal>,
) -> Result<(u16, String), JsValue> {
    let window = web_sys::window().ok_or(JsValue::NULL)?;
    let timeout = AbortSignal::timeout_with_u32(ANSWER_WITHIN);
    options.set_signal(Some(cancel.unwrap_or(&timeout)));
    if let Some(key) = framed::key() {
        let headers = Some(options.get_headers()).filter(JsValue::is_object);
        let headers = headers.unwrap_or_else(|| js_sys::Object::new().into());
        js_sys::Reflect::set(&headers, &"authorization".into(), &format!("Bearer {key}").into())?;
        options.set_headers(&headers);
    }
    let ahead = match options.get_method().is_none().then(|| ahead::answer(address)).flatten() {
        Some(answer) => JsFuture::from(answer).await.ok(),
        None => None,
    };
    let response = match ahead {
        Some(response) => response,
        None => JsFuture::from(window.fetch_with_str_and_init(address, options)).await?,
    };
    let response: Response = response.dyn_into()?;
    // As bytes: as a text the browser would decode it, and this program encode it again.
    let bytes = Uint8Array::new(&JsFuture::from(response.array_buffer()?).await?).to_vec();
    Ok((response.status(), String::from_utf8(bytes).unwrap_or_default()))
}
