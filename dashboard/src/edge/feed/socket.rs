//! One WebSocket, as a stream of what happens on it.

use std::cell::RefCell;
use std::rc::Rc;

use afterglow_wire::v1::PROTOCOL;
use js_sys::{Array, ArrayBuffer, Uint8Array};
use wasm_bindgen::prelude::Closure;
use wasm_bindgen::{JsCast as _, JsValue};
use web_sys::{BinaryType, CloseEvent, MessageEvent, WebSocket};

use crate::edge::{ahead, framed, rest};

/// Something that happened on a socket.
pub(super) enum SocketEvent<'a> {
    /// A frame of the protocol arrived when the steady clock showed this.
    Frame(&'a [u8], f64),
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
    /// Opens a socket to the server that the page came from, with a ticket where cookies do not count.
    pub(super) fn open(ticket: Option<&str>, handle: impl Fn(SocketEvent<'_>) + 'static) -> Option<Self> {
        let socket = ahead::socket().or_else(|| connect(ticket))?;
        socket.set_binary_type(BinaryType::Arraybuffer);
        let handle = Rc::new(handle);
        let on_message = Rc::clone(&handle);
        // One buffer for all frames, as large as the largest so far.
        let buffer = RefCell::new(Vec::new());
        let message = Closure::new(move |event: MessageEvent| {
            if let Ok(data) = event.data().dyn_into::<ArrayBuffer>() {
                let data = Uint8Array::new(&data);
                let mut buffer = buffer.borrow_mut();
                buffer.resize(data.length() as usize, 0);
                data.copy_to(&mut buffer);
                on_message(SocketEvent::Frame(&buffer, event.time_stamp()));
            }
        });
        let close = Closure::new(move |event: CloseEvent| {
            // Browsers hide why the next handshake fails. The next ticket is refused with a reason.
            if event.code() == afterglow_wire::close::UNAUTHENTICATED && framed::key().is_none() {
                rest::lead_to_login();
            }
            handle(SocketEvent::Closed(reason(event.code(), &event.reason())));
        });
        socket.set_onmessage(Some(message.as_ref().unchecked_ref()));
        socket.set_onclose(Some(close.as_ref().unchecked_ref()));
        Some(Self { socket, _message: message, _close: close })
    }

    /// Sends a text.
    pub(super) fn send(&self, text: &str) {
        // Fails only before the socket is open; nothing is sent before the server has spoken.
        let _ = self.socket.send_with_str(text);
    }
}

/// A new connection.
fn connect(ticket: Option<&str>) -> Option<WebSocket> {
    let location = web_sys::window()?.location();
    let scheme = if location.protocol().ok()? == "https:" { "wss" } else { "ws" };
    let offered =
        std::iter::once(PROTOCOL.to_owned()).chain(ticket.map(|ticket| format!("ag.ticket.{ticket}")));
    let offered: Array = offered.map(JsValue::from).collect();
    WebSocket::new_with_str_sequence(&format!("{scheme}://{}/ws", location.host().ok()?), &offered).ok()
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
