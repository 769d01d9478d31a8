//! Files that the page makes.

use js_sys::Array;
use wasm_bindgen::JsCast as _;
use web_sys::{Blob, BlobPropertyBag, HtmlAnchorElement, Url};

use crate::edge::timer::Timer;

/// The browser has begun to read a file after this long, in milliseconds.
const BEGUN: u32 = 30_000;

/// Has the browser save `text` as the file `name`.
pub fn download(name: &str, media_type: &str, text: &str) {
    let options = BlobPropertyBag::new();
    options.set_type(media_type);
    // Neither fails for a text.
    if let Ok(blob) = Blob::new_with_str_sequence_and_options(&Array::of1(&text.into()), &options) {
        download_blob(name, &blob);
    }
}

/// Has the browser save `blob` as the file `name`.
pub fn download_blob(name: &str, blob: &Blob) {
    let Some(document) = web_sys::window().and_then(|window| window.document()) else { return };
    let Ok(address) = Url::create_object_url_with_blob(blob) else { return };
    if let Some(link) = document.create_element("a").ok().and_then(|link| link.dyn_into().ok()) {
        let link: HtmlAnchorElement = link;
        link.set_href(&address);
        link.set_download(name);
        link.click();
    }
    // Kept until the browser has it; a page has few of them.
    let freed = Timer::after(BEGUN, move || drop(Url::revoke_object_url(&address)));
    std::mem::forget(freed);
}
