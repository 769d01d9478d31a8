//! A board that the page shows by a link, within a page of another site. Browsers send no cookies there, so every request brings what is
//! behind the `#` of the address as a key; who else one may be counts for nothing.

use std::cell::Cell;

use web_sys::UrlSearchParams;

use crate::boards::mode::SHARE;

thread_local! {
    static KEY: Option<String> = read();
    static IS_OVER: Cell<bool> = const { Cell::new(false) };
}

/// The key, while the page is of this kind.
pub fn key() -> Option<String> {
    KEY.with(Clone::clone)
}

/// The server takes the key no longer.
pub fn end() {
    IS_OVER.set(true);
}

/// Whether the server takes the key no longer.
pub fn is_over() -> bool {
    IS_OVER.get()
}

/// An address of this kind without a key has an empty one, which the server refuses.
fn read() -> Option<String> {
    let location = web_sys::window()?.location();
    let parameters = UrlSearchParams::new_with_str(&location.search().ok()?).ok()?;
    parameters.has(SHARE).then(|| location.hash().unwrap_or_default().trim_start_matches('#').to_owned())
}
