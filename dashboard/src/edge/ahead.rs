//! What `static/ahead.js` asked for while the program was on its way.

use js_sys::{Function, Promise, Reflect};
use wasm_bindgen::{JsCast as _, JsValue};
use web_sys::WebSocket;

/// What was answered to GET `address`, or will be: each only once.
pub fn answer(address: &str) -> Option<Promise> {
    call("answer", &address.into())?.dyn_into().ok()
}

/// The socket that is open or opening, once. What it has received comes when the caller's listeners are set.
pub fn socket() -> Option<WebSocket> {
    call("open", &JsValue::UNDEFINED)?.dyn_into().ok()
}

fn call(name: &str, argument: &JsValue) -> Option<JsValue> {
    let ahead = Reflect::get(&web_sys::window()?.into(), &"ahead".into()).ok()?;
    let function: Function = Reflect::get(&ahead, &name.into()).ok()?.dyn_into().ok()?;
    function.call1(&ahead, argument).ok()
}
