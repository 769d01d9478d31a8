//! The legacy text events: a greeting, then every committed sample. Clients send nothing.

use afterglow_wire::live::{Event, Greeting};

use super::{Conversation, Session, Socket};
use crate::actors::broadcaster::{Join, Joined};
use crate::admission::Ticket;
use crate::live::{Protocol, Selection};

/// The conversation of clients that ask for no subprotocol.
pub struct Events {
    /// The client's place, given back when dropped.
    ticket: Ticket,
}

impl Events {
    /// For a client that has been admitted.
    pub fn new(ticket: Ticket) -> Self {
        Self { ticket }
    }
}

impl Conversation for Events {
    const REFUSES_MESSAGES: Option<&'static str> = Some("clients of the text events send no messages");

    fn started(session: &mut Session<Self>, ctx: &mut Socket<Self>) {
        let greeting = Greeting { status: "connected".into(), server_time: session.sessions.clock.now() };
        if let Ok(text) = serde_json::to_string(&Event::ConnectionResponse(greeting)) {
            ctx.text(text);
        }
        let address = session.conversation.ticket.address();
        let store = &session.sessions.store;
        let selection = Selection::within(&["*".to_owned()], store.scope(), store.signals());
        let join = |client| Join {
            client,
            address,
            protocol: Protocol::Events,
            selection,
            from: None,
            named: 0,
            conflated: false,
        };
        session.join(ctx, join, |_, ctx, joined| {
            // Who has missed nothing is never behind or ahead.
            if let Joined::Live(frames, _) = joined {
                Session::<Self>::send(ctx, &frames);
            }
        });
    }

    fn text(_: &mut Session<Self>, _: &mut Socket<Self>, _: &[u8]) {}
}
