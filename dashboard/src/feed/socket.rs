//! One WebSocket, as a stream of what happens on it.

use std::rc::Rc;

use wasm_bindgen::JsCast as _;
use wasm_bindgen::prelude::Closure;
use web_sys::{CloseEvent, MessageEvent, WebSocket};

/// Something that happened on a socket.
pub(super) enum Happening {
    /// A text frame arrived.
    Text(String),
    /// The socket closed, or could not be opened; why, where that is known.
    Closed(String),
}

/// An open or opening socket; dropping it closes it and silences it.
pub(super) struct Socket {
    socket: WebSocket,
    // Alive as long as the browser may call them.
    _message: Closure<dyn FnMut(MessageEvent)>,
    _close: Closure<dyn FnMut(CloseEvent)>,
}

impl Socket {
    /// Opens a socket to the server that the page came from.
    pub(super) fn open(handle: impl Fn(Happening) + 'static) -> Option<Self> {
        let location = web_sys::window()?.location();
        let scheme = if location.protocol().ok()? == "https:" { "wss" } else { "ws" };
        let socket = WebSocket::new(&format!("{scheme}://{}/ws", location.host().ok()?)).ok()?;
        let handle = Rc::new(handle);
        let on_message = Rc::clone(&handle);
        let message = Closure::new(move |event: MessageEvent| {
            if let Some(text) = event.data().as_string() {
                on_message(Happening::Text(text));
            }
        });
        let close = Closure::new(move |event: CloseEvent| {
            handle(Happening::Closed(reason(event.code(), &event.reason())));
        });
        socket.set_onmessage(Some(message.as_ref().unchecked_ref()));
        socket.set_onclose(Some(close.as_ref().unchecked_ref()));
        Some(Self { socket, _message: message, _close: close })
    }
}

/// What a close code says to a reader.
fn reason(code: u16, text: &str) -> String {
    let known = match code {
        1001 => "the server is shutting down",
        1006 => "the server cannot be reached",
        4008 => "this page read too slowly",
        _ => "",
    };
    match (known, text) {
        ("", "") => format!("closed with code {code}"),
        ("", text) => format!("{text} (code {code})"),
        (known, _) => known.to_owned(),
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.socket.set_onmessage(None);
        self.socket.set_onclose(None);
        // Closing a closed socket is no error worth telling.
        let _ = self.socket.close();
    }
}
