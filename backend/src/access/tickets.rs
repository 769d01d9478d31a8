//! Tickets: what stands for a key in one request that opens a live connection, because browsers send no header with it.
//!
//! **Bound.** [`MOST`] tickets, half of them of one holder. **Overload.** No new one is made until some are used or over.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use afterglow_wire::Timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use super::{Granted, of_tenant};

/// How long a ticket counts, in microseconds.
const VALID: i64 = 30_000_000;

/// Tickets that wait to be used at once.
const MOST: usize = 10_000;

/// How long a session that was opened with a ticket may send nothing, in microseconds.
const IDLE: i64 = 600_000_000;

/// What a ticket is shown for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TicketUse {
    /// The one request that there is.
    Once,
    /// The first request of a session.
    First,
    /// A further one; the session is that of who has the ticket, or it is not found.
    Further,
}

/// The tickets that were not used yet, and those of sessions. Cloning shares them.
#[derive(Clone, Default)]
pub(super) struct Tickets(Arc<Mutex<HashMap<[u8; 32], Ticket>>>);

struct Ticket {
    granted: Arc<Granted>,
    expires: Timestamp,
    is_used: bool,
}

impl Tickets {
    /// Makes one for the holder of `granted`; the text, and until when it counts.
    pub(super) fn make(
        &self,
        granted: &Arc<Granted>,
        tenant: Option<&str>,
        now: Timestamp,
    ) -> Option<(String, Timestamp)> {
        let (text, expires) = Self::text(now);
        let text = of_tenant(tenant, text);
        let mut tickets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if tickets.len() >= MOST {
            tickets.retain(|_, ticket| ticket.expires > now);
        }
        if tickets.len() >= MOST {
            return None;
        }
        if tickets.len() >= MOST / 2 {
            let is_own = |ticket: &&Ticket| ticket.granted.who == granted.who && ticket.expires > now;
            if tickets.values().filter(is_own).count() >= MOST / 2 {
                return None;
            }
        }
        tickets.insert(hash(&text), Ticket { granted: Arc::clone(granted), expires, is_used: false });
        Some((text, expires))
    }

    /// A text of this form that stands for nobody.
    pub(super) fn text(now: Timestamp) -> (String, Timestamp) {
        let text = URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>());
        (text, Timestamp::from_micros(now.micros().saturating_add(VALID)))
    }

    /// What the holder of a ticket may do, this once.
    pub(super) fn take(&self, text: &str, used: TicketUse, now: Timestamp) -> Option<Arc<Granted>> {
        let hash = hash(text);
        let mut tickets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let ticket = tickets.get_mut(&hash)?;
        if ticket.is_used != (used == TicketUse::Further) {
            return None;
        }
        let granted = Arc::clone(&ticket.granted);
        let is_valid = ticket.expires > now && !granted.grant.is_over();
        if is_valid && used != TicketUse::Once {
            ticket.is_used = true;
            ticket.expires = Timestamp::from_micros(now.micros().saturating_add(IDLE));
        } else {
            tickets.remove(&hash);
        }
        is_valid.then_some(granted)
    }
}

fn hash(text: &str) -> [u8; 32] {
    Sha256::digest(text).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::{Grant, Who};
    use crate::decode::WriteScope;

    #[test]
    fn a_ticket_counts_once_and_not_for_long_and_not_longer_than_what_it_stands_for() {
        let held_by = |who| {
            Arc::new(Granted {
                who,
                scopes: afterglow_wire::access::Scopes::all(),
                signals: None,
                board: None,
                writing: WriteScope::EVERYTHING,
                reading: None,
                viewers: None,
                since: None,
                grant: Grant::new(),
            })
        };
        let granted = held_by(Who::Local);
        let (tickets, now) = (Tickets::default(), Timestamp::from_micros(5));
        let make = || tickets.make(&granted, None, now).unwrap();
        let (text, expires) = make();
        assert!(tickets.take(&text, TicketUse::Once, now).is_some());
        assert!(tickets.take(&text, TicketUse::Once, now).is_none(), "it was used");
        assert!(tickets.take(&make().0, TicketUse::Once, expires).is_none(), "it is over");
        let session = make().0;
        assert!(tickets.take(&session, TicketUse::Further, now).is_none(), "it has opened nothing");
        assert!(tickets.take(&session, TicketUse::First, now).is_some());
        assert!(tickets.take(&session, TicketUse::First, now).is_none(), "it has opened a session");
        assert!(tickets.take(&session, TicketUse::Once, now).is_none());
        assert!(tickets.take(&session, TicketUse::Further, expires).is_some(), "the session goes on");
        assert!(tickets.take(&session, TicketUse::Further, Timestamp::from_micros(10 * IDLE)).is_none());
        let last = make().0;
        granted.grant.end();
        assert!(tickets.take(&last, TicketUse::Once, now).is_none(), "the key is over");
        let other = held_by(Who::Key("k".into()));
        for one in [&granted, &other] {
            for _ in 0..MOST / 2 {
                assert!(tickets.make(one, None, now).is_some());
            }
            assert!(tickets.make(one, None, now).is_none(), "one has half");
        }
        assert!(tickets.make(&held_by(Who::Nobody), None, now).is_none(), "there are too many in all");
        assert!(tickets.make(&granted, None, expires).is_some(), "those that are over make room");
    }
}
