//! The query for samples that have been stored.

use afterglow_wire::ErrorBody;
use afterglow_wire::telemetry::History;
use serde::de::DeserializeOwned;
use wasm_bindgen::{JsCast as _, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{AbortSignal, RequestInit, Response};

/// Points that an answer may have, all signals together: about 30 MB of text before compression.
const POINTS: usize = 500_000;
/// More samples of a signal than this come back reduced: ten a second for an hour still come back whole.
const MOST_POINTS: usize = 50_000;
/// However many signals there are, each has enough points for a chart.
const LEAST_POINTS: usize = 1_000;
/// Without an answer after this long the query has failed, in milliseconds.
const ANSWER_WITHIN: u32 = 30_000;

/// Signal names and their samples as microseconds and values.
pub(super) type Answer = Vec<(String, Vec<(i64, f64)>)>;

/// The stored samples of a range such as `hours=1`, or why there are none.
pub(super) async fn telemetry(range: &str) -> Result<Answer, String> {
    let signals: Vec<String> = json("/api/signals").await?;
    let most = (POINTS / signals.len().max(1)).clamp(LEAST_POINTS, MOST_POINTS);
    let history: History = json(&format!("/api/telemetry?{range}&max_points={most}")).await?;
    let samples = history.into_iter().map(|(name, points)| {
        (name, points.into_iter().map(|point| (point.timestamp.micros(), point.value)).collect())
    });
    Ok(samples.collect())
}

async fn json<T: DeserializeOwned>(address: &str) -> Result<T, String> {
    let (status, text) = get(address).await.map_err(|_| "the server cannot be reached".to_owned())?;
    if !(200..300).contains(&status) {
        let told = serde_json::from_str::<ErrorBody>(&text).map(|body| body.error.message);
        return Err(told.unwrap_or_else(|_| format!("the server answered with status {status}")));
    }
    serde_json::from_str(&text).map_err(|error| format!("the server's answer is not understood: {error}"))
}

async fn get(address: &str) -> Result<(u16, String), JsValue> {
    let window = web_sys::window().ok_or(JsValue::NULL)?;
    let options = RequestInit::new();
    options.set_signal(Some(&AbortSignal::timeout_with_u32(ANSWER_WITHIN)));
    let response = JsFuture::from(window.fetch_with_str_and_init(address, &options)).await?;
    let response: Response = response.dyn_into()?;
    let text = JsFuture::from(response.text()?).await?;
    Ok((response.status(), text.as_string().unwrap_or_default()))
}
