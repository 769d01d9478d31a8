//! `afterglow.v1`: clients subscribe, and get history and what follows it.

use actix::prelude::*;
use afterglow_wire::v1::{Flags, Header, Kind, Position, Request, Subscribe, Writer};
use afterglow_wire::{Code, close};

use super::history::{HistoryRequest, Piece};
use super::{Conversation, Session, Socket};
use crate::actors::broadcaster::{Join, Joined};
use crate::admission::Ticket;
use crate::live::history::{CaughtUp, HistoryError};
use crate::live::{Protocol, Selection};
use crate::pool::Broken;

/// After this many failures the newest values take the place of what was missed.
const MAX_CATCH_UPS: u32 = 4;

/// The conversation of `afterglow.v1`: at most one subscription.
pub struct V1 {
    subscription: Option<Subscription>,
    /// The client's place, given back when dropped.
    ticket: Ticket,
}

impl V1 {
    /// For a client that has been admitted.
    pub fn new(ticket: Ticket) -> Self {
        Self { subscription: None, ticket }
    }
}

/// What was asked for last.
struct Subscription {
    subscribe: Subscribe,
    selection: Selection,
    /// Reads its history.
    thread: Option<SpawnHandle>,
    /// How often commits overtook the history read.
    catch_up_failures: u32,
}

impl Conversation for V1 {
    fn started(session: &mut Session<Self>, ctx: &mut Socket<Self>) {
        let sequence = session.sessions.store.sequence();
        let position = Position { epoch: session.sessions.epoch, sequence };
        ctx.binary(Writer::new(&session.header(Kind::Welcome, position)).finish());
    }

    fn text(session: &mut Session<Self>, ctx: &mut Socket<Self>, message: &[u8]) {
        match serde_json::from_slice(message) {
            Ok(Request::Subscribe(subscribe)) => session.subscribe(ctx, subscribe),
            Err(error) => Session::<Self>::end(ctx, close::INVALID_DATA, &format!("not a request: {error}")),
        }
    }
}

impl Session<V1> {
    fn header(&self, kind: Kind, position: Position) -> Header {
        let server_time = self.sessions.clock.now().micros();
        Header { kind, flags: Flags::NONE, covers: 0, position, server_time }
    }

    fn subscribe(&mut self, ctx: &mut Socket<V1>, subscribe: Subscribe) {
        if let Err(message) = subscribe.check() {
            return self.refuse(ctx, subscribe.id, Code::BadParameter, message);
        }
        if let Some(Subscription { thread: Some(thread), .. }) = self.conversation.subscription.take() {
            ctx.cancel_future(thread);
        }
        self.leave(ctx);
        let (store, patterns) = (self.sessions.store.clone(), subscribe.signals.clone());
        if Selection::is_quick(&patterns, store.scope()) {
            let selection = Selection::within(&patterns, store.scope(), store.signals());
            return self.selected(ctx, subscribe, selection);
        }
        let (address, pool) = (self.conversation.ticket.address(), self.sessions.selecting.clone());
        let select = move || Selection::within(&patterns, store.scope(), store.signals());
        let selecting = async move { pool.run(address, select).await };
        // Nothing else is done until then, as with the join that follows.
        ctx.wait(selecting.into_actor(self).map(move |selected, session, ctx| match selected {
            Ok(selection) => session.selected(ctx, subscribe, selection),
            Err(Broken) => {
                let message = "the server failed; its log has the reason".to_owned();
                session.refuse(ctx, subscribe.id, Code::Internal, message);
            }
        }));
    }

    /// It is known which signals are meant.
    fn selected(&mut self, ctx: &mut Socket<V1>, subscribe: Subscribe, selection: Selection) {
        // What was committed since some position may be of any time: who sees not all of them begins again.
        let resume = subscribe.resume.filter(|_| self.sessions.store.has_all_times());
        let id = subscribe.id;
        let subscription = Subscription { subscribe, selection, thread: None, catch_up_failures: 0 };
        self.conversation.subscription = Some(subscription);
        match resume {
            Some(position) => self.follow(ctx, CaughtUp { position, named: 0 }, Some(id)),
            None => self.read(ctx, HistoryRequest::Snapshot),
        }
    }

    /// Asks to be sent what is committed from `caught_up` on; `resumes` is the request that this answers.
    fn follow(&mut self, ctx: &mut Socket<V1>, caught_up: CaughtUp, resumes: Option<u32>) {
        let Some(subscription) = &self.conversation.subscription else { return };
        let (selection, id) = (subscription.selection.clone(), subscription.subscribe.id);
        let conflated = subscription.catch_up_failures >= MAX_CATCH_UPS;
        let (address, from) = (self.conversation.ticket.address(), Some(caught_up.position));
        let (protocol, named) = (Protocol::V1, caught_up.named);
        let join = |client| Join { client, address, protocol, selection, from, named, conflated };
        self.join(ctx, join, move |session, ctx, joined| match joined {
            Joined::Live(frames, _) => {
                if let Some(request) = resumes {
                    session.subscribed(ctx, request, true);
                }
                Self::send(ctx, &frames);
            }
            Joined::Behind => session.not_live(ctx, HistoryRequest::Missed(caught_up)),
            Joined::Ahead(_) | Joined::Uncompared(_) | Joined::Unknown => {
                session.not_live(ctx, HistoryRequest::Snapshot);
            }
            Joined::Refused(limit) => {
                session.client = 0;
                session.refuse(ctx, id, Code::TooManyClients, limit);
            }
        });
    }

    /// Reads what is missing, or all of the history where the journal cannot replay it.
    fn not_live(&mut self, ctx: &mut Socket<V1>, request: HistoryRequest) {
        self.client = 0;
        if let Some(subscription) = &mut self.conversation.subscription {
            subscription.catch_up_failures += 1;
        }
        self.read(ctx, request);
    }

    /// Requests history; its pieces come back through [`StreamHandler<Piece>`].
    fn read(&mut self, ctx: &mut Socket<V1>, request: HistoryRequest) {
        let Some(subscription) = &mut self.conversation.subscription else { return };
        let sessions = &self.sessions;
        let (subscribe, now) = (subscription.subscribe.clone(), sessions.clock.now());
        let address = self.conversation.ticket.address();
        let pieces =
            sessions.history_readers.send(&sessions.store, address, subscribe, request, sessions.epoch, now);
        subscription.thread = Some(ctx.add_stream(pieces));
    }

    fn subscribed(&self, ctx: &mut Socket<V1>, request: u32, is_resumed: bool) {
        let position = Position { epoch: self.sessions.epoch, sequence: 0 };
        let flags = if is_resumed { Flags::RESUMED } else { Flags::NONE };
        let mut writer = Writer::new(&Header { flags, ..self.header(Kind::Subscribed, position) });
        writer.request(request);
        ctx.binary(writer.finish());
    }

    fn refuse(&self, ctx: &mut Socket<V1>, request: u32, code: Code, message: String) {
        let position = Position { epoch: self.sessions.epoch, sequence: 0 };
        let mut writer = Writer::new(&self.header(Kind::Refused, position));
        writer.request(request);
        writer.text(&serde_json::to_string(&code.body(message)).unwrap_or_default());
        ctx.binary(writer.finish());
    }
}

impl StreamHandler<Piece> for Session<V1> {
    fn handle(&mut self, piece: Piece, ctx: &mut Self::Context) {
        let Some(Subscription { subscribe, .. }) = &self.conversation.subscription else { return };
        let request = subscribe.id;
        match piece {
            Piece::Began { is_resumed } => self.subscribed(ctx, request, is_resumed),
            Piece::Frame(frame) => Self::send_one(ctx, frame),
            Piece::End(Ok(caught_up)) => self.follow(ctx, caught_up, None),
            Piece::End(Err(HistoryError::Compacted)) => self.read(ctx, HistoryRequest::Snapshot),
            Piece::End(Err(HistoryError::Failed(code, message))) => self.refuse(ctx, request, code, message),
        }
    }

    /// The end of a history is not the end of the session.
    fn finished(&mut self, _: &mut Self::Context) {}
}
