//! Tickets: what stands for a key in one request that opens a live connection, because browsers send no header with it.
//!
//! **Bound.** [`MOST`] tickets. **Overload.** No new one is made until some are used or over.

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

/// The tickets that were not used yet. Cloning shares them.
#[derive(Clone, Default)]
pub(super) struct Tickets(Arc<Mutex<HashMap<[u8; 32], Ticket>>>);

struct Ticket {
    granted: Arc<Granted>,
    expires: Timestamp,
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
        tickets.insert(hash(&text), Ticket { granted: Arc::clone(granted), expires });
        Some((text, expires))
    }

    /// A text of this form that stands for nobody.
    pub(super) fn text(now: Timestamp) -> (String, Timestamp) {
        let text = URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>());
        (text, Timestamp::from_micros(now.micros().saturating_add(VALID)))
    }

    /// What the holder of a ticket may do, this once.
    pub(super) fn take(&self, text: &str, now: Timestamp) -> Option<Arc<Granted>> {
        let ticket = self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&hash(text))?;
        (ticket.expires > now && !ticket.granted.grant.is_over()).then_some(ticket.granted)
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
        let granted = Arc::new(Granted {
            who: Who::Local,
            scopes: afterglow_wire::access::Scopes::all(),
            signals: None,
            board: None,
            writing: WriteScope::EVERYTHING,
            grant: Grant::new(),
        });
        let (tickets, now) = (Tickets::default(), Timestamp::from_micros(5));
        let make = || tickets.make(&granted, None, now).unwrap();
        let (text, expires) = make();
        assert!(tickets.take(&text, now).is_some());
        assert!(tickets.take(&text, now).is_none(), "it was used");
        assert!(tickets.take(&make().0, expires).is_none(), "it is over");
        let last = make().0;
        granted.grant.end();
        assert!(tickets.take(&last, now).is_none(), "the key is over");
        for _ in 0..MOST {
            assert!(tickets.make(&granted, None, now).is_some());
        }
        assert!(tickets.make(&granted, None, now).is_none());
        assert!(tickets.make(&granted, None, expires).is_some(), "those that are over make room");
    }
}
