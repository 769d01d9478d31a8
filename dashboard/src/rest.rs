//! Questions to the server's HTTP interface.

use afterglow_wire::ErrorBody;
use serde::de::DeserializeOwned;
use wasm_bindgen::{JsCast as _, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{AbortController, AbortSignal, RequestInit, Response};

/// Without an answer after this long a question has failed, in milliseconds.
const ANSWER_WITHIN: u32 = 30_000;

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
    let (status, text) =
        text(address, cancel).await.map_err(|_| "the server cannot be reached".to_owned())?;
    if !(200..300).contains(&status) {
        let told = serde_json::from_str::<ErrorBody>(&text).map(|body| body.error.message);
        return Err(told.unwrap_or_else(|_| format!("the server answered with status {status}")));
    }
    serde_json::from_str(&text).map_err(|error| format!("the server's answer is not understood: {error}"))
}

/// A text as part of an address.
pub fn escaped(text: &str) -> String {
    js_sys::encode_uri_component(text).into()
}

async fn text(address: &str, cancel: Option<&AbortSignal>) -> Result<(u16, String), JsValue> {
    let window = web_sys::window().ok_or(JsValue::NULL)?;
    let options = RequestInit::new();
    let timeout = AbortSignal::timeout_with_u32(ANSWER_WITHIN);
    options.set_signal(Some(cancel.unwrap_or(&timeout)));
    let response = JsFuture::from(window.fetch_with_str_and_init(address, &options)).await?;
    let response: Response = response.dyn_into()?;
    let text = JsFuture::from(response.text()?).await?;
    Ok((response.status(), text.as_string().unwrap_or_default()))
}
