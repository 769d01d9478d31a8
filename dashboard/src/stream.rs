//! What the page has of the stream of commits, and what it makes of frames: a subscription to everything that writes
//! samples straight into the rings. Knows no socket and no clock.
//!
//! The stream begins with the last few seconds, so that its seam with what is fetched of the past has no hole; what was
//! stored before is fetched for what is on screen, by [`archive`](crate::samples::archive). After an interruption the stream's
//! position goes along with the request, and a server that can tell what came after it sends just that. The steps of the stream
//! are recorded as they arrive, also pieces of one; a sample that comes again takes its own place.

use std::collections::HashMap;

use afterglow_wire::ErrorBody;
use afterglow_wire::limits::SUBSCRIPTION_PATTERNS;
use afterglow_wire::name;
use afterglow_wire::revision::Revision;
use afterglow_wire::v1::{Body, Columns, Follower, Frame, Header, Kind, Progress, Request, Subscribe};

use crate::samples::history::History;
use crate::time::{MINUTE, SECOND};

/// Who was away longer, in microseconds, begins again: what is on screen is less than everything that was missed.
const RESUMABLE: i64 = MINUTE;
/// How much of the past the stream begins with, in microseconds: samples are sent a little after they are taken.
const RECENT: i64 = 5 * SECOND;

/// The page's part of the conversation.
#[derive(Debug, Default)]
pub struct Stream {
    /// The number of the last request.
    request: u32,
    /// Names and patterns of the signals that are asked for; none before it is known what the page shows.
    wanted: Vec<String>,
    /// Everything up to its position is in the rings.
    follower: Follower,
    /// Whether everything is here.
    is_live: bool,
    /// Whether something was missed since the last request was answered: samples may have been deleted as well.
    has_missed: bool,
    /// Whether what is in the rings is of before the stream began again because of that.
    is_old: bool,
    /// The server's time when the position was reached.
    heard: Option<i64>,
    /// The commit that is to be reached before the page is up to date.
    target: u64,
    /// Which index in the history a signal's number stands for; none for signals that are too many.
    signals: HashMap<u32, Option<usize>>,
    // Kept for their room.
    times: Vec<i64>,
    values: Vec<f64>,
}

/// What a frame came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Nothing to do.
    Nothing,
    /// The connection is there: time to subscribe.
    Welcome,
    /// Everything is here from now on.
    Live,
    /// The stream begins, and not with what was committed since the page was last up to date: whatever is stored may have
    /// changed.
    Afresh,
    /// Samples were left out, because the page reads too slowly or frames got lost: time to subscribe again.
    Behind,
    /// The request cannot be answered; what the server says of it.
    Refused(String),
    /// Boards, annotations or metadata have changed.
    Changed(Revision),
}

impl Stream {
    /// A new connection: nothing of the last one is still to come.
    pub fn connected(&mut self) {
        self.follower.requested();
        self.has_missed = true;
    }

    /// Asks for the signals of these names and patterns from the next request on; whether that is a change. What is asked
    /// for already is not given up: a reader goes back and forth.
    pub fn want(&mut self, patterns: Vec<String>) -> bool {
        let covers = |pattern: &String| self.wanted.iter().any(|known| known == "*" || known == pattern);
        if patterns.iter().all(covers) {
            return false;
        }
        let whole = patterns.len() > SUBSCRIPTION_PATTERNS
            || patterns.iter().any(|pattern| pattern == "*")
            || name::check_patterns(&patterns).is_err();
        self.wanted = if whole { vec!["*".to_owned()] } else { patterns };
        // The position says what came of the signals that were asked for before.
        self.follower.forget();
        true
    }

    /// Names and patterns of the signals that are asked for; none before it is known what the page shows.
    pub fn wanted(&self) -> &[String] {
        &self.wanted
    }

    /// Asks for what is new at the server's time `now`, and for what was missed where the server can still tell: senders that
    /// were away deliver samples of any age.
    pub fn request(&mut self, now: i64) -> Request {
        self.follower.requested();
        self.request = self.request.wrapping_add(1);
        let is_recent = self.heard.is_some_and(|heard| now - heard <= RESUMABLE);
        Request::Subscribe(Subscribe {
            id: self.request,
            signals: self.wanted.clone(),
            window: Some(RECENT as f64 / 1e6),
            width: None,
            slice: false,
            resume: self.follower.position().filter(|_| is_recent),
        })
    }

    /// Takes a frame.
    ///
    /// # Errors
    /// Why the frame is not one of this protocol.
    pub fn take(&mut self, frame: Frame<'_>, history: &mut History) -> Result<Turn, String> {
        let Frame { header, body } = frame;
        match body {
            Body::Nothing if header.kind == Kind::Welcome => {
                self.target = header.position.sequence;
                Ok(Turn::Welcome)
            }
            Body::Subscribed { request } if request == self.request => Ok(self.subscribed(&header)),
            Body::Refused { request, error } if request == self.request => {
                let said = serde_json::from_str::<ErrorBody>(error);
                Ok(Turn::Refused(said.map_or_else(|_| error.to_owned(), |body| body.error.message)))
            }
            // What a later server may say here is none of this page's business.
            Body::Changed(what) => Ok(serde_json::from_str(what).map_or(Turn::Nothing, Turn::Changed)),
            _ if self.follower.is_waiting() => Ok(Turn::Nothing),
            Body::Names(names) => {
                for name in names {
                    let (signal, name) = name.map_err(|error| error.to_string())?;
                    self.signals.insert(signal, history.enter(name));
                }
                Ok(Turn::Nothing)
            }
            Body::Snapshot { columns, .. } => self.snapshot(&header, columns, history),
            Body::Samples(columns) => {
                self.record(columns, Some(header.server_time), history)?;
                Ok(self.advance(&header))
            }
            Body::Reduced { .. } => Ok(Turn::Nothing),
            Body::Nothing => Ok(self.advance(&header)),
            Body::Subscribed { .. } | Body::Refused { .. } => Ok(Turn::Nothing),
        }
    }

    fn subscribed(&mut self, header: &Header) -> Turn {
        self.is_live = false;
        let has_missed = std::mem::take(&mut self.has_missed);
        if self.follower.take(header) == (Progress::Began { is_resumed: true }) {
            return self.look();
        }
        self.signals.clear();
        self.is_old |= has_missed;
        Turn::Afresh
    }

    fn snapshot(
        &mut self,
        header: &Header,
        columns: Columns<'_>,
        history: &mut History,
    ) -> Result<Turn, String> {
        // Not before: until then the charts show what was there.
        if std::mem::take(&mut self.is_old) {
            history.forget();
        }
        self.record(columns, None, history)?;
        if self.follower.take(header) != Progress::Reached {
            return Ok(Turn::Nothing);
        }
        history.begin(header.server_time - RECENT);
        self.heard = Some(header.server_time);
        // Whatever else was committed meanwhile comes as the tail.
        self.target = header.position.sequence;
        Ok(self.look())
    }

    /// Records samples; those that did not begin the stream were committed at about the server's time `committed`.
    fn record(
        &mut self,
        mut columns: Columns<'_>,
        committed: Option<i64>,
        history: &mut History,
    ) -> Result<(), String> {
        while let Some(signal) =
            columns.next(&mut self.times, &mut self.values).map_err(|error| error.to_string())?
        {
            let index = self.signals.get(&signal).ok_or_else(|| format!("signal {signal} has no name"))?;
            let Some(index) = *index else { continue };
            history.extend(index, &self.times, &self.values);
            if let Some(committed) = committed {
                history.note_late(index, &self.times, &self.values, committed);
            }
        }
        Ok(())
    }

    /// Goes on to where a frame leads, if it carries on from what is here.
    fn advance(&mut self, header: &Header) -> Turn {
        let was_behind = self.follower.is_behind();
        match self.follower.take(header) {
            Progress::Reached => {
                self.heard = Some(header.server_time);
                self.look()
            }
            Progress::Behind => {
                self.target = header.position.sequence;
                self.is_live = false;
                self.has_missed = true;
                if was_behind { Turn::Nothing } else { Turn::Behind }
            }
            Progress::None | Progress::Part | Progress::Began { .. } => Turn::Nothing,
        }
    }

    /// Checks whether the page is up to date now.
    fn look(&mut self) -> Turn {
        let is_there = self.follower.position().is_some_and(|here| here.sequence >= self.target);
        if is_there && !self.is_live {
            self.is_live = true;
            return Turn::Live;
        }
        Turn::Nothing
    }
}

#[cfg(test)]
mod tests;
