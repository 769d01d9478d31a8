//! A call that happens later, unless its handle is dropped first.

use wasm_bindgen::JsCast as _;
use wasm_bindgen::prelude::Closure;
use wasm_bindgen_futures::JsFuture;

/// A pending call; dropping it cancels the call.
pub struct Timer {
    id: i32,
    // Alive as long as the browser may call it.
    _call: Closure<dyn FnMut()>,
}

impl Timer {
    /// Calls `call` once after `millis` milliseconds.
    pub fn after(millis: u32, call: impl FnOnce() + 'static) -> Option<Self> {
        let call = Closure::once(call);
        let millis = i32::try_from(millis).unwrap_or(i32::MAX);
        let id = web_sys::window()?
            .set_timeout_with_callback_and_timeout_and_arguments_0(call.as_ref().unchecked_ref(), millis)
            .ok()?;
        Some(Self { id, _call: call })
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        if let Some(window) = web_sys::window() {
            window.clear_timeout_with_handle(self.id);
        }
    }
}

/// Comes back after `millis` milliseconds.
pub async fn pause(millis: i32) {
    let promise = js_sys::Promise::new(&mut |done, _| {
        if let Some(window) = web_sys::window() {
            // Refused only when the page is being torn down: then nobody waits.
            let _ = window.set_timeout_with_callback_and_timeout_and_arguments_0(&done, millis);
        }
    });
    // It is never rejected.
    let _ = JsFuture::from(promise).await;
}
